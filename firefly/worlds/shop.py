"""The demo's world: a parts shop told from one seed, kept in the formats that real servers read.

================  =====================================================================
``shop.db``       SQLite: staff, customers, products, orders, tickets, releases, agreements
``warehouse/``    CSV files and the SQL that loads them: shipments, depots, stock, returns
``books/``        workbooks: prices and suppliers, plans, freight
``contracts/``    one signed agreement per supplier (.docx)
``repo/``         git: price lists and their history, settings, code, notes
================  =====================================================================

The same entities appear everywhere: a ticket's commit, its order, the order's customer and their
time zone, the product's supplier in a workbook, that supplier's agreement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from firefly.plugins import register
from firefly.worlds.draw import Draw
from firefly.worlds.office import column_letter
from firefly.worlds.shop_books import Books, make_books, write_books
from firefly.worlds.shop_contracts import write_contracts
from firefly.worlds.shop_repository import write_repository
from firefly.worlds.shop_story import Story, tell
from firefly.worlds.shop_trade import make_asides
from firefly.worlds.tables import Row, Table, csv_text, write_sqlite
from firefly.worlds.words import COLUMN_NOTES

_DISPENSABLE = {
    "agreements": ("penalty_rate", "committed_volume"),
    "customers": ("segment", "credit_limit", "account_manager", "contact"),
    "depots": ("floor_area", "pallet_places", "lead"),
    "employees": ("role", "travel_budget"),
    "orders": ("due_on",),
    "returns": ("reason", "returned_on"),
    "shipments": ("distance", "gross_weight", "shipped_on"),
    "stock": ("reorder_point",),
    "tickets": ("severity", "hours_spent", "opened_on"),
}
"""Columns of which a world may lack one, so that no two worlds need to have the same tables."""


@register("world", "shop")
class Shop:
    """A parts shop: databases, workbooks, contracts and a git repository that tell one story."""

    def __init__(self, *, seed: int = 0) -> None:
        self.seed = seed

    def build(self, folder: Path) -> None:
        """Write the shop's files into ``folder``."""
        draw = Draw(self.seed, "shop")
        story = tell(draw)
        settled, releases = write_repository(folder / "repo", story, draw)
        tickets = story.tickets.extended(
            {
                "fixed_in_commit": settled[str(row["ticket_id"])],
                "record_revision": f"{settled[str(row['ticket_id'])]}:docs/settled.csv",
            }
            for row in story.tickets.rows
        )
        products = story.products.extended(
            {"list_revision": f"{draw.one(releases.column('release_id'))}:prices/{row['category']}.csv"}
            for row in story.products.rows
        )
        books = make_books(story, draw)
        asides = draw.some(make_asides(draw, story.start), 4)
        noted = draw.one((0, 1, 2))
        database = (
            story.employees,
            story.customers,
            products,
            story.orders,
            story.order_lines,
            tickets,
            releases,
            story.agreements,
            _reports(books, story, draw),
            *asides[:noted],
        )
        write_sqlite(folder / "shop.db", [_vary(table, draw) for table in database])
        _write_warehouse(folder / "warehouse", story, asides[noted:], draw)
        write_books(folder / "books", books, story, draw)
        write_contracts(folder / "contracts", story, draw)


def _reports(books: Books, story: Story, draw: Draw) -> Table:
    """Return the table that says where in the workbooks a figure stands."""
    rows: list[Row] = []
    places = [(path, sheet, cells) for path, sheets in books.items() for sheet, cells in sheets.items()]
    owners = story.employees.column("handle")
    count = draw.one(range(11, 15))
    for identifier, line in zip(draw.identifiers(count, "REP"), draw.whole(count, 0, 100), strict=True):
        path, sheet, cells = draw.one(places)
        number = 2 + line % (len(cells) - 1)
        rows.append(
            {
                "report_id": identifier,
                "path": path,
                "sheet": sheet,
                "range": f"A{number}:{column_letter(len(cells[0]) - 1)}{number}",
                "owner": draw.one(owners),
            }
        )
    return Table("reports", "Where in the workbooks a figure stands", rows)


def _vary(table: Table, draw: Draw) -> Table:
    """Return the table less at most one dispensable column, some others declared loosely."""
    chosen = draw.one(("", *_DISPENSABLE.get(table.name, ())))
    kept = table.without([chosen]) if chosen else table
    others = kept.columns[1:]
    measures = [name for name in others if not isinstance(kept.rows[0][name], str)]
    return replace(
        kept,
        nullable=frozenset(draw.some(others, draw.one(range(1, len(others))))),
        defaults={draw.one(measures): draw.one(range(1, 40))} if measures else {},
    )


_EMPTY_DATABASE = (
    (0, "942d895a816e8f0f4455434b40"),
    (52, "76312e352e36"),
    (84, "30363963633966396235"),
    *(
        (start + offset, content)
        for start in (4096, 8192)
        for offset, content in (
            (0, "373f4c7165e664df0000000000000000"),
            (16, "ffffffffffffffffffffffffffffffff0000000000000000000004000000000000080000"),
            (56, "01"),
            (84, "30363963633966396235"),
        )
    ),
)
"""An empty DuckDB file as version 1.5.6 writes it: its three headers (file, and the main header twice)."""

_LOAD = """\
ATTACH ':memory:' AS warehouse (READ_WRITE);
USE warehouse;
SET threads = 1;
{tables}SET enable_external_access = false;
"""
"""A server that opens the empty file read-only runs this for every query, so that no query leaves a trace.
One thread and no files once loaded: rows come in one order, and queries see the tables alone."""


def _write_warehouse(folder: Path, story: Story, asides: Sequence[Table], draw: Draw) -> None:
    folder.mkdir()
    keepers = story.employees.column("handle")
    statements = []
    for table in (story.shipments, story.depots, story.stock, story.returns, story.carriers, *asides):
        kept = _vary(table, draw)
        (folder / f"{kept.name}.csv").write_text(csv_text(kept), encoding="utf-8")
        statements.append(
            f"CREATE TABLE {kept.name} ({kept.declared()});\n"
            f"COPY {kept.name} FROM 'warehouse/{kept.name}.csv' (FORMAT csv, HEADER, AUTO_DETECT false);\n"
            f"COMMENT ON TABLE {kept.name} IS '{kept.about}; kept by {draw.one(keepers)}';\n"
        )
        statements += [
            f"COMMENT ON COLUMN {kept.name}.\"{name}\" IS '{COLUMN_NOTES[name]}';\n"
            for name in kept.columns
            if name in COLUMN_NOTES
        ]
    (folder / "load.sql").write_text(_LOAD.format(tables="".join(statements)), encoding="utf-8")
    database = bytearray(3 * 4096)
    for offset, content in _EMPTY_DATABASE:
        piece = bytes.fromhex(content)
        database[offset : offset + len(piece)] = piece
    (folder / "archive.duckdb").write_bytes(database)
