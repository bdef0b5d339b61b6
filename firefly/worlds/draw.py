"""Seeded drawing of the values that fixture worlds are made of.

A fixture is only worth asking about when its values can be told apart: identifiers are unique in
the whole world, amounts and dates do not repeat within a column, and groups differ in size, so that
no maximum, minimum or count is tied.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Draw:
    """Random values from one seed; what it gave as an identifier it never gives again."""

    def __init__(self, seed: int, salt: str) -> None:
        self.rng = Random(f"{salt}:{seed}")
        self._numbers = self.rng.sample(range(1000, 10000), 9000)

    def identifiers(self, count: int, prefix: str) -> list[str]:
        """Return ``count`` identifiers such as ``ORD-4821``, sorted; no number is used twice."""
        numbers = [self._numbers.pop() for _ in range(count)]
        return [f"{prefix}-{number}" for number in sorted(numbers)]

    def some(self, options: Sequence[T], count: int) -> list[T]:
        """Return ``count`` different options in random order."""
        return self.rng.sample(options, count)

    def one(self, options: Sequence[T]) -> T:
        """Return one option."""
        return self.rng.choice(options)

    def whole(self, count: int, low: int, high: int) -> list[int]:
        """Return ``count`` different whole numbers in random order."""
        return self.rng.sample(range(low, high), count)

    def amounts(self, count: int, low: int, high: int) -> list[float]:
        """Return ``count`` different amounts in quarters, which add up exactly in binary."""
        return [number / 4 for number in self.rng.sample(range(low * 4 + 1, high * 4), count)]

    def dates(self, count: int, first: date, days: int) -> list[date]:
        """Return ``count`` different dates within ``days`` from ``first``, sorted."""
        return [first + timedelta(days=offset) for offset in sorted(self.rng.sample(range(days), count))]

    def clock_times(self, count: int, first: int, last: int) -> list[str]:
        """Return ``count`` different times of day (``HH:MM``) between two full hours."""
        return [
            f"{minute // 60:02d}:{minute % 60:02d}" for minute in self.whole(count, first * 60, last * 60)
        ]

    def spread(self, count: int, options: Sequence[T]) -> list[T]:
        """Return ``count`` shuffled items in which each option occurs, no two of them equally often.

        Raises:
            ValueError: ``count`` is too small for that.
        """
        kinds = len(options)
        spare = count - kinds * (kinds + 1) // 2
        if spare < 0:
            raise ValueError(f"{count} items can't hold {kinds} options in different numbers")
        even = spare // (2 * kinds)
        spare -= even * kinds
        cuts = sorted(self.rng.randrange(spare + 1) for _ in range(kinds - 1))
        parts = sorted(high - low for low, high in zip([0, *cuts], [*cuts, spare], strict=True))
        sizes = [number + 1 + even + part for number, part in enumerate(parts)]
        found = [
            option for option, size in zip(self.some(options, kinds), sizes, strict=True) for _ in range(size)
        ]
        self.rng.shuffle(found)
        return found
