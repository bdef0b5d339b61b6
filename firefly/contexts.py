"""What components are given to work with, and what they give back: the values of `firefly.protocols`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from firefly.evidence import Evidence
from firefly.knowledge import Knowledge
from firefly.records import (
    CheckResult,
    Exploration,
    Listing,
    ToolKey,
    Verdict,
)
from firefly.replay.backend import Backend
from firefly.replay.cassette import Cassette
from firefly.replay.records import Miss, Observation, Recording, Step, Task, Tool, ToolCall
from firefly.replay.tool_set import ToolSet


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


@dataclass(frozen=True)
class Situation:
    """A call that the recordings don't answer, and what a tier may look at."""

    call: ToolCall
    tool: Tool
    cassette: Cassette
    made: Sequence[Step]
    """The preceding calls of the episode with what was answered, by whichever tier."""
    miss: Miss
    """Why the recordings don't answer it, and which recorded calls are nearest."""
    supposed_state: str
    """The state as the tool sees it if every call that the recordings don't answer changed nothing."""


@dataclass(frozen=True)
class TierAnswer:
    """What a tier has to say; never shown to the agent but for the observation."""

    observation: Observation | None
    """None: it has no answer."""
    evidence: Mapping[str, JsonValue] = field(default_factory=dict)
    """What the answer rests on, or why there is none."""
    by_chance: bool = False
    """Whether there is none by chance, as a model's words go; an overlay then keeps that there was none."""


@dataclass(frozen=True)
class Occasion:
    """What an agent has to go by in one episode."""

    tool_set: ToolSet
    """The tools on offer."""
    task: Task | None
    """What it is asked to do; None for agents that need no task."""
    recorded: Mapping[ToolKey, Sequence[Mapping[str, JsonValue]]]
    """Tool -> different arguments that it was recorded with: what there is to ask about."""
    length: int
    """Most calls of the episode, which ends after them whatever the agent does."""


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
    said: Mapping[str, JsonValue] | None = None
    """What language models told a check that asks some; None: nobody could be asked."""


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

    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    """What the cassettes are made from: of the common one under "", of a split's own under its name."""

    def cassette_of(self, split: str) -> Cassette:
        """Return the cassette that answers the tasks of a split."""
        return self.split_cassettes.get(split, self.cassette)
