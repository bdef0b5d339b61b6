"""What part a field plays in the things of a list: their key, their name, who, when, where, how much.

The kinds of ``columns`` say what may be computed; the roles here say how a person speaks of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from pydantic import JsonValue

from firefly.english import is_participle, singular, spoken, vocabulary, words
from firefly.synthesis.columns import Column
from firefly.synthesis.shown import is_code, is_file, is_proper

__all__ = [
    "GENERIC",
    "KEY_WORDS",
    "PEOPLE",
    "Role",
    "is_person",
    "item_name",
    "key_column",
    "name_column",
    "role_of",
]

Role = Literal[
    "key", "name", "person", "place", "date", "quantity", "state", "code", "file", "amount", "formula",
    "text", "form", "flag", "opaque",
]  # fmt: skip
"""``code``: names another thing. ``state``: shared by several. ``amount``: a quantity with its unit in one
text. ``formula``: an expression to be computed. ``form``: about the answer's form, not the subject."""

KEY_WORDS = vocabulary("id ids uid uuid guid key code no nr num number ref reference pk identifier")
"""Words that say that a field identifies, not what."""
_CODES = vocabulary("sku isbn plate handle slug")
"""Codes that say by themselves what they are of."""
_NAMES = vocabulary("name title label company product subject heading headline plate nickname fullname")
_PEOPLE = vocabulary(
    """
    author owner manager contact assignee driver editor reviewer creator employee person user sender
    recipient supervisor leader director teacher student borrower holder keeper responsible handler agent
    inspector auditor engineer operator maintainer committer buyer seller signer signatory instructor trainer
    captain chair host winner
    """
)
_OFFICES = vocabulary("lead head chief coordinator dispatcher secretary")
"""Offices of people, where the values are names of people; other things have heads and leads, too."""
PEOPLE = _PEOPLE | vocabulary("person reader member patient customer client player")
"""Nouns for people: "their", not "its"."""
_PLACES = vocabulary("city town country region village location place district county continent venue")
_FORM = vocabulary(
    """
    range style format color colour font width height position location offset initials schema encoding
    mime dimension dimensions used bounds class kind type dtype datatype layout index sheet_type visibility
    keywords context etag anchor row column line revision_id cell cells column_types nullable default
    """
)
_UNIT_TEXT = re.compile(r"^[-+]?\d+(?:\.\d+)?\s?[A-Za-z°%µ][\w°%/ ^*-]{0,20}$")
_FORMULA = re.compile(r"^=|^(?=.*\d)(?=.*(?:[*/^(]| [-+] ))[\d\s.()+*/^%-]*\d\s*[-+*/^]\s*[\d\s.()+*/^%-]+$")
_RANGE = re.compile(r"^\$?[A-Z]{1,3}\$?\d{1,6}(?::\$?[A-Z]{1,3}\$?\d{1,6})?$")
GENERIC = vocabulary(
    "entry row record item element value object result line node document key match hit cell content answer"
)
"""Nouns that say nothing of what a thing is."""


def role_of(column: Column, item: str = "") -> Role:  # noqa: PLR0911 - one return for each role
    """Return the part that a field plays, its key and name aside.

    >>> role_of(Column(("weight_expr",), ("357.25 lb", "2 kg"))), role_of(Column(("author",), ("Ada Holm",)))
    ('amount', 'person')
    >>> role_of(Column(("city",), ("Oslo", "Rome"))), role_of(Column(("used_range",), ("A1:F47",)))
    ('place', 'form')
    """
    parts = words(column.name)
    said = set(parts)
    kind = column.kind
    if kind in ("flag", "opaque", "date", "quantity"):
        return kind
    texts = [value for value in column.values if isinstance(value, str)]
    if texts and all(_RANGE.match(text) for text in texts) and not said & KEY_WORDS:
        return "form"
    if texts and all(re.match(r"^[a-z]+_\d{1,3}$", text) for text in texts):
        return "form"  # "comment_3": numbered by the tool
    if kind == "year":
        return "date" if said & {"year", "yr"} else "form"
    if texts and all(_UNIT_TEXT.match(text) for text in texts):
        return "amount"
    if texts and all(_FORMULA.match(text) for text in texts):
        return "formula"
    if texts and all(is_file(text) for text in texts):
        return "file"
    if is_person(column.name, column.values):
        return "person"
    if said & _PLACES and kind in ("text", "category") and not any(re.search(r"\d", text) for text in texts):
        return "place"
    if parts and (parts[-1] in _FORM or (said & {"used", "range"}) == {"used", "range"}):
        return "form"
    if kind == "identifier" or (texts and all(is_code(text) for text in texts)):
        return "code"
    return "state" if kind == "category" else "text"


def is_person(name: str, values: Sequence[JsonValue]) -> bool:
    """Return whether a field names people: "author", "signed_by", whose values look like names or handles."""
    parts = words(name)
    by = len(parts) > 1 and parts[-1] in ("by", "to") and is_participle(parts[-2])
    named = {singular(part) for part in parts}
    if not parts or not (by or named & (_PEOPLE | _OFFICES)):
        return False
    if set(parts) & KEY_WORDS:
        return False
    texts = [value for value in values if isinstance(value, str)]
    handles = all(re.match(r"^[a-z]+(?:[._-][a-z]+)*$|^[\w.+-]+@[\w.-]+$", text) for text in texts)
    people = all(is_proper(text) and " " in text for text in texts)
    called = people or (handles and (by or bool(named & _PEOPLE)))
    return len(texts) == len(values) and bool(texts) and called


def key_column(columns: Sequence[Column], item: str) -> Column | None:
    """Return the field that identifies an item among all of its kind: its ID, code or number.

    >>> columns = [Column(("order_id",), ("ORD-1", "ORD-2")), Column(("sku",), ("S-1", "S-2"))]
    >>> key_column(columns, "order").name
    'order_id'
    """
    own = set(words(item)) | {singular(word) for word in words(item)}
    best: tuple[int, int, Column] | None = None
    for position, column in enumerate(columns):
        texts = [value for value in column.values if isinstance(value, str) or column.kind == "identifier"]
        if len(texts) < len(column.values) or len(column.path) != 1 or column.kind == "opaque":
            continue
        if role_of(column) in ("form", "formula", "amount"):
            continue
        if len(set(column.normals)) < len(column.values) or any(
            len(str(value)) > 40 or is_file(value) for value in column.values
        ):
            continue
        parts = set(words(column.name))
        codes = all(is_code(value) for value in column.values)
        says_so = parts & (KEY_WORDS | _CODES) or (parts <= own and codes)
        if not says_so and (position or not codes):
            continue
        named = parts - KEY_WORDS
        first = position == 0 or bool(parts & _CODES)
        rank = 3 if named and named <= own else 2 if not named else 1 if first else 0
        if rank and (best is None or rank > best[0]):
            best = (rank, -position, column)
    return best[2] if best else None


def name_column(columns: Sequence[Column], item: str) -> Column | None:
    """Return the field that holds the items' names, which hardly repeat.

    >>> name_column([Column(("title",), ("Salt Roads", "Fog"))], "book").name
    'title'
    """
    own = {singular(word) for word in words(item)}
    for column in columns:
        parts = words(column.name)
        named = bool(parts) and (
            (parts[-1] in _NAMES and set(parts[:-1]) <= own | {"display", "full"})
            or {singular(part) for part in parts} == own
        )
        if (
            named
            and len(column.path) == 1
            and column.kind == "text"
            and not any(is_file(value) or is_code(value) for value in column.values)
            and len(set(column.normals)) >= 0.6 * len(column.values)
        ):
            return column
    return None


def item_name(noun: str, columns: Sequence[Column]) -> str:
    """Return what an item is called: by its key where the listing has no word for it.

    >>> item_name("row", [Column(("quote_no",), ("Q-1", "Q-2"))])
    'quote'
    >>> item_name("row", [Column(("sku",), ("S-1", "S-2"))])
    'SKU'
    >>> item_name("order", [])
    'order'
    """
    if noun and noun.rsplit(maxsplit=1)[-1] not in GENERIC:
        return noun
    names = {word for column in columns for word in words(column.name)}
    if names & {"notnull", "nullable", "dflt_value", "data_type", "column_type"} or {"type", "pk"} <= names:
        return "column"
    key = key_column(columns, noun) or name_column(columns, noun)
    if key is not None and key.kind == "date":
        return "record"  # nothing but its time tells it from others
    if key is not None:
        kept = [word for word in words(key.name) if word not in KEY_WORDS | {"name", "title"}]
        if kept and not set(kept) & GENERIC:
            return spoken("_".join(kept))
    return noun
