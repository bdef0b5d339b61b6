"""Says in words what a simple SELECT statement asks for.

A question that quotes SQL hands the work over; one that says "the first five orders by order ID" does
not. Only forms whose words are exact are translated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from firefly.english import number_word, spoken

_NAME = r"[\"`\[]?([A-Za-z_]\w*)[\"`\]]?"
_SELECT = re.compile(
    rf"^\s*SELECT\s+(?P<what>.+?)\s+FROM\s+{_NAME}(?:\s+GROUP\s+BY\s+(?P<group>\w+))?"
    r"(?:\s+ORDER\s+BY\s+(?P<order>[\w\s,]+?))?(?:\s+LIMIT\s+(?P<limit>\d+))?\s*;?\s*$",
    re.IGNORECASE,
)
_FOLD = re.compile(
    r"^(?P<fold>MAX|MIN|SUM|COUNT)\s*\(\s*(?P<of>\*|\w+)\s*\)(?:\s+AS\s+(?P<alias>\w+))?$", re.IGNORECASE
)
_WORDS = {"MAX": "highest", "MIN": "lowest", "SUM": "combined"}
_CATALOGUES = ("sqlite_", "information_schema", "pg_", "duckdb_")


@dataclass(frozen=True)
class Statement:
    """A statement in words."""

    rows: str = ""
    """Noun phrase of the rows: "the first five rows of the table "orders", by order ID"."""
    scalar: str = ""
    """Noun phrase of the only value, where there is but one."""
    limited: bool = False
    """Whether the statement itself says how many rows there are at most."""
    by: str = ""
    """The column that decides which rows these are."""
    limit: int = 0


def is_statement(value: object) -> bool:
    """Return whether a value is an SQL statement."""
    return isinstance(value, str) and bool(
        re.match(r"\s*(?:SELECT|WITH|SHOW|PRAGMA|DESCRIBE|EXPLAIN)\s", value, re.IGNORECASE)
    )


def describe(text: str) -> Statement | None:
    """Return the statement in words; None where they would not be exact.

    >>> describe("SELECT * FROM orders ORDER BY order_id LIMIT 5").rows
    'the first five rows of the table "orders" by order ID'
    >>> describe("SELECT MAX(total) AS highest FROM orders").scalar
    'the highest total in the table "orders"'
    >>> describe("SELECT 1 AS one") is None
    True
    """
    match = _SELECT.match(text)
    if match is None or match[2].lower().startswith(_CATALOGUES):
        return None
    table, what = f'the table "{match[2]}"', match["what"].strip()
    fold = _FOLD.match(what)
    if fold is not None and not match["group"] and not match["order"] and not match["limit"]:
        kind = fold["fold"].upper()
        if kind == "COUNT":
            return Statement(scalar=f"the number of rows in {table}") if fold["of"] == "*" else None
        return Statement(scalar=f"the {_WORDS[kind]} {spoken(fold['of'])} in {table}")
    if match["group"]:
        return None
    if what != "*" and not re.fullmatch(r"\w+(?:\s*,\s*\w+)*", what):
        return None
    return _rows(match, table)


def _rows(match: re.Match[str], table: str) -> Statement | None:
    order, limit = match["order"], match["limit"]
    if limit is None:
        return Statement(rows=f"the rows of {table}")
    if order is None:
        return None  # which rows come first is up to the database
    by = re.fullmatch(r"\s*(\w+)(?:\s+(ASC|DESC))?\s*", order, re.IGNORECASE)
    if by is None:
        return None
    words = spoken(by[1])
    descending = (by[2] or "").upper() == "DESC"
    end = "last" if descending else "first"
    rows = f"the {end} {number_word(int(limit))} rows of {table} by {words}"
    return Statement(rows=rows, limited=True, by=by[1], limit=int(limit))
