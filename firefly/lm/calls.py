"""What a model says that it wants to call, checked against what there is to call."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from firefly.errors import nearest
from firefly.lm.spoken import objects
from firefly.replay.records import Tool, ToolCall, canonical_json
from firefly.replay.tool_set import ToolSet
from firefly.replay.validation import validator_of

if TYPE_CHECKING:
    from jsonschema import ValidationError

__all__ = ["Wanted", "said_in_text", "understood", "written_calls"]

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
    declared, which servers would ignore. Where the schema forbids a text and admits what it is the JSON of
    (``"5"``, ``"[1, 2]"``), that is meant.
    """
    tool = tools.names.get(wanted.name)
    if tool is None:
        return f"There is no tool {wanted.name!r}. {nearest(wanted.name, list(tools.names))}"
    arguments = dict(wanted.arguments)
    for key in ("value", "partial_json"):  # some encode them twice, or write them as Python does
        if arguments.keys() == {key} and key not in _declared(tool):
            inner = {} if arguments[key] is None else _encoded(arguments[key])
            arguments = arguments if inner is None else inner
    unread = _unread(arguments, tool)
    if unread:
        return unread
    faults = list(_faults(tool, arguments))[:_FAULTS]
    if faults:
        meant = _decoded(tool, arguments)
        if meant != arguments and not any(_faults(tool, meant)):
            return ToolCall(server=tool.server, tool=tool.name, arguments=meant)
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
    found = next((one for one in objects(text) if "calls" in one), None)
    if found is None:
        return None
    asked = found.get("calls") or []
    if not isinstance(asked, list):
        return None
    calls = []
    for number, one in enumerate(asked):
        if not isinstance(one, Mapping) or not isinstance(one.get("tool"), str):
            return None
        calls.append(Wanted(f"call_{number}", one["tool"], _object(one.get("arguments", {}))))
    return str(found.get("said") or ""), calls


def written_calls(text: str, names: Collection[str]) -> list[Wanted]:
    """Return the calls that a model writes into its text in the form that it was trained on.

    Endpoints that don't know a model's form hand its calls out as text: ``<tool_call>{"name": ...}``,
    ``[TOOL_CALLS] [{"name": ...}]``, a fenced object, ``<function=NAME>{...}``. Only what names a tool on
    offer, with an object of arguments, is one.

    >>> written_calls('<tool_call>{"name": "now", "arguments": {"zone": "UTC"}}</tool_call>', {"now"})
    [Wanted(id='call_0', name='now', arguments={'zone': 'UTC'})]
    >>> written_calls('{"name": "Ada", "arguments": {}}', {"now"})
    []
    """
    found: list[Wanted] = []
    listed = [inner for one in reversed(list(objects(text))) for inner in one.get("tool_calls") or [one]]
    for one in [*_marked(text), *(one for one in listed if isinstance(one, Mapping))]:
        nested = one.get("function")
        said = nested if isinstance(nested, Mapping) else one
        name = next((said[key] for key in _NAMES if isinstance(said.get(key), str)), None)
        given = next((_object(said[key]) for key in _ARGUMENTS if key in said), None)
        if name in names and given is not None:
            found.append(Wanted(f"call_{len(found)}", str(name), given))
    return found


_NAMES, _ARGUMENTS = ("name", "tool", "function"), ("arguments", "parameters", "args", "input")


def _marked(text: str) -> Iterator[dict[str, Any]]:
    for name, given in re.findall(r"<function=([\w.-]+)>\s*(\{.*?\})\s*</function>", text, re.S):
        yield {"name": name, "arguments": given}


def _object(given: Any) -> dict[str, JsonValue]:
    """Return arguments as an object; what is none stands under a key of its own, as on the wire."""
    found = given if isinstance(given, Mapping) else _encoded(given)
    return {"value": given} if found is None else dict(found)


def _encoded(given: Any) -> dict[str, JsonValue] | None:
    """Return the object that a text is the JSON of, or what Python would print of it."""
    if not isinstance(given, str):
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            found = json.loads(canonical_json(read(given.strip())))
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
        return found if isinstance(found, dict) else None
    return None


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
    for fault in _violations(tool, arguments):
        where = "" if fault.json_path == "$" else f"{fault.json_path.removeprefix('$.')}: "
        yield f"{where}{fault.message}"[:_SHOWN]


def _violations(tool: Tool, arguments: Mapping[str, JsonValue]) -> Iterator[ValidationError]:
    """Yield what the declared schema says against the arguments; nothing where it can't be applied."""
    validator = validator_of(canonical_json(tool.input_schema))
    try:
        yield from () if validator is None else validator.iter_errors(dict(arguments))
    except Exception:  # noqa: BLE001 - a schema that refers to nothing: the server is to judge
        return


def _decoded(tool: Tool, arguments: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return the arguments, what is wrong as a text replaced by what the text is the JSON of."""
    found = dict(arguments)
    for name in {fault.absolute_path[0] for fault in _violations(tool, arguments) if fault.absolute_path}:
        value = found.get(str(name))
        if isinstance(value, str):
            try:
                found[str(name)] = json.loads(value)
            except (ValueError, RecursionError):
                continue
    return found


def _declared(tool: Tool) -> Mapping[str, Any]:
    found = tool.input_schema.get("properties")
    return found if isinstance(found, dict) else {}


def _short(value: JsonValue) -> str:
    text = canonical_json(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
