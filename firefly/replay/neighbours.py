"""The recorded calls of one tool by likeness of their arguments, prepared once and then cheap to ask.

Two argument objects are apart by 1 for each argument that only one of them has, and for each argument
whose values differ by 1 less 0.9 times the likeness of their texts (``likeness.py``). Of many calls only
those are compared that can be among the nearest (``lanes.py``); a recorded call costs some hundred bytes.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from operator import add
from threading import Lock
from typing import NamedTuple

from pydantic import JsonValue

from .lanes import Lanes, steps_of, within
from .likeness import Parameter, text_of

_FEW = 400
"""Calls up to which comparing all of them takes no longer than choosing."""
_CHOSEN = 8
"""One in so many is the most that choosing may leave; else all are compared."""


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
        texts: dict[str, list[tuple[int, str]]] = {}
        for number, one in enumerate(self.asked):
            for name, value in one.arguments.items():
                texts.setdefault(name, []).append((number, text_of(value)))
        self._parameters = {name: Parameter(len(self.asked), of) for name, of in texts.items()}
        self._lanes = Lanes(self._parameters, len(self.asked)) if len(self.asked) > _FEW else None

    def nearest(self, arguments: Mapping[str, JsonValue], count: int) -> list[tuple[float, Asked]]:
        """Return up to ``count`` recorded calls with their distance, nearest first.

        Args:
            arguments: of the call that is looked for, in canonical form.
            count: how many.
        """
        texts = {name: text_of(value) for name, value in arguments.items()}
        numbers = self._chosen(texts, count)
        if numbers is None:
            ranked = zip(self._distances(texts), range(len(self.asked)), strict=True)
        else:
            ranked = zip(self._distances_of(numbers, texts), numbers, strict=True)
        best = heapq.nsmallest(count, ranked)
        return [(round(total, 9), self.asked[number]) for total, number in best]

    def _distances(self, texts: Mapping[str, str]) -> list[float]:
        """Return the distance of every call."""
        totals = [float(len(texts))] * len(self.asked)
        for name, parameter in self._parameters.items():
            costs = parameter.costs(texts.get(name))
            totals = list(map(add, totals, map(costs.__getitem__, parameter.places)))
        return totals

    def _distances_of(self, numbers: Sequence[int], texts: Mapping[str, str]) -> list[float]:
        """Return the distance of some calls."""
        totals = [float(len(texts))] * len(numbers)
        for name, parameter in self._parameters.items():
            places = [parameter.places[number] for number in numbers]
            totals = list(map(add, totals, parameter.costs_of(places, texts.get(name))))
        return totals

    def _chosen(self, texts: Mapping[str, str], count: int) -> list[int] | None:
        """Return the calls that can be among the nearest, in their order; None: too many can."""
        if self._lanes is None or not self._lanes.told_apart:
            return None
        limit = len(self.asked) // _CHOSEN
        least = self._lanes.least(texts)
        first = within(least, steps_of(least, count), limit)
        if first is None:
            return None
        farthest = heapq.nsmallest(count, self._distances_of(first, texts))[-1]
        nowhere = sum(name not in self._parameters for name in texts)
        return within(least, self._lanes.steps(farthest - nowhere), limit)


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
