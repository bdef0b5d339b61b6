"""The ways to single out one item of a list, whatever is then asked of it, each with its words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from firefly.english import spoken, words
from firefly.mentions import same
from firefly.replay.records import Condition, Expression, PathPart
from firefly.synthesis.clauses import PLACE, done, extreme, having, named
from firefly.synthesis.columns import Column
from firefly.synthesis.groups import Group
from firefly.synthesis.roles import role_of
from firefly.synthesis.shown import is_code, is_proper, shown

__all__ = ["NAMED", "Thing", "alphabetical", "by_key", "by_value", "extremes"]

NAMED = 3.0
"""Weight of a thing that is called by its own key or name."""


@dataclass(frozen=True)
class Thing:
    """One item, singled out."""

    index: int
    text: str
    """Its noun phrase: "order ORD-1", "the customer with the highest total"."""
    which: str
    """What is said of it and of no other, after "which order": "has the highest total"."""
    template: str
    """``find`` or ``extreme``."""
    expression: Expression
    """Reads the whole item; ``reading`` gives a field."""
    kept: str = ""
    """Which items are meant at all: " with status open"."""
    stated: tuple[JsonValue, ...] = ()
    weight: float = 1.0
    """How natural it is to speak of the item so."""
    fields: frozenset[tuple[PathPart, ...]] = field(default_factory=frozenset)
    """The fields that its words are about."""

    def reading(self, path: tuple[PathPart, ...]) -> Expression:
        """Return the expression that reads a field of the item."""
        return self.expression.model_copy(update={"field": path})


def by_key(base: Expression, noun: str, column: Column, index: int) -> Thing:
    """Return the item as its key or name says it: "order ORD-1", "the customer Garnet Textiles"."""
    value = column.values[index]
    parts = words(column.name)
    if noun.isupper() and parts and not set(parts) & set(words(noun)):
        # 'the product "brass valve"' in a list of SKUs
        noun = "item" if parts[-1] in ("name", "title") else spoken(column.name)
    if column.kind == "date":
        # nothing but its time tells it from others: "the record of 2021-05-02T07:41:30"
        thing = "record" if set(words(noun)) <= set(parts) else noun
        text = f"the {thing} of {shown(value)}"
    elif isinstance(value, str) and (is_code(value) or (value.isdigit() and "name" not in parts)):
        text = named(noun, value)
    elif isinstance(value, int):
        text = f"{noun} {value}"
    elif is_proper(value):
        text = f"the {noun} {value}"
    else:
        text = f"the {noun} {shown(value)}"
    return _found(base, column, index, text, f"is {shown(value)}", NAMED)


def by_value(base: Expression, noun: str, column: Column, label: str, index: int) -> Thing:
    """Return the item as one of its other fields says it: "the agreement signed on 2020-04-06"."""
    value = column.values[index]
    clause = having(column, label, value)
    if clause.text.startswith("with "):
        which = f"has {clause.text.removeprefix('with ')}"
    elif done(column) is not None:
        which = f"was {clause.text}"
    else:
        which = f"is {clause.text}"
    weight = {"date": 1.0, "person": 1.0, "place": 1.0, "code": 0.8, "text": 0.7}.get(role_of(column), 0.1)
    return _found(base, column, index, f"the {noun}{PLACE} {clause.text}", which, weight)


def _found(base: Expression, column: Column, index: int, text: str, which: str, weight: float) -> Thing:
    value = column.values[index]
    condition = Condition(field=column.path, value=value)
    return Thing(
        index,
        text,
        which,
        "find",
        base.model_copy(update={"op": "where", "where": (condition,)}),
        stated=(value,),
        weight=weight,
        fields=frozenset({column.path}),
    )


def extremes(base: Expression, noun: str, by: Column, label: str, groups: Sequence[Group]) -> Iterator[Thing]:
    """Yield the items that have the most or least of a measured field, of all items or of a group."""
    for group in groups:
        if by.path in group.fields:
            continue
        for most in (True, False):
            position = _extreme([by.values[one] for one in group.kept], most)
            if position is None:
                continue
            clause, which = extreme(by, label, most=most)
            said = f"that {which}" if group.where else clause.text
            yield Thing(
                group.kept[position],
                f"the {noun}{PLACE}{group.clause} {said}",
                which,
                "extreme",
                base.model_copy(
                    update={
                        "op": "sort",
                        "where": group.where,
                        "by": by.path,
                        "descending": most,
                        "limit": 1,
                    }
                ),
                kept=group.clause,
                stated=group.stated,
                weight=2.0 if not group.where else 1.6,
                fields=frozenset({by.path, *group.fields}),
            )


def alphabetical(base: Expression, noun: str, column: Column) -> Iterator[Thing]:
    """Yield the first and the last of a list of plain names in alphabetical order."""
    if column.path or not _plainly_ordered(column):
        return
    for last in (True, False):
        position = _extreme(column.values, last)
        if position is None:
            continue
        end = f"comes {'last' if last else 'first'} in alphabetical order"
        yield Thing(
            position,
            f"the {noun}{PLACE} that {end}",
            end,
            "extreme",
            base.model_copy(update={"op": "sort", "by": (), "descending": last, "limit": 1}),
            weight=0.6,
        )


def _extreme(values: Sequence[JsonValue], most: bool) -> int | None:
    """Return the place of the only highest (lowest) value; None when there is a tie or no order."""
    try:
        order = sorted(range(len(values)), key=lambda index: values[index], reverse=most)  # type: ignore[arg-type,return-value]
    except TypeError:
        return None
    if len(order) < 2 or same(values[order[0]], values[order[1]]):
        return None
    return order[0]


def _plainly_ordered(column: Column) -> bool:
    """Return whether any way to sort these texts alphabetically gives the same order."""
    texts = [value for value in column.values if isinstance(value, str)]
    if len(texts) < len(column.values) or column.kind not in ("text", "category"):
        return False
    simple = all(
        text.replace("_", "a").isalnum() and text.isascii() and text == text.lower() for text in texts
    )
    letters = [text.replace("_", "") for text in texts]
    return simple and sorted(texts) == [text for _, text in sorted(zip(letters, texts, strict=True))]
