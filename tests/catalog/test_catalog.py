from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from firefly.catalog import canonical_schema, list_server
from firefly.records import Listing, ServerHealth
from firefly.replay.records import Tool, digest


class Provider:
    def __init__(self, listing: Listing) -> None:
        self._listing = listing

    def listing(self, server: str) -> Listing:
        return self._listing


def listed(*tools: Tool, status: Any = "ok", **more: Any) -> Listing:
    health = ServerHealth(server="srv", status=status, reason=more.pop("reason", ""))
    return list_server("srv", Provider(Listing(health=health, tools=tools, **more)))


def tool(name: str, schema: dict[str, Any]) -> Tool:
    return Tool(server="srv", name=name, input_schema=schema)


def test_the_order_of_keys_and_of_required_names_does_not_matter() -> None:
    one = {
        "type": "object",
        "properties": {"a": {}, "b": {}},
        "required": ["b", "a"],
        "$schema": "x",
        "_meta": {},
    }
    other = {"required": ["a", "b"], "properties": {"b": {}, "a": {}}, "type": "object"}
    assert digest(canonical_schema(one)) == digest(canonical_schema(other))


def test_titles_that_repeat_the_name_go_and_telling_ones_stay() -> None:
    schema = {
        "type": "object",
        "properties": {"repo_path": {"title": "Repo Path"}, "n": {"title": "Lines of context"}},
    }
    assert canonical_schema(schema)["properties"] == {"repo_path": {}, "n": {"title": "Lines of context"}}


def test_properties_called_title_or_required_and_default_values_are_kept() -> None:
    properties = {
        "title": {"type": "string"},
        "required": {"type": "boolean", "default": {"title": "x", "_meta": 1}},
    }
    schema = {"type": "object", "properties": properties, "required": ["title"]}
    assert canonical_schema(schema) == {"type": "object", "properties": properties, "required": ["title"]}


def test_nothing_that_an_agent_reads_is_lost() -> None:
    definition = {
        "type": "string",
        "description": "d",
        "enum": ["b", "a"],
        "examples": ["a"],
        "default": "b",
        "pattern": "x",
    }
    schema = {
        "type": "object",
        "properties": {"p": definition},
        "$defs": {"D": {"anyOf": [{"type": "null"}, {}]}},
    }
    assert canonical_schema(schema) == schema


def test_tools_are_sorted_and_refusals_kept() -> None:
    found = listed(tool("b", {}), tool("a", {}), refused={"b": "why", "gone": "why"})
    assert [one.name for one in found.tools] == ["a", "b"]
    assert found.refused == {"b": "why"}
    assert found.health.tool_count == 2
    assert found.tools[0].input_schema == {"type": "object"}


def test_a_schema_that_refers_outside_itself_leaves_its_tool_out_with_a_warning() -> None:
    remote = {"type": "object", "properties": {"a": {"$ref": "https://example.org/schema.json"}}}
    found = listed(
        tool("bad", remote), tool("good", {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {}}})
    )
    assert [one.name for one in found.tools] == ["good"]
    assert "'bad' is left out" in found.health.warnings[0]


def test_tools_of_one_name_are_left_out_with_one_warning() -> None:
    found = listed(tool("twin", {}), tool("twin", {"type": "object"}), tool("one", {}))
    assert [one.name for one in found.tools] == ["one"]
    assert found.health.warnings == ("2 tools are called 'twin'; all of them are left out",)


def test_a_failed_server_keeps_its_reason() -> None:
    found = listed(status="failed", reason="does not start")
    assert (found.health.status, found.health.reason, found.tools) == ("failed", "does not start", ())


names = st.sampled_from(["a", "b", "title", "required", "type", "_meta"])
schemas = st.recursive(
    st.fixed_dictionaries(
        {}, optional={"type": st.sampled_from(["string", "integer"]), "title": st.just("A")}
    ),
    lambda inner: st.builds(
        lambda properties, order: {"type": "object", "properties": properties, "required": order},
        st.dictionaries(names, inner, max_size=4),
        st.lists(names, max_size=3, unique=True),
    ),
    max_leaves=8,
)


@given(schemas, st.dictionaries(names, st.one_of(st.integers(), st.text(max_size=3)), max_size=4))
def test_the_canonical_form_accepts_the_same_arguments_and_is_stable(
    schema: dict[str, Any], value: Any
) -> None:
    schema = {**schema, "type": "object"}
    canonical = canonical_schema(schema)
    assert canonical_schema(canonical) == canonical
    assert Draft202012Validator(canonical).is_valid(value) == Draft202012Validator(schema).is_valid(value)
