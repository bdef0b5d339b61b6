"""Values in answers that no parser reads: the entries of plain listings, and tokens that have a form."""

from __future__ import annotations

import re
from collections.abc import Iterator

from firefly.values.semantic import is_specific, semantic_type

__all__ = ["values_in"]

_LINES = 400
"""Lines of one answer that are looked at."""
_ENTRY = 60
"""Characters of a line that may be the name of something."""
_SPACES = 3
"""Spaces in it."""
_MARK = re.compile(r"^\s*(?:\[[A-Z]{2,9}\]|[-*+•]|\d{1,3}[.)])?\s+|^\[[A-Z]{2,9}\]\s*|^[-*•]\s+")
_COLUMNS = re.compile(r"\s{2,}|\t")
_LABEL = re.compile(r"[\w ()-]{1,40}:\s+(?=\S)")
_AROUND = "\"'`()[]{}<>,;:.!?*"


def values_in(text: str) -> tuple[tuple[str, ...], int]:
    r"""Return the distinct values in ``text``, and the number of its lines that are none.

    A value is a short line less its bullet or tag (its first column), what follows a label, or a
    token whose form says what it is: a hash, a path, a date. Sentences and code are no values.

    >>> values_in("[DIR] old\n[FILE] a.csv          193 B\nTotal: 1 file in the folder, all told")
    (('old', 'a.csv'), 1)
    >>> values_in("Changes committed with hash f7d25c24683a20638771c990c7dac9642d1ae916")
    (('f7d25c24683a20638771c990c7dac9642d1ae916',), 1)
    """
    found: dict[str, None] = {}
    others = 0
    for line in text.splitlines()[:_LINES]:
        if not line.strip():
            continue
        entry = _entry(line)
        if entry:
            found[entry] = None
        else:
            others += 1
        for token in _tokens(line):
            found[token] = None
    return tuple(found), others


def _entry(line: str) -> str:
    unmarked = _MARK.sub("", line, count=1)
    first = _COLUMNS.split(unmarked.strip())[0]
    label = _LABEL.match(first)
    if label:
        first = first[label.end() :]
    first = first.strip(" \"'`,;")
    plain = len(first) <= _ENTRY and first.count(" ") <= _SPACES and not first.endswith((":", ".", "{", "}"))
    return first if plain and first and not set(first) & set("{}=<>|") else ""


def _tokens(line: str) -> Iterator[str]:
    for word in line.split():
        token = word.strip(_AROUND)
        kind = semantic_type(token)
        if is_specific(kind) or kind == "file name":
            yield token
