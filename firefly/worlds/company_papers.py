"""The company's papers: inspection reports and a policy as PDF, quarterly reviews as slides."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from firefly.worlds.company_records import Records
from firefly.worlds.draw import Draw
from firefly.worlds.office import Properties
from firefly.worlds.pdf import Page, write_pdf
from firefly.worlds.shop_story import Story
from firefly.worlds.slides import Slide, write_deck

__all__ = ["write_papers", "write_slides"]


def write_papers(folder: Path, story: Story, records: Records, draw: Draw) -> None:
    """Write one inspection report for each depot that has machines, and the insurance policy."""
    folder.mkdir()
    machines = records.machines.rows
    depots = [
        row for row in story.depots.rows if any(one["depot_code"] == row["depot_code"] for one in machines)
    ]
    names = [str(name) for name in story.employees.column("name")]
    days = draw.dates(len(depots), records.start, 200)
    scores = draw.whole(len(depots), 40, 99)
    for depot, day, score, spare in zip(depots, days, scores, draw.whole(len(depots), 2, 30), strict=True):
        report = f"INS-{next(records.numbers)}"
        inspector = draw.one(names)
        own = [one for one in machines if one["depot_code"] == depot["depot_code"]]
        findings = [
            [str(one["machine_id"]), str(one["kind"]), draw.one(_FINDINGS), str(draw.one(range(5, 95)))]
            for one in own
        ]
        pages = [
            Page(
                f"Inspection report {report}",
                (
                    f"Depot: {depot['depot_code']}",
                    f"City: {depot['city']}",
                    f"Inspector: {inspector}",
                    f"Inspected on: {day.isoformat()}",
                    f"Score: {score}",
                ),
            ),
            Page(
                "Findings",
                ("Each machine was looked at.",),
                [["Machine", "Kind", "Finding", "Wear percent"], *findings],
            ),
            Page(
                "Follow-up",
                (
                    f"The next inspection is due on {(day + timedelta(days=180)).isoformat()}.",
                    *draw.some(_ADVICE, 2),
                ),
                links=(
                    f"https://partsdesk.example/inspections/{report}",
                    f"mailto:{report.lower()}@partsdesk.example",
                ),
            ),
        ]
        pages += [Page(f"Annex {letter}", draw.some(_ANNEX, 3)) for letter in "ABCDEF"[: spare % 4]]
        about = Properties(
            f"Inspection report {report}",
            inspector,
            f"Depot {depot['depot_code']}",
            day.isoformat(),
            keywords=", ".join(sorted({str(one["kind"]) for one in own})),
        )
        write_pdf(folder / f"inspection-{str(depot['depot_code']).lower()}.pdf", pages, about)
    _write_policy(folder / "insurance.pdf", story, records, draw)


def _write_policy(path: Path, story: Story, records: Records, draw: Draw) -> None:
    policy = f"POL-{next(records.numbers)}"
    depots = draw.some(story.depots.rows, 4)
    sums = draw.whole(4, 100, 900)
    table = [["Depot", "City", "Sum insured", "Excess"]] + [
        [str(row["depot_code"]), str(row["city"]), str(amount * 1000), str(excess * 50)]
        for row, amount, excess in zip(depots, sums, draw.whole(4, 5, 60), strict=True)
    ]
    pages = [
        Page(
            "Insurance policy",
            (f"Policy: {policy}", "Insured: Partsdesk", f"From: {records.start.isoformat()}"),
        ),
        Page("Places insured", ("Goods and machines at these depots.",), table),
        Page("What is not insured", draw.some(_ANNEX, 4)),
        Page("Contact", ("Report every damage at once.",), links=("https://harborinsurance.example/claims",)),
    ]
    about = Properties(f"Insurance policy {policy}", "Harbor Insurance", "Depots", records.start.isoformat())
    write_pdf(path, pages, about)


def write_slides(folder: Path, story: Story, records: Records, draw: Draw) -> None:
    """Write one review for each quarter."""
    folder.mkdir()
    names = [str(name) for name in story.employees.column("name")]
    figures = iter(draw.whole(80, 12, 990))
    for quarter in range(1, 5):
        author, day = draw.one(names), records.start + timedelta(days=91 * quarter)
        review = f"REV-{next(records.numbers)}"
        sales = [["Category", "Orders", "Revenue thousand"]] + [
            [category, str(next(figures)), str(next(figures))] for category in draw.some(story.categories, 4)
        ]
        costs = [["Depot", "Damage", "Overtime hours"]] + [
            [str(code), str(next(figures)), str(next(figures))]
            for code in draw.some(story.depots.column("depot_code"), 3)
        ]
        slides = [
            Slide(f"Quarter {quarter} review", (f"Review: {review}", f"Presented by {author}")),
            Slide("Sales by category", ("Figures of the quarter",), sales),
            Slide("Depots", (f"{draw.one(names)} reports",), costs),
            Slide("Open points", draw.some(_POINTS, draw.one((2, 3, 4, 5)))),
            *(Slide(title, draw.some(_POINTS, 2)) for title in draw.some(_EXTRA, draw.one((0, 1, 2, 3)))),
        ]
        about = Properties(
            f"Review {review}", author, f"Quarter {quarter}", day.isoformat(), keywords="review, sales"
        )
        write_deck(folder / f"review-q{quarter}.pptx", slides, about)


_FINDINGS = (
    "brake worn",
    "no finding",
    "oil leak",
    "chain loose",
    "lamp broken",
    "battery weak",
    "label missing",
)
_ADVICE = (
    "The gates should be painted before winter.",
    "The charging room needs a second fan.",
    "Fire doors must not be wedged open.",
    "The racks want a load sign each.",
)
_ANNEX = (
    "Photographs are kept with the originals.",
    "Goods in transit are left to the carrier.",
    "Ordinary wear is no damage.",
    "Tools that belong to staff are not included.",
    "Keys are counted every evening.",
    "Measurements were taken by daylight.",
)
_POINTS = (
    "Two docks are still closed",
    "New labels arrive next month",
    "The carrier contract ends soon",
    "Stock count moves to a weekend",
    "Training for the stacker begins",
    "Packing costs rose again",
    "Claims are answered faster",
)
_EXTRA = ("Staff", "Safety", "Outlook", "Thanks")
