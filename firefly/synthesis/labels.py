"""What a person calls a field: from its keys and the kind of thing in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from firefly.english import is_plural, spoken, vocabulary, words
from firefly.replay.records import PathPart
from firefly.synthesis.columns import Column, is_machine_field
from firefly.synthesis.phrases import CONTAINERS

_DANGLING = vocabulary("to at by on for from in of with since until via")
_COUNTING = vocabulary("number count total amount sum")
_FACTS = vocabulary(
    "properties property metadata meta info information details detail attributes statistics stats summary"
)
"""Objects named so hold facts about the whole: "the author", not "the properties' author"."""
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


def label_of(column: Column, *, full: bool = False) -> str:
    """Return what the column is called in a question, every owner named where ``full`` is set.

    >>> label_of(Column(("opened_on",), ("2026-01-02",))), label_of(Column(("pages",), (312, 96)))
    ('opened date', 'number of pages')
    >>> label_of(Column(("lent_to",), ("R-17",)))
    '"lent to" value'
    """
    label = field_words(column.keys, full=full)
    parts = label.split()
    if not parts:
        return "value"
    if column.kind == "date" and not _TIMES & set(parts):
        kept = parts[:-1] if parts[-1] in _DANGLING and len(parts) > 1 else parts
        day = all(len(str(value)) == 10 for value in column.values)
        return f"{' '.join(kept)} {'date' if day else 'time'}"
    if column.kind == "quantity" and is_plural(parts[-1]) and not _COUNTING & set(parts):
        whole = all(isinstance(value, int) for value in column.values)
        return f"{'number' if whole else 'amount'} of {label}"
    if parts[-1] in _DANGLING:
        return f'"{label}" value'
    return label


def labels(columns: Iterable[Column]) -> dict[tuple[PathPart, ...], str]:
    """Return the label of each column, only for columns that one can ask about by a label of their own."""
    asked = [column for column in columns if not column.path or not is_machine_field(column.keys)]
    short = [label_of(column) for column in asked]
    found = {
        column.path: label_of(column, full=short.count(label) > 1)
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
