"""Reads a data set folder: its tasks, and the simulator of each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from .errors import DatasetError
from .index import open_cassette
from .records import Task
from .simulator import StrictSimulator

_ANEW = (
    "It is damaged, or another version of Firefly wrote it: copy the folder again from where it came, or "
    "make the data set anew with this version."
)


def load_dataset_tasks(folder: Path) -> dict[str, Task]:
    """Return the tasks of a data set folder by id, over all splits.

    Raises:
        DatasetError: no such folder, no tasks, or a row that is no task (names file and line).
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DatasetError(f"There is no data set at {folder}: no such folder.")
    files = sorted(folder.glob("tasks*/*.jsonl"))
    if not files:
        raise DatasetError(
            f"{folder} is not a data set: it has no tasks/*.jsonl. Name the folder printed as `dataset:`."
        )
    found: dict[str, Task] = {}
    for path in files:
        for task in tasks_of(path):
            if found.setdefault(task.id, task) != task:
                raise DatasetError(f"{path}: a second task with id {task.id}.")
    return found


def tasks_of(path: Path) -> Iterator[Task]:
    """Yield the tasks of one table.

    Raises:
        DatasetError: it can't be read, or a row is no task.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise DatasetError(f"{path} can't be read: {error.strerror or error}.") from None
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _task(line, f"{path}, line {number}")


class Simulators:
    """The simulator of each task of a data set folder: its split's own, or that of all the others."""

    def __init__(self, folder: Path) -> None:
        """Find the cassettes.

        Raises:
            CassetteError: one is damaged.
        """
        own: dict[str, StrictSimulator] = {}
        self._of: dict[str, StrictSimulator] = {}
        for path in sorted(Path(folder).glob("tasks*/*.jsonl")):
            cassette = Path(folder) / f"cassette_{path.stem}"
            if cassette.is_dir():
                own[path.stem] = StrictSimulator(open_cassette(cassette))
                self._of |= {task.id: own[path.stem] for task in tasks_of(path)}
        common = Path(folder) / "cassette"
        self._common = StrictSimulator(open_cassette(common)) if common.is_dir() else None

    def of(self, task: Task) -> StrictSimulator | None:
        """Return the simulator that answers the calls of ``task``; None: there is no cassette."""
        return self._of.get(task.id, self._common)


def _task(line: bytes, place: str) -> Task:
    try:
        row = json.loads(line)
        if isinstance(row.get("record"), str):
            return Task.model_validate(json.loads(row["record"]))
        return Task.model_validate({key: value for key, value in row.items() if key in Task.model_fields})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the row"
        raise DatasetError(f"{place} is not a task: {where}: {first['msg']}. {_ANEW}") from None
    except (ValueError, AttributeError) as error:
        raise DatasetError(f"{place} is not a task: {error}. {_ANEW}") from None
