"""A hand-made content with the traps of Arrow: mixed argument keys, mixed answer types, odd numbers."""

from __future__ import annotations

from typing import Any

from firefly.evidence import Claims, Evidence
from firefly.protocols import DatasetContent
from firefly.records import CheckResult, Listing, ServerHealth, Verdict
from firefly.replay.cassette import Cassette, CassetteTool, Entry, ToolRule
from firefly.replay.records import Answer, Expression, GoldCall, Observation, Provenance, Task, Tool

WEATHER = Tool(
    server="weather",
    name="temp",
    description="Temperature of a city.",
    input_schema={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
LIST_DAYS = Tool(server="weather", name="list", input_schema={"type": "object"})
LIST_FILES = Tool(server="files", name="list", title="Files", output_schema={"type": "array"})
HEAD = Tool(
    server="files",
    name="read.head",
    input_schema={"properties": {"n": {"type": "number", "maximum": 0.3}, "opts": {"anyOf": [{}, True]}}},
)
REMOVE = Tool(server="files", name="remove", input_schema={"type": "object"})
TOOLS = (WEATHER, LIST_DAYS, LIST_FILES, HEAD, REMOVE)

CALLS: tuple[tuple[Tool, dict[str, Any], str], ...] = (
    (WEATHER, {"city": "Oslo"}, "-3.5"),
    (HEAD, {"n": 3}, '{"lines": [1, 2]}'),
    (HEAD, {"n": 0.3, "opts": {"deep": [None, True, {"x": 1}]}}, "a\u2028b"),
    (LIST_DAYS, {}, '["mon"]'),
    (LIST_FILES, {}, '["a.txt"]'),
)


def task(number: int, calls: list[int], answer: Answer, **changes: Any) -> Task:
    made = [(CALLS[index][0], CALLS[index][1]) for index in calls]
    fields: dict[str, Any] = {
        "question": f"Question {number}?",
        "answer_format": "Answer with the value alone.",
        "answer": answer,
        "expression": Expression(op="value", call="c1"),
        "gold_calls": tuple(
            GoldCall(id=f"c{place}", server=tool.server, tool=tool.name, arguments=arguments)
            for place, (tool, arguments) in enumerate(made, start=1)
        ),
        "servers": tuple(sorted({tool.server for tool, _ in made})),
        "world": "w0",
        "provenance": Provenance(exploration="e", synthesizer="template"),
    }
    return Task(**{**fields, **changes})


TASKS = (
    task(1, [0], Answer(type="number", value=-3.5)),
    task(2, [1], Answer(type="string", value="123")),
    task(3, [2], Answer(type="number", value=0.3)),
    task(4, [3, 4], Answer(type="list", value=["mon", 1, None, {"k": True}])),
    task(5, [0, 1], Answer(type="object", value={"a": 0.1, "b": [1, 2.5]})),
    task(6, [1], Answer(type="number", value=2**70)),
)
REJECTED = task(7, [0], Answer(type="date", value="2026-01-02"))


def verdict(one: Task, status: Any = "pass") -> Verdict:
    results = (
        CheckResult(check="leakage", status=status, evidence={"found": [1, "x", None]}),
        CheckResult(check="replay", status="pass", evidence={"tiers": {"exact": 1}}),
        CheckResult(check="clock", status="unknown", required=False),
    )
    return Verdict(task=one.id, verified=status == "pass", results=results)


def cassette() -> Cassette:
    return Cassette(
        tools=[
            CassetteTool(tool=tool, rule=ToolRule(scope="none", state_independent=True)) for tool in TOOLS
        ],
        entries=[
            Entry(
                server=tool.server,
                tool=tool.name,
                schema_digest=tool.schema_digest,
                arguments=arguments,
                scope="none",
                state="",
                mark="",
                observation=Observation(text=text),
            )
            for tool, arguments, text in CALLS
        ],
    )


def listings() -> list[Listing]:
    def health(server: str, **changes: Any) -> ServerHealth:
        fields: dict[str, Any] = {"server": server, "status": "ok", "package": f"mcp-{server}==1.0"}
        return ServerHealth(**{**fields, **changes})

    return [
        Listing(health=health("weather", protocol_version="2025-11-25"), tools=(LIST_DAYS, WEATHER)),
        Listing(
            health=health("files"),
            tools=(LIST_FILES, HEAD, REMOVE),
            refused={"remove": "it may destroy data; add servers.files.allow=[remove]"},
        ),
        Listing(health=health("broken", status="failed", reason="exit code 1 | no such module")),
    ]


def content(**changes: Any) -> DatasetContent:
    fields: dict[str, Any] = {
        "name": "hand-made",
        "tasks": {"train": TASKS[:3], "validation": (), "test": TASKS[3:]},
        "rejected": [(REJECTED, verdict(REJECTED, "fail"))],
        "verdicts": {one.id: verdict(one) for one in TASKS},
        "explorations": {},
        "listings": listings(),
        "cassette": cassette(),
        "evidence": {"": Evidence(Claims(), ())},
        "facts": {
            "seed": 0,
            "packages": {"mcp": "2.3.0"},
            "config_digest": "c0ffee",
            "figures": {"edges": 4},
        },
    }
    return DatasetContent(**{**fields, **changes})
