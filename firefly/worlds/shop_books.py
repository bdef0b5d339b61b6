"""The shop's workbooks: prices and suppliers, plans, freight."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from firefly.worlds.draw import Draw
from firefly.worlds.office import Properties, Value, write_workbook
from firefly.worlds.shop_story import Story
from firefly.worlds.shop_trade import DAYS
from firefly.worlds.tables import Row, Table

Cells = list[list[Value]]
Books = Mapping[str, Mapping[str, Cells]]
"""File name -> sheet -> rows, the first one the header."""


def make_books(story: Story, draw: Draw) -> Books:
    """Return the workbooks' sheets."""
    plans = [_payment_plan(row, draw) for row in draw.some(story.orders.rows, draw.one(range(20, 29)))]
    return {
        "pricing.xlsx": {"Price list": _prices(story, draw), "Suppliers": _sheet(story.suppliers)},
        "planning.xlsx": {
            "Targets": _targets(story, draw),
            "Payment plans": _sheet(Table("plans", "", plans)),
        },
        "freight.xlsx": {
            "Pallets": _sheet(Table("pallets", "", _pallets(story, draw))),
            "Quotes": _sheet(Table("quotes", "", _quotes(story, draw))),
        },
    }


def write_books(folder: Path, books: Books, story: Story, draw: Draw) -> None:
    """Write the workbooks; each has an author and a number of its own."""
    folder.mkdir()
    created = str(story.start + timedelta(days=DAYS))
    authors = draw.some([str(name) for name in story.employees.column("name")], len(books))
    numbers = draw.identifiers(len(books), "WB")
    for (name, sheets), author, number in zip(books.items(), authors, numbers, strict=True):
        about = Properties(f"{Path(name).stem.title()} {number}", author, draw.one(story.categories), created)
        write_workbook(folder / name, sheets, about)


def _prices(story: Story, draw: Draw) -> Cells:
    products = story.products.rows
    rows: Cells = [["SKU", "Product", "Supplier", "Unit price", "Markup percent", "List price"]]
    rows += [
        [row["sku"], row["name"], row["supplier_id"], row["unit_price"], markup, f"=D{line}*E{line}/100"]
        for line, (row, markup) in enumerate(
            zip(products, draw.whole(len(products), 108, 190), strict=True), start=2
        )
    ]
    return rows


def _targets(story: Story, draw: Draw) -> Cells:
    managers = story.employees.column("handle")
    quarters = iter(draw.whole(4 * len(managers), 9000, 99000))
    rows: Cells = [["Manager", "Q1", "Q2", "Q3", "Q4", "Year"]]
    rows += [
        [manager, *(next(quarters) for _ in range(4)), f"=SUM(B{line}:E{line})"]
        for line, manager in enumerate(managers, start=2)
    ]
    return rows


def _pallets(story: Story, draw: Draw) -> list[Row]:
    products = story.products.rows
    return [
        {
            "sku": row["sku"],
            "pieces_per_pallet": pieces,
            "load": f"{load} {draw.one(('lb', 'stone', 'kg'))}",
            "height": f"{height} inch",
            "home_depot": draw.one(story.depots.column("depot_code")),
        }
        for row, pieces, load, height in zip(
            products,
            draw.whole(len(products), 30, 900),
            draw.amounts(len(products), 90, 2400),
            draw.amounts(len(products), 20, 80),
            strict=True,
        )
    ]


def _quotes(story: Story, draw: Draw) -> list[Row]:
    count = draw.one(range(14, 23))
    return [
        {
            "quote_no": identifier,
            "customer_id": draw.one(story.customers.column("customer_id")),
            "carrier": draw.one(story.carriers.column("carrier")),
            "quote_formula": f"{amount} + {draw.one(range(3, 90))} * {draw.one(range(5, 40)) / 4}",
        }
        for identifier, amount in zip(
            draw.identifiers(count, "QUO"), draw.amounts(count, 30, 900), strict=True
        )
    ]


def _payment_plan(order: Row, draw: Draw) -> Row:
    first = draw.one(range(80, 4000)) / 4
    return {
        "order_id": order["order_id"],
        "first_payment": first,
        "instalments": draw.one(range(2, 13)),
        "open_amount": float(str(order["total"])) - first,
    }


def _sheet(table: Table) -> Cells:
    return [list(table.columns), *(list(row.values()) for row in table.rows)]
