"""``python -m firefly --config-name fidelity``: simulators against the live servers, in fresh episodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from omegaconf import DictConfig
from pydantic import Field

from firefly.components import build, source_digest_targets
from firefly.config import ComponentConfig
from firefly.errors import ConfigError, RunError
from firefly.fidelity import Answerer, Judged, by_backend, by_history, judged, volatile_fields
from firefly.fidelity.episodes import acted, recorded_arguments
from firefly.fidelity.report import Report, Wrong, rows_of, written
from firefly.items import Item, run_items, source_digest
from firefly.live_dataset import CommandConfig, LiveDataset, checked, manifest_of
from firefly.lm.models import Models, Settings
from firefly.protocols import Agent, UsesLive, UsesModel
from firefly.replay.records import Recording, Task, digest
from firefly.replay.tool_set import ToolSet
from firefly.servers.spec import parse_specs

HISTORY = "history"


class FidelityConfig(CommandConfig):
    """Everything that composes a measurement."""

    agents: dict[str, ComponentConfig | None]
    simulators: dict[str, ComponentConfig | None]
    lm: dict[str, Any] = Field(default_factory=dict)
    episodes: int = Field(ge=1)
    """Of each agent; of agents that need no task, for each server."""
    length: int = Field(ge=1)
    """Most calls of an episode."""


def run(composed: DictConfig, folder: Path) -> None:
    """Measure, print, and write ``fidelity.json``, ``episodes.jsonl`` and ``wrong.jsonl`` into ``folder``.

    Raises:
        RunError: a simulator that claims to be exact was wrong; the report is written all the same.
        FireflyError: there is nothing to measure.
    """
    config = checked(composed, FidelityConfig, ("agents", "simulators"))
    with ExitStack() as stack:
        dataset = stack.enter_context(LiveDataset(config))
        measurement = _Measurement(config, dataset)
        simulators = {name: build(one) for name, one in config.simulators.items() if one}
        _supply(simulators, config, dataset, stack)
        episodes = measurement.episodes()
        report = measurement.report(episodes, simulators)
    written(report, episodes, folder)
    print(report.table())
    print(f"fidelity: {folder / 'fidelity.json'}")
    exact = [one for one in report.wrong if one.exact]
    if exact:
        raise RunError(
            f"{len(exact)} answers of simulators that are to be exact differ from the live servers'. "
            f"{folder / 'wrong.jsonl'} has each call with both answers."
        )


def _supply(
    simulators: Mapping[str, Any], config: FidelityConfig, dataset: LiveDataset, stack: ExitStack
) -> None:
    settings = Settings.of(config.lm)
    asking = [one for one in simulators.values() if isinstance(one, UsesModel)]
    if settings.any and not asking:
        raise ConfigError(
            "lm: none of the simulators asks a model; add one: +simulator@simulators.loose=lenient"
        )
    if settings.any:
        models = Models(settings)
        stack.callback(models.close)
        models.check()
        for one in asking:
            one.use_model(models.lm("simulator"))
    for one in simulators.values():
        if isinstance(one, UsesLive):
            one.use_live(dataset.live.fresh)


def _lasting(made: Sequence[Recording], *, disposable: bool) -> bool:
    """Return whether an episode may be used again: a shared server may say something else another day."""
    steps = [step for one in made for step in one.steps]
    return disposable and any(step.observation.outcome in ("success", "failure") for step in steps)


class _Measurement:
    """The episodes of one data set and what simulators make of them."""

    def __init__(self, config: FidelityConfig, dataset: LiveDataset) -> None:
        self._config = config
        self._dataset = dataset
        self._recorded = recorded_arguments(dataset.cassette)
        self._agents: dict[str, Agent] = {name: build(one) for name, one in config.agents.items() if one}
        if not self._agents:
            raise ConfigError("agents: nobody is to act. Choose some: +agents=mixed")

    def episodes(self) -> dict[str, list[Recording]]:
        """Return agent -> its episodes on the live servers; those that the store has are not made again.

        Raises:
            RunError: there were none.
        """
        config = self._config
        described = config.model_dump(mode="json")
        shaped_by = {
            "agents": described["agents"],
            "world": described["world"],
            "length": config.length,
            "seed": config.seed,
            "recorded": digest([["/".join(key), given] for key, given in sorted(self._recorded.items())]),
            "sources": source_digest(
                ("agents", "fidelity", "servers"), source_digest_targets(described["agents"])
            ),
        }
        results = run_items(
            "fidelity",
            list(self._items()),
            Recording,
            store=self._dataset.store,
            shaped_by=shaped_by,
            in_flight=config.parallel.in_flight,
        )
        found: dict[str, list[Recording]] = defaultdict(list)
        for name, records in results.records.items():
            found[name.partition("/")[0]] += records
        if not found:
            told = "".join(f"\n  {one.item}: {one.message}" for one in results.failures[:5])
            raise RunError(f"There was no episode to measure with.{told}")
        return dict(found)

    def _items(self) -> Iterator[Item[Recording]]:
        specs = parse_specs(self._config.servers)
        for name, agent in self._agents.items():
            for place, (task, servers) in enumerate(self._occasions(name, agent)):
                item = f"{name}/{task.id if task else servers[0]}/{place}"
                yield Item(
                    id=item,
                    shaped_by=[[specs[one].public(), self._dataset.listings[one].digest] for one in servers],
                    make=partial(self._made, agent, task, servers, item, place),
                    finished=partial(_lasting, disposable=all(specs[one].disposable for one in servers)),
                )

    def _occasions(self, name: str, agent: Agent) -> list[tuple[Task | None, tuple[str, ...]]]:
        """Return the task, if any, and the servers of each episode of an agent."""
        working = self._dataset.listings
        if not agent.needs_task:
            servers = [server for server in sorted(working) if any(k[0] == server for k in self._recorded)]
            return [(None, (server,)) for server in servers for _ in range(self._config.episodes)]
        tasks = [task for task in self._dataset.tasks.values() if set(task.servers) <= set(working)]
        Random(f"{self._config.seed}/{name}").shuffle(tasks)
        chosen = [tasks[place % len(tasks)] for place in range(self._config.episodes if tasks else 0)]
        return [(task, task.servers) for task in chosen]

    def _made(
        self, agent: Agent, task: Task | None, servers: Sequence[str], item: str, place: int
    ) -> list[Recording]:
        tools = self._dataset.tools()
        return [
            acted(
                agent,
                self._dataset.live.fresh,
                ToolSet.of(tool for key, tool in tools.items() if key[0] in servers),
                task=task,
                recorded=self._recorded,
                rng=Random(f"{self._config.seed}/{item}"),
                length=self._config.length,
                seed=place,
            )
        ]

    def report(self, episodes: Mapping[str, Sequence[Recording]], simulators: Mapping[str, Any]) -> Report:
        """Return what became of every call under every key."""
        dataset = self._dataset
        tools = dataset.tools()
        volatile = volatile_fields(dataset.cassette)
        answerers: dict[str, Answerer] = {
            name: by_backend(one.backend(dataset.cassette), tools.values())
            for name, one in simulators.items()
        }
        if dataset.evidence is not None:
            answerers.setdefault(
                HISTORY, by_history(dataset.evidence.recordings, set(dataset.evidence.claims.volatile))
            )
        exact = {name for name, one in simulators.items() if not getattr(one, "loose", False)}
        found: dict[str, dict[str, list[list[Judged]]]] = {}
        wrong: list[Wrong] = []
        for key, answerer in answerers.items():
            found[key] = {}
            loose = key in simulators and key not in exact
            for agent, recordings in episodes.items():
                found[key][agent] = []
                for recording in recordings:
                    calls = list(judged(answerer, recording, volatile=volatile, tools=tools, loose=loose))
                    found[key][agent].append(calls)
                    if any(one.ruling == "wrong" for one in calls):
                        again = self._again(recording) if key in exact else None
                        wrong += [
                            Wrong.of(key, agent, recording, place, one, again, exact=key in exact)
                            for place, one in enumerate(calls)
                            if one.ruling == "wrong"
                        ]
        known = {key: one.tool.schema_digest for key, one in dataset.cassette.tools.items()}
        return Report(
            dataset=str(manifest_of(self._config.dataset).get("name", "")),
            split=dataset.split,
            length=self._config.length,
            episodes={agent: len(recordings) for agent, recordings in episodes.items()},
            rows=tuple(rows_of(found)),
            wrong=tuple(wrong),
            not_measured={
                name: dataset.broken.get(name, "it is not among the given servers") for name in dataset.absent
            },
            changed_schemas=tuple(
                "/".join(key)
                for key in sorted(known.keys() & tools.keys())
                if tools[key].schema_digest != known[key]
            ),
            history=HISTORY in found,
        )

    def _again(self, recording: Recording) -> Recording:
        """Return the same calls made once more: does the server at least agree with itself?"""
        tools = self._dataset.tools()
        tool_set = ToolSet.of(tool for key, tool in tools.items() if key[0] in recording.servers)
        with self._dataset.live.fresh.episode(tool_set, recording.seed) as episode:
            for step in recording.steps:
                episode.call(step.call)
            return recording.model_copy(update={"id": "", "steps": tuple(episode.steps)})
