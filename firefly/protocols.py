"""Every extension point on one page.

A component is a class that satisfies one of these protocols and is registered with
``@register(kind, name)`` (``firefly.plugins``). The kind is also the name of the config group.

====================  ==========================  ===============================
kind / config group   protocol                    one method
====================  ==========================  ===============================
``world``             `World`                     ``build``
``values`` (plural)   `ValueSource`               ``propose``
``candidates``        `CandidateGenerator`        ``candidates``
``scorer``            `Scorer`                    ``score``
``sampler``           `Sampler`                   ``sample``
``explorer``          `Explorer`                  ``explore``
``synthesizer``       `TaskWriter`                ``write``
``simulator``         `Simulator`                 ``backend``
``checks`` (plural)   `Check`                     ``check``
``fingerprint``       `Fingerprint`               ``digest``
``exporters`` (plural) `Exporter`                 ``export``
``lm``                `firefly.lm.Connection`     ``complete``
====================  ==========================  ===============================

`Backend` and `Episode` are the one seam between whoever acts (explorers, checks, policies,
trainers) and whoever answers (live servers, simulators).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Protocol, runtime_checkable

from pydantic import JsonValue

from firefly.knowledge import Knowledge
from firefly.parameters import Parameter
from firefly.records import (
    CheckResult,
    Edge,
    Exploration,
    ExploredCall,
    Listing,
    SubDag,
    ToolKey,
    Verdict,
)
from firefly.replay.backend import Backend, Episode
from firefly.replay.cassette import Cassette
from firefly.replay.records import Recording, Task, Tool

__all__ = [
    "Backend",
    "CandidateGenerator",
    "Check",
    "DatasetContent",
    "Episode",
    "Explorer",
    "Exporter",
    "Fingerprint",
    "Proposal",
    "Sampler",
    "Scorer",
    "ServerProvider",
    "Simulator",
    "TaskWriter",
    "Trial",
    "ValueSource",
    "World",
]


class ServerProvider(Protocol):
    """Connects to one server and says what it declares. Implemented by the live backend."""

    def listing(self, server: str) -> Listing:
        """Return the server's tools, or its health with the true reason why there are none."""


class Fingerprint(Protocol):
    """Tells states of a sandbox apart by what can be observed from outside."""

    def digest(self, workspace: Path) -> str:
        """Return equal texts for states that no tool can tell apart, as far as can be seen."""


class World(Protocol):
    """Makes the files that disposable servers start from: one coherent set, from one seed."""

    def build(self, folder: Path) -> None:
        """Write the world's files into the empty ``folder``; equal arguments give equal bytes."""


@dataclass(frozen=True)
class Proposal:
    """A value that a parameter could take."""

    value: JsonValue
    source: str
    """Name of the value source."""
    detail: str = ""
    """Where it was found, in words."""
    weight: float = 0.5
    """0..1: how likely the tool accepts it."""
    context: Mapping[str, JsonValue] = field(default_factory=dict)
    """Arguments of the call that it was found in: values found together belong together."""


class ValueSource(Protocol):
    """Proposes values for a parameter, best first."""

    def propose(
        self, tool: Tool, parameter: Parameter, *, knowledge: Knowledge, rng: Random
    ) -> Iterable[Proposal]:
        """Yield proposals; none when the source has nothing to say."""


class CandidateGenerator(Protocol):
    """Says which (source, target) pairs are worth scoring."""

    def candidates(self, tools: Sequence[Tool]) -> Mapping[ToolKey, Sequence[ToolKey]]:
        """Return for every source the targets to score."""


class Scorer(Protocol):
    """Scores parameter-level edges from one source to many targets."""

    def score(self, source: Tool, targets: Sequence[Tool], *, evidence: Knowledge) -> list[Edge]:
        """Return the edges that something speaks for, each with its evidence."""


class Sampler(Protocol):
    """Samples sub-DAGs from the edges among one group of servers."""

    def sample(
        self, tools: Sequence[Tool], edges: Sequence[Edge], *, knowledge: Knowledge, rng: Random
    ) -> list[SubDag]:
        """Return distinct, acyclic sub-DAGs that touch every server of the group.

        Connected ones: only a baseline may leave calls unconnected, and says so.
        """


class Explorer(Protocol):
    """Executes a sub-DAG through an episode."""

    def explore(
        self, sub_dag: SubDag, episode: Episode, *, knowledge: Knowledge, rng: Random
    ) -> tuple[Sequence[ExploredCall], str]:
        """Return every call made, and why it did not complete ("" when it did)."""


class TaskWriter(Protocol):
    """Writes tasks backward from what an exploration observed."""

    def write(self, exploration: Exploration, *, knowledge: Knowledge, rng: Random) -> list[Task]:
        """Return task candidates; their answers are computed, never guessed."""


class Simulator(Protocol):
    """Makes the offline backend of a cassette."""

    def backend(self, cassette: Cassette) -> Backend:
        """Return a backend that answers from ``cassette``."""


@dataclass(frozen=True)
class Trial:
    """Everything a check may look at besides the task itself."""

    exploration: Exploration
    knowledge: Knowledge
    simulator: Backend
    """The frozen cassette, strict."""
    peers: Sequence[Task] = ()
    """All candidates of the run, this one included, in id order."""
    reexecuted: Mapping[str, Recording] = field(default_factory=dict)
    """Task id -> its gold calls executed again in a fresh sandbox, with the clock that the check wants."""
    why_not: Mapping[str, str] = field(default_factory=dict)
    """Task id -> why it was not executed again."""
    surviving: frozenset[str] = frozenset()
    """Ids of the candidates that every required check so far let through."""
    earlier: Mapping[str, CheckResult] = field(default_factory=dict)
    """Results of the checks that ran before, by name."""


@runtime_checkable
class Check(Protocol):
    """Decides one property of a task by rule.

    A check on live servers may have an attribute ``clock_days``: by how many days the clock of the fresh
    sandboxes is to be shifted in which its tasks are executed again.
    """

    required: bool
    """A required check that does not pass (or does not apply) rejects the task."""
    cost: int
    """Order of execution, cheapest first: 0 pure, 1 needs peers, 2 simulator, 3 chooses among the
    candidates that survived so far, 4 live servers."""

    def check(self, task: Task, trial: Trial) -> CheckResult:
        """Return pass, fail, unknown or not_applicable, with evidence."""


@dataclass(frozen=True)
class DatasetContent:
    """All that goes into a data set folder."""

    name: str
    tasks: Mapping[str, Sequence[Task]]
    """Split -> verified tasks in id order."""
    rejected: Sequence[tuple[Task, Verdict]]
    verdicts: Mapping[str, Verdict]
    explorations: Mapping[str, Exploration]
    listings: Sequence[Listing]
    cassette: Cassette
    """Answers the tasks of every split that has none of its own."""
    facts: Mapping[str, JsonValue]
    """Versions, seeds, config digest and figures for the manifest and the card."""
    split_cassettes: Mapping[str, Cassette] = field(default_factory=dict)
    """Split -> its cassette, for splits with a world of their own."""

    def cassette_of(self, split: str) -> Cassette:
        """Return the cassette that answers the tasks of a split."""
        return self.split_cassettes.get(split, self.cassette)


class Exporter(Protocol):
    """Writes one part of the data set folder."""

    def export(self, content: DatasetContent, folder: Path) -> list[Path]:
        """Write files below ``folder`` and return them."""
