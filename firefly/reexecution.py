"""Executes gold calls again, live: each task an item, in one fresh sandbox what can share it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

from firefly.items import Item
from firefly.knowledge import Knowledge
from firefly.protocols import Backend
from firefly.records import Availability, Reexecution
from firefly.replay.records import Recording, Task
from firefly.replay.tool_set import ToolSet
from firefly.verification import Reexecuted, changes_state, reexecute

if TYPE_CHECKING:
    from firefly.run import Run

_Group = tuple[tuple[str, ...], str]
"""Servers, and the task that has a sandbox for itself ("": those that only read share one)."""


class Again:
    """The tasks of a run as executed again, under the clock as it is and under shifted ones."""

    def __init__(self, run: Run, knowledge: Knowledge, order: str = "reexecution") -> None:
        """Begin; nothing is executed yet.

        Args:
            run: the run, in the stage that the items belong to.
            knowledge: what is known of the tools.
            order: names the random order in which tasks that share a sandbox are executed.

        """
        self._run = run
        self._knowledge = knowledge
        self._order = order
        self._done: dict[int, dict[str, Recording]] = defaultdict(dict)

    @property
    def clocks(self) -> list[str]:
        """Return, for each shifted clock that a check asks for, whether it can be had: it shapes verdicts."""
        days = {int(getattr(check, "clock_days", 0)) for check in self._run.component("checks")} - {0}
        return [f"{one}: {self._trouble(one) or 'yes'}" for one in sorted(days)]

    @property
    def tasks(self) -> dict[str, tuple[str, ...]]:
        """Return which tasks were executed again, by the days of the shifted clock."""
        return {str(days): tuple(sorted(done)) for days, done in sorted(self._done.items())}

    @property
    def recordings(self) -> dict[str, Recording]:
        """Return every recording, named by days and task."""
        return {
            f"{days}:{task}": one for days, done in sorted(self._done.items()) for task, one in done.items()
        }

    def recall(self, tasks: Mapping[str, Sequence[str]]) -> None:
        """Read from the store what an earlier run executed."""
        by_id = {task.id: task for task in self._run.tasks}
        for days, names in tasks.items():
            missing = [by_id[name] for name in names if name in by_id and name not in self._done[int(days)]]
            if missing:
                self.execute(missing, int(days))

    def execute(self, tasks: Sequence[Task], days: int = 0) -> Reexecuted:
        """Execute the gold calls of ``tasks``, in fresh sandboxes whose clock is shifted by ``days``.

        Tasks of one set of servers that only read share a sandbox, in shuffled order; one that changes
        something has its own. Each task is an item: another server, or another choice of tasks, repeats none.
        """
        if why := self._trouble(days):
            return Reexecuted(why_not={task.id: why for task in tasks})
        outside = {task.id: one for task in tasks if days and (one := self._outside(task))}
        inside = [task for task in tasks if task.id not in outside]
        self._execute(inside, days)
        done = self._done[days]
        why_not = {task.id: "its sandbox could not be made" for task in inside if task.id not in done}
        return Reexecuted(
            {task.id: done[task.id] for task in inside if task.id in done}, {**outside, **why_not}
        )

    def _trouble(self, days: int) -> str:
        """Return why the clock can't be shifted by ``days``; empty: it can be.

        A replayed run says what was true where it was recorded.
        """
        if not days:
            return ""
        (found,) = self._run.once(f"clock {days}", partial(_clock, self._run, days), Availability)
        return found.trouble

    def _outside(self, task: Task) -> str:
        listings = self._knowledge.listings
        servers = [name for name in task.servers if name in listings and not listings[name].disposable]
        return f"no sandbox, so no other clock: {', '.join(servers)}" if servers else ""

    def _execute(self, tasks: Sequence[Task], days: int) -> None:
        run = self._run

        def backend() -> Backend:
            return run.live.shifted(days) if days else run.live.fresh

        groups: dict[_Group, list[Task]] = defaultdict(list)
        for task in sorted(tasks, key=lambda task: task.id):
            alone = task.id if changes_state(task, self._knowledge) else ""
            groups[(task.servers, alone)].append(task)
        known = {servers: self._knowledge.restricted(servers).digest for servers, _ in groups}
        batches = {
            group: _Batch(run, self._knowledge, group, backend, (self._order, *([f"{days}"] if days else [])))
            for group in groups
        }
        # the first task of every group comes first, so that groups run at the same time
        order = sorted(
            ((number, group, task) for group, batch in groups.items() for number, task in enumerate(batch)),
            key=lambda one: one[:2],
        )
        items = [
            Item(
                id=task.id,
                shaped_by=[known[group[0]], days],
                make=partial(batches[group].reexecuted, task.id),
                finished=bool,
            )
            for _, group, task in order
        ]
        part = f"reexecution-{days}-days" if days else "reexecution"
        of = {task.id: (group, task) for _, group, task in order}
        for item in run.missing(items, Reexecution, part=part):
            group, task = of[item.id]
            batches[group].tasks.append(task)
        for one in run.items_of(items, Reexecution, part=part, waits=True, executes=True).all:
            self._done[days][one.task] = one.recording


def _clock(run: Run, days: int) -> list[Availability]:
    from firefly.servers.clock import ClockError

    trouble = ""
    try:
        run.live.shifted(days)
    except ClockError as error:
        trouble = str(error)
    return [Availability(what=f"a clock shifted by {days} days", trouble=trouble)]


class _Batch:
    """Tasks that are executed again together, when the first is asked for."""

    def __init__(
        self,
        run: Run,
        knowledge: Knowledge,
        group: _Group,
        backend: Callable[[], Backend],
        order: tuple[str, ...],
    ) -> None:
        self._run, self._knowledge, self._group, self._backend, self._order = (
            run,
            knowledge,
            group,
            backend,
            order,
        )
        self._lock = Lock()
        self._done: Mapping[str, Recording] | None = None
        self.tasks: list[Task] = []

    def reexecuted(self, task: str) -> Sequence[Reexecution]:
        """Return the task's calls as executed again; none when they could not be."""
        servers, _ = self._group
        tools = ToolSet.of(tool for key, tool in self._knowledge.tools.items() if key[0] in servers)
        with self._lock:
            if self._done is None:
                self._done = reexecute(
                    sorted(self.tasks, key=lambda one: one.id),
                    fresh=self._backend(),
                    tool_sets={servers: tools},
                    knowledge=self._knowledge,
                    rng=self._run.rng(self._order[0], *servers, *self._order[1:]),
                    seed=self._run.config.seed,
                )
        return [Reexecution(task=task, recording=self._done[task])] if task in self._done else []
