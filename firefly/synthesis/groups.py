"""The parts of a list whose items share a value, and the words for them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from pydantic import JsonValue

from firefly.replay.records import Condition, PathPart
from firefly.synthesis.columns import Column
from firefly.synthesis.labels import verb
from firefly.synthesis.picks import quoted

_GROUP_LIMIT = 6
"""Most values of one category that are asked about."""


@dataclass(frozen=True)
class Group:
    """The items that share a value; with no condition, all of them."""

    kept: tuple[int, ...]
    """Their positions."""
    where: tuple[Condition, ...] = ()
    said: tuple[str, ...] = ()
    """Each condition as a clause: "status is "open""."""
    have: tuple[str, ...] = ()
    """Each condition as what the items have: ""open" as status"."""

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
        """Return the conditions after a noun: " whose status is "open""."""
        return f" whose {' and whose '.join(self.said)}" if self.said else ""

    @property
    def of_those(self) -> str:
        """Return the conditions after a superlative: " of those whose status is "open""."""
        return f" of those{self.clause}" if self.said else ""

    @property
    def predicate(self) -> str:
        """Return the conditions as a predicate: "have "open" as status"."""
        return f"have {' and '.join(self.have)}" if self.have else ""

    def and_also(self, other: Group) -> Group:
        """Return the items that satisfy the conditions of both."""
        kept = tuple(index for index in self.kept if index in set(other.kept))
        return Group(kept, self.where + other.where, self.said + other.said, self.have + other.have)


def groups_of(columns: Sequence[Column], labels: Mapping[tuple[PathPart, ...], str]) -> tuple[Group, ...]:
    """Return the groups by one column, then those by two of which each says something more."""
    by_column = [found for column in columns if (found := tuple(_groups_by(column, labels)))]
    pairs = [
        both
        for one, other in combinations(by_column, 2)
        for left in one
        for right in other
        if 3 <= len((both := left.and_also(right)).kept) < min(len(left.kept), len(right.kept))
    ]
    return (*(group for found in by_column for group in found), *pairs)


def _groups_by(column: Column, labels: Mapping[tuple[PathPart, ...], str]) -> Iterator[Group]:
    if column.kind not in ("category", "flag") or not column.path:
        return
    values = sorted({json.dumps(value) for value in column.values})
    if not 2 <= len(values) <= _GROUP_LIMIT * 2 or len(set(column.normals)) < len(values):
        return
    label = labels[column.path]
    for text in values[:_GROUP_LIMIT]:
        value = json.loads(text)
        said = f"{label} set to {quoted(value)}" if column.kind == "flag" else f"{quoted(value)} as {label}"
        yield Group(
            kept=tuple(index for index, one in enumerate(column.values) if one == value),
            where=(Condition(field=column.path, value=value),),
            said=(equals(label, value),),
            have=(said,),
        )


def equals(label: str, value: JsonValue) -> str:
    """Return a condition in words: "status is "open"".

    >>> equals("initials", "K")
    'initials are "K"'
    """
    return f"{label} {verb(label)} {quoted(value)}"
