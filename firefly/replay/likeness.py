"""How alike two values of an argument are: what one costs in place of another.

The share of adjacent pairs of bytes that both texts have (Dice's coefficient). The pairs of a text are
kept as bits of one number, so that a comparison is two machine operations.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from pydantic import JsonValue

from .records import digest, shown_json

ABSENT = -1
"""Place of the value of a call that lacks the parameter."""

_COMPARED = 64
"""Bytes at the head of a value's text that are compared."""
_BITS = 256


class Parameter:
    """The values that one parameter was recorded with. Immutable."""

    def __init__(self, calls: int, texts: Iterable[tuple[int, str]]) -> None:
        """Take the values.

        Args:
            calls: recorded calls of the tool.
            texts: (number of the call, text of the value), for those that have the parameter.

        """
        self.numbers: dict[str, int] = {}
        """Text of a value -> its place among the distinct ones."""
        self.pairs: list[int] = []
        """Of each distinct value."""
        self.sizes: list[int] = []
        """How many pairs that are, at least 1."""
        self.places = [ABSENT] * calls
        """The place of the value of each call."""
        for number, text in texts:
            place = self.numbers.setdefault(text, len(self.pairs))
            if place == len(self.pairs):
                self.pairs.append(pairs_of(text))
                self.sizes.append(self.pairs[-1].bit_count() or 1)
            self.places[number] = place

    def costs(self, wanted: str | None) -> list[float]:
        """Return what each distinct value adds to the distance; the last is that of a call without it."""
        return self.costs_of([*range(len(self.pairs)), ABSENT], wanted)

    def costs_of(self, places: Sequence[int], wanted: str | None) -> list[float]:
        """Return what values add to the distance, beyond 1 for each argument asked for.

        Args:
            places: of the values.
            wanted: the text of the value asked for; None: it was asked without the parameter.

        """
        if wanted is None:
            return [0.0 if place == ABSENT else 1.0 for place in places]
        pairs, same = pairs_of(wanted), self.numbers.get(wanted)
        size, own, sizes = pairs.bit_count(), self.pairs, self.sizes
        return [
            -1.0
            if place == same
            else 0.0
            if place == ABSENT
            else -1.8 * (own[place] & pairs).bit_count() / (sizes[place] + size)
            for place in places
        ]


def text_of(value: JsonValue) -> str:
    """Return a text that equal values share: ``25`` and ``25.0`` are equal, ``1`` and ``true`` are not."""
    if isinstance(value, str):
        text = f"s{value}"
    else:
        whole = int(value) if isinstance(value, float) and value.is_integer() else value
        text = f"j{shown_json(whole)}"
    return text if len(text) <= 2 * _COMPARED else text[:_COMPARED] + digest(text)


def pairs_of(text: str) -> int:
    """Return the pairs of bytes of a value's text, as bits."""
    found = 0
    content = text[1 : _COMPARED + 1].encode("utf-8", "replace")[:_COMPARED]
    for one, other in pairwise(content):
        found |= 1 << ((one * 37 + other * 101) % _BITS)
    return found
