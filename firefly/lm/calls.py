"""What a model says that it wants to call, checked against what there is to call."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from firefly.errors import nearest
from firefly.replay.records import Tool, ToolCall, canonical_json
from firefly.replay.tool_set import ToolSet
from firefly.replay.validation import validator_of

__all__ = ["Wanted", "said_in_text", "understood"]

_FAULTS = 3
"""Most faults of one call that a model is told."""
_SHOWN = 300
"""Characters of a fault, or of arguments that can't be read, that a model is told."""


@dataclass(frozen=True)
class Wanted:
    """A call as a model asked for it: nothing of it needs to exist."""

    id: str
    name: str
    arguments: Mapping[str, JsonValue]


def understood(wanted: Wanted, tools: ToolSet) -> ToolCall | str:
    """Return the call that is meant, or what is wrong with it, in words for the model.

    A call that the tool's own schema forbids is not made; neither is one with a parameter that nobody
    declared, which servers would ignore.
    """
    tool = tools.names.get(wanted.name)
    if tool is None:
        return f"There is no tool {wanted.name!r}. {nearest(wanted.name, list(tools.names))}"
    arguments = dict(wanted.arguments)
    unread = _unread(arguments, tool)
    if unread:
        return unread
    faults = list(_faults(tool, arguments))[:_FAULTS]
    if faults:
        return f"The call of {wanted.name} was not made: {'; '.join(faults)}."
    return ToolCall(server=tool.server, tool=tool.name, arguments=arguments)


def said_in_text(text: str) -> tuple[str, list[Wanted]] | None:
    """Return what a model without tool calls of its own says, and what it wants to call; None: unreadable.

    The last JSON object of the text counts, with ``calls`` (each with ``tool`` and ``arguments``) and
    ``said``; what stands around it, such as a fence, does not.

    >>> said_in_text('Let me see. {"calls": [{"tool": "now", "arguments": {}}]}')
    ('', [Wanted(id='call_0', name='now', arguments={})])
    >>> said_in_text("I can't help with that.") is None
    True
    """
    found = next((one for one in _objects(text) if "calls" in one), None)
    if found is None:
        return None
    asked = found.get("calls") or []
    if not isinstance(asked, list):
        return None
    calls = []
    for number, one in enumerate(asked):
        if not isinstance(one, Mapping) or not isinstance(one.get("tool"), str):
            return None
        arguments = one.get("arguments", {})
        if not isinstance(arguments, Mapping):
            arguments = {"value": arguments}
        calls.append(Wanted(f"call_{number}", one["tool"], dict(arguments)))
    return str(found.get("said") or ""), calls


def _unread(arguments: Mapping[str, JsonValue], tool: Tool) -> str:
    """Return what to say of arguments that were no JSON object; "" where they were.

    Whoever reads the wire puts such text under a key of its own, which a tool may also have declared.
    """
    declared = _declared(tool)
    try:
        canonical_json(arguments)
    except ValueError:
        return f"The arguments of {tool.name} hold a number that JSON does not have, such as NaN."
    if arguments.keys() == {"partial_json"} and "partial_json" not in declared:
        shown = str(arguments["partial_json"])[:_SHOWN]
        return f"The arguments of {tool.name} are no JSON: {shown}"
    if arguments.keys() == {"value"} and "value" not in declared:
        return f"The arguments of {tool.name} have to be one JSON object, not {_short(arguments['value'])}"
    return ""


def _faults(tool: Tool, arguments: Mapping[str, JsonValue]) -> Iterator[str]:
    declared = _declared(tool)
    schema = tool.input_schema
    closed = not schema.get("additionalProperties") and "patternProperties" not in schema
    for name in sorted(arguments.keys() - declared.keys()) if closed else ():
        known = ", ".join(sorted(declared)) or "none"
        yield f"it has no parameter {name!r} (it has: {known})"
    validator = validator_of(canonical_json(schema))
    if validator is None:
        return
    try:
        for fault in validator.iter_errors(dict(arguments)):
            where = "" if fault.json_path == "$" else f"{fault.json_path.removeprefix('$.')}: "
            yield f"{where}{fault.message}"[:_SHOWN]
    except Exception:  # noqa: BLE001 - a schema that refers to nothing: the server is to judge
        return


def _declared(tool: Tool) -> Mapping[str, Any]:
    found = tool.input_schema.get("properties")
    return found if isinstance(found, dict) else {}


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of a text that are inside no other, the last one first."""
    found = []
    place = 0
    while (start := text.find("{", place)) >= 0:
        try:
            value, place = json.JSONDecoder().raw_decode(text, start)
        except (ValueError, RecursionError):
            place = start + 1
            continue
        if isinstance(value, dict):
            found.append(value)
    yield from reversed(found)


def _short(value: JsonValue) -> str:
    text = canonical_json(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
