"""What was recorded of a call that a miss names as near, and how near it is."""

from __future__ import annotations

import difflib
import weakref
from collections import defaultdict
from collections.abc import Mapping

from pydantic import JsonValue

from firefly.replay.cassette import Cassette, Entry, ToolKey
from firefly.replay.expressions import same
from firefly.replay.records import ToolCall, canonical_json, shown_json

__all__ = ["distance", "entries_with"]

_COMPARED = 200
"""Characters of a value that are compared."""
_ABSENT = object()

_Groups = Mapping[str, tuple[Entry, ...]]
_known: weakref.WeakKeyDictionary[Cassette, dict[ToolKey, _Groups]] = weakref.WeakKeyDictionary()


def entries_with(cassette: Cassette, call: ToolCall) -> tuple[Entry, ...]:
    """Return what was recorded of a call with canonical arguments, one entry for each state."""
    tools = _known.setdefault(cassette, {})
    groups = tools.get(call.key)
    if groups is None:
        found: dict[str, list[Entry]] = defaultdict(list)
        for entry in cassette.entries_of(call.key):
            found[canonical_json(entry.arguments)].append(entry)
        groups = tools.setdefault(call.key, {text: tuple(entries) for text, entries in found.items()})
    return groups.get(canonical_json(call.arguments), ())


def distance(recorded: Mapping[str, JsonValue], asked: Mapping[str, JsonValue]) -> float:
    """Return how far two argument objects are apart: 1 for each argument, less if it looks alike.

    >>> distance({"city": "Oslo", "days": 2}, {"city": "Oslo", "days": 2.0})
    0.0
    >>> distance({"city": "Oslo"}, {"city": "Oslo", "days": 2})
    1.0
    """
    total = 0.0
    for name in recorded.keys() | asked.keys():
        one, other = recorded.get(name, _ABSENT), asked.get(name, _ABSENT)
        if one is _ABSENT or other is _ABSENT:
            total += 1.0
        elif not same(one, other):  # type: ignore[arg-type]
            matcher = difflib.SequenceMatcher(None, _text(one), _text(other), autojunk=False)
            total += 1.0 - 0.9 * matcher.ratio()
    return total


def _text(value: object) -> str:
    if isinstance(value, str):
        return value[:_COMPARED]
    return shown_json(value)[:_COMPARED]
