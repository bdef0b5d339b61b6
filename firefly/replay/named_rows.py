"""Tables in outputs as lists of objects: rows beside their column names, and rows under a header row."""

from __future__ import annotations

import re

from pydantic import JsonValue

_COLUMN_KEYS = ("columns", "column_names", "headers", "fields")
_FEWEST = 3
"""Rows of a table under a header row, that row included."""
_LONGEST = 60
"""Characters of a heading."""
_NUMBER = re.compile(r"[-+]?[\d.,\s%]+")


def with_named_rows(value: JsonValue) -> JsonValue:
    """Return ``value`` with each table in it as a list of objects.

    Either the column names stand beside the rows, or the first row is a header: texts of its own over
    columns of which one at least holds nothing but numbers.

    >>> with_named_rows({"columns": ["a", "b"], "rows": [[1, 2]]})
    {'columns': ['a', 'b'], 'rows': [{'a': 1, 'b': 2}]}
    >>> with_named_rows({"values": [["Part", "Price"], ["bolt", 2], ["nut", 1]]})
    {'values': [{'Part': 'bolt', 'Price': 2}, {'Part': 'nut', 'Price': 1}]}
    """
    if isinstance(value, list):
        return _headed(value) or [with_named_rows(one) for one in value]
    if not isinstance(value, dict):
        return value
    names = next((found for key in _COLUMN_KEYS if (found := _names(value.get(key)))), None)
    return {
        key: rows if names and (rows := _named(inner, names)) else with_named_rows(inner)
        for key, inner in value.items()
    }


def _names(columns: JsonValue) -> list[str]:
    """Return the distinct column names that a list holds, as such or as ``name`` of objects; else none."""
    if not isinstance(columns, list):
        return []
    found = [one.get("name") if isinstance(one, dict) else one for one in columns]
    texts = [one for one in found if isinstance(one, str) and one]
    return texts if len(set(texts)) == len(found) else []


def _named(value: JsonValue, names: list[str]) -> list[JsonValue]:
    """Return a list of lists as objects; none where a row is no list of as many cells as there are names."""
    rows = [row for row in value if isinstance(row, list)] if isinstance(value, list) else []
    whole = isinstance(value, list) and len(rows) == len(value)
    fitting = whole and all(len(row) == len(names) for row in rows)
    return [dict(zip(names, row, strict=True)) for row in rows] if fitting else []


def _headed(value: list[JsonValue]) -> list[JsonValue]:
    """Return a table under a header row as objects; none where the first row is not clearly a header."""
    if len(value) < _FEWEST or not isinstance(value[0], list):
        return []
    names = _names(value[0])
    width = len(value[0])
    if width < 2 or len(names) != width or not all(map(_is_heading, names)):
        return []
    rows = _named(value[1:], names)
    cells = [cell for row in rows if isinstance(row, dict) for cell in row.values()]
    if not rows or any(isinstance(cell, dict | list) for cell in cells):
        return []
    columns = ([row[name] for row in rows if isinstance(row, dict)] for name in names)
    return rows if any(all(map(_is_number, column)) for column in columns) else []


def _is_heading(text: str) -> bool:
    return len(text) <= _LONGEST and "\n" not in text and _NUMBER.fullmatch(text) is None


def _is_number(cell: JsonValue) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)
