"""Tables of a fixture world and the plain formats they are written in."""

from __future__ import annotations

import csv
import io
import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

Cell = str | int | float
Row = Mapping[str, Cell]

_SQL_TYPES = {str: "TEXT", int: "INTEGER", float: "DOUBLE"}
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_HEADER_VERSION = slice(96, 100)
"""Where a SQLite file names the library that wrote it last; the only bytes that depend on it."""


@dataclass(frozen=True)
class Table:
    """Rows of one kind. Every row has the same columns, in the same order."""

    name: str
    about: str
    rows: Sequence[Row]
    nullable: frozenset[str] = frozenset()
    """Columns that may be empty (none is)."""
    defaults: Mapping[str, Cell] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the column names."""
        return tuple(self.rows[0])

    def column(self, name: str) -> list[Cell]:
        """Return one column's values."""
        return [row[name] for row in self.rows]

    def extended(self, cells: Iterable[Row]) -> Table:
        """Return the table with further cells at the end of each row."""
        return replace(self, rows=[{**row, **more} for row, more in zip(self.rows, cells, strict=True)])

    def without(self, columns: Iterable[str]) -> Table:
        """Return the table less some columns."""
        left_out = set(columns)
        rows = [{name: cell for name, cell in row.items() if name not in left_out} for row in self.rows]
        return replace(self, rows=rows)

    def declared(self) -> str:
        """Return the columns as SQL declares them; the first is the primary key."""
        lines = []
        for name, cell in self.rows[0].items():
            line = f'"{name}" {_sql_type(cell)}'
            line += "" if name in self.nullable else " NOT NULL"
            line += f" DEFAULT {self.defaults[name]!r}" if name in self.defaults else ""
            lines.append(line)
        lines[0] += " PRIMARY KEY"
        return ", ".join(lines)


def _sql_type(cell: Cell) -> str:
    if isinstance(cell, str) and _DATE.fullmatch(cell):
        return "DATE"
    return _SQL_TYPES[type(cell)]


def csv_text(table: Table) -> str:
    """Return the table as CSV with a header line."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(row.values() for row in table.rows)
    return out.getvalue()


def write_sqlite(path: Path, tables: Iterable[Table]) -> None:
    """Write a SQLite database."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA page_size = 4096")
        connection.execute("PRAGMA auto_vacuum = NONE")
        connection.execute("BEGIN")
        for table in tables:
            connection.execute(f"CREATE TABLE {table.name} ({table.declared()})")
            marks = ", ".join("?" * len(table.columns))
            connection.executemany(
                f"INSERT INTO {table.name} VALUES ({marks})", [tuple(row.values()) for row in table.rows]
            )
        connection.execute("COMMIT")
    finally:
        connection.close()
    content = bytearray(path.read_bytes())
    content[_HEADER_VERSION] = (3040000).to_bytes(4, "big")
    path.write_bytes(content)
