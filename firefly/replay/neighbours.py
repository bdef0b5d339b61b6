"""The recorded calls of one tool by likeness of their arguments, prepared once and then cheap to ask.

Two argument objects are apart by 1 for each argument that only one of them has, and for each argument
whose values differ by 1 less 0.9 times the likeness of their texts: the share of adjacent pairs of bytes
that both have (Dice's coefficient). The pairs of a text are kept as bits of one number, so that a
comparison is two machine operations and a recorded call costs some hundred bytes.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from itertools import pairwise
from operator import add
from threading import Lock
from typing import NamedTuple

from pydantic import JsonValue

from .records import canonical_json, digest

_COMPARED = 64
"""Bytes at the head of a value's text that are compared."""
_BITS = 256


class Asked(NamedTuple):
    """A recorded call: with which arguments, and after which calls that matter."""

    arguments: dict[str, JsonValue]
    after: tuple[str, ...]
    """As ``server/tool``."""


class Neighbours:
    """All recorded calls of one tool. Immutable; safe to share between threads."""

    def __init__(self, asked: Sequence[Asked]) -> None:
        """Prepare the calls; their order decides between equally near ones."""
        self.asked = tuple(asked)
        self._parameters: dict[str, _Parameter] = {}
        for number, one in enumerate(self.asked):
            for name, value in one.arguments.items():
                self._parameters.setdefault(name, _Parameter()).add(number, _text(value))

    def nearest(self, arguments: Mapping[str, JsonValue], count: int) -> list[tuple[float, Asked]]:
        """Return up to ``count`` recorded calls with their distance, nearest first.

        Args:
            arguments: of the call that is looked for, in canonical form.
            count: how many.
        """
        totals = [float(len(arguments))] * len(self.asked)
        for name, parameter in self._parameters.items():
            costs = parameter.costs(_text(arguments[name]) if name in arguments else None)
            if len(parameter.calls) == len(totals):
                totals = list(map(add, totals, map(costs.__getitem__, parameter.places)))
                continue
            for number, place in zip(parameter.calls, parameter.places, strict=True):
                totals[number] += costs[place]
        best = heapq.nsmallest(count, zip(totals, range(len(totals)), strict=True))
        return [(round(total, 9), self.asked[number]) for total, number in best]


class _Parameter:
    """The values that one parameter was recorded with."""

    __slots__ = ("_numbers", "_pairs", "_sizes", "calls", "places")

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._pairs: list[int] = []
        self._sizes: list[int] = []
        self.calls: list[int] = []
        """Numbers of the calls that have it, ascending."""
        self.places: list[int] = []
        """The value in each of these calls, as a place among the distinct ones."""

    def add(self, call: int, text: str) -> None:
        """Take the value of the next call that has the parameter."""
        place = self._numbers.setdefault(text, len(self._pairs))
        if place == len(self._pairs):
            pairs = _pairs(text)
            self._pairs.append(pairs)
            self._sizes.append(pairs.bit_count() or 1)  # 0 of them agree where there are none
        self.calls.append(call)
        self.places.append(place)

    def costs(self, wanted: str | None) -> list[float]:
        """Return what each distinct value adds to the distance, beyond 1 for each argument asked for.

        Args:
            wanted: the text of the value asked for; None: it was asked without the parameter.

        """
        if wanted is None:
            return [1.0] * len(self._pairs)
        pairs = _pairs(wanted)
        size = pairs.bit_count()
        found = [
            -1.8 * (one & pairs).bit_count() / (many + size)
            for one, many in zip(self._pairs, self._sizes, strict=True)
        ]
        same = self._numbers.get(wanted)
        if same is not None:
            found[same] = -1.0
        return found


def _text(value: JsonValue) -> str:
    """Return a text that equal values share: ``25`` and ``25.0`` are equal, ``1`` and ``true`` are not."""
    if isinstance(value, str):
        text = f"s{value}"
    else:
        whole = int(value) if isinstance(value, float) and value.is_integer() else value
        try:
            text = f"j{canonical_json(whole)}"
        except ValueError:  # NaN
            text = f"j{value}"
    return text if len(text) <= 2 * _COMPARED else text[:_COMPARED] + digest(text)


def _pairs(text: str) -> int:
    found = 0
    content = text[1 : _COMPARED + 1].encode("utf-8", "replace")[:_COMPARED]
    for one, other in pairwise(content):
        found |= 1 << ((one * 37 + other * 101) % _BITS)
    return found


class Prepared:
    """The neighbours of the tools that were asked for, as many as fit. Safe to share between threads."""

    def __init__(self, limit: int = 200_000) -> None:
        """Hold up to ``limit`` recorded calls, or one tool's."""
        self._limit = limit
        self._held: dict[tuple[str, str], Neighbours] = {}
        self._lock = Lock()

    def get(self, key: tuple[str, str]) -> Neighbours | None:
        """Return the neighbours of a tool, where they are held."""
        return self._held.get(key)

    def hold(self, key: tuple[str, str], found: Neighbours) -> Neighbours:
        """Keep the neighbours of a tool; those that came first go first."""
        with self._lock:
            self._held.pop(key, None)
            total = len(found.asked) + sum(len(one.asked) for one in self._held.values())
            while self._held and total > self._limit:
                total -= len(self._held.pop(next(iter(self._held))).asked)
            self._held[key] = found
        return found

    def __getstate__(self) -> int:
        return self._limit

    def __setstate__(self, limit: int) -> None:
        self.__init__(limit)  # type: ignore[misc]
