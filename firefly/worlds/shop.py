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
from datetime import timedelta
from pathlib import Path

from firefly.plugins import register
from firefly.worlds.draw import Draw
from firefly.worlds.office import Properties, Value, write_workbook
from firefly.worlds.shop_contracts import write_contracts
from firefly.worlds.shop_repository import write_repository
from firefly.worlds.shop_story import Story, tell
from firefly.worlds.shop_trade import DAYS, make_asides
from firefly.worlds.tables import Row, Table, csv_text, write_sqlite
from firefly.worlds.words import COLUMN_NOTES

_PLANS = 25
_QUOTES = 18

_DISPENSABLE = {
    "agreements": ("penalty_rate", "committed_volume"),
    "customers": ("segment", "credit_limit", "account_manager", "contact"),
    "depots": ("area_expr", "pallet_places", "lead"),
    "employees": ("role", "travel_budget"),
    "orders": ("due_on",),
    "returns": ("reason", "returned_on"),
    "shipments": ("distance_expr", "weight_expr", "shipped_on"),
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
            _reports(story, draw),
            *asides[:noted],
        )
        write_sqlite(folder / "shop.db", [_vary(table, draw) for table in database])
        _write_warehouse(folder / "warehouse", story, asides[noted:], draw)
        _write_books(folder / "books", story, draw)
        write_contracts(folder / "contracts", story, draw)


def _reports(story: Story, draw: Draw) -> Table:
    """Return the table that says where in the workbooks a figure stands."""
    rows: list[Row] = []
    count = len(story.products.rows) + 1
    places = (
        ("pricing.xlsx", "Price list", "F", count),
        ("pricing.xlsx", "Suppliers", "B", len(story.suppliers.rows) + 1),
        ("planning.xlsx", "Targets", "F", len(story.employees.rows) + 1),
        ("planning.xlsx", "Payment plans", "D", _PLANS + 1),
        ("freight.xlsx", "Pallets", "E", count),
        ("freight.xlsx", "Quotes", "D", _QUOTES + 1),
    )
    lines = draw.whole(2 * len(places), 2, 20)
    owners = story.employees.column("handle")
    for (path, sheet, column, last), identifier in zip(places * 2, draw.identifiers(12, "REP"), strict=True):
        line = 2 + (lines.pop() - 2) % (last - 1)
        rows.append(
            {
                "report_id": identifier,
                "path": path,
                "sheet": sheet,
                "range": f"A{line}:{column}{line}",
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
    statements = []
    for table in (story.shipments, story.depots, story.stock, story.returns, story.carriers, *asides):
        kept = _vary(table, draw)
        (folder / f"{kept.name}.csv").write_text(csv_text(kept), encoding="utf-8")
        statements.append(
            f"CREATE TABLE {kept.name} ({kept.declared()});\n"
            f"COPY {kept.name} FROM 'warehouse/{kept.name}.csv' (FORMAT csv, HEADER, AUTO_DETECT false);\n"
            f"COMMENT ON TABLE {kept.name} IS '{kept.about}';\n"
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


def _write_books(folder: Path, story: Story, draw: Draw) -> None:
    folder.mkdir()
    author, created = str(draw.one(story.employees.column("name"))), str(story.start + timedelta(days=DAYS))
    products = story.products.rows
    markups = draw.whole(len(products), 108, 190)
    prices: list[list[Value]] = [["SKU", "Product", "Supplier", "Unit price", "Markup percent", "List price"]]
    prices += [
        [row["sku"], row["name"], row["supplier_id"], row["unit_price"], markup, f"=D{line}*E{line}/100"]
        for line, (row, markup) in enumerate(zip(products, markups, strict=True), start=2)
    ]
    write_workbook(
        folder / "pricing.xlsx",
        {"Price list": prices, "Suppliers": _sheet(story.suppliers)},
        Properties("Prices", author, "Sales", created),
    )
    managers = story.employees.column("handle")
    quarters = iter(draw.whole(4 * len(managers), 9000, 99000))
    targets: list[list[Value]] = [["Manager", "Q1", "Q2", "Q3", "Q4", "Year"]]
    targets += [
        [manager, *(next(quarters) for _ in range(4)), f"=SUM(B{line}:E{line})"]
        for line, manager in enumerate(managers, start=2)
    ]
    plans = [_payment_plan(row, draw) for row in draw.some(story.orders.rows, _PLANS)]
    write_workbook(
        folder / "planning.xlsx",
        {"Targets": targets, "Payment plans": _sheet(Table("plans", "", plans))},
        Properties("Plans", author, "Budget", created),
    )
    loads = draw.amounts(len(products), 90, 2400)
    pallets: list[Row] = [
        {
            "sku": row["sku"],
            "pieces_per_pallet": pieces,
            "load_expr": f"{load} {draw.one(('lb', 'stone', 'kg'))}",
            "height_expr": f"{height} inch",
            "home_depot": draw.one(story.depots.column("depot_code")),
        }
        for row, pieces, load, height in zip(
            products,
            draw.whole(len(products), 30, 900),
            loads,
            draw.amounts(len(products), 20, 80),
            strict=True,
        )
    ]
    quotes: list[Row] = [
        {
            "quote_no": identifier,
            "customer_id": draw.one(story.customers.column("customer_id")),
            "carrier": draw.one(story.carriers.column("carrier")),
            "quote_expression": f"{amount} + {draw.one(range(3, 90))} * {draw.one(range(5, 40)) / 4}",
        }
        for identifier, amount in zip(
            draw.identifiers(_QUOTES, "QUO"), draw.amounts(_QUOTES, 30, 900), strict=True
        )
    ]
    write_workbook(
        folder / "freight.xlsx",
        {"Pallets": _sheet(Table("pallets", "", pallets)), "Quotes": _sheet(Table("quotes", "", quotes))},
        Properties("Freight", author, "Logistics", created),
    )


def _payment_plan(order: Row, draw: Draw) -> Row:
    first = draw.one(range(80, 4000)) / 4
    return {
        "order_id": order["order_id"],
        "first_payment": first,
        "instalments": draw.one(range(2, 13)),
        "open_amount_expression": f"{order['total']} - {first} * {draw.one(range(101, 112)) / 100}",
    }


def _sheet(table: Table) -> list[list[Value]]:
    return [list(table.columns), *(list(row.values()) for row in table.rows)]
