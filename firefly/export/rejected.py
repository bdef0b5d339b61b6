"""The ``rejected`` table: what did not pass, and why."""

from __future__ import annotations

from pathlib import Path

from firefly.export.rows import rejected_row
from firefly.export.tables import write_table
from firefly.plugins import register
from firefly.protocols import DatasetContent


@register("exporters", "rejected")
class Rejected:
    """Writes the candidates that were rejected, with all their verdicts."""

    def export(self, content: DatasetContent, folder: Path) -> list[Path]:
        """Write ``rejected.jsonl`` in id order; nothing when no candidate was rejected."""
        pairs = sorted(content.rejected, key=lambda pair: pair[0].id)
        if not pairs:
            return []
        return [write_table(folder / "rejected.jsonl", (rejected_row(*pair) for pair in pairs))]
