"""What is said of a thing by one of its fields: that it has a value, more than a value, the most of all."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic import JsonValue

from firefly.english import is_participle, is_plural, vocabulary, words
from firefly.synthesis.columns import Column
from firefly.synthesis.roles import KEY_WORDS, Role, role_of
from firefly.synthesis.shown import is_code, shown

__all__ = ["PLACE", "Clause", "above", "done", "extreme", "having", "named", "stem", "superlative"]

PLACE = "¦"
"""Stands in a noun phrase where the place may go, right after the noun."""
_LINKS = vocabulary("by to at in on for from with of")
_BY_ITSELF = vocabulary(
    "joined expired arrived departed started ended died retired graduated happened occurred finished left "
    "begun"
)
"""What a thing does itself: nobody asks when a reader "was joined"."""
_WITHIN = vocabulary("category segment section department group team division sector class series genre")
_BY = {"author": "by", "creator": "by", "owner": "owned by", "committer": "committed by"}


@dataclass(frozen=True)
class Clause:
    """Words after a noun, and whether another "with" may follow them."""

    text: str
    has_with: bool = False


def done(column: Column) -> tuple[str, str] | None:
    """Return (participle, preposition) of a field named so; None for others.

    >>> done(Column(("placed_on",), ("2026-01-02",))), done(Column(("signed_by",), ("Ada Holm",)))
    (('placed', 'on'), ('signed', 'by'))
    >>> done(Column(("due",), ("2026-01-02",))) is None
    True
    """
    parts = words(column.name)
    if parts and parts[0] in _BY_ITSELF:
        return None
    if column.kind == "date" and len(parts) == 2 and parts[1] == "date" and is_participle(parts[0]):
        return parts[0], "on"
    if len(parts) == 1 and column.kind == "date" and is_participle(parts[0]):
        return parts[0], "on"
    if len(parts) == 2 and is_participle(parts[0]) and parts[1] in _LINKS:
        return parts[0], parts[1]
    return None


def having(column: Column, label: str, value: JsonValue) -> Clause:  # noqa: PLR0911 - one return for each role
    """Return the clause for an item that has ``value``.

    >>> having(Column(("status",), ("open", "paid", "open", "open")), "status", "open").text
    'with status open'
    >>> having(Column(("signed_by",), ("Ada Holm",)), "signed by", "Ada Holm").text
    'signed by Ada Holm'
    >>> having(Column(("segment",), ("retail", "leisure", "retail")), "segment", "leisure").text
    'in the leisure segment'
    """
    role: Role = role_of(column)
    parts = words(column.name)
    if isinstance(value, bool):
        spoken_label = label.removeprefix("is ").removeprefix("has ")
        return Clause(f"{'' if value else 'not '}marked as {spoken_label}")
    participle = done(column)
    if participle is not None:
        return Clause(f"{participle[0]} {participle[1]} {shown(value)}")
    if role == "place" and isinstance(value, str):
        return Clause(f"in {shown(value)}")
    if parts and parts[-1] in _BY and role == "person" and len(parts) == 1:
        return Clause(f"{_BY[parts[-1]]} {shown(value)}")
    if role == "state" and len(parts) == 1 and parts[0] in _WITHIN:
        return Clause(f"in the {shown(value, word=True)} {label}")
    if label.startswith("number of "):
        return Clause(f"with {shown(value)} {label.removeprefix('number of ')}", True)
    if role == "code" and is_code(value):
        return Clause(f"of {named(stem(label), str(value))}")
    if isinstance(value, int | float):
        if is_plural(re.split(r" (?:per|of|in|on) ", label)[0].split()[-1]):
            return Clause(f"with {shown(value)} {label}", True)
        return Clause(f"with {_article(label)} {label} of {shown(value)}", True)
    article = "" if role == "state" else "the "
    return Clause(f"with {article}{label} {shown(value, word=role == 'state')}", True)


def stem(label: str) -> str:
    """Return the thing that a label of an identifier is about.

    >>> stem("supplier ID"), stem("account number"), stem("SKU")
    ('supplier', 'account', 'SKU')
    """
    parts = label.split()
    kept = [part for part in parts if part.lower() not in KEY_WORDS]
    return " ".join(kept) or label


def named(noun: str, value: str) -> str:
    """Return a thing with its code; the code alone where it says the noun itself.

    >>> named("order", "ORD-1215"), named("SKU", "SKU-4013")
    ('order ORD-1215', 'SKU-4013')
    """
    return value if value.lower().startswith(noun.lower()) else f"{noun} {value}"


def above(column: Column, label: str, value: JsonValue, compare: str) -> Clause:
    """Return the clause for items on one side of a value; ``compare`` is "above" or "below".

    >>> above(Column(("total",), (1.5, 2.5)), "total", 2, "above").text
    'with a total above 2'
    >>> above(Column(("placed_on",), ("2026-01-02",)), "placed date", "2026-02-01", "below").text
    'placed before 2026-02-01'
    """
    more = compare == "above"
    if column.kind == "date":
        side = "after" if more else "before"
        participle = done(column)
        if participle is not None:
            return Clause(f"{participle[0]} {side} {shown(value)}")
        return Clause(f"with {_article(label)} {label} {side} {shown(value)}", True)
    if label.startswith("number of "):
        counted = label.removeprefix("number of ")
        return Clause(f"with {'more' if more else 'fewer'} than {shown(value)} {counted}", True)
    return Clause(f"with {_article(label)} {label} {'above' if more else 'below'} {shown(value)}", True)


def superlative(column: Column, label: str, *, most: bool) -> str:
    """Return "highest unit price", "latest due date", "most pages".

    >>> superlative(Column(("pages",), (3, 4)), "number of pages", most=False)
    'fewest pages'
    >>> superlative(Column(("per_box",), (3, 4)), "pieces per box", most=True)
    'most pieces per box'
    """
    if column.kind == "date":
        return f"{'latest' if most else 'earliest'} {label}"
    if label.startswith("number of "):
        return f"{'most' if most else 'fewest'} {label.removeprefix('number of ')}"
    counted, per, _ = label.partition(" per ")
    if per and is_plural(counted.split()[-1]):
        return f"{'most' if most else 'fewest'} {label}"
    if label.startswith(("amount of ", "quantity ")) or set(words(column.name)) & {"size", "area"}:
        return f"{'largest' if most else 'smallest'} {label}"
    if words(column.name)[-1:] == ("distance",):
        return f"{'longest' if most else 'shortest'} {label}"
    return f"{'highest' if most else 'lowest'} {label}"


def extreme(column: Column, label: str, *, most: bool) -> tuple[Clause, str]:
    """Return (clause, predicate) for the one item that has the most or least.

    >>> clause, predicate = extreme(Column(("placed_on",), ("2026-01-02",)), "placed date", most=True)
    >>> clause.text, predicate
    ('placed most recently', 'was placed most recently')
    """
    participle = done(column) if column.kind == "date" else None
    if participle is not None:
        when = "most recently" if most else "first"
        clause = f"{participle[0]} {when}" if most else f"that was {participle[0]} first"
        return Clause(clause), f"was {participle[0]} {when}"
    said = f"the {superlative(column, label, most=most)}"
    return Clause(f"with {said}", True), f"has {said}"


def _article(label: str) -> str:
    sounded = not label.lower().startswith(("uni", "use", "usa", "uti", "eu", "one "))
    return "an" if label[:1].lower() in "aeiou" and sounded else "a"
