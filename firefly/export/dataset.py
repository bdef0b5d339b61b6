"""Writes a data set folder whole or not at all.

Everything is written into a hidden folder beside the target, which takes the target's place at the
end; an interrupted export or a full disk leaves the previous data set as it was.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from firefly.errors import RunError, StoreError
from firefly.export.privacy import publishable
from firefly.protocols import DatasetContent, Exporter

MANIFEST = "manifest.json"
"""Its presence says that a folder is a finished data set."""


def write_dataset(content: DatasetContent, folder: Path, exporters: Sequence[Exporter]) -> Path:
    """Write ``content`` into ``folder`` with every exporter, and return the folder.

    Exporters run in the order of their ``order`` attribute (0 where there is none): those that write
    tables (0), the card (1), the manifest (2); within it, as given. An earlier data set at ``folder``
    is replaced as a whole. What names the home folder of whoever runs this is left out.

    Raises:
        RunError: ``folder`` holds something else, two splits share a task, or an exporter writes
            outside its folder.
        StoreError: the disk is full or not writable; what was there before stays.

    """
    _check_splits(content)
    content = publishable(content)

    def fill(partial: Path) -> None:
        for exporter in sorted(exporters, key=_order):
            _check_written(type(exporter).__name__, exporter.export(content, partial), partial)

    return written_whole(folder, fill)


def written_whole(folder: Path, fill: Callable[[Path], None]) -> Path:
    """Fill a hidden folder beside ``folder`` and put it in its place; an earlier data set there is replaced.

    Raises:
        RunError: ``folder`` holds something else.
        StoreError: the disk is full or not writable; what was there before stays.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    previous = folder.with_name(f".{folder.name}.previous")
    try:
        _recover(folder, previous)
        _check_target(folder)
        _remove(partial)
        partial.mkdir(parents=True)
        fill(partial)
        if folder.exists():
            folder.replace(previous)
        partial.replace(folder)
        _remove(previous)
    except OSError as error:
        raise _write_error(folder, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if previous.is_dir() and not folder.exists():
            previous.replace(folder)
    return folder


def _order(exporter: Exporter) -> int:
    return int(getattr(exporter, "order", 0))


def _check_splits(content: DatasetContent) -> None:
    seen: dict[str, str] = {}
    for split, tasks in content.tasks.items():
        for task in tasks:
            if task.id in seen:
                raise RunError(
                    f"Task {task.id} is in the splits {seen[task.id]!r} and {split!r}; it may be in one."
                )
            seen[task.id] = split


def _recover(folder: Path, previous: Path) -> None:
    """Put back a data set whose replacement was ended by force between the two renames."""
    if previous.is_dir() and not folder.exists():
        previous.replace(folder)
    _remove(previous)


def _check_target(folder: Path) -> None:
    if folder.is_dir():
        if any(folder.iterdir()) and not (folder / MANIFEST).is_file():
            raise RunError(
                f"The folder {folder} is not empty and has no {MANIFEST}, so it is no earlier data set "
                "and is not replaced. Choose another with dataset.path=FOLDER, or empty it."
            )
    elif folder.exists():
        raise RunError(f"{folder} is a file, not a folder. Choose another with dataset.path=FOLDER.")


def _check_written(name: str, written: list[Path], folder: Path) -> None:
    for path in written:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise RunError(f"The exporter {name!r} wrote {path}, which is outside the data set's folder.")
        if not path.is_file():
            raise RunError(f"The exporter {name!r} says that it wrote {path}, but there is no such file.")


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _write_error(folder: Path, error: OSError) -> StoreError:
    kept = "An earlier data set there is unchanged, and everything already computed is kept"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreError(
            f"The disk of {folder} is full. {kept}: free some space (or choose another disk with "
            "dataset.path=FOLDER) and run the same command again."
        )
    return StoreError(
        f"The data set can't be written to {folder}: {error.strerror or error}. {kept}: choose a writable "
        "folder with dataset.path=FOLDER and run the same command again."
    )
