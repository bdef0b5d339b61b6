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
``agents`` (plural)   `Agent`                     ``act``
``optimizer``         `Optimizer`                 ``tune``
====================  ==========================  ===============================

What components are given and give back is in `firefly.contexts`, and can be imported from here.

`Backend` and `Episode` are the one seam between whoever acts (explorers, checks, policies,
trainers) and whoever answers (live servers, simulators).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, Protocol, runtime_checkable

from pydantic import JsonValue

from firefly.contexts import DatasetContent, Occasion, Proposal, Situation, TierAnswer, Trial
from firefly.knowledge import Knowledge
from firefly.parameters import Parameter
from firefly.records import (
    CheckResult,
    Edge,
    Exploration,
    ExploredCall,
    Listing,
    Solution,
    SubDag,
    ToolKey,
)
from firefly.replay.backend import Backend, Episode
from firefly.replay.cassette import Cassette
from firefly.replay.records import Observation, Task, Tool, ToolCall
from firefly.replay.tool_set import ToolSet

__all__ = [
    "Agent",
    "AsksModels",
    "Backend",
    "CandidateGenerator",
    "Check",
    "DatasetContent",
    "Episode",
    "Explorer",
    "Exporter",
    "Fault",
    "Fingerprint",
    "ForwardWriter",
    "HasPrompts",
    "Occasion",
    "Optimizer",
    "Proposal",
    "Sampler",
    "Scorer",
    "ServerProvider",
    "Simulator",
    "Situation",
    "TaskWriter",
    "Tier",
    "TierAnswer",
    "TierEpisode",
    "Trial",
    "UsesLive",
    "UsesModel",
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
    """Executes a sub-DAG through an episode.

    One that may leave it has an attribute ``deviates`` that is true, and names neither nodes nor references:
    what was executed is recovered from what was observed. ``variants`` is how often it executes a sub-DAG.
    """

    def explore(
        self, sub_dag: SubDag, episode: Episode, *, knowledge: Knowledge, rng: Random
    ) -> tuple[Sequence[ExploredCall], str]:
        """Return every call made, and why it did not complete ("" when it did)."""


class TaskWriter(Protocol):
    """Writes tasks backward from what an exploration observed."""

    def write(self, exploration: Exploration, *, knowledge: Knowledge, rng: Random) -> list[Task]:
        """Return task candidates; their answers are computed, never guessed."""


@runtime_checkable
class ForwardWriter(Protocol):
    """A task writer that invents tasks first and has to execute them to know the answer: a baseline.

    What it executes is recorded as explorations are, and enters the cassette with them.
    """

    def solve(
        self, exploration: Exploration, *, backend: Backend, knowledge: Knowledge, rng: Random, seed: int
    ) -> list[Solution]:
        """Return the tasks that were solved, each with its execution."""


class Simulator(Protocol):
    """Makes the offline backend of a cassette.

    One that answers beyond what the recordings prove has an attribute ``loose`` that is true: no check of
    a task may rely on it.
    """

    def backend(self, cassette: Cassette) -> Backend:
        """Return a backend that answers from ``cassette``."""


@runtime_checkable
class UsesLive(Protocol):
    """A simulator or tier that can make calls on the servers themselves, where it is given any."""

    def use_live(self, backend: Backend) -> None:
        """Take ``backend`` for calls that the recordings can't answer; before the first episode."""


@runtime_checkable
class UsesModel(Protocol):
    """A simulator or tier that can have a language model write answers, where it is given one."""

    def use_model(self, lm: Any) -> None:
        """Take ``lm``, a DSPy language model, for calls that nothing else answers."""


class TierEpisode(Protocol):
    """A tier within one episode. Not shared between threads."""

    def answer(self, situation: Situation) -> TierAnswer:
        """Return an answer, or none with the reason. Raises nothing for what a server or model does."""

    def close(self) -> None:
        """Give back what the episode holds."""


class Tier(Protocol):
    """Answers calls that the recordings don't, each answer marked as its own and never recorded."""

    order: int
    """Tiers are asked in this order, the most faithful first: 10 live servers, 20 recorded calls,
    30 language models."""

    @property
    def may_block(self) -> bool:
        """Return whether an answer may take longer than some milliseconds, too long for an event loop."""

    def begin(self, cassette: Cassette, tool_set: ToolSet, seed: int) -> TierEpisode:
        """Begin an episode."""


class Fault(Protocol):
    """A way in which calls go wrong, put on top of whoever answers."""

    rate: float
    """Share of the calls that it strikes, 0 to 1."""
    tools: Sequence[str]
    """Patterns of the tools it strikes, as ``server/tool`` with ``*`` and ``?``."""
    reaches: bool
    """Whether the struck call is made all the same, and only its answer goes wrong."""

    def damage(self, observation: Observation | None, rng: Random) -> Observation:
        """Return what the caller gets.

        Args:
            observation: the true answer; None where the call is not made (``reaches`` is false).
            rng: for this call alone.
        """


class Agent(Protocol):
    """Acts in episodes by rules of its own, without a model: a habit that simulators are measured with."""

    needs_task: bool
    """Whether it acts on tasks; else it gets the tools of one server."""

    def act(self, occasion: Occasion, call: Callable[[ToolCall], Observation], rng: Random) -> JsonValue:
        """Make calls with ``call`` and return the answer, None for none."""


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
    candidates that survived so far, 4 live servers, 5 language models."""

    def check(self, task: Task, trial: Trial) -> CheckResult:
        """Return pass, fail, unknown or not_applicable, with evidence."""


@runtime_checkable
class AsksModels(Protocol):
    """A check whose evidence is what language models say; its ``check`` judges ``Trial.said`` by rule."""

    def ask(self, task: Task, trial: Trial, *, live: Backend) -> Mapping[str, JsonValue]:
        """Return what models say of one task; each task is an item of its own, several at a time.

        Args:
            task: the candidate.
            trial: what a check may look at.
            live: the servers, for those that have somebody work on them.

        Raises:
            Exception: the endpoint failed, say; then the check has nothing to go by.
        """


@runtime_checkable
class HasPrompts(Protocol):
    """A component whose prompts an optimiser may change."""

    def prompts(self) -> Mapping[str, Any]:
        """Return the prompts (`firefly.lm.prompt.Prompt`, `firefly.lm.worker.Worker`).

        Each by the keyword that takes the JSON file of its state.
        """


class Optimizer(Protocol):
    """Changes instructions and examples of prompts so that they are worth more."""

    def tune(
        self, program: Any, metric: Any, *, train: Sequence[Any], validation: Sequence[Any], seed: int
    ) -> Any:
        """Return a better program.

        Args:
            program: a ``dspy.Module`` with one predictor for each prompt.
            metric: ``(example, prediction, trace, pred_name, pred_trace)`` -> ``dspy.Prediction`` with
                ``score``, the verified tasks for each thousand tokens, and ``feedback``, in words.
            train: ``dspy.Example``s to learn from.
            validation: others, to choose by.
            seed: of every random choice.
        """


class Exporter(Protocol):
    """Writes one part of the data set folder."""

    def export(self, content: DatasetContent, folder: Path) -> list[Path]:
        """Write files below ``folder`` and return them."""
