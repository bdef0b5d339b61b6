"""What a person calls a field: from its keys and the kind of thing in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from firefly.english import is_participle, is_plural, plural, spoken, vocabulary, words
from firefly.replay.records import PathPart
from firefly.synthesis.columns import Column, is_machine_field
from firefly.synthesis.phrases import CONTAINERS
from firefly.synthesis.roles import role_of

_DANGLING = vocabulary("to at by on for from in of with since until via")
_FORMS = vocabulary("expression expr text string value raw display")
_NO_WORDS: Mapping[str, str] = {}
_COUNTING = vocabulary("number count total amount sum")
_FACTS = vocabulary(
    "properties property metadata meta info information details detail attributes statistics stats summary"
)
"""Objects named so hold facts about the whole: "the author", not "the properties' author"."""
_CURRENCIES = vocabulary(
    """
    aed ars aud bdt bgn brl cad chf clp cny cop czk dkk egp eur gbp hkd huf idr ils inr jpy kes krw mad mxn
    myr ngn nok nzd pen php pkr pln qar ron rub sar sek sgd thb twd uah usd vnd zar
    """
)
"""Codes of ISO 4217 that are no English words."""
_TIMES = vocabulary("date time day month timestamp datetime week")


def field_words(path: Sequence[PathPart], *, full: bool = False) -> str:
    """Return the words of the field at ``path``; "" for an item that is no object.

    An owner that is only a box for facts is named where ``full`` is set.

    >>> field_words(("customer", "city")), field_words(("result", "total"))
    ("customer's city", 'total')
    >>> field_words(("file_info", "size"))
    'size'
    """
    named = [str(part) for part in path if isinstance(part, str)]
    kept = [
        key
        for key in named[:-1]
        if not set(words(key)) <= CONTAINERS and (full or words(key)[-1] not in _FACTS)
    ] + named[-1:]
    *owner, field = [spoken(key) or key for key in kept][-2:] or [""]
    return f"{owner[0]}'{'' if owner[0].endswith('s') else 's'} {field}" if owner else field


def label_of(column: Column, *, full: bool = False, lexicon: Mapping[str, str] = _NO_WORDS) -> str:  # noqa: PLR0911 - one for each form of name
    """Return what the column is called in a question, every owner named where ``full`` is set.

    A ``lexicon`` gives fields other names: ``{"sku": "stock number"}``.

    >>> label_of(Column(("opened_on",), ("2026-01-02",))), label_of(Column(("pages",), (312, 96)))
    ('opened date', 'number of pages')
    >>> label_of(Column(("unit_price_aed",), (22.5, 390.0)))
    'unit price in AED'
    >>> label_of(Column(("lent_to",), ("R-17",)))
    '"lent to" value'
    """
    if column.name in lexicon:
        return lexicon[column.name]
    label = field_words(column.keys, full=full)
    parts = label.split()
    if not parts:
        return "value"
    if len(parts) > 1 and parts[-1] in _FORMS and role_of(column) == "amount":
        parts.pop()  # "weight expression": "357.25 lb"
        label = " ".join(parts)
    if column.kind == "quantity" and len(parts) > 1 and parts[-1] in _CURRENCIES:
        return f"{' '.join(parts[:-1])} in {parts[-1].upper()}"
    if column.kind == "quantity" and parts[0] in _DANGLING and len(parts) > 1:
        return f"quantity {label}"
    if column.kind == "date" and not _TIMES & set(parts):
        kept = parts[:-1] if parts[-1] in _DANGLING and len(parts) > 1 else parts
        if set(kept) <= {"year"}:
            return label
        day = all(len(str(value)) == 10 for value in column.values)
        return f"{' '.join(kept)} {'date' if day else 'time'}"
    if column.kind == "quantity" and len(parts) == 2 and parts[1] == "count":
        return f"number of {plural(parts[0])}"
    if column.kind == "quantity" and len(parts) > 1 and is_plural(parts[0]) and is_participle(parts[-1]):
        return f"number of {label}"
    if column.kind == "quantity" and is_plural(parts[-1]) and not _COUNTING & set(parts):
        whole = all(isinstance(value, int) for value in column.values)
        return f"{'number' if whole else 'amount'} of {label}"
    if parts[-1] in _DANGLING:
        return f'"{label}" value'
    return label


def labels(
    columns: Iterable[Column], lexicon: Mapping[str, str] = _NO_WORDS
) -> dict[tuple[PathPart, ...], str]:
    """Return the label of each column, only for columns that one can ask about by a label of their own."""
    asked = [column for column in columns if not column.path or not is_machine_field(column.keys)]
    short = [label_of(column, lexicon=lexicon) for column in asked]
    found = {
        column.path: label_of(column, full=short.count(label) > 1, lexicon=lexicon)
        for column, label in zip(asked, short, strict=True)
    }
    names = list(found.values())
    return {path: label for path, label in found.items() if names.count(label) == 1}


def verb(label: str) -> str:
    """Return "is", or "are" after a plural.

    >>> verb("city"), verb("initials"), verb("number of pages")
    ('is', 'are', 'is')
    """
    parts = label.split()
    return (
        "are"
        if parts and is_plural(parts[-1]) and not _COUNTING & set(parts) and parts[0] != "amount"
        else "is"
    )
