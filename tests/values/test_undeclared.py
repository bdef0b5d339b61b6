"""Parameters and keys that no schema declares are learnt from the errors that miss them."""

from __future__ import annotations

from random import Random

import pytest

from firefly.knowledge import Knowledge
from firefly.records import Listing, ServerHealth
from firefly.replay.records import Observation, Recording, State, Step, Tool, ToolCall
from firefly.values import arguments
from firefly.values.undeclared import all_parameters, missing_keys
from tests.value_sources import SOURCES

ISSUES = (
    'Invalid arguments: [{"expected": "array", "code": "invalid_type", "path": ["paths"], '
    '"message": "Invalid input: expected array, received undefined"}]'
)


def known(tool: Tool, given: dict[str, object], said: str) -> Knowledge:
    step = Step(
        call=ToolCall(server=tool.server, tool=tool.name, arguments=given),
        observation=Observation(outcome="failure", reason="flagged", text=said, is_error=True),
        schema_digest=tool.schema_digest,
        scope="none",
        before=State(history=""),
        after=State(history=""),
    )
    listing = Listing(health=ServerHealth(server=tool.server, status="ok"), tools=(tool,))
    return Knowledge([listing], (), [Recording(purpose="probing", servers=(tool.server,), steps=(step,))])


@pytest.mark.parametrize(
    ("said", "name", "types"),
    [
        (ISSUES, "paths", ("array",)),
        ("1 validation error\npaths\n  Field required [type=missing]", "paths", ()),
        ("'paths' is a required property", "paths", ()),
        ("missing 1 required positional argument: 'paths'", "paths", ()),
    ],
)
def test_a_parameter_that_nothing_declares_is_given_once_an_error_asks_for_it(
    said: str, name: str, types: tuple[str, ...]
) -> None:
    tool = Tool(server="s", name="read_notes", input_schema={"type": "object"})
    knowledge = known(tool, {}, said)
    assert [(one.name, one.types, one.required) for one in all_parameters(tool, knowledge)] == [
        (name, types, True)
    ]
    assert all(name in given for given, _ in arguments(tool, SOURCES, knowledge, Random(0)))


def test_a_schema_that_allows_nothing_else_is_believed() -> None:
    tool = Tool(server="s", name="read", input_schema={"type": "object", "additionalProperties": False})
    assert all_parameters(tool, known(tool, {}, ISSUES)) == ()


@pytest.mark.parametrize(
    "said",
    [
        "2 validation errors\nitems.0.name\n  Field required [x]\nitems.0.weight\n  Field required [x]",
        "Item 0 must have 'name' and 'weight' fields",
    ],
)
def test_keys_of_a_free_form_object_are_learnt_from_what_errors_miss(said: str) -> None:
    schema = {
        "type": "object",
        "properties": {"items": {"type": "array", "items": {"type": "object"}}},
        "required": ["items"],
    }
    tool = Tool(server="s", name="pack", input_schema=schema)
    knowledge = known(tool, {"items": [{}]}, said)
    assert missing_keys(tool, "items", knowledge) == ("name", "weight")
    first, _ = next(arguments(tool, SOURCES, knowledge, Random(0)))
    assert set(first["items"][0]) == {"name", "weight"}
