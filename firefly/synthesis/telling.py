"""What a solver has to be told of a call, in words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from firefly.parameters import parameters
from firefly.records import ExploredCall
from firefly.replay.records import Tool
from firefly.synthesis.columns import Column
from firefly.synthesis.phrases import Phrase, phrase_of
from firefly.synthesis.sql import Statement, describe, is_statement

_LITERAL_LIMIT = 80
"""Longest literal argument that a question quotes, in characters."""


@dataclass(frozen=True)
class Told:
    """How a call is told in a question."""

    phrase: Phrase
    literals: Mapping[str, JsonValue]
    """Arguments that a solver has to be told."""
    scalar: str = ""
    """Noun phrase of the only value that comes back, if so."""
    is_query: bool = False
    """The phrase says in words what a query asks for: rows of a table."""
    limited: bool = False
    """The phrase says itself how many items there are at most."""
    by: str = ""
    """The column that decides which items these are, where there may be more."""
    limit: int = 0


def told(call: ExploredCall, tool: Tool, launch_values: Collection[JsonValue]) -> Told | None:
    """Return how a call is told; None when one of its literal arguments can't be.

    A value of the launch line is plumbing that a solver finds out, unless it is one place of several.
    """
    places = {one for one in launch_values if isinstance(one, str) and one.startswith("/")}
    declared = {parameter.name: parameter for parameter in parameters(tool)}
    found: dict[str, JsonValue] = {}
    phrase: Phrase | None = None
    statement: Statement | None = None
    for name, value in call.call.arguments.items():
        parameter = declared.get(name)
        if name in call.references or value is None:
            continue
        if parameter is not None and parameter.has_default and parameter.default == value:
            continue
        if value in launch_values and (places == {value} or value not in places):
            continue
        if isinstance(value, str) and is_statement(value):
            statement = describe(value)
            if statement is None or phrase is not None:
                return None
            phrase = Phrase(statement.rows or statement.scalar, head=("rows",))
            continue
        if not tellable(value):
            return None
        found[name] = value
    if statement is None:
        return Told(phrase_of(tool), found)
    return Told(
        phrase or phrase_of(tool),
        found,
        statement.scalar,
        True,
        statement.limited,
        statement.by,
        statement.limit,
    )


def settled(told: Told, columns: Iterable[Column]) -> bool:
    """Return whether it is clear which rows "the first five" are: nothing can tie at the cut.

    >>> first = Told(Phrase("the first two rows"), {}, is_query=True, limited=True, by="code", limit=2)
    >>> settled(first, [Column(("code",), ("a1", "b2"))]), settled(first, [Column(("code",), ("a1", "a1"))])
    (True, False)
    """
    if not told.by:
        return True
    by = next((column for column in columns if column.name == told.by), None)
    if by is None:
        return False
    if len(by.values) < told.limit:
        return True
    distinct = len(set(by.normals)) == len(by.values)
    return distinct and by.kind in ("identifier", "text")


def tellable(value: JsonValue) -> bool:
    """Return whether a question can quote the value.

    >>> tellable("open"), tellable("*"), tellable(["a1", "b2"]), tellable({"a": 1})
    (True, False, True, False)
    """
    if isinstance(value, str):
        # "a" or "*" as a search term means: anything. No person asks so.
        telling = sum(one.isalnum() for one in value) >= 2
        return telling and len(value) <= _LITERAL_LIMIT and value.isprintable() and '"' not in value
    if isinstance(value, list):
        return 0 < len(value) <= 4 and all(tellable(one) and not isinstance(one, list) for one in value)
    return isinstance(value, bool | int | float)
