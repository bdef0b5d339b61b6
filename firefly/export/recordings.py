"""The ``recordings`` folders: the episodes that the cassettes are made from, so that they can grow."""

from __future__ import annotations

from pathlib import Path

from firefly.export.rows import splits
from firefly.plugins import register
from firefly.protocols import DatasetContent


@register("exporters", "recordings")
class Recordings:
    """Writes every recorded episode; densify adds to them and makes the cassettes anew."""

    def export(self, content: DatasetContent, folder: Path) -> list[Path]:
        """Write ``recordings/``, and ``recordings_<split>/`` for each split with a cassette of its own."""
        filled = {split for _, split, _ in splits(content)}
        return [
            path
            for split, evidence in sorted(content.evidence.items())
            if not split or split in filled
            for path in evidence.save(folder / (f"recordings_{split}" if split else "recordings"))
        ]
