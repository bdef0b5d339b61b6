"""Records what lies around the verified tasks' gold paths, and freezes it into a denser cassette."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from firefly.coverage import Choices, Plan, merged, planned, record
from firefly.coverage.neighbours import Place
from firefly.items import Item
from firefly.replay.cassette import Cassette
from firefly.replay.records import Record, Recording, Task, digest
from firefly.replay.simulator import StrictSimulator
from firefly.replay.tool_set import ToolSet
from firefly.simulation import versions_of

if TYPE_CHECKING:
    from firefly.run import Run

__all__ = ["Neighbourhood"]

log = logging.getLogger("firefly")

_CASSETTE = "cassette"
_OUTCOME = "outcome.json"

Servers = tuple[str, ...]


class _Outcome(Record):
    """What became of the recordings; kept beside the cassette in the store."""

    added: tuple[str, ...]
    lost: dict[str, str]


class Neighbourhood:
    """The neighbourhood stage of a run."""

    def __init__(self, run: Run) -> None:
        assert run.cassette is not None
        self._run = run
        self._before = run.cassette
        self._tasks = run.verified
        self._knowledge = run.knowledge()
        names = {task.servers for task in self._tasks}
        self._known = {servers: self._knowledge.restricted(servers) for servers in names}

    def extend(self) -> None:
        """Record, and put the denser cassette in the run's place; verified labels stay as they are."""
        found = self._recorded()
        if not found:
            return
        run = self._run
        inputs = [self._knowledge.digest, sorted(one.id for one in found), [task.id for task in self._tasks]]
        folder = run.folder_of(_CASSETTE, digest(inputs), lambda folder: self._fill(folder, found))
        outcome = _Outcome.model_validate_json((folder / _OUTCOME).read_bytes())
        run.cassette = Cassette.load(folder / _CASSETTE)
        added = set(outcome.added)
        run.neighbours = [one for one in found if one.id in added]
        if outcome.lost:
            log.warning(
                "neighbourhood: %s recordings were left out, since with them %s tasks would lose their label "
                "(%s: %s)",
                len(found) - len(added),
                len(outcome.lost),
                *next(iter(outcome.lost.items())),
            )

    def _fill(self, folder: Path, found: Sequence[Recording]) -> None:
        evidence = self._run.all_evidence()
        tools = [one.tool for one in self._before.tools.values()]
        versions = versions_of(self._run.listings)
        dense = merged(
            self._before, found, lambda more: evidence.cassette(tools, versions, more), self._tasks
        )
        dense.cassette.save(folder / _CASSETTE)
        outcome = _Outcome(added=tuple(one.id for one in dense.added), lost=dense.lost)
        (folder / _OUTCOME).write_text(outcome.to_json(), encoding="utf-8")

    def _recorded(self) -> list[Recording]:
        run = self._run
        plans = self._plans()
        items = [
            Item(
                id=task.id,
                shaped_by=[plan.digest, self._known[task.servers].digest],
                make=partial(
                    record,
                    task,
                    plan,
                    backend=run.trusting_live,
                    tools=ToolSet.of(self._known[task.servers].tools.values()),
                    seed=run.config.seed,
                ),
                finished=_answered,
            )
            for task, plan in self._in_order(plans)
        ]
        found = run.items_of(items, Recording, waits=True, executes=True).all
        return list({one.id: one for one in found}.values())

    def _plans(self) -> dict[str, Plan]:
        """Return task -> plan.

        A set of servers counts on what is planned for its parts, and on nothing else, so that a further
        server changes none of them.
        """
        run, simulator = self._run, StrictSimulator(self._before)
        choices = Choices(
            self._knowledge, run.component("values"), lambda key: run.rng("neighbourhood", *key)
        )
        taken: dict[Servers, set[Place]] = defaultdict(set)
        plans: dict[str, Plan] = {}
        for servers in sorted(self._known, key=lambda one: (len(one), one)):
            for part in [one for one in taken if set(one) < set(servers)]:
                taken[servers] |= taken[part]
            for task in (one for one in self._tasks if one.servers == servers):
                plans[task.id] = planned(
                    task,
                    knowledge=self._known[servers],
                    choices=choices,
                    simulator=simulator,
                    rng=run.rng("neighbourhood", task.id),
                    budget=run.config.neighbourhood.calls,
                    taken=taken[servers],
                )
        return {name: plan for name, plan in plans.items() if plan.calls}

    def _in_order(self, plans: dict[str, Plan]) -> Iterator[tuple[Task, Plan]]:
        """Yield first the tasks that leave sandboxes as they are, those of many servers before those of few.

        A warm sandbox then takes in one server after the other, and each is started about once.
        """
        profiles = self._knowledge.profiles

        def order(task: Task) -> tuple[bool, int, Servers, str]:
            effects = [profiles.get((gold.server, gold.tool)) for gold in task.gold_calls]
            changes = any(one is None or one.effect != "read" for one in effects)
            return changes, -len(task.servers), task.servers, task.id

        for task in sorted((one for one in self._tasks if one.id in plans), key=order):
            yield task, plans[task.id]


def _answered(recordings: Sequence[Recording]) -> bool:
    """Return whether the servers could be asked at all: where not, they are asked again next time."""
    return any(one.steps[0].observation.outcome != "transient" for one in recordings)
