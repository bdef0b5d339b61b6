from __future__ import annotations

import yaml

from firefly.graph import prune, unresolved, unresolved_yaml
from firefly.graph.annotations import Annotation
from firefly.graph.unresolved import Unresolved
from firefly.knowledge import Knowledge
from tests.graph.scoring import graph_of
from tests.graph.test_scorers import TEXT, known, tool

TOOLS = [
    tool("list_rooms"),
    tool("book", room=TEXT, guest=TEXT),
    tool("search", query=TEXT),
    tool("greet", name=TEXT),
]


def report(knowledge: Knowledge) -> dict[tuple[str, str], Unresolved]:
    scored = graph_of(knowledge)
    found = unresolved(knowledge, scored, prune(scored), where={"s": "servers.overrides.s"})
    return {(one.tool, one.parameter): one for one in found}


KNOWLEDGE = known(
    TOOLS,
    [
        ("list_rooms", {}, '[{"room": "R-101"}, {"room": "R-102"}]'),
        ("book", {"room": "x", "guest": "y"}, "!there is no such room: 'x'"),
        ("search", {"query": "o"}, "[]"),
        ("greet", {"name": "Ada"}, '{"greeting": "Good day, Ada Lovelace"}'),
    ],
)


def test_it_names_the_parameter_at_fault_the_last_error_and_the_lines_that_would_help() -> None:
    found = report(KNOWLEDGE)
    one = found["s.book", "room"]
    assert one.why == "there is no such room: 'x'"
    assert one.tried == ("x",)
    assert one.sources == ("s.list_rooms",)
    value, edge = one.help
    assert value == "servers.overrides.s.values: {book.room: [VALUE]}"
    assert yaml.safe_load(value) == {"servers.overrides.s.values": {"book.room": ["VALUE"]}}
    (row,) = yaml.safe_load(edge)
    assert Annotation.model_validate(row).path == ("*", "room")
    assert ("s.book", "guest") not in found, "the error speaks of the room"


def test_calls_that_said_nothing_count_as_unresolved_and_those_that_worked_do_not() -> None:
    found = report(KNOWLEDGE)
    assert found["s.search", "query"].why.startswith("every call that worked said nothing")
    assert not any(tool == "s.greet" for tool, _ in found)


def test_a_tool_never_called_says_so_and_the_report_is_yaml() -> None:
    found = report(known(TOOLS, []))
    assert "never called" in found["s.greet", "name"].why
    rows = yaml.safe_load(unresolved_yaml(list(found.values())))
    assert [(row["tool"], row["parameter"]) for row in rows] == list(found)
