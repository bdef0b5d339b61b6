"""The ``recordings`` folders: the episodes that the cassettes were frozen from."""

from __future__ import annotations

from pathlib import Path

from firefly.export.rows import splits
from firefly.plugins import register
from firefly.protocols import DatasetContent
from firefly.recordings import folder_of, write_recorded


@register("exporters", "recordings")
class Recordings:
    """Writes every recorded episode, with what the tools were seen to do, for whoever goes on from there."""

    def export(self, content: DatasetContent, folder: Path) -> list[Path]:
        """Write ``recordings/``, and ``recordings_<split>/`` for each split with a world of its own."""
        filled = {"", *(split for _, split, _ in splits(content))}
        return [
            path
            for split, recorded in content.recorded.items()
            if split in filled
            for path in write_recorded(recorded, folder_of(folder, split))
        ]
