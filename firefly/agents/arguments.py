"""Other arguments for a call: what agents get wrong, or want to know besides."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from pydantic import JsonValue

from firefly.parameters import Parameter, parameters
from firefly.protocols import Occasion
from firefly.records import ToolKey
from firefly.replay.records import Tool, ToolCall

__all__ = ["any_recorded", "mistaken", "replaced"]


def any_recorded(occasion: Occasion, rng: Random, *, writes: bool = True) -> ToolCall | None:
    """Return a recorded call of the tools on offer, each tool as likely; None where nothing was recorded.

    ``writes``: also of tools that do not declare to be read-only.
    """
    offered = {tool.key: tool for tool in occasion.tool_set.tools}
    keys = [
        key
        for key in sorted(offered)
        if occasion.recorded.get(key) and (writes or offered[key].annotations.read_only)
    ]
    if not keys:
        return None if writes else any_recorded(occasion, rng)
    key = rng.choice(keys)
    arguments = rng.choice(occasion.recorded[key])
    return ToolCall(server=key[0], tool=key[1], arguments=dict(arguments))


def replaced(call: ToolCall, occasion: Occasion, rng: Random) -> ToolCall | None:
    """Return ``call`` with one argument replaced by another that its tool was recorded with, or may take.

    None where it has no arguments, or nothing else is known for any of them.
    """
    tool = _tool(occasion, call.key)
    if tool is None:
        return None
    declared = {one.name: one for one in parameters(tool)}
    names = sorted(call.arguments)
    rng.shuffle(names)
    for name in names:
        values = list(_others(call, name, declared.get(name), occasion))
        if values:
            return call.model_copy(update={"arguments": {**call.arguments, name: rng.choice(values)}})
    return None


def mistaken(call: ToolCall, occasion: Occasion, rng: Random) -> ToolCall | None:
    """Return ``call`` with one mistake: an argument left out, of another type, misspelt, or not declared."""
    tool = _tool(occasion, call.key)
    if tool is None:
        return None
    found: list[dict[str, JsonValue]] = [{**call.arguments, "note": "please"}]
    for name, value in call.arguments.items():
        found.append({other: kept for other, kept in call.arguments.items() if other != name})
        found.append({**call.arguments, name: _of_another_type(value)})
        if isinstance(value, str) and value:
            found.append({**call.arguments, name: value[:-1]})
    return call.model_copy(update={"arguments": rng.choice(found)})


def _tool(occasion: Occasion, key: ToolKey) -> Tool | None:
    return next((tool for tool in occasion.tool_set.tools if tool.key == key), None)


def _others(
    call: ToolCall, name: str, parameter: Parameter | None, occasion: Occasion
) -> Iterator[JsonValue]:
    """Yield values that differ from the call's own: recorded ones, the enumeration's, then near ones."""
    own = call.arguments[name]
    found = [
        *(given[name] for given in occasion.recorded.get(call.key, ()) if name in given),
        *(parameter.enum if parameter is not None else ()),
    ]
    others = [value for value in found if value != own]
    if not others and isinstance(own, (int, float)) and not isinstance(own, bool):
        others = [own + 1, own * 2 + 3]
    yield from others


def _of_another_type(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return 7
    return [value] if isinstance(value, (int, float)) else str(value)
