"""Reads a finished data set folder back, so that it can be written again with what changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from firefly.errors import DatasetError
from firefly.evidence import Evidence
from firefly.export.dataset import MANIFEST
from firefly.export.rows import USUAL_SPLITS
from firefly.protocols import DatasetContent
from firefly.records import CheckResult, Listing, Verdict
from firefly.replay.cassette import Cassette
from firefly.replay.records import Task

__all__ = ["read_dataset", "read_evidence"]


def read_evidence(folder: Path, split: str = "") -> Evidence | None:
    """Return what the cassette of a data set, or of one of its splits, was made from; None: it is not there.

    Raises:
        DatasetError: it is damaged.
    """
    path = folder / (f"recordings_{split}" if split else "recordings")
    return Evidence.load(path) if path.is_dir() else None


def read_dataset(folder: Path, listings: Iterable[Listing]) -> DatasetContent:
    """Return the content of a data set; explorations are not part of it.

    Args:
        folder: the data set.
        listings: what its servers declare; a folder says it of each tool only.

    Raises:
        DatasetError: it is no finished data set, or damaged.
        CassetteError: a cassette is damaged.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        name, facts = str(manifest["name"]), dict(manifest["run"])
    except (OSError, ValueError, KeyError, TypeError):
        raise DatasetError(
            f"{folder} has no {MANIFEST} that can be read, so it is no finished data set."
        ) from None
    tasks: dict[str, list[Task]] = {}
    verdicts: dict[str, Verdict] = {}
    for path in sorted(folder.glob("tasks*/*.jsonl")):
        for task, verdict in _judged(path, verified=True):
            tasks.setdefault(path.stem, []).append(task)
            verdicts[task.id] = verdict
    rejected = list(_judged(folder / "rejected.jsonl", verified=False))
    verdicts |= {task.id: verdict for task, verdict in rejected}
    own = {
        path.name.removeprefix("cassette_"): Cassette.load(path)
        for path in sorted(folder.glob("cassette_*"))
        if path.is_dir()
    }
    evidence = {split: found for split in ("", *own) if (found := read_evidence(folder, split)) is not None}
    order = [*(split for split in USUAL_SPLITS if split in tasks), *sorted(set(tasks) - set(USUAL_SPLITS))]
    return DatasetContent(
        name=name,
        tasks={split: tasks[split] for split in order},
        rejected=rejected,
        verdicts=verdicts,
        explorations={},
        listings=sorted(listings, key=lambda one: one.server),
        cassette=Cassette.load(folder / "cassette"),
        split_cassettes=own,
        evidence=evidence,
        facts=facts,
    )


def _judged(path: Path, *, verified: bool) -> Iterator[tuple[Task, Verdict]]:
    if not path.is_file():
        return
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            row: dict[str, Any] = json.loads(line)
            task = Task.model_validate(json.loads(row["record"]))
            results = tuple(CheckResult.model_validate(one) for one in row.get("checks") or ())
        except (ValidationError, ValueError, KeyError, TypeError) as error:
            what = str(error).split("\n", 1)[0]
            raise DatasetError(
                f"{path}, line {number}, is no task with its checks: {what}. It is damaged, or another "
                "version of Firefly wrote it: copy the folder again from where it came, or make the data set "
                "anew with this version."
            ) from None
        yield task, Verdict(task=task.id, verified=verified, results=results)
