"""The company's texts: notes, letters and rates, log files."""

from __future__ import annotations

import json
from datetime import datetime, time, timedelta
from pathlib import Path

from firefly.worlds.company_records import Records
from firefly.worlds.draw import Draw
from firefly.worlds.shop_story import Story
from firefly.worlds.tables import Table, csv_text

__all__ = ["write_files", "write_services", "write_vault"]


def write_vault(folder: Path, story: Story, records: Records, draw: Draw) -> None:
    """Write notes about suppliers, meetings and machines, each with properties at its head."""
    names = [str(name) for name in story.employees.column("name")]
    notes: dict[str, tuple[dict[str, object], str]] = {}
    suppliers = draw.some(story.suppliers.rows, 7)
    for row, grade, spend in zip(suppliers, draw.whole(7, 10, 99), draw.whole(7, 900, 90000), strict=True):
        notes[f"Suppliers/{row['company']}.md"] = (
            {
                "supplier": row["supplier_id"],
                "city": row["city"],
                "keeper": draw.one(names),
                "grade": grade,
                "yearly spend": spend,
            },
            f"# {row['company']}\n\nSee [[{draw.one(suppliers)['company']}]] for a second source.\n",
        )
    days = draw.dates(6, records.start, 220)
    for subject, day, minutes in zip(draw.some(_SUBJECTS, 6), days, draw.whole(6, 20, 150), strict=True):
        claim = draw.one(records.claims.rows)
        points = "".join(f"- {point}\n" for point in draw.some(_DECISIONS, draw.one((2, 3, 4))))
        notes[f"Meetings/{day.isoformat()} {subject}.md"] = (
            {
                "date": day.isoformat(),
                "chair": draw.one(names),
                "minutes": minutes,
                "claim": claim["claim_id"],
            },
            f"# {subject}\n\n{points}",
        )
    for row in draw.some(records.machines.rows, 5):
        notes[f"Machines/{row['machine_id']}.md"] = (
            {
                "machine": row["machine_id"],
                "kind": row["kind"],
                "depot": row["depot_code"],
                "serviced on": draw.dates(1, records.start, 200)[0].isoformat(),
                "keeper": draw.one(names),
            },
            f"# {row['kind']}\n\n#machine\n",
        )
    for name, (properties, body) in notes.items():
        head = "".join(f"{key}: {value}\n" for key, value in properties.items())
        _write(folder / name, f"---\n{head}---\n{body}")


def write_files(folder: Path, story: Story, records: Records, draw: Draw) -> None:
    """Write letters (lines of key and value), rates, plans and lists."""
    customers = draw.some(story.customers.column("customer_id"), 8)
    days = draw.dates(8, records.start, 200)
    letters = [f"LET-{next(records.numbers)}" for _ in customers]
    for letter, customer, day, amount in zip(letters, customers, days, draw.amounts(8, 30, 900), strict=True):
        claim = draw.one(records.claims.rows)
        lines = {
            "Letter": letter,
            "To": customer,
            "Date": day.isoformat(),
            "Claim": claim["claim_id"],
            "Signed by": draw.one(story.employees.column("name")),
            "Credit": amount,
        }
        _write(
            folder / "letters" / f"{letter}.txt", "".join(f"{key}: {value}\n" for key, value in lines.items())
        )
    zones = draw.some([str(row["city"]) for row in story.depots.rows], 5)
    rates = [
        {"city": zone, "per_pallet": rate, "minimum": least}
        for zone, rate, least in zip(zones, draw.amounts(5, 8, 60), draw.whole(5, 20, 90), strict=True)
    ]
    _write(
        folder / "rates" / "haulage.json", json.dumps({"currency": "EUR", "rates": rates}, indent=2) + "\n"
    )
    shifts = [
        {
            "week": f"{2 + place:02}",
            "depot": draw.one(story.depots.column("depot_code")),
            "lead": lead,
            "hours": hours,
        }
        for place, (lead, hours) in enumerate(
            zip(
                draw.spread(12, draw.some(story.employees.column("name"), 4)),
                draw.whole(12, 30, 168),
                strict=True,
            )
        )
    ]
    _write(folder / "plans" / "shifts.csv", csv_text(Table("shifts", "", shifts)))
    keys = [
        {
            "key_no": f"KEY-{next(records.numbers)}",
            "door": door,
            "holder": draw.one(story.employees.column("handle")),
        }
        for door in draw.some(_DOORS, 6)
    ]
    _write(folder / "plans" / "keys.json", json.dumps(keys, indent=2) + "\n")
    _write(folder / "README.txt", "Letters by number, rates by city, plans by week.\n")


def write_services(folder: Path, story: Story, records: Records, draw: Draw) -> None:
    """Write one log file for each of the shop's programs, in a common format."""
    moment = datetime.combine(records.start, time(6, 0))
    for program, messages in _MESSAGES.items():
        lines = []
        for level in draw.spread(draw.one(range(24, 36)), _LEVELS):
            moment += timedelta(seconds=draw.one(range(30, 40000)))
            order = draw.one(story.orders.rows)
            text = draw.one(messages).format(
                order=order["order_id"], depot=draw.one(story.depots.column("depot_code"))
            )
            lines.append(f"{moment:%Y-%m-%d %H:%M:%S},{draw.one(range(1000)):03} {level} {text}\n")
        _write(folder / program / f"{program}.log", "".join(lines))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


_LEVELS = ("INFO", "WARNING", "ERROR", "DEBUG")
_SUBJECTS = ("Stock count", "Night shift", "Packing", "Claims", "Carrier talks", "Budget", "Safety walk")
_DECISIONS = (
    "The count starts on a Friday",
    "Pallets are wrapped twice",
    "Two offers are compared",
    "The ramp is repaired first",
    "Letters go out within a week",
    "Spare lamps are ordered",
)
_DOORS = ("archive", "cold store", "north gate", "server room", "paint shop", "canteen", "roof")
_MESSAGES = {
    "web": (
        "order {order} shown to a guest",
        "basket of {order} restored",
        "payment page of {order} was slow",
        "address of {order} changed",
    ),
    "warehouse": (
        "scanner at {depot} lost its place",
        "label printed for {order} at {depot}",
        "pick list of {order} printed again",
        "gate at {depot} opened by hand",
    ),
    "billing": (
        "invoice of {order} sent",
        "reminder for {order} held back",
        "credit note for {order} booked",
        "bank file with {order} refused",
    ),
}
