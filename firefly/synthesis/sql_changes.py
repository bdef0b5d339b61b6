"""Says in words what a simple statement changes: "Set the status of order ORD-1 to "paid""."""

from __future__ import annotations

import re
from dataclasses import dataclass

from firefly.english import join, spoken
from firefly.synthesis.sql import item_of

__all__ = ["Change", "describe_change", "is_change"]

_VALUE = r"'[^']*'|-?\d+(?:\.\d+)?"
_WHERE = rf"\s+WHERE\s+(?P<key>\w+)\s*=\s*(?P<value>{_VALUE})\s*;?\s*$"
_UPDATE = re.compile(
    rf"^\s*UPDATE\s+(?P<table>\w+)\s+SET\s+(?P<column>\w+)\s*=\s*(?P<new>{_VALUE}){_WHERE}", re.IGNORECASE
)
_DELETE = re.compile(rf"^\s*DELETE\s+FROM\s+(?P<table>\w+){_WHERE}", re.IGNORECASE)
_CREATE = re.compile(r"^\s*CREATE\s+TABLE\s+(?P<table>\w+)\s*\((?P<columns>[^()]*)\)\s*;?\s*$", re.IGNORECASE)
_CHANGE = re.compile(r"\s*(?:INSERT|UPDATE|DELETE|CREATE|DROP|ALTER|REPLACE)\s", re.IGNORECASE)


@dataclass(frozen=True)
class Change:
    """A statement in words around the row that it changes."""

    text: str
    """``{}`` stands for the row."""
    item: str = ""
    """What the row is called: "order"."""
    column: str = ""
    """The column that says which row ..."""
    value: str | float | None = None
    """... and its value there; "{}" for one that an earlier call gave."""


def is_change(value: object) -> bool:
    """Return whether a value is a statement that changes a database."""
    return isinstance(value, str) and bool(_CHANGE.match(value))


def describe_change(text: str) -> Change | None:
    """Return the statement in words; None where they would not be exact.

    >>> describe_change("UPDATE orders SET unit_price = 12.5 WHERE order_id = 'ORD-1'").text
    'Set the unit price of {} to 12.5'
    >>> describe_change("DELETE FROM order_lines WHERE line_no = 7").item
    'order line'
    >>> describe_change("DELETE FROM orders") is None
    True
    """
    update, deletion, creation = _UPDATE.match(text), _DELETE.match(text), _CREATE.match(text)
    if creation is not None:
        columns = [part.split()[0] for part in creation["columns"].split(",") if part.split()]
        return Change(f"Create a table named {creation['table']} with the columns {join(columns)}")
    match = update or deletion
    if match is None:
        return None
    known = match["value"]
    value = known[1:-1] if known.startswith("'") else float(known) if "." in known else int(known)
    if update is not None:
        new = update["new"]
        shown = f'"{new[1:-1]}"' if new.startswith("'") else new
        said = f"Set the {spoken(update['column'])} of {{}} to {shown}"
    else:
        said = "Delete {}"
    return Change(said, item_of(match["table"]), match["key"], value)
