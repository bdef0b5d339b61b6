"""The world of the bundled servers: a workshop that lends tools, told from one seed."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

from firefly.plugins import register
from firefly.worlds.draw import Draw
from firefly.worlds.tables import Cell, Row, Table, csv_text
from firefly.worlds.words import COMPANY_WORDS, FAMILY_NAMES, GIVEN_NAMES, LENDABLE, PLACES

_SPAN = 200
_ITEMS = 44
_MEMBERS = 16
_LOANS = 46


@register("world", "workshop")
class Workshop:
    """A tool library: catalogue files and the lending desk's starting point."""

    def __init__(self, *, seed: int = 0) -> None:
        self.seed = seed

    def build(self, folder: Path) -> None:
        """Write ``catalogue/`` and ``desk.json`` into ``folder``."""
        draw = Draw(self.seed, "workshop")
        start = date(draw.one((2017, 2018, 2019, 2020, 2021)), draw.one(range(1, 7)), draw.one(range(1, 28)))
        branches = _branches(draw, start)
        items = _items(draw, [str(branch["branch_id"]) for branch in branches])
        members = _members(draw, branches, start)
        loans = _loans(draw, items, members, start)
        catalogue = folder / "catalogue"
        catalogue.mkdir()
        _write(catalogue / "branches.json", branches)
        (catalogue / "items.csv").write_text(csv_text(Table("items", "", items)), encoding="utf-8")
        _write(catalogue / "remarks.json", _remarks(draw, items))
        _write(folder / "desk.json", {"members": members, "loans": loans})


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def _branches(draw: Draw, start: date) -> list[dict[str, Cell]]:
    count = 5
    return [
        {
            "branch_id": identifier,
            "name": f"{word} Yard",
            "city": city,
            "timezone": zone,
            "benches": benches,
            "opened_on": opened.isoformat(),
        }
        for identifier, word, (city, zone), benches, opened in zip(
            draw.identifiers(count, "BRA"),
            draw.some(COMPANY_WORDS, count),
            draw.some(PLACES, count),
            draw.whole(count, 6, 90),
            draw.dates(count, start - timedelta(days=4000), 3000),
            strict=True,
        )
    ]


def _items(draw: Draw, branches: list[str]) -> list[Row]:
    kinds = draw.spread(_ITEMS, draw.some(sorted(LENDABLE), 5))
    names: set[str] = set()
    rows: list[Row] = []
    for identifier, kind, branch, shelf, fee, deposit in zip(
        draw.identifiers(_ITEMS, "ITM"),
        kinds,
        draw.spread(_ITEMS, branches),
        draw.whole(_ITEMS, 10, 99),
        draw.amounts(_ITEMS, 1, 40),
        draw.whole(_ITEMS, 20, 600),
        strict=True,
    ):
        name = ""
        while not name or name in names:
            name = f"{draw.one(COMPANY_WORDS)} {draw.one(LENDABLE[kind])}"
        names.add(name)
        rows.append(
            {
                "item_id": identifier,
                "name": name,
                "kind": kind,
                "branch_id": branch,
                "shelf": f"{draw.one('ABCDEFGH')}{shelf}",
                "daily_fee": fee,
                "deposit": deposit,
            }
        )
    return rows


def _members(draw: Draw, branches: list[dict[str, Cell]], start: date) -> list[dict[str, Cell]]:
    identifiers = [str(branch["branch_id"]) for branch in branches]
    return [
        {
            "member_id": identifier,
            "name": f"{given} {family}",
            "branch_id": branch,
            "joined_on": joined.isoformat(),
            "points": points,
        }
        for identifier, given, family, branch, joined, points in zip(
            draw.identifiers(_MEMBERS, "MEM"),
            draw.some(GIVEN_NAMES, _MEMBERS),
            draw.some(FAMILY_NAMES, _MEMBERS),
            draw.spread(_MEMBERS, identifiers),
            draw.dates(_MEMBERS, start - timedelta(days=900), 800),
            draw.whole(_MEMBERS, 30, 900),
            strict=True,
        )
    ]


def _loans(
    draw: Draw, items: list[Row], members: list[dict[str, Cell]], start: date
) -> list[dict[str, Cell]]:
    borrowers = draw.spread(_LOANS, [str(member["member_id"]) for member in draw.some(members, 8)])
    lent = draw.spread(_LOANS, [str(item["item_id"]) for item in draw.some(items, 8)])
    days = draw.dates(_LOANS, start, _SPAN)
    last = {item: index for index, item in enumerate(lent)}
    still_out = set(draw.some(sorted(last.values()), 5))
    return [
        {
            "loan_id": identifier,
            "item_id": item,
            "member_id": member,
            "lent_on": day.isoformat(),
            "due_on": (day + timedelta(days=draw.one(range(5, 40)))).isoformat(),
            "status": "open" if index in still_out else "returned",
        }
        for index, (identifier, item, member, day) in enumerate(
            zip(draw.identifiers(_LOANS, "LOA"), lent, borrowers, days, strict=True)
        )
    ]


def _remarks(draw: Draw, items: list[Row]) -> dict[str, list[str]]:
    chosen = draw.some([str(item["item_id"]) for item in items], 9)
    return {
        item: [f"{draw.one(_REMARKS)} ({draw.one(GIVEN_NAMES)})" for _ in range(draw.one((1, 2, 3)))]
        for item in sorted(chosen)
    }


_REMARKS = (
    "handle is loose",
    "blade sharpened",
    "charger missing",
    "case cracked",
    "new belt fitted",
    "switch sticks",
    "guard replaced",
    "calibrated",
)
