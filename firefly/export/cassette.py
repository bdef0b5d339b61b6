"""The ``cassette`` folders: every recorded call, from which the tasks replay offline."""

from __future__ import annotations

from pathlib import Path

from firefly.errors import CassetteError, StoreError
from firefly.export.figures import files_below
from firefly.export.rows import splits
from firefly.plugins import register
from firefly.protocols import DatasetContent


@register("exporters", "cassette")
class CassetteFolder:
    """Writes the frozen cassettes in their published format."""

    def export(self, content: DatasetContent, folder: Path) -> list[Path]:
        """Write ``cassette/``, and ``cassette_<split>/`` for each split with a world of its own.

        Raises:
            StoreError: the disk is full or not writable.
        """
        written: list[Path] = []
        filled = {split for _, split, _ in splits(content)}
        own = {f"cassette_{split}": one for split, one in content.split_cassettes.items() if split in filled}
        for name, cassette in {"cassette": content.cassette, **own}.items():
            target = folder / name
            target.mkdir()
            try:
                cassette.save(target)
            except CassetteError as error:
                raise StoreError(
                    f"The cassette can't be written: {error} An earlier data set is unchanged, and "
                    "everything computed is kept: run the same command again."
                ) from error
            written += files_below(target)
        return written
