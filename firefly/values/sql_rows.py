"""What queries showed of tables: how many rows each has, and the rows seen of it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from firefly.knowledge import Knowledge
from firefly.replay.parsers import parse
from firefly.values.semantic import is_specific, semantic_type

__all__ = ["Table", "referred_columns", "seen_tables"]

_COUNTED = re.compile(r"\s*SELECT\s+COUNT\(\*\)(?:\s+AS\s+\w+)?\s+FROM\s+(\w+)\s*;?\s*", re.IGNORECASE)
_ALL = re.compile(
    r"\s*SELECT\s+\*\s+FROM\s+(\w+)(?:\s+ORDER\s+BY\s+\w+\s+LIMIT\s+\d+)?\s*;?\s*", re.IGNORECASE
)
_MEASURES = frozenset({"arithmetic", "quantity", "number text", "time"})
"""Types of values that say how much, not which."""
_REFERRED = 0.2
"""Least share of a key's values seen in other tables that makes it one they refer to."""
_LONGEST = 40
"""Characters of a key that a query looks up."""


@dataclass
class Table:
    """What was seen of one table."""

    size: int | None = None
    """Rows, as counted; None: never counted."""
    rows: list[Mapping[str, JsonValue]] = field(default_factory=list)

    def key_columns(self) -> list[tuple[str, list[str]]]:
        """Return (column, values) of the columns that rows can be looked up by, the best first.

        Identifiers, dates, paths and the like, then names: texts of which no two rows seen have the same.
        """
        found = []
        for place, column in enumerate(self.rows[0] if self.rows else ()):
            values = [row.get(column) for row in self.rows]
            texts = [value for value in values if isinstance(value, str) and _quotable(value)]
            kinds = {semantic_type(text) for text in texts}
            if len(texts) < len(values) or len(set(texts)) < len(texts) or kinds & _MEASURES:
                continue
            formal = all(is_specific(kind) for kind in kinds)
            if formal or all(text[:1].isalpha() and len(text) > 2 for text in texts):
                found.append((not formal, place, column, texts))
        return [(column, texts) for _, _, column, texts in sorted(found)]

    def shared_columns(self) -> list[tuple[str, list[str]]]:
        """Return (column, values) of the columns of identifiers that rows share: what belongs to one."""
        found = []
        for column in self.rows[0] if self.rows else ():
            values = [row.get(column) for row in self.rows]
            texts = [value for value in values if isinstance(value, str) and _quotable(value)]
            distinct = list(dict.fromkeys(texts))
            if (
                len(texts) == len(values)
                and 1 < len(distinct) < len(texts)
                and all(is_specific(kind) and kind not in _MEASURES for kind in map(semantic_type, distinct))
            ):
                found.append((column, distinct))
        return found


def seen_tables(knowledge: Knowledge, server: str) -> dict[str, Table]:
    """Return what successful queries of the server's tools showed of each table."""
    found: dict[str, Table] = defaultdict(Table)
    for key in sorted(knowledge.steps):
        if key[0] != server:
            continue
        for step in knowledge.successes(key):
            for value in step.call.arguments.values():
                if not isinstance(value, str):
                    continue
                counted, all_rows = _COUNTED.fullmatch(value), _ALL.fullmatch(value)
                if counted is None and all_rows is None:
                    continue
                parsed = parse(step.observation)
                rows = _rows(parsed.value) if parsed is not None else []
                if counted is not None and len(rows) == 1 and len(rows[0]) == 1:
                    size = next(iter(rows[0].values()))
                    if isinstance(size, int) and not isinstance(size, bool):
                        found[counted[1]].size = size
                if all_rows is not None and len(rows) > len(found[all_rows[1]].rows):
                    found[all_rows[1]].rows = rows
    return dict(found)


def referred_columns(tables: Mapping[str, Table], name: str) -> list[str]:
    """Return the key columns of the table whose values stand in rows of other tables, most shared first."""
    elsewhere = {
        value
        for other, table in tables.items()
        if other != name
        for row in table.rows
        for value in row.values()
        if isinstance(value, str)
    }
    keys = tables[name].key_columns() if name in tables else []
    shared = [(len(elsewhere.intersection(values)) / len(values), column) for column, values in keys]
    return [column for share, column in sorted(shared, reverse=True) if share >= _REFERRED]


def _rows(value: JsonValue) -> list[Mapping[str, JsonValue]]:
    """Return the rows of a result: a list of objects, or ``columns`` beside a list of lists."""
    if isinstance(value, list):
        return [row for row in value if isinstance(row, dict)]
    if not isinstance(value, dict):
        return []
    names = value.get("columns")
    for inner in value.values():
        if isinstance(inner, list) and inner and isinstance(inner[0], dict) and inner is not names:
            return [row for row in inner if isinstance(row, dict)]
        if isinstance(inner, list) and inner and isinstance(inner[0], list) and isinstance(names, list):
            titles = [str(one.get("name", one)) if isinstance(one, dict) else str(one) for one in names]
            return [
                dict(zip(titles, row, strict=False))
                for row in inner
                if isinstance(row, list) and len(row) == len(titles)
            ]
    return []


def _quotable(text: str) -> bool:
    return 1 < len(text) <= _LONGEST and text.isprintable() and not any(one in text for one in "'\"`\\%")
