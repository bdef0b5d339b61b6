"""Ways to single out a value in what a call returned, each with its words.

A pick is right by construction: its expression is evaluated on the observed output, and it is only
offered where exactly one value fits its words. Picks serve as answers and as selectors of the
values that are passed from call to call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from firefly.english import plural, vocabulary, words
from firefly.replay.records import Expression
from firefly.synthesis.columns import Column, collections, fields
from firefly.synthesis.labels import labels
from firefly.synthesis.roles import Role, role_of
from firefly.synthesis.shown import quoted

__all__ = ["RESULTS", "Pick", "Template", "field_picks", "many", "quoted", "scalar_picks", "unit_of"]

Template = Literal["field", "find", "extreme", "fold", "total", "count", "top", "only", "all", "scalar"]

RESULTS = ("", "result", "value", "output", "answer", "product")
"""Names of fields that hold all there is to say; "" for an output that is a bare value."""

_UNIT_WORDS = vocabulary("unit units uom currency dimension dimensions")
_UNIT_LIMIT = 20
"""Longest unit, in characters."""


@dataclass(frozen=True)
class Pick:
    """A value singled out, and how to say it."""

    expression: Expression
    value: JsonValue
    noun: str
    """Noun phrase of the value, without where it is found: "the city of the customer Garnet Textiles"."""
    label: str
    """What the value is called: "city"."""
    template: Template
    column: Column | None
    """Where the value stands; None for a count."""
    thing: str = ""
    """Noun phrase of the one item that it belongs to: "order ORD-1"; "" where it is of several items."""
    which: str = ""
    """What is said of that item and of no other: "has the highest total"."""
    kept: str = ""
    """Which items are meant at all, after their noun: " with status open"; "" for all."""
    own: bool = False
    """The value is the item's own key or name: who says the item has said the value."""
    word: str = ""
    """For a fold: "highest unit price"."""
    stated: tuple[JsonValue, ...] = ()
    """Values that the words state."""
    item: str = ""
    """What one item of the list is called, where the value is singled out in a list."""
    order: str = ""
    """For a list: "highest first"."""
    unit: str = ""
    """The unit of a number, where the answer says it."""
    weight: float = 1.0
    """How natural it is to speak of the item so."""

    @property
    def role(self) -> Role:
        """Return the part that the value's field plays."""
        return "quantity" if self.column is None else role_of(self.column, self.item)

    @property
    def items(self) -> str:
        """Return the items that are meant, plural: "orders with status open"."""
        return f"{many(self.item)}{self.kept}"


def many(noun: str) -> str:
    """Return the plural of a noun of one or more words.

    >>> many("open order")
    'open orders'
    """
    *before, last = noun.split() or [""]
    return " ".join([*before, last + "s" if last.isupper() else plural(last)])


def field_picks(call: str, output: JsonValue, lexicon: Mapping[str, str] | None = None) -> Iterator[Pick]:
    """Yield the single fields of an output that is an object."""
    columns = [Column(path, (value,)) for path, value in fields(output)]
    results = [column for column in columns if column.name.lower() in RESULTS]
    sizes = {len(collection.items) for collection in collections(call, output, 0)}
    for path, label in labels(columns, lexicon or {}).items():
        column = next(one for one in columns if one.path == path)
        value = column.values[0]
        # How many items a list has is asked of the list.
        if _is_unit(column, columns):
            continue  # said where the quantity is asked for
        if column.kind in ("opaque", "flag") or (isinstance(value, int) and value in sizes):
            continue
        if column in results and len(results) > 1 and not _is_the_number(column, results):
            continue  # which of the "results" is meant can't be said
        yield Pick(
            Expression(op="value", call=call, path=path),
            value,
            f"the {label}",
            label,
            "field",
            column,
            unit=unit_of(column, columns),
        )


def unit_of(column: Column, columns: Sequence[Column]) -> str:
    """Return the unit that stands beside a quantity; "" where none or more than one does.

    >>> weight, unit = Column(("weight",), (2.5,)), Column(("unit",), ("kg",))
    >>> unit_of(weight, [weight, unit])
    'kg'
    """
    beside = [one for one in columns if one.path[:-1] == column.path[:-1]]
    units = [one for one in beside if set(words(one.name)) & _UNIT_WORDS]
    quantities = [one for one in beside if one.kind == "quantity"]
    said = {value for one in units for value in one.values}
    if column.kind != "quantity" or len(said) != 1:
        return ""
    own = [one for one in units if set(words(one.name)) - _UNIT_WORDS <= set(words(column.name))]
    if len(own) != 1 or (set(words(own[0].name)) <= _UNIT_WORDS and len(quantities) > 1):
        return ""
    unit = str(next(iter(said)))
    telling = any(one.isalpha() or one in "%°€£$¥" for one in unit)  # "1" is no unit
    return unit if telling and len(unit) <= _UNIT_LIMIT and unit.isprintable() else ""


def _is_unit(column: Column, columns: Sequence[Column]) -> bool:
    own = set(words(column.name))
    return bool(own & _UNIT_WORDS) and any(
        own - _UNIT_WORDS <= set(words(one.name)) for one in columns if one.kind == "quantity"
    )


def _is_the_number(column: Column, others: Sequence[Column]) -> bool:
    return column.kind == "quantity" and sum(one.kind == "quantity" for one in others) == 1


def scalar_picks(call: str, output: JsonValue, noun: str) -> Iterator[Pick]:
    """Yield the only value of an output that is a table of one cell."""
    for collection in collections(call, output, 1):
        if len(collection.items) == 1 and len(collection.columns) == 1 and collection.columns[0].path:
            column = collection.columns[0]
            expression = Expression(op="value", call=call, path=(*collection.path, 0, *column.path))
            label = noun.removeprefix("the ").split(" of the ")[0]
            yield Pick(expression, column.values[0], noun, label, "scalar", column)
