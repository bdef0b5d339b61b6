"""Has checks ask language models: each task an item, several at a time, recorded and counted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from pydantic import JsonValue

from firefly.items import Item
from firefly.knowledge import Knowledge
from firefly.protocols import AsksModels, Backend, Trial
from firefly.records import Opinion
from firefly.replay.records import Task

if TYPE_CHECKING:
    from firefly.run import Run


class Consultation:
    """What models were asked by the checks of a run; nobody is asked twice about one task."""

    def __init__(self, run: Run, knowledge: Knowledge) -> None:
        self._run, self._knowledge = run, knowledge
        self._said: dict[str, dict[str, Mapping[str, JsonValue]]] = defaultdict(dict)
        self._asked: dict[str, set[str]] = defaultdict(set)
        self.failed = False
        """Whether some task could not be asked about: then the next command asks again."""

    def consult(
        self, check: AsksModels, trials: Mapping[str, Trial], tasks: Sequence[Task]
    ) -> Mapping[str, Mapping[str, JsonValue]]:
        """Return what models say of ``tasks`` to ``check``, by task id; of some nothing, if asking failed."""
        run = self._run
        name = str(getattr(check, "name", type(check).__name__))
        done = self._said[name]
        live = run.journaled(lambda: run.trusting_live)
        asked = [task for task in tasks if task.id not in done]
        items = [self._item(task.id, partial(_opinion, check, task, trials[task.id], live)) for task in asked]
        if items:
            for one in run.items_of(items, Opinion, part=name, waits=True).all:
                done[one.task] = one.said
        self._asked[name] |= {task.id for task in tasks}
        self.failed = self.failed or any(task.id not in done for task in asked)
        return {task.id: done[task.id] for task in tasks if task.id in done}

    @property
    def asked(self) -> dict[str, tuple[str, ...]]:
        """Return the tasks that were asked about, by check."""
        return {name: tuple(sorted(tasks)) for name, tasks in sorted(self._asked.items())}

    def recall(self, asked: Mapping[str, Sequence[str]]) -> None:
        """Count what an earlier run asked: a finished verification asks nobody, and cost the same."""
        for name, tasks in asked.items():
            items = [self._item(task, list) for task in tasks if task not in self._asked[name]]
            self._run.count_spent(items, part=name)

    def _item(self, task: str, make: Callable[[], Sequence[Opinion]]) -> Item[Opinion]:
        return Item(id=task, shaped_by=[self._knowledge.digest, task], make=make)


def _opinion(check: AsksModels, task: Task, trial: Trial, live: Backend) -> list[Opinion]:
    return [Opinion(task=task.id, said=dict(check.ask(task, trial, live=live)))]
