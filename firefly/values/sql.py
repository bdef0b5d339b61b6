"""A micro-grammar of SQL over the tables and columns that were seen."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from pydantic import JsonValue

from firefly.knowledge import Knowledge
from firefly.parameters import Parameter
from firefly.replay.parsers import parse
from firefly.replay.records import Step, Tool
from firefly.values.semantic import words
from firefly.values.sql_rows import Table, referred_columns, seen_tables

__all__ = ["statements", "tables", "takes_sql"]

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_CATALOGUE = re.compile(
    r"sqlite_master|sqlite_schema|information_schema\.tables|show\s+tables", re.IGNORECASE
)
_DDL = re.compile(
    r"create\s+table\s+(?:if\s+not\s+exists\s+)?[\"`\[]?(\w+)[\"`\]]?\s*\((.*?)\)\s*(?:;|$)",
    re.IGNORECASE | re.DOTALL,
)
_COLUMN_KEYS = ("name", "column_name", "column", "field", "col")
_SMALL = 200
"""Rows up to which a table is read whole."""
_TYPE_KEYS = ("type", "data_type", "datatype", "column_type", "dtype")

Columns = dict[str, str]
"""Column -> declared type in upper case, "" when not known."""


def takes_sql(parameter: Parameter, tool: Tool) -> bool:
    """Return whether the parameter takes an SQL statement."""
    if parameter.types and "string" not in parameter.types:
        return False
    named = set(words(parameter.name))
    if "sql" in named:
        return True
    said = f"{parameter.description} {tool.description}"
    return bool(named & {"query", "statement", "command"}) and bool(
        re.search(r"\bSQL\b|\bSELECT\b|\bINSERT\b|\bCREATE TABLE\b", said)
    )


def statements(tool: Tool, parameter: Parameter, knowledge: Knowledge) -> Iterator[tuple[str, float, str]]:
    """Yield (statement, weight, where its names come from) of the kind that the tool is for."""
    said = f"{tool.name.replace('_', ' ')} {tool.description} {parameter.description}".lower()
    known = tables(knowledge, tool.server)
    if "select" not in said and re.search(r"\bcreate table\b|\bcreate\b.*\btable\b", said):
        yield "CREATE TABLE sample_items (id INTEGER, name TEXT)", 0.85, "a new table"
        return
    if "select" not in said and re.search(r"\b(?:insert|update|delete)\b", said):
        yield from _changes(known, seen_tables(knowledge, tool.server))
        return
    yield from _queries(known, seen_tables(knowledge, tool.server))


def _queries(known: dict[str, Columns], seen: Mapping[str, Table]) -> Iterator[tuple[str, float, str]]:
    """Yield queries as a person would make them: how many, all of a small table, one row by its key.

    Those of every table before more of one, for whoever takes a few only. A table is read whole once it
    was counted and found small; of a large one some rows are read first, to learn what its keys look like.
    Keys that other tables refer to come before others: a row that was found elsewhere leads to them.
    """
    by_table = [
        _of_table(table, columns, seen.get(table, Table()), referred_columns(seen, table))
        for table, columns in known.items()
    ]
    for place, batch in enumerate(zip_longest(*by_table)):
        yield from ((text, 0.95 - 0.01 * min(place, 20), where) for text, where in filter(None, batch))
    if not known:
        yield "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name", 0.6, "the catalogue"
        yield (
            "SELECT table_name FROM information_schema.tables ORDER BY table_name",
            0.55,
            "the catalogue",
        )
    yield "SELECT 1 AS one", 0.5, "no table"


def _of_table(
    table: str, columns: Columns, seen: Table, referred: Sequence[str]
) -> Iterator[tuple[str, str] | None]:
    yield f"SELECT COUNT(*) AS n FROM {table}", f"the table {table}"
    if not columns and seen.size is None:
        yield f"SELECT * FROM {table} LIMIT 5", f"the table {table}"
    if seen.size is not None and seen.size <= _SMALL:
        yield f"SELECT * FROM {table}", f"the table {table}, of {seen.size} rows"
    elif seen.size is not None and columns:
        yield f"SELECT * FROM {table} ORDER BY {next(iter(columns))} LIMIT 20", f"columns of {table}"
    keys = [(column, values[len(values) // 2]) for column, values in seen.key_columns()]
    first = [one for one in keys if one[0] in referred]
    others = [one for one in keys if one[0] not in referred]
    shared = [(column, values[len(values) // 2]) for column, values in seen.shared_columns()]
    if not first:
        yield None  # after the referred keys of other tables
    for column, value in [*first[:2], *others[:1], *shared[:2], *others[1:3]]:
        yield f"SELECT * FROM {table} WHERE {column} = '{value}'", f"rows of {table}"
    number = [name for name, kind in columns.items() if _is_number(kind)]
    if number and seen.size is not None and seen.size > _SMALL:
        yield f"SELECT MAX({number[-1]}) AS highest FROM {table}", f"columns of {table}"


def _changes(known: dict[str, Columns], seen: Mapping[str, Table]) -> Iterator[tuple[str, float, str]]:
    """Yield changes of one row, told by its key: another value for one of its columns, or its end.

    The new value is one that another row has: it fits, and a person might well ask for it.
    """
    updates, deletions = [], []
    for table in known:
        rows = seen.get(table, Table())
        for column, keys in rows.key_columns()[:1]:
            place = len(keys) // 2
            row, other = rows.rows[place], rows.rows[(place + 1) % len(keys)]
            where = f"{column} = '{keys[place]}'"
            for name in _changeable(rows, column):
                value = next((one[name] for one in [other, *rows.rows] if one[name] != row[name]), None)
                text = f"'{value}'" if isinstance(value, str) else repr(value)
                if value is not None:
                    updates.append(f"UPDATE {table} SET {name} = {text} WHERE {where}")
            deletions.append(f"DELETE FROM {table} WHERE {column} = '{keys[place - 1]}'")
    for place, text in enumerate(updates):
        yield text, 0.9 - 0.005 * min(place, 40), "rows that were seen"
    for place, text in enumerate(deletions):
        yield text, 0.88 - 0.005 * min(place, 40), "rows that were seen"


def _changeable(table: Table, key: str) -> list[str]:
    """Return the columns that a person would change: quantities and states, not what identifies a row."""
    return [
        name
        for name, value in table.rows[0].items()
        if name != key
        and (_is_measure([row.get(name) for row in table.rows]) or _is_state(table, name))
        and value is not None
    ][:3]


def _is_measure(values: Sequence[JsonValue]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _is_state(table: Table, name: str) -> bool:
    values = [row.get(name) for row in table.rows]
    texts = [value for value in values if isinstance(value, str) and value.replace(" ", "").isalpha()]
    return len(texts) == len(values) and len(set(texts)) <= max(2, len(texts) // 3)


def tables(knowledge: Knowledge, server: str) -> dict[str, Columns]:
    """Return the tables that the server's answers named, each with the columns seen, in order of sight."""
    found: dict[str, Columns] = {}
    steps = [step for key in sorted(knowledge.steps) if key[0] == server for step in knowledge.successes(key)]
    for step in steps:
        for name in _listed(step, knowledge):
            found.setdefault(name, {})
        for match in _DDL.finditer(step.observation.visible[:20_000]):
            found.setdefault(match[1], {}).update(_ddl_columns(match[2]))
    for step in steps:
        asked = [value for value in step.call.arguments.values() if isinstance(value, str) and value in found]
        if len(asked) == 1:
            found[asked[0]].update(_columns(step))
    return found


def _listed(step: Step, knowledge: Knowledge) -> Iterator[str]:
    tool = knowledge.tools.get(step.call.key)
    given = " ".join(str(value) for value in step.call.arguments.values())
    lists_tables = (
        tool is not None
        and "table" in words(tool.name)
        and not any("table" in words(name) for name in step.call.arguments)
    )
    if not lists_tables and not _CATALOGUE.search(given):
        return
    parsed = parse(step.observation)
    if parsed is None:
        return
    for row in _rows(parsed.value):
        if isinstance(row, str):
            name: Any = row
        elif isinstance(row, dict):
            name = next((row[key] for key in ("name", "table_name", "table", "tbl_name") if key in row), None)
        elif isinstance(row, list) and row:
            name = row[0]
        else:
            name = None
        if isinstance(name, str) and _IDENTIFIER.fullmatch(name) and not name.startswith("sqlite_"):
            yield name


def _columns(step: Step) -> Columns:
    parsed = parse(step.observation)
    found: Columns = {}
    for row in _rows(parsed.value) if parsed is not None else ():
        if not isinstance(row, dict):
            continue
        name = next((row[key] for key in _COLUMN_KEYS if key in row), None)
        kind = next((row[key] for key in _TYPE_KEYS if key in row), None)
        if isinstance(name, str) and isinstance(kind, str) and _IDENTIFIER.fullmatch(name):
            found[name] = kind.upper()
    return found


def _rows(value: Any) -> list[Any]:
    """Return the items of the first list at or just below the top."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        lists = [inner for inner in value.values() if isinstance(inner, list) and inner]
        objects = [inner for inner in lists if isinstance(inner[0], dict | list)]
        return (objects or lists or [[]])[0]
    return []


def _ddl_columns(body: str) -> Columns:
    found: Columns = {}
    for part in body.split(","):
        match = re.match(r"\s*[\"`\[]?(\w+)[\"`\]]?\s+([A-Za-z]+)", part)
        if match and match[1].upper() not in ("PRIMARY", "FOREIGN", "UNIQUE", "CHECK", "CONSTRAINT"):
            found[match[1]] = match[2].upper()
    return found


def _is_number(kind: str) -> bool:
    return any(word in kind for word in ("INT", "REAL", "NUM", "DEC", "DOUB", "FLOAT"))
