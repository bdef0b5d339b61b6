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
        numbers: dict[tuple[str, str], int] = {}
        self._values: list[tuple[str, str, int]] = []
        """Every distinct argument: its name, its text, the pairs of its text."""
        self._calls: list[tuple[int, ...]] = []
        """The arguments of each call, as places in `_values`."""
        for one in self.asked:
            found = []
            for name, value in one.arguments.items():
                text = _text(value)
                number = numbers.setdefault((name, text), len(self._values))
                if number == len(self._values):
                    self._values.append((name, text, _pairs(text)))
                found.append(number)
            self._calls.append(tuple(found))

    def nearest(self, arguments: Mapping[str, JsonValue], count: int) -> list[tuple[float, Asked]]:
        """Return up to ``count`` recorded calls with their distance, nearest first.

        Args:
            arguments: of the call that is looked for, in canonical form.
            count: how many.
        """
        wanted = {name: (text := _text(value), _pairs(text)) for name, value in arguments.items()}
        cost = [_cost(text, pairs, wanted.get(name)) for name, text, pairs in self._values].__getitem__
        totals = [sum(map(cost, call)) for call in self._calls]
        best = heapq.nsmallest(count, range(len(totals)), key=totals.__getitem__)
        return [(round(len(wanted) + totals[index], 9), self.asked[index]) for index in best]


def _cost(text: str, pairs: int, wanted: tuple[str, int] | None) -> float:
    """Return what a recorded argument adds to the distance, beyond 1 for each argument asked for."""
    if wanted is None:
        return 1.0
    if wanted[0] == text:
        return -1.0
    every = pairs.bit_count() + wanted[1].bit_count()
    return -1.8 * (pairs & wanted[1]).bit_count() / every if every else 0.0


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
