"""What to say of a miss: the nearest recorded calls of the tool, and what differs."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from pydantic import JsonValue

from .cassette import Cassette, Entry
from .expressions import same
from .records import Miss, NearCall, ToolCall, canonical_json

_SHOWN = 3
_LOOKED_AT = 400
_WIDTH = 80
_ABSENT = object()


def miss_of(cassette: Cassette, call: ToolCall, why: str, before: Sequence[str]) -> Miss:
    """Return why ``call`` has no answer.

    Args:
        cassette: what was recorded.
        call: the call that has no answer.
        why: the reason where it is already known; else it is told from the nearest calls.
        before: the preceding calls of the episode as ``server/tool``.
    """
    entries = cassette.entries_of(call.key)
    arguments: dict[str, JsonValue] = call.arguments
    if call.key in cassette.tools:
        arguments = cassette.canonicalizer(call.key).arguments(call.arguments)
    ranked = sorted(entries[:_LOOKED_AT], key=lambda entry: _distance(entry.arguments, arguments))
    nearest: list[NearCall] = []
    for entry in ranked:
        near = NearCall(
            call=ToolCall(server=entry.server, tool=entry.tool, arguments=entry.arguments),
            differences=_differences(entry, arguments, before),
        )
        if near not in nearest:
            nearest.append(near)
        if len(nearest) == _SHOWN:
            break
    return Miss(why=why or _why(entries, arguments), nearest=tuple(nearest))


def _why(entries: Sequence[Entry], arguments: dict[str, JsonValue]) -> str:
    if not entries:
        return "no call of this tool was recorded"
    if any(same(entry.arguments, arguments) for entry in entries):
        return "recorded with these arguments, but only in another state"
    return "never recorded with these arguments"


def _distance(recorded: dict[str, JsonValue], asked: dict[str, JsonValue]) -> float:
    """Return how far two argument objects are apart: 1 for each argument, less if it looks alike."""
    total = 0.0
    for name in recorded.keys() | asked.keys():
        one, other = recorded.get(name, _ABSENT), asked.get(name, _ABSENT)
        if one is _ABSENT or other is _ABSENT:
            total += 1.0
        elif not same(one, other):  # type: ignore[arg-type]
            matcher = difflib.SequenceMatcher(None, _shown(one), _shown(other), autojunk=False)
            total += 1.0 - 0.9 * matcher.quick_ratio()
    return total


def _differences(entry: Entry, asked: dict[str, JsonValue], before: Sequence[str]) -> tuple[str, ...]:
    found = []
    for name in sorted(entry.arguments.keys() | asked.keys()):
        one, other = entry.arguments.get(name, _ABSENT), asked.get(name, _ABSENT)
        if one is _ABSENT:
            found.append(f"{name}: asked with {_shown(other)}, recorded without it")
        elif other is _ABSENT:
            found.append(f"{name}: asked without it, recorded with {_shown(one)}")
        elif not same(one, other):  # type: ignore[arg-type]
            found.append(f"{name}: asked {_shown(other)}, recorded {_shown(one)}")
    if not found:
        recorded = ", ".join(entry.after) or "nothing"
        found.append(f"state: recorded after: {recorded}; asked after: {', '.join(before) or 'nothing'}")
    return tuple(found)


def _shown(value: object) -> str:
    try:
        text = canonical_json(value)
    except ValueError:
        text = str(value)
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
