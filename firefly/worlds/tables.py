"""Tables of a fixture world and the plain formats they are written in."""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Cell = str | int | float
Row = Mapping[str, Cell]

_SQL_TYPES = {str: "TEXT", int: "INTEGER", float: "REAL"}
_HEADER_VERSION = slice(96, 100)
"""Where a SQLite file names the library that wrote it last; the only bytes that depend on it."""


@dataclass(frozen=True)
class Table:
    """Rows of one kind. Every row has the same columns, in the same order."""

    name: str
    about: str
    rows: Sequence[Row]

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the column names."""
        return tuple(self.rows[0])

    def column(self, name: str) -> list[Cell]:
        """Return one column's values."""
        return [row[name] for row in self.rows]

    def without(self, columns: Iterable[str]) -> Table:
        """Return the table less some columns."""
        left_out = set(columns)
        return Table(
            self.name,
            self.about,
            [{name: cell for name, cell in row.items() if name not in left_out} for row in self.rows],
        )


def csv_text(table: Table) -> str:
    """Return the table as CSV with a header line."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(row.values() for row in table.rows)
    return out.getvalue()


def write_sqlite(path: Path, tables: Iterable[Table]) -> None:
    """Write a SQLite database; the first column of each table is its primary key."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA page_size = 4096")
        connection.execute("PRAGMA auto_vacuum = NONE")
        connection.execute("BEGIN")
        for table in tables:
            kinds = [_SQL_TYPES[type(cell)] for cell in table.rows[0].values()]
            declared = [f"{name} {kind} NOT NULL" for name, kind in zip(table.columns, kinds, strict=True)]
            declared[0] += " PRIMARY KEY"
            connection.execute(f"CREATE TABLE {table.name} ({', '.join(declared)})")
            marks = ", ".join("?" * len(kinds))
            connection.executemany(
                f"INSERT INTO {table.name} VALUES ({marks})", [tuple(row.values()) for row in table.rows]
            )
        connection.execute("COMMIT")
    finally:
        connection.close()
    content = bytearray(path.read_bytes())
    content[_HEADER_VERSION] = (3040000).to_bytes(4, "big")
    path.write_bytes(content)
