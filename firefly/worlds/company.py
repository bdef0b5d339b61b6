"""The world of the published servers: the parts shop and the office around it, files of every kind.

=================  ====================================================================
the shop's         ``shop.db``, ``warehouse/``, ``books/``, ``contracts/``, ``repo/`` (`firefly.worlds.shop`)
``tables/``        CSV: claims, visits, machines, energy
``papers/``        PDF: one inspection report for each depot, an insurance policy
``slides/``        PPTX: one review for each quarter
``vault/``         Markdown notes: suppliers, meetings, machines
``files/``         letters, rates and plans as text, JSON and CSV
``services/``      log files of the shop's programs
``memory.jsonl``   a graph of people, suppliers and depots
``tasks.json``     requests and the tasks they were split into
=================  ====================================================================

Whoever and whatever is named is the shop's: a claim's order, a visit's customer, a note's supplier.
"""

from __future__ import annotations

import json
from pathlib import Path

from firefly.plugins import register
from firefly.worlds.company_papers import write_papers, write_slides
from firefly.worlds.company_records import Records, keep_records
from firefly.worlds.company_texts import write_files, write_services, write_vault
from firefly.worlds.draw import Draw
from firefly.worlds.shop import Shop
from firefly.worlds.shop_story import Story, tell
from firefly.worlds.tables import csv_text

__all__ = ["Company"]


@register("world", "company")
class Company:
    """The parts shop and its office: files of every kind that the published servers read."""

    def __init__(self, *, seed: int = 0) -> None:
        self.seed = seed

    def build(self, folder: Path) -> None:
        """Write the company's files into ``folder``."""
        Shop(seed=self.seed).build(folder)
        story = tell(Draw(self.seed, "shop"))  # the one that the shop's files tell
        draw = Draw(self.seed, "company")
        records = keep_records(story, draw)
        (folder / "tables").mkdir()
        for table in records.tables:
            (folder / "tables" / f"{table.name}.csv").write_text(csv_text(table), encoding="utf-8")
        write_papers(folder / "papers", story, records, draw)
        write_slides(folder / "slides", story, records, draw)
        write_vault(folder / "vault", story, records, draw)
        write_files(folder / "files", story, records, draw)
        write_services(folder / "services", story, records, draw)
        _write_memory(folder / "memory.jsonl", story, draw)
        _write_tasks(folder / "tasks.json", story, records, draw)


def _write_memory(path: Path, story: Story, draw: Draw) -> None:
    lines: list[dict[str, object]] = []
    relations: list[dict[str, object]] = []

    def entity(name: str, kind: str, observations: list[str]) -> None:
        lines.append({"type": "entity", "name": name, "entityType": kind, "observations": observations})

    def relation(source: str, verb: str, target: str) -> None:
        relations.append({"type": "relation", "from": source, "to": target, "relationType": verb})

    people = [str(name) for name in story.employees.column("name")]
    habits = draw.some(_HABITS, len(people))
    for person, row, habit in zip(people, story.employees.rows, habits, strict=True):
        entity(person, "person", [f"signs as {row['handle']}", habit][: draw.one((1, 2))])
    suppliers = draw.some(story.suppliers.rows, 6)
    for row, remark in zip(suppliers, draw.some(_SUPPLIER_REMARKS, 6), strict=True):
        entity(str(row["company"]), "supplier", [f"supplier number {row['supplier_id']}", remark])
        relation(draw.one(people), "negotiates with", str(row["company"]))
    projects = draw.some(_PROJECTS, 4)
    for project, months in zip(projects, draw.whole(4, 2, 24), strict=True):
        entity(project, "project", [f"planned for {months} months"])
        for person in draw.some(people, draw.one((1, 2, 3))):
            relation(person, draw.one(("works on", "leads", "advises")), project)
        relation(project, "depends on", str(draw.one(suppliers)["company"]))
    lines += {json.dumps(one, sort_keys=True): one for one in relations}.values()
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def _write_tasks(path: Path, story: Story, records: Records, draw: Draw) -> None:
    requests = []
    number = 0
    for place, subject in enumerate(draw.some(_REQUESTS, 6), 1):
        tasks = []
        steps = draw.some(_STEPS, draw.one((2, 3, 4, 5)))
        done = draw.one(range(len(steps)))
        for step, title in enumerate(steps):
            number += 1
            claim = draw.one(records.claims.rows)
            tasks.append(
                {
                    "id": f"task-{number}",
                    "title": title,
                    "description": f"{title} for claim {claim['claim_id']}",
                    "done": step < done,
                    "approved": step < done - 1,
                    "completedDetails": f"settled by {draw.one(story.employees.column('handle'))}"
                    if step < done
                    else "",
                }
            )
        depot = draw.one(story.depots.column("city"))
        requests.append(
            {
                "requestId": f"req-{place}",
                "originalRequest": f"{subject} in {depot}",
                "splitDetails": f"{subject} in {depot}, split by {draw.one(story.employees.column('name'))}",
                "tasks": tasks,
                "completed": False,
            }
        )
    path.write_text(json.dumps({"requests": requests}, indent=2) + "\n", encoding="utf-8")


_HABITS = (
    "prefers to be called in the morning",
    "speaks Portuguese and Dutch",
    "keeps the keys of the archive",
    "is first aider",
    "works from home on Thursdays",
    "trained as a welder",
    "plays the trombone",
    "edits the staff paper",
    "rides the ferry to work",
    "looks after the interns",
)
_SUPPLIER_REMARKS = (
    "ships on Tuesdays only",
    "asks for prepayment in winter",
    "closed during August",
    "has a second warehouse by the river",
    "sends drawings on paper",
    "gives two percent for early payment",
    "changed its bank last spring",
    "takes pallets back",
)
_PROJECTS = ("Barcode Renewal", "Night Dispatch", "Returns Desk", "Cold Store", "Price Book", "Green Packing")
_REQUESTS = (
    "Clear the open claims",
    "Prepare the stock count",
    "Renew the forklift papers",
    "Close the old depot office",
    "Move the archive",
    "Set up the second dock",
    "Review the night shift",
)
_STEPS = (
    "Collect the papers",
    "Call the customer",
    "Check the photographs",
    "Book the credit note",
    "Ask the carrier",
    "Measure the parts",
    "Inform the insurer",
    "File the answer",
)
