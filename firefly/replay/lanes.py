"""Least distances of all recorded calls of a tool at once, so that few need be compared one by one.

Each call has one byte (a *lane*) of a large integer; adding two integers adds the bytes of all calls. For
each parameter the byte says, rounded down, how far the call is at least; what the bytes of all parameters
add up to is no more than the distance. A few operations of the interpreter stand for thousands of calls.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping

from .likeness import ABSENT, Parameter, pairs_of

_FULL = 255
_CLASSES = 4
"""Of sizes of values; with a count of pairs, which is below 64, they fill a byte."""
_PAIRS = 64
_ROUNDING = 1e-6
_COARSEST = 8
"""Steps between equal and wholly different that a byte must at least be able to tell apart."""


class Lanes:
    """The recorded calls of one tool as lanes. Immutable; safe to share between threads."""

    def __init__(self, parameters: Mapping[str, Parameter], calls: int) -> None:
        """Prepare the calls."""
        self._calls = calls
        self._share = _FULL // max(1, len(parameters))
        self._lanes: dict[str, _Few | _Many] = {}
        if self.told_apart:
            for name, one in parameters.items():
                self._lanes[name] = _Few(one) if len(one.pairs) < _FULL else _Many(one)

    @property
    def told_apart(self) -> bool:
        """Return whether there are few enough parameters for one byte."""
        return self._share >= _COARSEST

    def least(self, texts: Mapping[str, str]) -> bytes:
        """Return at least how far each call is, in steps; arguments that no call has do not count.

        Args:
            texts: argument asked for -> text of its value.

        """
        total = 0
        for name, lane in self._lanes.items():
            total += int.from_bytes(lane.least(texts.get(name), self._share), "little")
        return total.to_bytes(self._calls, "little")

    def steps(self, distance: float) -> int:
        """Return the steps that no call as near as ``distance`` exceeds."""
        return min(_FULL, int(distance * self._share + _ROUNDING))


def steps_of(least: bytes, count: int) -> int:
    """Return the fewest steps that ``count`` calls do not exceed."""
    return min(_FULL, bisect_left(range(_FULL), count, key=lambda steps: _flags(least, steps).count(1)))


def within(least: bytes, steps: int, limit: int) -> list[int] | None:
    """Return the numbers of the calls that do not exceed ``steps``; None: they are more than ``limit``."""
    flags = _flags(least, steps)
    return None if flags.count(1) > limit else list(_places(flags))


def _flags(least: bytes, steps: int) -> bytes:
    return least.translate(b"\1" * (steps + 1) + b"\0" * (_FULL - steps))


def _places(flags: bytes) -> Iterator[int]:
    at = flags.find(1)
    while at >= 0:
        yield at
        at = flags.find(1, at + 1)


def _rounded(distance: float, share: int) -> int:
    return max(0, int(distance * share - _ROUNDING))


class _Few:
    """A parameter with so few different values that each has a number of one byte."""

    def __init__(self, parameter: Parameter) -> None:
        self._parameter = parameter
        self._places = bytes(_FULL if place == ABSENT else place for place in parameter.places)

    def least(self, wanted: str | None, share: int) -> bytes:
        asked = 0.0 if wanted is None else 1.0
        *costs, absent = (_rounded(asked + cost, share) for cost in self._parameter.costs(wanted))
        return self._places.translate(bytes(costs).ljust(_FULL, b"\0") + bytes([absent]))


class _Many:
    """A parameter with more values: their pairs are counted in lanes, and sizes are known by class."""

    def __init__(self, parameter: Parameter) -> None:
        self._numbers = parameter.numbers
        self._calls_of: dict[int, list[int]] = defaultdict(list)
        sizes = sorted(parameter.sizes)
        self._smallest = [sizes[part * len(sizes) // _CLASSES] for part in range(_CLASSES)]
        calls = len(parameter.places)
        classes, has = bytearray(calls), bytearray(calls)
        pairs: dict[int, bytearray] = defaultdict(lambda: bytearray(calls))
        for number, place in enumerate(parameter.places):
            if place == ABSENT:
                continue
            self._calls_of[place].append(number)
            has[number] = 1
            fitting = sum(one <= parameter.sizes[place] for one in self._smallest)
            classes[number] = _PAIRS * (fitting - 1)
            for bit in _bits(parameter.pairs[place]):
                pairs[bit][number] = 1
        self._calls = calls
        self._classes = int.from_bytes(classes, "little")
        self._has = int.from_bytes(has, "little")
        self._pairs = {bit: int.from_bytes(lanes, "little") for bit, lanes in pairs.items()}

    def least(self, wanted: str | None, share: int) -> bytes:
        if wanted is None:
            return (self._has * share).to_bytes(self._calls, "little")
        pairs = pairs_of(wanted)
        counted = self._classes
        for bit in _bits(pairs):
            counted += self._pairs.get(bit, 0)
        found = bytearray(counted.to_bytes(self._calls, "little").translate(self._table(pairs, share)))
        for number in self._calls_of.get(self._numbers.get(wanted, ABSENT), ()):
            found[number] = 0
        return bytes(found)

    def _table(self, pairs: int, share: int) -> bytes:
        size = pairs.bit_count()
        found = bytearray()
        for smallest in self._smallest:
            steps = (
                _rounded(1.0 - 1.8 * count / (max(count, smallest) + size), share)
                for count in range(size + 1)
            )
            found += bytes(steps).ljust(_PAIRS, b"\0")
        return bytes(found)


def _bits(pairs: int) -> Iterator[int]:
    while pairs:
        lowest = pairs & -pairs
        yield lowest.bit_length() - 1
        pairs ^= lowest
