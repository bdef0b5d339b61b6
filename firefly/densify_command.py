"""``python -m firefly --config-name densify``: what rollouts missed is recorded, the cassette made anew."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from omegaconf import DictConfig
from pydantic import Field, field_validator

from firefly.components import build
from firefly.config import ComponentConfig
from firefly.coverage import Choices, merged
from firefly.coverage.around import Around
from firefly.coverage.habits import Habits
from firefly.coverage.merging import Merged
from firefly.coverage.missed import (
    Executed,
    Rate,
    executed,
    first_missed,
    miss_rate,
    missing,
    unlike,
    within,
)
from firefly.coverage.rollouts import Attempt, attempts_of
from firefly.errors import DatasetError
from firefly.evidence import Evidence
from firefly.export.dataset import write_dataset
from firefly.export.reading import read_dataset
from firefly.items import Item, run_items
from firefly.knowledge import Knowledge
from firefly.live_dataset import CommandConfig, LiveDataset, checked, manifest_of, profiles
from firefly.protocols import DatasetContent
from firefly.replay.cassette import Cassette
from firefly.replay.dataset import load_dataset_tasks
from firefly.replay.records import Recording, ToolCall
from firefly.replay.simulator import StrictSimulator
from firefly.store import Store, write_report

VERSION = "cassette_version"
"""The fact that counts how often a data set's cassettes were made; 1 where it is not there."""

_LOST = "labels_that_would_change"
_MORE = "more of the rollouts' calls would be missed"


class DensifyConfig(CommandConfig):
    """Everything that composes a denser cassette."""

    exporters: dict[str, ComponentConfig | None]
    rollouts: list[Path] = Field(min_length=1)
    calls: int = Field(ge=1)
    """Most live calls."""
    around: int = Field(ge=0)
    """Most of them beside one rollout that missed something."""
    values: dict[str, ComponentConfig | None]
    denser: Path
    """Where the new data set goes."""

    @field_validator("rollouts", mode="before")
    @classmethod
    def _one_needs_no_brackets(cls, value: Any) -> Any:
        return [value] if isinstance(value, str | Path) else value


def run(composed: DictConfig, folder: Path) -> None:
    """Execute, print, write ``densify.json`` and ``attempts.jsonl``, and the new data set.

    Raises:
        FireflyError: there is nothing to begin with, or the recorded world is not there.
    """
    config = checked(composed, DensifyConfig, ("exporters", "values"))
    with LiveDataset(config) as dataset:
        work = _Work(config, dataset, folder)
        done = work.execute()
        dense = work.merge(done)
        beside = work.execute_around(done, dense)
        dense = work.merge_around(beside, dense)
        target = None
        if dense.added:
            exporters = [build(one) for one in config.exporters.values() if one]
            target = write_dataset(work.content(dense), config.denser, exporters)
        found = work.figures(done, beside, dense)
    files = {
        "attempts.jsonl": "".join(one.to_json() + "\n" for one in (*done, *beside)),
        "densify.json": json.dumps(found, indent=2) + "\n",
    }
    write_report(files, folder)
    for line in _lines(found):
        print(line)
    print(f"densify: {folder / 'densify.json'}")
    if target is not None:
        print(f"dataset: {target}")


class _Work:
    """The rollouts of a data set, and what they missed."""

    def __init__(self, config: DensifyConfig, dataset: LiveDataset, folder: Path) -> None:
        self._config = config
        self._dataset = dataset
        self._store = Store(folder / "finished")  # what held yesterday must not pass for what holds today
        if dataset.evidence is None:
            raise DatasetError(
                f"{config.dataset} has no recorded episodes (folder recordings), so nothing can be added to "
                "its cassette. Make it anew with exporters=recordings among the others."
            )
        self._evidence: Evidence = dataset.evidence
        self.attempts = list(self._read())
        self.todo = missing(self.attempts, dataset.cassette)

    def _read(self) -> Iterable[Attempt]:
        dataset = self._dataset
        simulator = StrictSimulator(dataset.cassette)
        every = load_dataset_tasks(self._config.dataset)  # those of other splits, too
        for path in self._config.rollouts:
            for one in attempts_of(path, every, simulator.tool_set):
                if one.task is None or one.task in dataset.tasks:
                    yield one

    def execute(self) -> list[Executed]:
        """Return what became of each attempt that missed something."""
        dataset, config = self._dataset, self._config
        changed = unlike(dataset.cassette, {name for one in self.todo for name in one.servers}, self._listing)
        fitting = [one for one in self.todo if not changed.keys() & set(one.servers)]
        refused = [
            Executed(attempt=one, why="; ".join(f"{n}: {changed[n]}" for n in one.servers if n in changed))
            for one in self.todo
            if changed.keys() & set(one.servers)
        ]
        if not fitting:
            return refused
        chosen = within(fitting, config.calls)
        return [*self._made(chosen, dataset.cassette), *refused, *self._later(fitting[len(chosen) :])]

    def execute_around(self, done: Sequence[Executed], dense: Merged) -> list[Executed]:
        """Return what became of the calls beside the rollouts that were made again: as many as are left."""
        attempts = [one.attempt for one in done if one.recording is not None]
        left = self._config.calls - sum(len(one.calls) for one in attempts)
        if not self._config.around or not attempts:
            return []
        missed = {one.digest: first_missed(one, self._dataset.cassette) for one in attempts}
        around = self._planner([call for one in attempts for call in one.calls[missed[one.digest] :]], dense)
        planned = [new for one in attempts for new in around.attempts(one, missed[one.digest])]
        chosen = within(planned, left)
        return [*self._made(chosen, dense.cassette), *self._later(planned[len(chosen) :])]

    def _later(self, attempts: Iterable[Attempt]) -> list[Executed]:
        return [Executed(attempt=one, why=f"beyond calls={self._config.calls}") for one in attempts]

    def _planner(self, missed: Sequence[ToolCall], dense: Merged) -> Around:
        config = self._config
        knowledge = Knowledge(
            self._dataset.listings.values(),
            profiles(dense.cassette, self._evidence.claims.reads),
            (*self._evidence.recordings, *dense.added),
        )
        sources = [build(one) for one in config.values.values() if one]
        return Around(
            knowledge,
            Choices(knowledge, sources, lambda key: Random(f"{config.seed}/{key}")),
            Habits(missed, knowledge.tools),
            StrictSimulator(dense.cassette),
            budget=config.around,
            rng_of=lambda name: Random(f"{config.seed}/{name}"),
        )

    def _made(self, attempts: Sequence[Attempt], cassette: Cassette) -> list[Executed]:
        dataset, config = self._dataset, self._config
        items = [
            Item(
                id=one.digest,
                shaped_by=one.digest,
                make=partial(_executed, one, cassette, dataset, config.seed),
            )
            for one in attempts
        ]
        made = run_items(
            "densify", items, Executed, store=self._store, shaped_by={}, in_flight=config.parallel.in_flight
        )
        by_item = {item.id: attempt for item, attempt in zip(items, attempts, strict=True)}
        failed = [
            Executed(attempt=by_item[one.item], why=f"{one.error}: {one.message}") for one in made.failures
        ]
        return [*made.all, *failed]

    def _listing(self, server: str) -> Any:
        return self._dataset.listings.get(server)

    def merge(self, done: Sequence[Executed]) -> Merged:
        """Return the cassette with what was recorded in it."""
        return self._merged(self._dataset.cassette, done, ())

    def merge_around(self, beside: Sequence[Executed], dense: Merged) -> Merged:
        """Return the cassette with the calls beside the rollouts in it, too, if these miss no more for it."""
        more = self._merged(dense.cassette, beside, dense.added)
        before, after = (miss_rate(self.attempts, one.cassette) for one in (dense, more))
        if after.missed > before.missed:
            return replace(dense, withdrawn=(*dense.withdrawn, *more.added, *more.withdrawn))
        return Merged(
            more.cassette,
            (*dense.added, *more.added),
            (*dense.withdrawn, *more.withdrawn),
            {**dense.lost, **more.lost},
        )

    def _merged(self, before: Cassette, done: Sequence[Executed], added: Sequence[Recording]) -> Merged:
        dataset = self._dataset
        tools = [one.tool for one in dataset.cassette.tools.values()]
        versions = dict(dataset.cassette.versions)
        additions = {one.recording.id: one.recording for one in done if one.recording is not None}
        return merged(
            before,
            [additions[name] for name in sorted(additions)],
            lambda more: self._evidence.cassette(tools, versions, (*added, *more)),
            dataset.tasks.values(),
        )

    def content(self, dense: Merged) -> DatasetContent:
        """Return the data set with the denser cassette."""
        dataset, split = self._dataset, self._dataset.split
        content = read_dataset(self._config.dataset, dataset.listings.values())
        evidence = Evidence(self._evidence.claims, (*self._evidence.recordings, *dense.added))
        earlier = content.facts.get(VERSION)
        return replace(
            content,
            cassette=content.cassette if split else dense.cassette,
            split_cassettes={**content.split_cassettes, **({split: dense.cassette} if split else {})},
            evidence={**content.evidence, split: evidence},
            facts={**content.facts, VERSION: (earlier if isinstance(earlier, int) else 1) + 1},
        )

    def figures(self, done: Sequence[Executed], beside: Sequence[Executed], dense: Merged) -> dict[str, Any]:
        """Return what goes to ``densify.json``."""
        facts = manifest_of(self._config.dataset).get("run")
        earlier = facts.get(VERSION, 1) if isinstance(facts, dict) else 1
        return {
            "rollouts": len(self.attempts),
            "distinct_with_misses": len(self.todo),
            "executed": sum(one.recording is not None for one in done),
            "calls_recorded": sum(one.new for one in done if one.recording is not None),
            "around": {
                "executed": sum(one.recording is not None for one in beside),
                "calls_recorded": sum(one.new for one in beside if one.recording is not None),
                "refused": _refused(beside),
            },
            "live_calls": sum(one.calls for one in self._dataset.live.counts().values()),
            "refused": _refused(done),
            "withdrawn": len(dense.withdrawn),
            _LOST: dense.lost,
            "entries": {"before": len(self._dataset.cassette.entries), "after": len(dense.cassette.entries)},
            "before": _rate(miss_rate(self.attempts, self._dataset.cassette)),
            "after": _rate(miss_rate(self.attempts, dense.cassette)),
            "cassette_version": earlier + bool(dense.added),
        }


def _executed(attempt: Attempt, cassette: Cassette, dataset: LiveDataset, seed: int) -> list[Executed]:
    return [executed(attempt, cassette, dataset.live, seed=seed)]


def _refused(done: Iterable[Executed]) -> dict[str, int]:
    return dict(sorted(Counter(one.why for one in done if one.recording is None).items()))


def _rate(rate: Rate) -> dict[str, Any]:
    return {
        "episodes": rate.episodes,
        "episodes_with_a_miss": rate.episodes_with_miss,
        "calls": rate.calls,
        "missed": rate.missed,
        "miss_rate": round(rate.missed / rate.calls, 4) if rate.calls else None,
    }


def _lines(found: dict[str, Any]) -> Iterable[str]:
    before, after = found["before"], found["after"]
    yield (
        f"{found['rollouts']} rollouts, {found['distinct_with_misses']} different ones with misses: "
        f"{found['executed']} made again live, {found['calls_recorded']} calls recorded"
    )
    yield (
        f"{found['around']['calls_recorded']} calls recorded beside them; {found['live_calls']} live calls "
        "in all"
    )
    for where, some in (("", found["refused"]), (" beside them", found["around"]["refused"])):
        for why, count in some.items():
            yield f"refused {count}{where}: {why}"
    if found["withdrawn"]:
        lost = next((f"labels would change ({name}: {why})" for name, why in found[_LOST].items()), _MORE)
        yield f"withdrawn {found['withdrawn']} recordings, since with them {lost}"
    yield f"calls that are missed: {before['missed']} of {before['calls']} before, {after['missed']} now"
