"""The company of the published servers: deterministic, files of every kind, and they join the shop's."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from firefly.worlds.company import Company


def build(folder: Path, seed: int) -> Path:
    folder.mkdir()
    Company(seed=seed).build(folder)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("company") / "w", 3)


def test_equal_seeds_give_equal_bytes_and_other_seeds_other_papers(tmp_path: Path) -> None:
    one, two, other = (content(build(tmp_path / name, seed)) for name, seed in (("a", 5), ("b", 5), ("c", 6)))
    assert one == two
    folders = ("papers/", "slides/", "vault/", "services/", "tables/", "memory.jsonl", "tasks.json")
    assert not {text for name, text in one.items() if name.startswith(folders)} & set(other.values())


def test_there_is_something_of_every_kind(company: Path) -> None:
    endings = {path.suffix for path in company.rglob("*") if path.is_file()}
    assert {
        ".csv",
        ".pdf",
        ".pptx",
        ".md",
        ".log",
        ".json",
        ".jsonl",
        ".xlsx",
        ".docx",
        ".db",
        ".txt",
        ".py",
    } <= endings


def test_records_join_the_shop(company: Path) -> None:
    database = sqlite3.connect(company / "shop.db")
    known = {name: {row[0] for row in database.execute(f"SELECT {key} FROM {name}")} for name, key in (
        ("orders", "order_id"), ("customers", "customer_id"), ("employees", "handle"),
    )}  # fmt: skip
    database.close()
    assert {row["order_id"] for row in rows(company / "tables" / "claims.csv")} <= known["orders"]
    assert {row["customer_id"] for row in rows(company / "tables" / "visits.csv")} <= known["customers"]
    assert {row["visitor"] for row in rows(company / "tables" / "visits.csv")} <= known["employees"]


def test_the_memory_names_only_what_it_holds(company: Path) -> None:
    lines = [json.loads(line) for line in (company / "memory.jsonl").read_text().splitlines()]
    names = [line["name"] for line in lines if line["type"] == "entity"]
    assert len(names) == len(set(names))
    assert all({line["from"], line["to"]} <= set(names) for line in lines if line["type"] == "relation")


def test_links_of_papers_point_into_them_and_decks_hold_their_slides(company: Path) -> None:
    for path in (company / "papers").glob("*.pdf"):
        data = path.read_bytes()
        for number, place in enumerate(re.findall(rb"^(\d{10}) 00000 n", data, re.MULTILINE), 1):
            assert data[int(place) :].startswith(b"%d 0 obj" % number)
    for path in (company / "slides").glob("*.pptx"):
        with zipfile.ZipFile(path) as deck:
            for name in deck.namelist():
                ElementTree.fromstring(deck.read(name))
            types = deck.read("[Content_Types].xml").decode()
            slides = [name for name in deck.namelist() if name.startswith("ppt/slides/slide")]
            assert len(slides) >= 4 and all(f'"/{name}"' in types for name in slides)
