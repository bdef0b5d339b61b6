"""The ``cassette`` folder: every recorded call, from which the tasks replay offline."""

from __future__ import annotations

from pathlib import Path

from firefly.errors import CassetteError, StoreError
from firefly.export.figures import files_below
from firefly.plugins import register
from firefly.protocols import DatasetContent


@register("exporters", "cassette")
class CassetteFolder:
    """Writes the frozen cassette in its published format."""

    def export(self, content: DatasetContent, folder: Path) -> list[Path]:
        """Write ``cassette/``.

        Raises:
            StoreError: the disk is full or not writable.
        """
        target = folder / "cassette"
        target.mkdir()
        try:
            content.cassette.save(target)
        except CassetteError as error:
            raise StoreError(
                f"The cassette can't be written: {error} An earlier data set is unchanged, and everything "
                "computed is kept: run the same command again."
            ) from error
        return list(files_below(target))
