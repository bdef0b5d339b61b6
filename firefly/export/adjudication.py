"""The ``adjudication`` table: tasks whose blind solvers came to other answers, for people to decide."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import JsonValue

from firefly.export.tables import write_table
from firefly.plugins import register
from firefly.protocols import DatasetContent
from firefly.records import Verdict
from firefly.replay.records import Task


@register("exporters", "adjudication")
class Adjudication:
    """Writes what blind solvers disagreed about, with what it hints at; the decision is left open."""

    def export(self, content: DatasetContent, folder: Path) -> list[Path]:
        """Write ``adjudication.jsonl`` in id order; nothing where no solver disagreed."""
        pairs = [(task, content.verdicts[task.id]) for tasks in content.tasks.values() for task in tasks]
        rows = [row for pair in [*pairs, *content.rejected] for row in _rows(*pair)]
        if not rows:
            return []
        return [write_table(folder / "adjudication.jsonl", sorted(rows, key=lambda row: str(row["id"])))]


def _rows(task: Task, verdict: Verdict) -> Iterator[dict[str, JsonValue]]:
    for result in verdict.results:
        if suspected := result.evidence.get("disagreement"):
            yield {
                "id": task.id,
                "verified": verdict.verified,
                "check": result.check,
                "suspected": suspected,
                "prompt": task.prompt,
                "answer": task.answer.model_dump(mode="json"),
                "pass_rate": result.evidence.get("pass_rate"),
                "attempts": result.evidence.get("attempts"),
                "decision": "",
            }
