"""The parts of a list whose items share a value or lie on one side of one, and the words for them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from operator import gt, lt
from random import Random
from typing import Literal

from pydantic import JsonValue

from firefly.english import vocabulary, words
from firefly.replay.expressions import is_number
from firefly.replay.records import Condition, PathPart
from firefly.synthesis.clauses import Clause, above, having
from firefly.synthesis.columns import Column
from firefly.synthesis.roles import role_of

Side = Literal["above", "below"]

_DULL = vocabulary("nullable notnull pk dflt hidden visible readonly active default current selected checked")
"""Flags of a thing's form."""
_GROUP_LIMIT = 6
"""Most values of one field that are asked about."""
_DISTINCT = 12
"""Most different values of a field whose items form groups."""


@dataclass(frozen=True)
class Group:
    """The items that satisfy some conditions; with none, all of them."""

    kept: tuple[int, ...]
    """Their positions."""
    where: tuple[Condition, ...] = ()
    clauses: tuple[Clause, ...] = ()
    """Each condition in words after a noun: "with status open", "placed after 2021-03-01"."""

    @property
    def fields(self) -> tuple[tuple[PathPart, ...], ...]:
        """Return the fields that the conditions are about."""
        return tuple(condition.field for condition in self.where)

    @property
    def stated(self) -> tuple[JsonValue, ...]:
        """Return the values that the words state."""
        return tuple(condition.value for condition in self.where)

    @property
    def clause(self) -> str:
        """Return the conditions after a noun: " placed after 2021-03-01 with status open"."""
        without = [one.text for one in self.clauses if not one.has_with]
        having = [one.text for one in self.clauses if one.has_with]
        if len(having) > 1:
            having = [having[0], *(one.removeprefix("with ") for one in having[1:])]
            without.append(" and ".join(having))
        else:
            without += having
        return "".join(f" {one}" for one in without)

    @property
    def has_with(self) -> bool:
        """Return whether the clause ends in something that the thing has."""
        return any(one.has_with for one in self.clauses)

    def and_also(self, other: Group) -> Group:
        """Return the items that satisfy the conditions of both."""
        kept = tuple(index for index in self.kept if index in set(other.kept))
        return Group(kept, self.where + other.where, self.clauses + other.clauses)


def groups_of(
    columns: Sequence[Column], labels: Mapping[tuple[PathPart, ...], str], rng: Random
) -> tuple[Group, ...]:
    """Return the groups by one field, then those by two of which each says something more."""
    shared = [found for column in columns if (found := tuple(_shared(column, labels)))]
    sided = [found for column in columns if (found := tuple(_sided(column, labels, rng)))]
    pairs = [
        both
        for one, other in combinations([*shared, *sided], 2)
        for left in one
        for right in other
        if 3 <= len((both := left.and_also(right)).kept) < min(len(left.kept), len(right.kept))
    ]
    return (*(group for found in [*shared, *sided] for group in found), *pairs)


def _shared(column: Column, labels: Mapping[tuple[PathPart, ...], str]) -> Iterator[Group]:
    """Yield the groups of items that share a value of the field."""
    if not column.path or not column.complete or column.kind not in ("category", "flag", "identifier"):
        return
    if role_of(column) in ("form", "formula", "amount", "file") or set(words(column.name)) & _DULL:
        return
    values = sorted({json.dumps(value) for value in column.values})
    repeated = [text for text in values if column.values.count(json.loads(text)) > 1]
    if not len(values) >= 2 or len(set(column.normals)) < len(values) or not repeated:
        return
    if column.kind != "identifier" and len(values) > _DISTINCT:
        return
    chosen = values if column.kind == "flag" else repeated
    for text in chosen[:_GROUP_LIMIT]:
        value = json.loads(text)
        yield Group(
            kept=tuple(index for index, one in enumerate(column.values) if one == value),
            where=(Condition(field=column.path, value=value),),
            clauses=(having(column, labels[column.path], value),),
        )


def _sided(column: Column, labels: Mapping[tuple[PathPart, ...], str], rng: Random) -> Iterator[Group]:
    """Yield the groups of items above or below a round value that no item has."""
    if not column.path or not column.complete or column.kind not in ("quantity", "date"):
        return
    if column.kind == "date" and any(len(str(value)) != 10 for value in column.values):
        return
    values = sorted(set(column.values), key=lambda one: one)  # type: ignore[arg-type,return-value]
    if len(values) < 4:
        return
    at = rng.randrange(len(values) // 4, max(len(values) // 4 + 1, 3 * len(values) // 4))
    limit = _between(values[at], values[at + 1])
    if limit is None:
        return
    sides: tuple[tuple[Side, Callable[..., bool]], ...] = (("above", gt), ("below", lt))
    for compare, beyond in sides:
        kept = tuple(index for index, one in enumerate(column.values) if beyond(one, limit))
        if len(kept) >= 2:
            yield Group(
                kept,
                (Condition(field=column.path, value=limit, compare=compare),),
                (above(column, labels[column.path], limit, compare),),
            )


def _between(low: JsonValue, high: JsonValue) -> JsonValue:
    """Return the roundest value that lies between the two; None where none is simple.

    Between whole numbers that follow each other there is none: nothing is half of a piece.

    >>> _between(387, 443), _between(2.5, 7.75), _between(8, 9), _between(8.0, 9.0)
    (400, 5, None, 8.5)
    >>> _between("2021-02-11", "2021-04-03")
    '2021-04-01'
    """
    if isinstance(low, str) and isinstance(high, str):
        for length, tail in ((4, "-01-01"), (7, "-01")):
            day = high[:length] + tail
            if low < day < high:
                return day
        return None
    if not (is_number(low) and is_number(high)):
        return None
    first, last = float(str(low)), float(str(high))
    if isinstance(low, int) and isinstance(high, int) and last - first <= 1:
        return None
    for step in (10**power * unit for power in range(9, -3, -1) for unit in (5, 1)):
        point = (first // step + 1) * step
        if first < point < last:
            return int(point) if float(point).is_integer() else round(point, 3)
    return None
