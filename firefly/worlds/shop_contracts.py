"""The shop's supply agreements as documents: clauses, the parts supplied, comments in the margin."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import repeat
from pathlib import Path

from firefly.worlds.draw import Draw
from firefly.worlds.office import Comment, Properties, write_document
from firefly.worlds.shop_story import Story


def write_contracts(folder: Path, story: Story, draw: Draw) -> None:
    """Write one document for each agreement."""
    folder.mkdir()
    suppliers = {row["agreement_id"]: row for row in story.suppliers.rows}
    names = {row["handle"]: str(row["name"]) for row in story.employees.rows}
    revisions = draw.whole(len(story.agreements.rows), 2, 60)
    for row, revision in zip(story.agreements.rows, revisions, strict=True):
        supplier = suppliers[row["agreement_id"]]
        supplied = [one for one in story.products.rows if one["supplier_id"] == supplier["supplier_id"]]
        paragraphs = [
            ("Title", f"Supply agreement {row['agreement_id']}"),
            ("Normal", f"Between Partsdesk and {supplier['company']}, {supplier['city']}."),
            ("Heading1", "Volume"),
            ("Normal", f"{supplier['company']} commits to {row['committed_volume']} pieces a year."),
            ("Heading1", "Delay"),
            ("Normal", f"Each late week costs {row['penalty_rate']} percent of the order."),
        ]
        clauses = draw.some(_CLAUSES, draw.one(range(2, len(_CLAUSES))))
        numbered = [f"{draw.one(range(2, 60))}. {clause}" for clause in clauses]
        paragraphs += [("Heading1", draw.one(_HEADINGS)), *zip(repeat("Normal"), numbered, strict=False)]
        volumes = draw.whole(len(supplied), 20, 900)
        table = [["SKU", "Product", "Yearly pieces"]] + [
            [str(one["sku"]), str(one["name"]), str(volume)]
            for one, volume in zip(supplied, volumes, strict=True)
        ]
        signed = date.fromisoformat(str(row["signed_on"]))
        categories = sorted({str(one["category"]) for one in supplied})
        about = Properties(
            f"Supply agreement {row['agreement_id']}",
            names[row["signed_by"]],
            str(supplier["supplier_id"]),
            signed.isoformat(),
            keywords=", ".join(categories),
            revision=revision,
        )
        comments = _comments(draw, list(names.values()), signed, len(paragraphs))
        write_document(folder / str(row["filename"]), paragraphs, table, about, comments)


def _comments(draw: Draw, staff: list[str], signed: date, paragraphs: int) -> dict[int, Comment]:
    count = draw.one((2, 3, 4))
    days = draw.dates(count, signed - timedelta(days=60), 58)
    return {
        place: Comment(author, day.isoformat(), text.format(draw.one(range(3, 90))))
        for place, author, day, text in zip(
            sorted(draw.some(range(1, paragraphs), count)),
            draw.some(staff, count),
            days,
            draw.some(_MARGIN, count),
            strict=True,
        )
    }


_HEADINGS = ("Remarks", "Further terms", "Annex", "Particulars", "Also agreed")

_MARGIN = (
    "Ask finance whether {} percent still holds",
    "Raised to {} after the call with the supplier",
    "Legal wants clause {} reworded",
    "Last year it was {}",
    "Drawing {} says otherwise",
    "They first asked for {}",
)

_CLAUSES = (
    "Packaging is taken back at the supplier's cost.",
    "Samples are kept for two years after the last delivery of the part they belong to.",
    "Drawings stay the property of Partsdesk.",
    "Either side may end this agreement with ninety days' notice given in writing.",
    "Prices hold for two quarters and are reviewed together after that.",
    "Inspection happens on arrival; hidden faults may be claimed later, within one year of arrival.",
    "Tools paid for by Partsdesk are marked, insured and stored apart.",
    "Disputes go to mediation first.",
)
