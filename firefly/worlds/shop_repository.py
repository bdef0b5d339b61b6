"""The shop's git repository: price lists, settings, code and notes, with the history of its prices."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path

from firefly.worlds.draw import Draw
from firefly.worlds.git import Person, Repository
from firefly.worlds.shop_story import Story
from firefly.worlds.tables import Row, Table, csv_text
from firefly.worlds.words import UTC_OFFSETS

_REPRICES = 14
_RELEASES = 7


@dataclass
class _History:
    """The repository as it grows."""

    draw: Draw
    story: Story
    prices: dict[str, float]
    """SKU -> unit price at this point of the history."""
    files: dict[str, str]
    repository: Repository = field(default_factory=Repository)
    tip: str = ""
    notes: list[str] = field(default_factory=list)
    settled: list[Row] = field(default_factory=list)

    def commit(self, message: str, handle: str, day: date, parent: str | None = None) -> str:
        """Commit the files as they are; on ``main`` unless a parent is given."""
        staff = next(row for row in self.story.employees.rows if row["handle"] == handle)
        clock = time(self.draw.one(range(8, 18)), self.draw.one(range(60)), self.draw.one(range(60)))
        zone = timezone(timedelta(minutes=UTC_OFFSETS[str(staff["timezone"])]))
        when = datetime.combine(day, clock, zone)
        author = Person(str(staff["name"]), f"{handle}@partsdesk.example")
        parents = [one for one in (self.tip if parent is None else parent,) if one]
        made = self.repository.commit(self.files, message, author, when, parents)
        if parent is None:
            self.tip = made
        return made

    def reprice(self, sku: str) -> float:
        """Bring one product to the price it has in the end, and its list up to date; return it."""
        product = next(row for row in self.story.products.rows if row["sku"] == sku)
        self.prices[sku] = float(product["unit_price"])
        self.write_prices(str(product["category"]))
        return self.prices[sku]

    def write_prices(self, category: str) -> None:
        """Write the price list of a category."""
        rows: list[Row] = [
            {
                "sku": row["sku"],
                "name": row["name"],
                "supplier_id": row["supplier_id"],
                "unit_price": self.prices[str(row["sku"])],
            }
            for row in self.story.products.rows
            if row["category"] == category
        ]
        self.files[f"prices/{category}.csv"] = csv_text(Table(category, "", rows))

    def note(self, line: str) -> None:
        """Put a line on top of the change log."""
        self.notes.insert(0, f"- {line}")
        self.files["CHANGELOG.md"] = "# Change log\n\n" + "\n".join(self.notes) + "\n"


def write_repository(folder: Path, story: Story, draw: Draw) -> tuple[dict[str, str], Table]:
    """Write the repository; return ticket -> commit that settled it, and the table of releases."""
    handles = [str(handle) for handle in story.employees.column("handle")]
    history = _begin(story, draw)
    history.commit("Import price lists and settings", draw.one(handles), story.start - timedelta(days=3))
    first = dict(history.files)
    tickets = {
        date.fromisoformat(str(row["opened_on"])) + timedelta(days=1): row for row in story.tickets.rows
    }
    free = [story.start + timedelta(days=offset) for offset in range(300)]
    free = [day for day in free if day not in tickets]
    untouched = [str(sku) for sku in story.products.column("sku") if sku not in story.tickets.column("sku")]
    reprices = dict(
        zip(draw.some(free, _REPRICES), draw.some(untouched, min(_REPRICES, len(untouched))), strict=False)
    )
    release_days = draw.some([day for day in free if day not in reprices], _RELEASES)
    names = iter(draw.identifiers(_RELEASES, "REL"))
    settled: dict[str, str] = {}
    releases: list[Row] = []
    for day in sorted([*tickets, *reprices, *release_days]):
        if day in tickets:
            settled[str(tickets[day]["ticket_id"])] = _settle(history, tickets[day], day)
        elif day in reprices:
            _reprice(history, reprices[day], draw.one(handles), day)
        else:
            releases.append(_release(history, next(names), draw.one(handles), day, len(settled)))
    _branches(history, handles, max([*tickets, *reprices]))
    lists = [name for name in first if name.startswith("prices/") and first[name] != history.files[name]]
    restored = draw.one(sorted(lists))
    history.repository.references["heads/main"] = history.tip
    changelog = history.files["CHANGELOG.md"]
    history.repository.write(
        folder,
        branch="main",
        head=history.files,
        staged={"CHANGELOG.md": f"{changelog}- Recheck {draw.one(untouched)} before the next release\n"},
        work={
            restored: first[restored],
            "scratch.txt": f"ask about {draw.one(story.orders.column('order_id'))}\n",
        },
    )
    return settled, Table(
        "releases", "Published price lists; a revision names a file in the repository", releases
    )


def _begin(story: Story, draw: Draw) -> _History:
    products = story.products.rows
    cuts = draw.amounts(len(products), 0, 30)
    prices = {
        str(row["sku"]): float(row["unit_price"]) + cut for row, cut in zip(products, cuts, strict=True)
    }
    history = _History(draw, story, prices, {})
    history.files.update(
        {
            "README.md": "# Partsdesk\n\n"
            "Price lists, settings and tools of the parts shop. Price lists are in\n"
            "`prices/`, one file per category; every change names its ticket or supplier.\n",
            "config/depots.json": json.dumps([dict(row) for row in story.depots.rows], indent=2) + "\n",
            "config/carriers.json": json.dumps([dict(row) for row in story.carriers.rows], indent=2) + "\n",
            "tools/freight.py": _freight_code(story),
            "tools/rebates.py": _rebate_code(draw, story),
            "tools/cutoffs.py": _cutoff_code(story),
        }
    )
    for category in story.categories:
        history.write_prices(category)
    history.note("Repository started")
    return history


def _settle(history: _History, ticket: Row, day: date) -> str:
    price = history.reprice(str(ticket["sku"]))
    identifier = str(ticket["ticket_id"])
    history.settled.append(
        {
            "ticket_id": identifier,
            "order_id": ticket["order_id"],
            "sku": ticket["sku"],
            "settled_on": day.isoformat(),
        }
    )
    history.files["docs/settled.csv"] = csv_text(Table("settled", "", history.settled))
    history.note(f"{identifier}: {ticket['subject']} ({ticket['order_id']})")
    message = f"Settle {identifier} of {ticket['order_id']}, {ticket['sku']} is now {price}"
    return history.commit(message, str(ticket["assigned_to"]), day)


def _reprice(history: _History, sku: str, handle: str, day: date) -> None:
    supplier = next(row["supplier_id"] for row in history.story.products.rows if row["sku"] == sku)
    price = history.reprice(sku)
    history.note(f"{sku} repriced after notice of {supplier}")
    history.commit(f"Reprice {sku} to {price} after notice of {supplier}", handle, day)


def _release(history: _History, name: str, handle: str, day: date, settled: int) -> Row:
    category = history.draw.one(history.story.categories)
    history.files[f"releases/{name}.txt"] = (
        f"release: {name}\nreleased_on: {day.isoformat()}\nreleased_by: {handle}\nreviewed_list: {category}\n"
        f"settled_tickets: {settled}\npieces_counted: {history.draw.one(range(2000, 90000))}\n"
    )
    history.note(f"{name} released")
    history.repository.references[f"tags/{name}"] = history.commit(f"Release {name}", handle, day)
    return {
        "release_id": name,
        "released_on": day.isoformat(),
        "released_by": handle,
        "reviewed_category": category,
        "price_revision": f"{name}:prices/{category}.csv",
        "notes_revision": f"{name}:releases/{name}.txt",
    }


def _branches(history: _History, handles: list[str], last: date) -> None:
    files = dict(history.files)
    for kind, options in (
        ("reprice", history.story.suppliers.column("supplier_id")),
        ("hotfix", history.story.tickets.column("ticket_id")),
        ("customs", history.story.products.column("sku")),
    ):
        subject = history.draw.one(options)
        history.files[f"docs/drafts/{subject}.md"] = f"# Draft for {subject}\n\nNot reviewed yet.\n"
        author = history.draw.one(handles)
        made = history.commit(f"Draft {kind} of {subject}", author, last, parent=history.tip)
        history.repository.references[f"heads/{kind}/{subject}"] = made
        history.files = dict(files)


def _freight_code(story: Story) -> str:
    rates = "".join(
        f"    {str(row['carrier'])!r}: ({row['base_fee']}, {row['per_kg']}),\n" for row in story.carriers.rows
    )
    return (
        '"""What carriers charge."""\n\nRATES = {\n' + rates + "}\n\n\n"
        "def freight_cost(carrier: str, weight_kg: float) -> float:\n"
        '    """Return the price of one parcel."""\n'
        "    base, per_kg = RATES[carrier]\n    return base + per_kg * weight_kg\n\n\n"
        "def cheapest(weight_kg: float) -> str:\n"
        '    """Return the carrier with the lowest price."""\n'
        "    return min(RATES, key=lambda carrier: freight_cost(carrier, weight_kg))\n"
    )


def _rebate_code(draw: Draw, story: Story) -> str:
    limits = sorted(draw.whole(4, 1000, 30000))
    rates = sorted(draw.whole(4, 1, 19))
    tiers = "".join(f"    ({limit}, {rate}),\n" for limit, rate in zip(limits, rates, strict=True))
    excluded = sorted(str(sku) for sku in draw.some(story.products.column("sku"), 3))
    return (
        '"""Rebates by order total."""\n\n# (order total from, percent)\nTIERS = [\n' + tiers + "]\n\n"
        f"EXCLUDED = {excluded!r}\n\n\n"
        "def rebate_percent(total: float) -> int:\n"
        '    """Return the percentage that an order of this total earns."""\n'
        "    return max([percent for start, percent in TIERS if total >= start], default=0)\n\n\n"
        "def is_excluded(sku: str) -> bool:\n"
        '    """Return whether a product never earns a rebate."""\n'
        "    return sku in EXCLUDED\n"
    )


def _cutoff_code(story: Story) -> str:
    hours = "".join(
        f"    {str(row['depot_code'])!r}: {str(row['last_pickup'])!r},\n" for row in story.depots.rows
    )
    return (
        '"""Last pickups, in each depot\'s own time."""\n\nLAST_PICKUP = {\n' + hours + "}\n\n\n"
        "class Cutoff:\n"
        '    """The last pickup of one depot."""\n\n'
        "    def __init__(self, depot: str) -> None:\n        self.depot = depot\n\n"
        "    def missed(self, clock: str) -> bool:\n"
        '        """Return whether ``clock`` (HH:MM) is too late."""\n'
        "        return clock > LAST_PICKUP[self.depot]\n"
    )
