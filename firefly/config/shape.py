"""The shape of a run's configuration."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from firefly.components import TARGET
from firefly.graph.annotations import Annotation, read_annotations
from firefly.lm.ledger import Budget

StageName = Literal[
    "catalog",
    "probing",
    "graph",
    "sampling",
    "exploration",
    "simulation",
    "synthesis",
    "verification",
    "neighbourhood",
    "export",
]
STAGE_NAMES: tuple[StageName, ...] = get_args(StageName)

ComponentConfig = dict[str, Any]

SINGLE_GROUPS = ("world", "candidates", "scorer", "sampler", "explorer", "synthesizer", "simulator")
PLURAL_GROUPS = ("values", "checks", "exporters")

_STRICT = ConfigDict(extra="forbid", frozen=True)


class StoreConfig(BaseModel):
    """Where finished items are kept."""

    model_config = _STRICT
    path: Path


class CacheConfig(BaseModel):
    """Where installed servers are kept."""

    model_config = _STRICT
    path: Path


class DatasetConfig(BaseModel):
    """The data set folder."""

    model_config = _STRICT
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    path: Path


_CALLS, _CALLS_OF_A_TOOL = 120, 6


class ProbingConfig(BaseModel):
    """Limits of the probing stage."""

    model_config = _STRICT
    budget: int | None = Field(default=None, ge=1)
    """Most calls for one server; None: ``calls`` says how many."""

    def calls(self, tools: int) -> int:
        """Return the most calls for a server of so many tools: each is tried, repeated and contrasted."""
        return self.budget or max(_CALLS, _CALLS_OF_A_TOOL * tools)


class GraphConfig(BaseModel):
    """Pruning of the tool graph."""

    model_config = _STRICT
    threshold: float = Field(ge=0.0, le=1.0)
    """Edges scored lower are dropped."""
    per_parameter: int = Field(ge=1)
    """Best edges kept for one parameter, and for each template of its text."""
    annotations: list[Annotation] = []
    """Edges that a user requires or forbids; given as a YAML file, a list, or a mapping of names to edges."""

    @field_validator("annotations", mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        return read_annotations(value)


class SamplingConfig(BaseModel):
    """What is sampled besides the read-only sub-DAGs of the sampler."""

    model_config = _STRICT
    writes: int = Field(ge=0)
    """Sub-DAGs that change something, for one disposable server."""


class SynthesisConfig(BaseModel):
    """What is done to tasks, whoever writes them."""

    model_config = _STRICT
    distractors: int = Field(default=0, ge=0)
    """Servers added to each task's own, whose tools it does not need."""


class NeighbourhoodConfig(BaseModel):
    """Limits of the neighbourhood stage."""

    model_config = _STRICT
    calls: int = Field(ge=0)
    """Most calls recorded around one verified task; 0: none."""


class MeasureConfig(BaseModel):
    """What is measured of a finished run, against live servers, so that runs can be compared."""

    model_config = _STRICT
    labels: bool = False
    """Whether kept tasks are executed once more, to count the labels that this contradicts."""
    episodes: int = Field(default=0, ge=0)
    """Random episodes of recorded calls that the simulator and fresh servers both answer."""
    calls: int = Field(default=12, ge=1)
    """Most calls of one such episode."""

    @property
    def any(self) -> bool:
        """Return whether anything is measured."""
        return self.labels or self.episodes > 0


class SplitConfig(BaseModel):
    """One split of the data set."""

    model_config = _STRICT
    world: int = 0
    """Added to the seed of the world: splits with different numbers have different worlds."""
    share: float = Field(default=1.0, gt=0.0)
    """Of the servers, where these are divided; in proportion to the other splits' shares."""


class SplitsConfig(BaseModel):
    """The splits of the data set, and what they share."""

    model_config = _STRICT
    parts: dict[str, SplitConfig] = Field(default={"train": SplitConfig()}, min_length=1)
    """Name -> split, in order; the first is the main one."""
    servers: Literal["shared", "divided"] = "shared"
    """Whether each split has servers of its own, where there are enough."""
    straddling: bool = True
    """Whether tasks are made, too, that join servers of several splits; they go to a table of their own."""

    @field_validator("parts")
    @classmethod
    def _named(cls, value: dict[str, SplitConfig]) -> dict[str, SplitConfig]:
        odd = [name for name in value if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name == "straddling"]
        if odd:
            raise ValueError(f"{odd[0]!r} is no name for a split")
        return value


class SessionsConfig(BaseModel):
    """How many servers run at once."""

    model_config = _STRICT
    live: int = Field(ge=1)
    """Cap on live server processes; the least recently used are ended first."""
    on_failure: Literal["skip", "fail"]
    """What to do about a server that does not start: leave it out, or end the run."""


class ParallelConfig(BaseModel):
    """How much happens at once."""

    model_config = _STRICT
    in_flight: int = Field(ge=1)
    """Threads of work that waits (servers, models)."""
    workers: int = Field(ge=1)
    """Processes of work that computes (joblib)."""


class RunConfig(BaseModel):
    """Everything that composes a run."""

    model_config = _STRICT
    servers: dict[str, Any]
    world: ComponentConfig = {TARGET: "firefly.worlds.folder.Empty"}
    """A server set without a world starts from an empty folder."""
    candidates: ComponentConfig
    scorer: ComponentConfig
    sampler: ComponentConfig
    explorer: ComponentConfig
    synthesizer: ComponentConfig
    simulator: ComponentConfig
    values: dict[str, ComponentConfig | None]
    checks: dict[str, ComponentConfig | None]
    exporters: dict[str, ComponentConfig | None]
    probing: ProbingConfig
    graph: GraphConfig
    sampling: SamplingConfig
    synthesis: SynthesisConfig = SynthesisConfig()
    neighbourhood: NeighbourhoodConfig
    splits: SplitsConfig = SplitsConfig()
    measure: MeasureConfig = MeasureConfig()
    baseline: bool = False
    """Whether a simulator may answer beyond what the recordings prove; the data set is marked then."""
    sessions: SessionsConfig
    parallel: ParallelConfig
    lm: dict[str, Any] = {}
    """The language models, by role; without one, nothing may ask any."""
    budget: Budget = Budget()
    seed: int
    rounds: int = Field(ge=1)
    mode: Literal["run", "plan"]
    until: StageName | None
    redo: list[StageName]
    offline: bool
    store: StoreConfig
    cache: CacheConfig
    dataset: DatasetConfig

    @field_validator("redo", mode="before")
    @classmethod
    def _one_needs_no_brackets(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    def shaping(self, group: str) -> Any:
        """Return the part of the configuration that a stage's results depend on."""
        return self.model_dump(mode="json")[group]
