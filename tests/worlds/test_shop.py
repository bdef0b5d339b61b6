"""The shop: equal seeds give equal bytes, its parts join, and its values can be told apart."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import sqlite3
import subprocess
import zipfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from firefly.worlds.shop import Shop

SEEDS = (0, 1, 7)


def tree(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module", params=SEEDS)
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    Shop(seed=request.param).build(folder)
    return folder


def rows(shop: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(shop / "shop.db")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def git(shop: Path, *arguments: str) -> str:
    environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(
        ["git", *arguments], cwd=shop / "repo", env=environment, check=True, capture_output=True, text=True
    ).stdout


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def all_tables(shop: Path) -> dict[str, list[dict[str, object]]]:
    connection = sqlite3.connect(shop / "shop.db")
    connection.row_factory = sqlite3.Row
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found: dict[str, list[dict[str, object]]] = {
        name: [dict(row) for row in connection.execute(f"SELECT * FROM {name}")] for name in names
    }
    connection.close()
    for path in (shop / "warehouse").glob("*.csv"):
        found[path.stem] = [dict(row) for row in table(path)]
    return found


def test_equal_seeds_give_equal_bytes_and_different_seeds_different_worlds(tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("two", 3), ("other", 4)):
        (tmp_path / name).mkdir()
        Shop(seed=seed).build(tmp_path / name)
    one, two, other = tree(tmp_path / "one"), tree(tmp_path / "two"), tree(tmp_path / "other")
    assert one == two
    assert one["shop.db"] != other["shop.db"]
    mine = {row[0] for row in rows(tmp_path / "one", "SELECT order_id FROM orders")}
    theirs = {row[0] for row in rows(tmp_path / "other", "SELECT order_id FROM orders")}
    assert len(mine & theirs) < len(mine) / 10


def test_the_whole_folder_is_small(shop: Path) -> None:
    sizes = [path.stat().st_size for path in shop.rglob("*") if path.is_file()]
    assert sum(sizes) < 1_000_000
    assert len(sizes) < 120


def test_many_seeds_can_be_told(tmp_path: Path) -> None:
    for seed in range(100, 140):
        folder = tmp_path / str(seed)
        folder.mkdir()
        Shop(seed=seed).build(folder)


def test_the_repository_is_sound_and_has_something_staged_changed_and_new(shop: Path) -> None:
    assert git(shop, "fsck", "--strict", "--full", "--no-dangling").strip() == ""
    assert sorted(line[:2] for line in git(shop, "status", "--porcelain").splitlines()) == [" M", "??", "M "]
    assert len(git(shop, "log", "--format=%H").split()) > 40
    assert len(git(shop, "branch", "--format=%(refname)").split()) == 4


def test_a_ticket_leads_to_its_commit_its_order_and_the_customer(shop: Path) -> None:
    found = rows(
        shop,
        "SELECT ticket_id, fixed_in_commit, t.order_id, timezone FROM tickets t "
        "JOIN orders USING (order_id) JOIN customers USING (customer_id)",
    )
    assert len(found) == len(rows(shop, "SELECT * FROM tickets"))
    for ticket, commit, order, zone in found:
        message = git(shop, "show", "-s", "--format=%B", str(commit))
        assert str(ticket) in message
        assert str(order) in message
        assert "/" in str(zone)


def test_releases_name_files_of_the_repository(shop: Path) -> None:
    for prices, notes in rows(shop, "SELECT price_revision, notes_revision FROM releases"):
        assert git(shop, "show", str(prices)).startswith("sku,name,supplier_id,unit_price\n")
        assert re.match(r"release: REL-\d+\nreleased_on: ", git(shop, "show", str(notes)))


def test_prices_in_the_repository_end_where_the_database_is(shop: Path) -> None:
    listed = {}
    for name in git(shop, "ls-tree", "--name-only", "main:prices").split():
        for row in csv.DictReader(git(shop, "show", f"main:prices/{name}").splitlines()):
            listed[row["sku"]] = float(row["unit_price"])
    changed = {row[0] for row in rows(shop, "SELECT sku FROM tickets")}
    assert listed.keys() == {row[0] for row in rows(shop, "SELECT sku FROM products")}
    for sku, price in rows(shop, "SELECT sku, unit_price FROM products"):
        assert listed[str(sku)] >= float(str(price))
        assert (listed[str(sku)] == price) or sku not in changed


def test_suppliers_lead_from_the_database_to_a_workbook_and_a_contract(shop: Path) -> None:
    suppliers = sheet(shop / "books" / "pricing.xlsx", 2)
    by_id = {row[0]: row for row in suppliers[1:]}
    for agreement, supplier, filename in rows(
        shop, "SELECT agreement_id, supplier_id, filename FROM agreements"
    ):
        assert agreement in by_id[supplier]
        with zipfile.ZipFile(shop / "contracts" / str(filename)) as archive:
            assert str(agreement) in archive.read("word/document.xml").decode()
            assert str(supplier) in archive.read("docProps/core.xml").decode()


def test_reports_name_ranges_that_hold_something(shop: Path) -> None:
    for path, name, cells in rows(shop, 'SELECT path, sheet, "range" FROM reports'):
        with zipfile.ZipFile(shop / "books" / str(path)) as archive:
            names = re.findall(r'sheet name="([^"]+)"', archive.read("xl/workbook.xml").decode())
        line = int(re.findall(r"\d+", str(cells))[0])
        assert 2 <= line <= len(sheet(shop / "books" / str(path), names.index(str(name)) + 1))


def test_warehouse_rows_refer_to_orders_and_products_of_the_database(shop: Path) -> None:
    orders = {row[0] for row in rows(shop, "SELECT order_id FROM orders")}
    products = {row[0] for row in rows(shop, "SELECT sku FROM products")}
    depots = {row["depot_code"] for row in table(shop / "warehouse" / "depots.csv")}
    shipments = table(shop / "warehouse" / "shipments.csv")
    assert {row["order_id"] for row in shipments} <= orders
    assert {row["depot_code"] for row in shipments} == depots
    assert {row["sku"] for row in table(shop / "warehouse" / "returns.csv")} <= products
    settings = json.loads(git(shop, "show", "main:config/depots.json"))
    assert {row["depot_code"] for row in settings} == depots


def test_totals_are_the_lines_less_the_discount(shop: Path) -> None:
    wrong = rows(
        shop,
        "SELECT order_id FROM orders JOIN (SELECT order_id, SUM(amount) lines FROM order_lines GROUP BY 1) "
        "USING (order_id) WHERE total != lines - discount",
    )
    assert wrong == []


def test_identifiers_are_unique_in_the_whole_world(shop: Path) -> None:
    numbers = Counter(
        str(next(iter(row.values()))).split("-")[1]
        for name, found in all_tables(shop).items()
        for row in found
        if re.fullmatch(r"[A-Z]{3}-\d{4}", str(next(iter(row.values())))) and name not in {"payment plans"}
    )
    assert max(numbers.values()) == 1


def test_no_column_is_constant_and_no_measure_is_tied_at_its_ends(shop: Path) -> None:
    for name, found in all_tables(shop).items():
        for column in found[0]:
            values = [row[column] for row in found]
            assert len(set(values)) > 1, (name, column)
            if all(_is_number(value) for value in values) and (name, column) not in _MAY_TIE:
                ordered = sorted(float(str(value)) for value in values)
                assert ordered[0] != ordered[1], (name, column)
                assert ordered[-1] != ordered[-2], (name, column)


_MAY_TIE = {("returns", "quantity"), ("orders", "discount")}
"""Derived from other columns."""


def _is_number(value: object) -> bool:
    return bool(re.fullmatch(r"-?\d+(\.\d+)?", str(value)))


def sheet(path: Path, number: int) -> list[list[str]]:
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    with zipfile.ZipFile(path) as archive:
        root = ElementTree.fromstring(archive.read(f"xl/worksheets/sheet{number}.xml"))
    return [["".join(cell.itertext()) for cell in row] for row in root.iter(f"{space}row")]
