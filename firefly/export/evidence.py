"""The ``evidence`` folders: the episodes that cassettes were frozen from, and what was claimed of tools."""

from __future__ import annotations

from pathlib import Path

from firefly.evidence import folder_of
from firefly.export.rows import splits
from firefly.plugins import register
from firefly.protocols import DatasetContent


@register("exporters", "evidence")
class EvidenceFolder:
    """Writes every recorded episode, with what is claimed of the tools, for whoever goes on from there."""

    def export(self, content: DatasetContent, folder: Path) -> list[Path]:
        """Write ``evidence/``, and ``evidence_<split>/`` for each split with a world of its own."""
        filled = {"", *(split for _, split, _ in splits(content))}
        return [
            path
            for split, evidence in content.evidence.items()
            if split in filled
            for path in evidence.save(folder_of(folder, split))
        ]
