"""The synthesis stage: task candidates of one exploration."""

from __future__ import annotations

from random import Random

from firefly.knowledge import Knowledge
from firefly.protocols import TaskWriter
from firefly.records import Exploration
from firefly.replay.records import Task


def write_tasks(
    exploration: Exploration, *, writer: TaskWriter, knowledge: Knowledge, rng: Random
) -> list[Task]:
    """Return the distinct tasks that ``writer`` finds in ``exploration``, in the order of their ids."""
    found = writer.write(exploration, knowledge=knowledge, rng=rng)
    return sorted({task.id: task for task in found}.values(), key=lambda task: task.id)
