"""Writes ``format/vectors.json``: inputs by hand and from toy servers, results by the code.

    python -m tests.replay.make_vectors

Vectors that are published stay as they are, or the format gets another version. To add some, add inputs
here, run this, and look at the difference: it may only add lines.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from firefly.replay.cassette import Cassette
from firefly.replay.conformance import (
    CanonicalCase,
    EndStateCase,
    EpisodeCase,
    GradeCase,
    ParserCase,
    StateCase,
    Tape,
    Vectors,
    canonical_case,
    end_state_case,
    episode_case,
    grade_case,
    parser_case,
    state_case,
)
from firefly.replay.freezing import make_cassette
from firefly.replay.records import Answer, Expression, Observation, Recording, State, Step, Tool, ToolCall
from tests.replay import datasets, machines
from tests.replay.toys import Toy, call

PATH = Path(__file__).parent.parent.parent / "format" / "vectors.json"

NUMBER = {"type": "object", "properties": {"x": {"type": "number"}}}
POINT = {"type": "object", "properties": {"at": {"type": "number"}, "id": {"type": "integer"}}}


def of(schema: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"x": schema}, "$defs": {"P": POINT}}


CANONICAL: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({}, {}, {}),
    ({}, {"b": 1, "a": [2, 1], "c": None}, {}),
    ({}, {"s": 'Å é \n"\\'}, {}),
    ({}, {"s": "\x00\x1f\x7f\b\f\r\t/ \u2028\u2029 \U0001f600"}, {}),
    ({}, {"\U0001f600": 1, "\uff5e": 2, "z": 3, "Z": 4, "10": 5, "9": 6, "": 7}, {}),
    ({}, {"s": "e\u0301 is not \u00e9"}, {}),
    ({}, {"t": True, "f": False, "n": None, "o": {}, "l": []}, {}),
    ({}, {"i": 123456789012345678901234567890, "j": -(2**63), "k": 0}, {}),
    ({}, {"a": 0.1, "b": 1e16, "c": 123456789012345680.0, "d": 1e-5, "e": 0.0001, "f": 1.5e300}, {}),
    ({}, {"a": -0.0, "b": 5e-324, "c": 1.7976931348623157e308, "d": 9007199254740993.0, "e": 1e15}, {}),
    ({}, {"a": 1e22, "b": 12345.678e-10, "c": -2.5, "d": 100.0, "e": 1e21}, {}),
    (NUMBER, {"x": 25}, {}),
    (NUMBER, {"x": 25.0}, {}),
    (NUMBER, {"x": 25.0}, {"literal": True}),
    (NUMBER, {"x": 25.5}, {}),
    (NUMBER, {"x": 1e22}, {}),
    (NUMBER, {"x": -0.0}, {}),
    (NUMBER, {"x": "25.0"}, {}),
    (NUMBER, {"x": True}, {}),
    (NUMBER, {"x": [25.0]}, {}),
    (NUMBER, {"y": 25.0}, {}),
    ({"properties": {"x": {"type": ["number", "null"]}}}, {"x": -0.0}, {}),
    (of({"type": "integer"}), {"x": 25.0}, {}),
    (of({"type": ["number", "string"]}), {"x": 25.0}, {}),
    (of({"type": "number", "enum": [3.0]}), {"x": 3.0}, {}),
    (of({"type": "number", "const": 3.0}), {"x": 3.0}, {}),
    (of({"type": "number", "minimum": 0}), {"x": 3.0}, {}),
    (of({"anyOf": [{"type": "number"}, {"type": "null"}]}), {"x": 3.0}, {}),
    (of({"oneOf": [{"type": "number"}, {"type": "string"}]}), {"x": 3.0}, {}),
    (of({"anyOf": [{"type": "number"}, {"type": "integer"}]}), {"x": 3.0}, {}),
    (of({"anyOf": [{"type": "number"}, {}]}), {"x": 3.0}, {}),
    (of({"anyOf": [{"type": "number"}, {"type": "array", "items": {"type": "number"}}]}), {"x": [3.0]}, {}),
    (of({"anyOf": [{"type": "number", "enum": [3.0]}, {"type": "null"}]}), {"x": 3.0}, {}),
    (of({"allOf": [{"type": "number"}]}), {"x": 3.0}, {}),
    (of({"not": {"type": "string"}, "type": "number"}), {"x": 3.0}, {}),
    (of({"$ref": "#/$defs/P"}), {"x": {"at": 1.0, "id": 1.0, "other": 1.0}}, {}),
    (of({"$ref": "#/$defs/P", "description": "a point"}), {"x": {"at": 1.0}}, {}),
    (of({"$ref": "#/$defs/P", "minProperties": 1}), {"x": {"at": 1.0}}, {}),
    (of({"$ref": "#/$defs/none"}), {"x": 1.0}, {}),
    (of({"$ref": "https://example.org/schema"}), {"x": 1.0}, {}),
    (of({"type": "array", "items": {"$ref": "#/$defs/P"}}), {"x": [{"at": 2.0}, {"id": 2.0}]}, {}),
    (of({"type": ["array", "null"], "items": {"type": "number"}}), {"x": [2.0, "2.0", None]}, {}),
    (of({"type": "array", "prefixItems": [{"type": "number"}]}), {"x": [2.0]}, {}),
    (of({"type": "object", "patternProperties": {}, "properties": {"y": {"type": "number"}}}), {"x": {"y": 2.0}}, {}),
    (of({"properties": {"y": {"type": "number"}}}), {"x": {"y": 2.0}}, {}),
    (of({"type": "integer", "default": 10}), {}, {"fill": ("x",)}),
    (of({"type": "integer", "default": 10}), {"x": None}, {"fill": ("x",)}),
    (of({"type": "integer", "default": 10}), {}, {}),
    (of({"type": "number", "default": 10.0}), {}, {"fill": ("x",)}),
    (of({"type": "integer"}), {}, {"fill": ("x", "y")}),
    ({}, {"x": 1}, {"server": "a", "tool": "b/c d"}),
]  # fmt: skip

EVENTS = (
    {"server": "fs", "tool": "read", "letter": "r1", "before": "m0", "after": "m0"},
    {"server": "fs", "tool": "write", "letter": "w1", "before": "m0", "after": "m1"},
    {"server": "fs", "tool": "read", "letter": "r2", "before": "m1", "after": "m1"},
    {"server": "mem", "tool": "get", "letter": "g1", "before": "m1", "after": "m1"},
)
SANDWICH = (
    {"server": "mem", "tool": "get", "letter": "g1", "before": "m0", "after": "m0"},
    {"server": "fs", "tool": "write", "letter": "w1", "before": "m0", "after": "m1"},
    {"server": "mem", "tool": "get", "letter": "g2", "before": "m1", "after": "m1"},
)


def _read(**kinds: bool) -> dict[str, Any]:
    return {"server": "fs", "tool": "read", **kinds}


def _get(**kinds: bool) -> dict[str, Any]:
    return {"server": "mem", "tool": "get", **kinds}


WRITE = {"server": "fs", "tool": "write", "changing": True}
STATES: list[tuple[str, Any, list[dict[str, Any]]]] = [
    ("m0", (), []),
    ("", (), []),
    ("m1", EVENTS, []),
    ("m1", EVENTS, [_read(recent=True)]),
    ("m1", EVENTS, [_read(recent=True), _get(recent=True)]),
    ("m1", EVENTS, [_read(recent=True, past=True), _get(recent=True)]),
    ("m1", EVENTS, [_read(recent=True, past=True), _get(recent=True), WRITE]),
    ("m1", EVENTS, [WRITE]),
    ("m1", EVENTS, [_read(recent=True, past=True, foreign=True, changing=True)]),
    ("m1", SANDWICH, [_get(recent=True, past=True)]),
    ("m1", SANDWICH, [_get(recent=True, past=True, foreign=True)]),
    ("m1", SANDWICH, [_get(foreign=True), WRITE]),
]


def number(value: float, unit: str = "", tolerance: float = 0.0) -> dict[str, Any]:
    return {"type": "number", "value": value, "unit": unit, "tolerance": tolerance}


def text(value: str) -> dict[str, Any]:
    return {"type": "string", "value": value}


def date(value: str) -> dict[str, Any]:
    return {"type": "date", "value": value}


def items(*values: Any, ordered: bool = False, tolerance: float = 0.0) -> dict[str, Any]:
    return {"type": "list", "value": list(values), "ordered": ordered, "tolerance": tolerance}


def thing(**values: Any) -> dict[str, Any]:
    return {"type": "object", "value": values}


GRADES: list[tuple[dict[str, Any], list[Any]]] = [
    (
        number(25),
        ["25", "Answer: 25", "answer:25.0", "**Answer:** 25", "Final answer: 25.", "There are 25 rows.", "24 or 25",
         "Answer: 24\nAnswer: 25", "Answer: 25\nAnswer: 24", "Answer:\n\n25", "Answer: 2.5e1", "Answer: 25 rows", "25%",
         "", "  ", None, 25, 25.0, "twenty-five", True, [25], "```\n25\n```", "Answer: `25`", "+25", "0.25e2", "Answer: 2 5",
         "I looked at 25 rows and 25 columns", "$25", "v25", "25.0.1", "Answer: 25,0", "> Answer: 25", "Answer 25",
         "9" * 5000],
    ),
    (number(1234.5, "USD"), ["Answer: 1,234.50 USD", "1234.5", "USD 1234.5", "It costs 1,234.5 usd.", "1234.5 EUR",
                            "3 items cost 1,234.5 USD", "Answer: 12,34.5 USD"]),
    (number(3.14159, "", 0.01), ["3.15", "3.1516", "3.13159", "3.16", "Answer: 3.1"]),
    (number(-0.3), ["-0.3", "−0.3", "Answer: -.3", "0.3", "-0.30000000000000004", "- 0.3"]),
    (number(12345678901234567890), ["12345678901234567890", "12345678901234567891", "1.2345678901234567890e19"]),
    (text("Oslo"), ['Answer: "oslo".', "OSLO", "It is Oslo", "Answer: Oslo\nas asked", "**Oslo**", " o slo ", 5]),
    (text("Straße 1"), ["STRASSE 1", "Answer: straße  1", "strase 1"]),
    (text("ΟΔΟΣ é"), ["οδος e\u0301", "οδοσ É"]),
    (text("a.b"), ["a.b.", "`a.b`", "«a.b»", "a.b,"]),
    (text("42"), [42, 42.5, "42"]),
    (date("2026-05-01"), ["2026-05-01", "May 1, 2026", "1 May 2026", "1st of May, 2026", "05/01/2026", "2026/5/1",
                          "2026-05-01T00:00:00", "2026-05-01T00:00:00Z", "It was on May 1st, 2026.", "2026-05-02",
                          "Between 2026-05-01 and 2026-05-02", "2026-02-30", "Answer: Sept. 1, 2026"]),
    (date("2026-05-01T12:30:00Z"), ["2026-05-01T14:30:00+02:00", "2026-05-01 12:30:00 UTC", "2026-05-01T12:30Z",
                                    "2026-05-01T12:30:00", "2026-05-01T12:30:00.000001Z", "2026-05-01T12:30:00+0000"]),
    (items("a", "b"), ["Answer: b, a", '["a", "b"]', "['b', 'a']", "- a\n- b", "1. a\n2. b", "a; b", "a\nb", "a", "a, b, b",
                       "a, b, c", "Answer: A, B", '{"a": 1}', ["b", "a"], "Answer:\n* b\n* a"]),
    (items("a", "b", ordered=True), ["Answer: b, a", "Answer: a, b", '["a", "b"]']),
    (items(1, 2, 2), ["[1, 2.0, 2]", "1, 2, 2", "[2, 1, 2]", "[1, 1, 2]", '["1", "2", "2"]', "1,234, 2"]),
    (items(1.0, 1.1, tolerance=0.1), ["[1.1, 1.0]", "[1.15, 1.05]", "[1.0, 1.0]", "[0.9, 0.9]"]),
    (items(True, None), ["[true, null]", '["True", "null"]', "[None, True]", "[1, null]"]),
    (items({"k": [1, "x"]}), ['[{"k": [1, "X"]}]', '[{"k": ["x", 1]}]', '[{"k": [1, "x"], "l": 1}]']),
    (items(), ["[]", "Answer: []", ""]),
    (thing(a=1.0, b="x"), ['{"a": 1, "b": "X"}', 'Answer: {"b": "x", "a": "1"}', '{"a": 1}', "a: 1, b: x", {"a": 1, "b": "x"},
                           '```json\n{"a": 1, "b": "x"}\n```', '{"a": 1, "a": 1, "b": "x"}', '{"a": 1, "b": "x"} yes']),
    (thing(a={"b": False}), ['{"a": {"b": false}}', '{"a": {"b": 0}}', '{"a": {"b": "false"}}']),
]  # fmt: skip

PARSERS: list[tuple[str, Any]] = [
    ("98", None),
    ("[{'a': 1}]", None),
    ("a,b\n1,2.50\n3,x", None),
    ("k: 1\nother key: two", None),
    ('{"a":1}\n{"a":2}', None),
    ("plain text", None),
    ("[1] and more", None),
    ('{"a":1,"a":2}', None),
    ("x", {"rows": [1]}),
    ("[1, 2]", {"result": "[1, 2]"}),
    ("words", {"content": "words"}),
    ("Hello, world\nBye, moon", None),
    ('{"columns": ["a", "b"], "rows": [[1, 2]]}', None),
    ("| a | b |\n| --- | --- |\n| 1 | x |", None),
    ("- one\n- two", None),
]


def _toys() -> dict[str, tuple[Toy, Cassette]]:
    found = {}
    for name in ("files", "memory", "two_servers"):
        toy = machines.HONEST[name]()
        episodes = toy.episodes(Random(7), 60 if name == "files" else 16, 6)
        recordings = [toy.recording(calls) for calls in episodes]
        found[name] = (toy, make_cassette(toy.tool_set.tools, recordings, reads=toy.reads))
    table = replace(datasets.TABLE, calls=[datasets.ROWS, datasets.AMOUNT, datasets.ADD])
    found["table"] = (table, Cassette.load(Path(__file__).parent / "vectors" / "cassette"))
    return found


REQUIRED = {
    "type": "object",
    "properties": {"p": {"type": "string"}, "limit": {"type": "number", "default": 10}},
    "required": ["p"],
}


def _odd() -> Cassette:
    """A cassette with everything that toys have not: errors, defaults, tools apart from any state, worlds."""
    tools = [
        Tool(server="s", name=name, input_schema=REQUIRED)
        for name in ("find", "double", "roll", "commit", "log")
    ]
    remote = Tool(server="web", name="get")
    by_name = {tool.name: tool for tool in [*tools, remote]}

    def step(name: str, arguments: dict[str, Any], said: str, world: str = "w1", **fields: Any) -> Step:
        tool = by_name[name]
        mark = None if name == "get" else f"files of {world}"
        return Step(
            call=ToolCall(server=tool.server, tool=name, arguments=arguments),
            observation=Observation(text=said, **fields),
            schema_digest=tool.schema_digest,
            scope="remote:web" if name == "get" else "workspace",
            before=State(history=world, fingerprint=mark),
            after=State(history="later", fingerprint=mark),
        )

    def failed(arguments: dict[str, Any]) -> Step:
        return step("find", arguments, "p is required", outcome="failure", is_error=True, reason="error text")

    episodes: list[list[Step]] = [
        [step("find", {"p": "a"}, "one"), step("double", {"p": "2"}, "4")],
        [step("double", {"p": "2"}, "4"), step("find", {"p": "a", "limit": 10}, "one")],
        [step("find", {"p": "a", "limit": 5}, "five", structured={"found": 5, "list": [1.5, None]})],
        [step("find", {"p": "b", "limit": 10.0}, "b")],
        [failed({})],
        [failed({"limit": 3})],
        [step("roll", {"p": "d"}, "1")],
        [step("roll", {"p": "d"}, "2")],
        [step("find", {"p": "a"}, "one in the other world", world="w2")],
        [step("log", {"p": "a"}, "empty")],
        [step("commit", {"p": "m"}, "done"), step("find", {"p": "a"}, "one")],
        *([step("commit", {"p": "m"}, "done"), step("log", {"p": "a"}, f"hash {n}")] for n in range(3)),
        [step("get", {"u": 1}, "page", world="monday")],
        [step("get", {"u": 1}, "page", world="monday"), step("get", {"u": 2}, "second", world="monday")],
        [step("get", {"u": 1}, "another page", world="sunday")],
    ]
    recordings = [
        Recording(purpose="test", servers=(one[0].call.server,), seed=n, steps=tuple(one))
        for n, one in enumerate(episodes)
    ]
    return make_cassette(
        [*tools, remote], recordings, independent={("s", "double")}, reads={("s", "find"), ("s", "log")}
    )


ODD: list[tuple[list[ToolCall], tuple[str, ...], str]] = [
    ([call("s", "find", p="a"), call("s", "find", p="a", limit=10), call("s", "find", p="a", limit=10.0)], ("s",), "w1"),
    ([call("s", "find", p="a", limit=5), call("s", "find", p="b")], ("s",), "w1"),
    ([call("s", "find", p="a"), call("s", "find", p="zzz"), call("s", "find", p="a"), call("s", "double", p="2")],
     ("s",), "w1"),
    ([call("s", "find", p="a")], ("s",), "w2"),
    ([call("s", "find", p="a"), call("s", "double", p="2")], ("s",), ""),
    ([call("s", "find", limit=7), call("s", "find"), call("s", "find", limit="7")], ("s",), "w1"),
    ([call("s", "roll", p="d")], ("s",), "w1"),
    ([call("s", "commit", p="m"), call("s", "find", p="a"), call("s", "double", p="2")], ("s",), "w1"),
    ([call("web", "get", u=1), call("web", "get", u=2)], ("web",), ""),
    ([call("web", "get", u=1)], ("s", "web"), ""),
    ([call("web", "get", u=1)], ("s",), "w1"),
    ([call("nobody", "knows")], ("s",), "w1"),
    ([call("s", "find", p=None), call("s", "find", p={"deep": [1, {}]})], ("s",), "w1"),
]  # fmt: skip


def _end_states() -> list[EndStateCase]:
    """What an agent may do to the table before it gives the right answer."""
    rows, add, amount = datasets.ROWS, datasets.ADD, datasets.AMOUNT
    unrecorded = call("table", "amount", name="zoe")
    (_, writing) = datasets.tasks()
    total = writing.end_state[0]
    more = [
        total.model_copy(update={"expected": 29}),
        total.model_copy(update={"expression": Expression(op="count", call="c1"), "expected": 3}),
        total.model_copy(update={"expression": Expression(op="sum", call="c1", field=("none",))}),
        total.model_copy(update={"call": unrecorded}),
    ]
    calls = [(), (rows,), (add,), (add, rows), (rows, add, rows), (amount, add), (unrecorded,), (add, add)]
    return [
        EndStateCase(cassette="table", servers=("table",), calls=one, end_state=probes)
        for one in calls
        for probes in [(total,), *((total, other) for other in more), ()]
    ]


def vectors() -> Vectors:
    toys = _toys()
    cassettes = {name: made for name, (_, made) in toys.items()} | {"odd": _odd()}
    episodes = []
    for name, (toy, made) in toys.items():
        servers = tuple(sorted({server for server, _ in toy.tools}))
        for calls in toy.episodes(Random(11), 8, 6):
            case = EpisodeCase(cassette=name, servers=servers, calls=tuple(calls), answers=())
            episodes.append(episode_case(case, made))
    for calls, servers, world in ODD:
        case = EpisodeCase(cassette="odd", servers=servers, world=world, calls=tuple(calls), answers=())
        episodes.append(episode_case(case, cassettes["odd"]))
    grades = [
        GradeCase(answer=Answer.model_validate(answer), message=message, reward=None)
        for answer, messages in GRADES
        for message in messages
    ]
    for outcome in ("success", "failure", "miss", "infra", "truncated"):
        grades.append(
            GradeCase.model_validate(
                {"answer": number(25), "message": "25", "outcome": outcome, "reward": None}
            )
        )
    for message in ("25", "24"):
        grades.append(
            GradeCase.model_validate(
                {"answer": number(25), "message": message, "end_state": True, "reward": None}
            )
        )
    return Vectors(
        cassettes={
            name: Tape(
                tools=tuple(one.tools.values()), entries=one.entries, scopes=tuple(one.scopes.values())
            )
            for name, one in cassettes.items()
        },
        canonical=tuple(
            canonical_case(CanonicalCase(input_schema=schema, arguments=arguments, **more))
            for schema, arguments, more in CANONICAL
        ),
        states=tuple(
            state_case(
                StateCase.model_validate(
                    {
                        "start": "root",
                        "mark": mark,
                        "events": events,
                        "indifferent_to": rule,
                        "kept": (),
                        "state": "",
                    }
                )
            )
            for mark, events, rule in STATES
        ),
        episodes=tuple(episodes),
        grades=tuple(map(grade_case, grades)),
        end_states=tuple(end_state_case(case, cassettes[case.cassette]) for case in _end_states()),
        parsers=tuple(
            parser_case(ParserCase(text=said, structured=structured, parser=None, value=None))
            for said, structured in PARSERS
        ),
    )


def main() -> None:
    """Write the file: one line a case, so that a difference is readable."""
    made = vectors().model_dump(mode="json")
    parts = []
    for name, value in made.items():
        if isinstance(value, list):
            rows = ",\n".join(json.dumps(one, ensure_ascii=False, sort_keys=True) for one in value)
            parts.append(f'"{name}": [\n{rows}\n]')
        elif isinstance(value, dict):
            rows = ",\n".join(
                f"{json.dumps(key)}: {json.dumps(one, ensure_ascii=False, sort_keys=True)}"
                for key, one in value.items()
            )
            parts.append(f'"{name}": {{\n{rows}\n}}')
        else:
            parts.append(f'"{name}": {json.dumps(value)}')
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
