"""Says in words what a simple SELECT statement asks for.

A question that quotes SQL hands the work over; one that says "order ORD-1215" or "the number of open
orders" does not. Only forms whose words are exact are translated. A table's rows are called by its name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from firefly.english import plural, singular, spoken, vocabulary, words

__all__ = ["Statement", "describe", "is_statement"]

_NAME = r"[\"`\[]?([A-Za-z_]\w*)[\"`\]]?"
_SELECT = re.compile(
    rf"^\s*SELECT\s+(?P<what>.+?)\s+FROM\s+{_NAME}"
    r"(?:\s+WHERE\s+(?P<column>\w+)\s*=\s*(?P<value>'[^']*'|-?\d+(?:\.\d+)?))?"
    r"(?:\s+GROUP\s+BY\s+(?P<group>\w+))?"
    r"(?:\s+ORDER\s+BY\s+(?P<order>[\w\s,]+?))?(?:\s+LIMIT\s+(?P<limit>\d+))?\s*;?\s*$",
    re.IGNORECASE,
)
_FOLD = re.compile(
    r"^(?P<fold>MAX|MIN|SUM|COUNT)\s*\(\s*(?P<of>\*|\w+)\s*\)(?:\s+AS\s+(?P<alias>\w+))?$", re.IGNORECASE
)
_COUNTED = re.compile(r"^(?P<of>\w+)\s*,\s*COUNT\s*\(\s*\*\s*\)(?:\s+AS\s+\w+)?$", re.IGNORECASE)
_WORDS = {"MAX": "highest", "MIN": "lowest", "SUM": "combined"}
_CATALOGUES = ("sqlite_", "information_schema", "pg_", "duckdb_")
_NO_ITEMS = vocabulary("stock data inventory info information metadata equipment staff music news history")


@dataclass(frozen=True)
class Statement:
    """A statement in words."""

    rows: str = ""
    """Noun phrase of the rows: "the orders"."""
    item: str = ""
    """What one row is called: "order"."""
    scalar: str = ""
    """Noun phrase of the only value, where there is but one."""
    limited: bool = False
    """Whether the statement itself says how many rows there are at most."""
    by: str = ""
    """The column that decides which rows these are."""
    limit: int = 0
    column: str = ""
    """The column that all rows share a value of ..."""
    value: str | float | None = None
    """... and the value; "{}" stands for one that an earlier call gave."""
    counted: str = ""
    """For the number of rows of each group: the column that groups them."""


def is_statement(value: object) -> bool:
    """Return whether a value is an SQL statement."""
    return isinstance(value, str) and bool(
        re.match(r"\s*(?:SELECT|WITH|SHOW|PRAGMA|DESCRIBE|EXPLAIN)\s", value, re.IGNORECASE)
    )


def describe(text: str) -> Statement | None:  # noqa: PLR0911 - one for each form
    """Return the statement in words; None where they would not be exact.

    >>> describe("SELECT * FROM order_lines").rows
    'the order lines'
    >>> describe("SELECT * FROM orders WHERE order_id = 'ORD-1'").value
    'ORD-1'
    >>> describe("SELECT MAX(total) AS highest FROM orders").scalar
    'the highest total of the orders'
    >>> describe("SELECT 1 AS one") is None
    True
    """
    match = _SELECT.match(text)
    if match is None or match[2].lower().startswith(_CATALOGUES):
        return None
    table, what = match[2], match["what"].strip()
    item = item_of(table)
    rows = f"the {_plural(item)}"
    fold = _FOLD.match(what)
    if fold is not None:
        if match["group"] or match["order"] or match["limit"] or match["column"]:
            return None
        kind = fold["fold"].upper()
        if kind == "COUNT":
            return (
                Statement(scalar=f"the number of {_plural(item)}", item=item) if fold["of"] == "*" else None
            )
        return Statement(scalar=f"the {_WORDS[kind]} {spoken(fold['of'])} of {rows}", item=item)
    if match["group"]:
        counted = _COUNTED.match(what)
        if counted is None or counted["of"] != match["group"] or match["column"] or match["limit"]:
            return None
        return Statement(rows=rows, item=item, counted=match["group"])
    if what != "*" and not re.fullmatch(r"\w+(?:\s*,\s*\w+)*", what):
        return None
    return _rows(match, rows, item)


def item_of(table: str) -> str:
    """Return what one row of a table is called.

    >>> item_of("order_lines"), item_of("tbl_customer"), item_of("stock")
    ('order line', 'customer', 'stock entry')
    """
    parts = [part for part in spoken(table).split() if part not in ("tbl", "table", "t", "all", "view")]
    *before, last = parts or [table]
    if last in _NO_ITEMS or not words(last):
        return " ".join([*before, last, "entry"])
    return " ".join([*before, singular(last)])


def _plural(item: str) -> str:
    *before, last = item.split()
    return " ".join([*before, plural(last)])


def _rows(match: re.Match[str], rows: str, item: str) -> Statement | None:
    order, limit, column, value = match["order"], match["limit"], match["column"], match["value"]
    read: str | float | None = None
    if column is not None:
        read = value[1:-1] if value.startswith("'") else float(value) if "." in value else int(value)
    if limit is None:
        return Statement(rows=rows, item=item, column=column or "", value=read)
    if order is None or column is not None:
        return None  # which rows come first is up to the database
    by = re.fullmatch(r"\s*(\w+)(?:\s+(ASC|DESC))?\s*", order, re.IGNORECASE)
    if by is None:
        return None
    return Statement(rows=rows, item=item, limited=True, by=by[1], limit=int(limit))
