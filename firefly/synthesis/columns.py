"""What kind of thing stands in a field: decides which questions make sense about it.

A minimum over texts, a sum over years, and an average of ids are all computable and all nonsense.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from pydantic import JsonValue

from firefly.english import vocabulary, words
from firefly.mentions import normal
from firefly.replay.expressions import is_number
from firefly.replay.records import PathPart
from firefly.synthesis.shown import is_file

Kind = Literal["quantity", "identifier", "year", "date", "category", "text", "flag", "opaque"]
"""``quantity``: may be compared and added. ``identifier``: a number or code that names a thing.
``category``: a text that several items share; ``text``: one that hardly repeats. ``opaque``: no
subject for questions."""

TEXT_LIMIT = 60
"""Longest text that a question or an answer quotes, in characters."""

_IDENTIFIER_WORDS = vocabulary(
    """
    id ids uid uuid guid key code number no nr num index idx position pos ordinal row line column cid pk
    port zip postcode phone version sku isbn iban oid pid rank priority level page offset cursor token
    notnull seq sequence hash sha commit digest checksum fingerprint
    """
)
_RATE_WORDS = vocabulary(
    """
    price rate ratio percent percentage pct average avg mean median score rating temperature latitude
    longitude lat lon lng age share probability factor exchange per unit speed discount margin median
    lead days hours minutes seconds duration
    std stddev variance min max minimum maximum balance weight height width length limit point threshold
    target budget mileage level daily hourly weekly monthly yearly
    reading revision version capacity
    """
)
"""Quantities that may be compared but whose sum says nothing a person would ask for."""
_VOLATILE_WORDS = vocabulary(
    """
    created modified accessed atime mtime ctime birthtime uptime elapsed duration_ms execution took
    session
    """
)
_POSITION_WORDS = vocabulary(
    "line row index idx position pos rank cid pk page offset cursor seq sequence ordinal notnull start end"
)
"""Numbers that say where something stands in an answer."""
_META_WORDS = vocabulary("pagination paging meta metadata returned limit offset has cursor truncated _meta")
_MACHINE_WORDS = vocabulary("schema mime encoding format class object success ok error errors warnings")

_SHORT_WORDS = vocabulary(
    "id url uri iban sku isbn vat zip gb mb kb cm km mm kg bid kid mid hr qty pct tz ip"
)
_NUMBERED = 2
"""Digits of a number that merely counts."""
_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}$")
_DATETIME = re.compile(r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?$")
_HEX = re.compile(r"^(?=.*\d)(?=.*[a-f])[0-9a-f]{7,64}$|^[0-9a-f]{8}-[0-9a-f]{4}-.*$", re.IGNORECASE)
_PLAIN_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_ -]{0,39}$")


@dataclass(frozen=True)
class Column:
    """One field of the items of a list (``path`` is relative to the item; () is the item itself)."""

    path: tuple[PathPart, ...]
    values: tuple[JsonValue, ...]
    title: str = ""
    """The heading of a table's column, where items are rows without keys."""

    @property
    def keys(self) -> tuple[PathPart, ...]:
        """Return the keys that name the field."""
        return (self.title,) if self.title else tuple(part for part in self.path if not is_file(part))

    @property
    def name(self) -> str:
        """Return the field's own key; "" for a list of scalars."""
        return str(self.keys[-1]) if self.keys else ""

    @cached_property
    def kind(self) -> Kind:
        """Return what kind of thing stands in it, where anything does."""
        return kind_of(self.name, [value for value in self.values if value is not None])

    @cached_property
    def complete(self) -> bool:
        """Return whether every item has a value: only then is anything said of all of them."""
        return all(value is not None for value in self.values)

    @cached_property
    def may_be_added(self) -> bool:
        """Return whether the sum over the items means something."""
        return self.kind == "quantity" and self.complete and not set(words(self.name)) & _RATE_WORDS

    @cached_property
    def is_constant(self) -> bool:
        """Return whether several items all say the same, so that it says nothing of any of them."""
        return len(self.values) > 1 and len(set(self.normals)) == 1

    @cached_property
    def normals(self) -> tuple[str, ...]:
        """Return each value as a reader compares it."""
        return tuple(normal(str(value)) or str(value) for value in self.values)

    def is_unique(self, index: int) -> bool:
        """Return whether no other item has a value that reads like that of item ``index``."""
        return self.normals.count(self.normals[index]) == 1


@dataclass(frozen=True)
class Collection:
    """A list of like items in the output of a call."""

    call: str
    path: tuple[PathPart, ...]
    items: tuple[JsonValue, ...]
    columns: tuple[Column, ...]

    def column(self, path: tuple[PathPart, ...]) -> Column | None:
        """Return the column at ``path``; None when there is none that all items have."""
        return next((column for column in self.columns if column.path == path), None)


def kind_of(name: str, values: Sequence[JsonValue]) -> Kind:  # noqa: PLR0911 - one return for each kind
    """Return what kind of thing the values of one field are.

    >>> kind_of("total", [10.5, 20.0, 20.0]), kind_of("order_id", [1, 2]), kind_of("year", [1999, 2004])
    ('quantity', 'identifier', 'year')
    >>> kind_of("city", ["Oslo", "Rome", "Oslo"]), kind_of("day", ["2026-01-02"])
    ('category', 'date')
    """
    if not values or any(value is None or isinstance(value, list | dict) for value in values):
        return "opaque"
    if all(isinstance(value, bool) for value in values):
        return "flag"
    spoken = set(words(name))
    if spoken & _VOLATILE_WORDS:
        return "opaque"
    if all(is_number(value) for value in values):
        return _kind_of_numbers(spoken, [value for value in values if is_number(value)])
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) < len(values) or not all(_quotable(text) for text in texts):
        return "opaque"
    if all(map(_numeric, texts)):  # a figure written as a text is told as it stands, and not compared
        if spoken & (_POSITION_WORDS | _VOLATILE_WORDS):
            return "opaque"
        if spoken & _IDENTIFIER_WORDS:  # short ones are numbered by a program, and known to nobody
            return "identifier" if all(len(text) > _NUMBERED for text in texts) else "opaque"
        return "text"
    if all(_DATE.match(text) or _DATETIME.match(text) for text in texts):
        return "date"
    if all(_HEX.match(text) for text in texts):
        return "identifier"
    if spoken & _IDENTIFIER_WORDS and not any(" " in text for text in texts):
        return "identifier"
    return (
        "category"
        if len(set(texts)) <= 0.75 * len(texts) or (len(texts) > 3 and len(set(texts)) == 1)
        else "text"
    )


def _kind_of_numbers(spoken: set[str], values: Sequence[JsonValue]) -> Kind:
    if spoken & _POSITION_WORDS and len(spoken) == 1:
        return "opaque"
    if spoken & _IDENTIFIER_WORDS and not spoken & {"count", "total", "sum"}:
        return "identifier"
    whole = [int(str(value)) for value in values if isinstance(value, int)]
    if len(whole) == len(values):
        if spoken & {"year", "yr"} or (len(values) > 1 and all(1900 <= value <= 2100 for value in whole)):
            return "year"
        if len(whole) > 2 and sorted(whole) == list(range(min(whole), min(whole) + len(whole))):
            return "identifier"
    return "quantity"


PLACEMENT = vocabulary("position positions bounds bbox geometry coordinates offset offsets layout")
"""Owners of figures that say where something stands on a page or in a text."""


def is_machine_field(path: Sequence[PathPart]) -> bool:
    """Return whether a field describes the answer's form rather than its subject, or is a cryptic code.

    >>> is_machine_field(("pagination", "total")), is_machine_field(("pk",)), is_machine_field(("age",))
    (True, True, False)
    """
    keys = [words(part) for part in path if isinstance(part, str)]
    if any(set(key) & (_META_WORDS | PLACEMENT) for key in keys[:-1]):
        return True
    last = set(keys[-1]) if keys else set()
    return bool(last) and (last <= _MACHINE_WORDS or bool(last & _META_WORDS) or all(map(_cryptic, last)))


def _cryptic(word: str) -> bool:
    if word in _SHORT_WORDS or word.isdigit():
        return word.isdigit()
    return len(word) <= 2 or not set(word) & set("aeiouy") or (len(word) == 3 and word.endswith("id"))


def _quotable(text: str) -> bool:
    stripped = text.strip()
    return bool(stripped) and stripped == text and len(text) <= TEXT_LIMIT and text.isprintable()


def _numeric(text: str) -> bool:
    try:
        float(text.replace(",", ""))
    except ValueError:
        return False
    return True


def named(key: PathPart) -> bool:
    """Return whether an object's key is a field name rather than data ("sales.csv", "2024")."""
    return isinstance(key, str) and bool(_PLAIN_NAME.match(key)) and any(len(word) > 1 for word in words(key))


def collections(call: str, output: JsonValue, minimum: int = 2) -> list[Collection]:
    """Return every list of at least ``minimum`` like items that is reached through field names alone."""
    found = []
    lists = list(_lists(output, ()))
    for path, items in lists:
        headings = [other for near, other in lists if near[:-1] == path[:-1] and near != path]
        columns = _table(items, headings) or tuple(_columns(items))
        if len(items) >= minimum and columns:
            found.append(Collection(call, path, tuple(items), columns))
    return found


def _table(items: Sequence[JsonValue], headings: Sequence[list[JsonValue]]) -> tuple[Column, ...]:
    """Return the columns of rows without keys below a heading that stands in a list beside them."""
    rows = [row for row in items if isinstance(row, list)]
    if len(rows) < len(items) or not rows or len({len(row) for row in rows}) != 1 or not rows[0]:
        return ()
    beside = [one for one in headings if len(one) == len(rows[0]) and _is_heading(one)]
    return tuple(
        Column((index,), tuple(row[index] for row in rows), str(title))
        for heading in beside[:1]
        for index, title in enumerate(heading)
    )


def _is_heading(values: Sequence[JsonValue]) -> bool:
    texts = [value for value in values if isinstance(value, str) and named(value)]
    return len(texts) == len(values) == len(set(texts))


def fields(
    output: JsonValue, path: tuple[PathPart, ...] = ()
) -> Iterator[tuple[tuple[PathPart, ...], JsonValue]]:
    """Yield every scalar that is reached through field names alone, with its path."""
    if isinstance(output, dict) and len(path) < 4:
        for key, value in output.items():
            if named(key) or (not path and _heads(key, output)):
                yield from fields(value, (*path, key))
    elif not isinstance(output, list | dict):
        yield path, output


def _heads(key: str, output: Mapping[str, JsonValue]) -> bool:
    """Return whether the only key is the name of the file that all of the output is about."""
    return len(output) == 1 and is_file(key)


def _lists(
    value: JsonValue, path: tuple[PathPart, ...]
) -> Iterator[tuple[tuple[PathPart, ...], list[JsonValue]]]:
    if isinstance(value, list):
        yield path, value
        if len(value) == 1 and isinstance(value[0], dict) and len(path) < 3:
            yield from _lists(value[0], (*path, 0))  # the only table of a document
    elif isinstance(value, dict) and len(path) < 4:
        for key, inner in value.items():
            if named(key) or (not path and _heads(key, value)):
                yield from _lists(inner, (*path, key))


def _columns(items: Sequence[JsonValue]) -> Iterator[Column]:
    """Yield the fields that every item has; the item itself for a list of scalars."""
    if all(not isinstance(item, list | dict) for item in items):
        yield Column((), tuple(items))
        return
    if not all(isinstance(item, dict) for item in items) or not items:
        return
    per_item = [dict(fields(item)) for item in items]
    for path in per_item[0]:
        if path and all(path in found for found in per_item):
            yield Column(path, tuple(found[path] for found in per_item))
