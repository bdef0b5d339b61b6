"""What to say of a miss: the nearest recorded calls of the tool, and what differs."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import JsonValue

from .cassette import Cassette
from .expressions import same
from .neighbours import Asked
from .records import Miss, NearCall, ToolCall, shown_json

_SHOWN = 3
_LOOKED_AT = 12
"""Nearest calls among which different ones are looked for."""
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
    arguments: dict[str, JsonValue] = call.arguments
    ranked: list[tuple[float, Asked]] = []
    if call.key in cassette.tools:
        arguments = cassette.canonicalizer(call.key).arguments(call.arguments)
        ranked = cassette.neighbours(call.key).nearest(arguments, _LOOKED_AT)
    shown: dict[tuple[str, ...], Asked] = {}
    for _, recorded in ranked:
        if len(shown) < _SHOWN:
            shown.setdefault(_differences(recorded, arguments, before), recorded)
    nearest = tuple(
        NearCall(
            call=ToolCall(server=call.server, tool=call.tool, arguments=one.arguments), differences=found
        )
        for found, one in shown.items()
    )
    return Miss(why=why or _why(ranked, arguments), nearest=nearest)


def _why(ranked: Sequence[tuple[float, Asked]], arguments: dict[str, JsonValue]) -> str:
    if not ranked:
        return "no call of this tool was recorded"
    if same(ranked[0][1].arguments, arguments):
        return "recorded with these arguments, but only in another state"
    return "never recorded with these arguments"


def _differences(recorded: Asked, asked: dict[str, JsonValue], before: Sequence[str]) -> tuple[str, ...]:
    found = []
    for name in sorted(recorded.arguments.keys() | asked.keys()):
        one, other = recorded.arguments.get(name, _ABSENT), asked.get(name, _ABSENT)
        if one is _ABSENT:
            found.append(f"{name}: asked with {_shown(other)}, recorded without it")
        elif other is _ABSENT:
            found.append(f"{name}: asked without it, recorded with {_shown(one)}")
        elif not same(one, other):  # type: ignore[arg-type]
            found.append(f"{name}: asked {_shown(other)}, recorded {_shown(one)}")
    if not found:
        after = ", ".join(recorded.after) or "nothing"
        found.append(f"state: recorded after: {after}; asked after: {', '.join(before) or 'nothing'}")
    return tuple(found)


def _shown(value: object) -> str:
    if isinstance(value, str):  # of any length, without writing all of it
        value = value[:_WIDTH]
    text = shown_json(value)
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
