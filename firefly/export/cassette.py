"""The ``cassette`` folder: every recorded call, from which the tasks replay offline."""

from __future__ import annotations

from pathlib import Path

from firefly.export.figures import files_below
from firefly.plugins import register
from firefly.protocols import DatasetContent


@register("exporters", "cassette")
class CassetteFolder:
    """Writes the frozen cassette in its published format."""

    def export(self, content: DatasetContent, folder: Path) -> list[Path]:
        """Write ``cassette/``."""
        target = folder / "cassette"
        target.mkdir()
        content.cassette.save(target)
        return list(files_below(target))
