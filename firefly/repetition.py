"""The recorded episodes and tasks of a data set, made again on its live servers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from random import Random

from pydantic import Field

from firefly.config import ComponentConfig
from firefly.coverage.merging import unlabelled
from firefly.drift import Change, Label, changed_answers, repeated
from firefly.drift.labels import end_state_fault, passed_otherwise
from firefly.errors import RunError
from firefly.evidence import Claims, Evidence
from firefly.export.reading import read_dataset
from firefly.items import Item, run_items
from firefly.live_dataset import CommandConfig, LiveDataset
from firefly.protocols import DatasetContent
from firefly.records import CheckResult, ToolKey, Verdict
from firefly.replay.cassette import Cassette
from firefly.replay.grading import grade
from firefly.replay.records import Record, Recording, Rollout, Task
from firefly.replay.simulator import StrictSimulator
from firefly.replay.tool_set import ToolSet
from firefly.simulation import versions_of
from firefly.store import Store
from firefly.verification.recorded import agrees
from firefly.verification.replay import make

LOST = "drift"
"""Names the result that a task gets whose label did not hold."""


class DriftConfig(CommandConfig):
    """Everything that composes a look at what drifted."""

    exporters: dict[str, ComponentConfig | None]
    episodes: int | None = Field(ge=1)
    """Most recorded episodes that are made again; None: all."""
    refreshed: Path | None
    """Where the new data set goes; None: nowhere."""


class Repetition(Record):
    """One recorded episode as it comes out now."""

    episode: str
    """Id of the recorded one."""
    live: Recording
    again: Recording | None = None
    """Once more, where the first repetition differed."""


class Look:
    """The recorded episodes and tasks of a data set, made again."""

    def __init__(self, config: DriftConfig, dataset: LiveDataset, folder: Path) -> None:
        self._config = config
        self._dataset = dataset
        # not the shared store: what was true yesterday must not pass for what is true today
        self._store = Store(folder / "finished")
        self._tools = dataset.tools()
        self.recordings: tuple[Recording, ...] = (
            tuple(dataset.evidence.recordings) if dataset.evidence else ()
        )
        self.repetitions = self._repeated()

    def _tool_set(self, servers: Sequence[str]) -> ToolSet:
        return ToolSet.of(tool for key, tool in self._tools.items() if key[0] in servers)

    def _repeated(self) -> dict[str, Repetition]:
        """Return recorded episode -> its repetition, of those whose servers are all there."""
        working = set(self._dataset.listings)
        fitting = [one for one in self.recordings if one.steps and set(one.servers) <= working]
        most = self._config.episodes
        if most is not None and len(fitting) > most:
            fitting = Random(self._config.seed).sample(fitting, most)
        items = [
            Item(id=one.id, shaped_by=one.digest, make=partial(self._repetition, one)) for one in fitting
        ]
        found = run_items(
            "repetition",
            items,
            Repetition,
            store=self._store,
            shaped_by={},
            in_flight=self._config.parallel.in_flight,
        )
        return {one.episode: one for one in found.all}

    def _repetition(self, recording: Recording) -> list[Repetition]:
        tools, fresh = self._tool_set(recording.servers), self._dataset.live.fresh
        live = repeated(recording, fresh, tools)
        differs = any(True for _ in self._changes_of(recording, live))
        again = repeated(recording, fresh, tools) if differs else None
        return [Repetition(episode=recording.id, live=live, again=again)]

    def _changes_of(
        self, recording: Recording, live: Recording, again: Recording | None = None
    ) -> list[Change]:
        evidence = self._dataset.evidence
        rules = {key: one.rule for key, one in self._dataset.cassette.tools.items()}
        return list(
            changed_answers(
                recording,
                live,
                volatile={key: rule.volatile_fields for key, rule in rules.items()},
                varying={
                    *(evidence.claims.volatile if evidence else ()),
                    *(key for key, rule in rules.items() if rule.volatile),
                },
                again=again,
            )
        )

    def changes(self) -> list[Change]:
        """Return every recorded call that came out otherwise."""
        by_id = {one.id: one for one in self.recordings}
        return [
            change
            for name, one in sorted(self.repetitions.items())
            for change in self._changes_of(by_id[name], one.live, one.again)
        ]

    # --- labels ------------------------------------------------------------------------------

    @cached_property
    def _drawing(self) -> frozenset[ToolKey]:
        """Return the tools that hand out another value in every run."""
        rules = {key: one.rule for key, one in self._dataset.cassette.tools.items()}
        return frozenset(
            key
            for key, rule in rules.items()
            if rule.volatile or rule.volatile_fields or "run_specific" in rule.evidence
        )

    def labels(self) -> list[Label]:
        """Return for each task whether its gold calls still give its answer, each in a sandbox of its own."""
        items = [
            Item(id=task.id, shaped_by=task.id, make=partial(self._label, task))
            for task in self._dataset.tasks.values()
        ]
        found = run_items(
            "label",
            items,
            Label,
            store=self._store,
            shaped_by={},
            in_flight=self._config.parallel.in_flight,
        )
        failed = [
            Label(task=one.item, status="unknown", why=f"{one.error}: {one.message}")
            for one in found.failures
        ]
        return sorted([*found.all, *failed], key=lambda one: one.task)

    def _label(self, task: Task) -> list[Label]:
        absent = sorted(set(task.servers) - set(self._dataset.listings))
        if absent:
            return [Label(task=task.id, status="unknown", why=f"not there: {', '.join(absent)}")]
        with self._dataset.live.fresh.episode(self._tool_set(task.servers), self._config.seed) as episode:
            replayed = make(task, episode)
            if replayed.fault:
                return [_not_kept(task, replayed.fault, unknown=replayed.missed)]
            why = passed_otherwise(task, replayed.calls, self._drawing)
            if not why and not agrees(task.answer, replayed.answer):
                why = f"the answer comes out as {replayed.answer!r} and was {task.answer.value!r}"
            if why:
                return [_not_kept(task, why)]
            fault, no_answer = end_state_fault(task, episode)
        if fault:
            return [_not_kept(task, fault, unknown=no_answer)]
        return [Label(task=task.id, status="kept")]

    # --- the new data set --------------------------------------------------------------------

    def why_not_refreshed(self) -> str:
        """Return why no new data set can be written; empty if one can."""
        if self._config.refreshed is None:
            return "refreshed=null"
        if not self.recordings:
            return (
                "the data set has no recorded episodes (folder recordings), so there is nothing to make it of"
            )
        if self._dataset.absent:
            return f"servers are missing: {', '.join(self._dataset.absent)}"
        missing = sum(bool(one.steps) for one in self.recordings) - len(self.repetitions)
        return f"{missing} recorded episodes were not made again" if missing else ""

    def refreshed(
        self, labels: Sequence[Label], changes: Sequence[Change]
    ) -> tuple[DatasetContent, list[Label]]:
        """Return the data set as of today, and the labels: a task that can't be replayed loses its own, too.

        Raises:
            RunError: no task is left.
        """
        dataset = self._dataset
        evidence = Evidence(self._claims(), tuple(one.live for one in self.repetitions.values()))
        cassette = evidence.cassette(self._tools.values(), versions_of(dataset.listings.values()))
        labels = [self._replayable(label, cassette) for label in labels]
        lost = {label.task: label for label in labels if label.status != "kept"}
        content = read_dataset(self._config.dataset, dataset.listings.values())
        tasks = {
            split: [task for task in some if task.id not in lost] for split, some in content.tasks.items()
        }
        if not any(tasks.values()):
            raise RunError(f"All {len(lost)} tasks lose their label, so there is no new data set to write.")
        gone = [task for some in content.tasks.values() for task in some if task.id in lost]
        verdicts = {task.id: _lost(content.verdicts[task.id], lost[task.id]) for task in gone}
        split = dataset.split
        return replace(
            content,
            tasks={name: some for name, some in tasks.items() if some},
            rejected=[*content.rejected, *((task, verdicts[task.id]) for task in gone)],
            verdicts={**content.verdicts, **verdicts},
            cassette=content.cassette if split else cassette,
            split_cassettes={**content.split_cassettes, **({split: cassette} if split else {})},
            evidence={**content.evidence, split: evidence},
            facts={
                **content.facts,
                "refreshed": {
                    "tasks_lost": len(lost),
                    "changes": dict(sorted(Counter(one.kind for one in changes).items())),
                },
            },
        ), labels

    def _claims(self) -> Claims:
        """Return the claims of tools that still declare what they did when these were made."""
        evidence = self._dataset.evidence
        assert evidence is not None
        same = {
            key
            for key, one in self._dataset.cassette.tools.items()
            if key in self._tools and self._tools[key].schema_digest == one.tool.schema_digest
        }
        claims = evidence.claims
        return Claims(
            independent=tuple(key for key in claims.independent if key in same),
            reads=tuple(key for key in claims.reads if key in same),
            volatile=claims.volatile,
            masks=tuple(one for one in claims.masks if (one.server, one.tool) in same),
        )

    def _replayable(self, label: Label, cassette: Cassette) -> Label:
        if label.status != "kept":
            return label
        task = self._dataset.tasks[label.task]
        simulator = StrictSimulator(cassette)
        with simulator.episode(simulator.tool_set(task.servers)) as episode:
            replayed = make(task, episode)
            fault = replayed.fault or passed_otherwise(task, replayed.calls)
            fault = fault or ("" if agrees(task.answer, replayed.answer) else "another answer")
            fault = fault or end_state_fault(task, episode)[0]
        fault = fault or unlabelled(task, cassette) or _for_nothing(task, simulator)
        if not fault:
            return label
        return label.model_copy(
            update={"status": "lost", "why": f"today's recordings do not replay it: {fault}"}
        )


def _for_nothing(task: Task, simulator: StrictSimulator) -> str:
    """Return whether the end state of a task is there without any of its calls."""
    if task.end_state and grade(task, Rollout(calls=(), answer=task.answer.value), simulator).reward == 1:
        return "its end state holds before anything is done"
    return ""


def _not_kept(task: Task, why: str, *, unknown: bool = False) -> Label:
    return Label(task=task.id, status="unknown" if unknown else "lost", why=why)


def _lost(verdict: Verdict, label: Label) -> Verdict:
    result = CheckResult(
        check=LOST, status="fail" if label.status == "lost" else "unknown", evidence={"why": label.why}
    )
    return verdict.model_copy(update={"verified": False, "results": (*verdict.results, result)})
