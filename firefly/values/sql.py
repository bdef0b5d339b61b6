"""A micro-grammar of SQL over the tables and columns that were seen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from firefly.knowledge import Knowledge
from firefly.parameters import Parameter
from firefly.replay.parsers import parse
from firefly.replay.records import Step, Tool
from firefly.values.semantic import words

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
        yield from _changes(known)
        return
    yield from _queries(known)


def _queries(known: dict[str, Columns]) -> Iterator[tuple[str, float, str]]:
    described = [(table, columns) for table, columns in known.items() if columns]
    for table, columns in described:
        names = list(columns)
        order = names[0]
        yield f"SELECT * FROM {table} ORDER BY {order} LIMIT 5", 0.93, f"columns of {table}"
    for table, columns in described:
        text = [name for name, kind in columns.items() if _is_text(kind)]
        number = [name for name, kind in columns.items() if _is_number(kind)]
        if text:
            group = f"GROUP BY {text[0]} ORDER BY n DESC, {text[0]} LIMIT 10"
            yield f"SELECT {text[0]}, COUNT(*) AS n FROM {table} {group}", 0.9, f"columns of {table}"
        if number:
            yield f"SELECT MAX({number[-1]}) AS highest FROM {table}", 0.9, f"columns of {table}"
    for table, columns in known.items():
        if not columns:
            yield f"SELECT * FROM {table} LIMIT 5", 0.88, f"the table {table}"
        yield f"SELECT COUNT(*) AS n FROM {table}", 0.87, f"the table {table}"
    if not known:
        yield "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name", 0.6, "the catalogue"
        yield (
            "SELECT table_name FROM information_schema.tables ORDER BY table_name",
            0.55,
            "the catalogue",
        )
    yield "SELECT 1 AS one", 0.5, "no table"


def _changes(known: dict[str, Columns]) -> Iterator[tuple[str, float, str]]:
    for table, columns in known.items():
        text = [name for name, kind in columns.items() if _is_text(kind)]
        number = [name for name, kind in columns.items() if _is_number(kind)]
        if text:
            yield (
                f"UPDATE {table} SET {text[-1]} = 'sample' WHERE {text[-1]} IS NOT NULL",
                0.85,
                f"columns of {table}",
            )
        elif number:
            yield f"UPDATE {table} SET {number[-1]} = {number[-1]} + 1", 0.8, f"columns of {table}"
    for table in known:
        yield f"DELETE FROM {table}", 0.6, f"the table {table}"


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


def _is_text(kind: str) -> bool:
    return any(word in kind for word in ("TEXT", "CHAR", "STRING", "CLOB"))


def _is_number(kind: str) -> bool:
    return any(word in kind for word in ("INT", "REAL", "NUM", "DEC", "DOUB", "FLOAT"))
