"""The ``tasks`` table: questions with verified answers, one row a task."""

from __future__ import annotations

from pathlib import Path

from firefly.export.rows import splits, task_row
from firefly.export.tables import write_table
from firefly.plugins import register
from firefly.protocols import DatasetContent


@register("exporters", "tasks")
class Tasks:
    """Writes the verified tasks, one file a split."""

    def export(self, content: DatasetContent, folder: Path) -> list[Path]:
        """Write ``tasks/<split>.jsonl``; a split without rows is left out."""
        return [
            write_table(
                folder / f"tasks{suffix}" / f"{split}.jsonl",
                (task_row(task, split, content) for task in tasks),
            )
            for suffix, split, tasks in splits(content)
        ]
