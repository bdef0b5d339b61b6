"""The shape of a run's configuration, checked as a whole before anything happens.

Hydra composes plain YAML; this module turns the result into one validated value. Every fault, of
whatever part, is collected and reported in one `ConfigError`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from firefly.components import TARGET, faults, keywords, state_faults, validation_faults, wanting
from firefly.errors import ConfigError, PluginError, nearest
from firefly.graph.annotations import Annotation, read_annotations
from firefly.lm.ledger import Budget
from firefly.lm.models import Settings
from firefly.plugins import resolve

STAGE_NAMES = (
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
)

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


def load_config(composed: DictConfig) -> RunConfig:
    """Return the validated configuration.

    Raises:
        ConfigError: names every fault with its path.
    """
    return check_config(plain_of(composed))


def plain_of(composed: DictConfig) -> dict[str, Any]:
    """Return a composed configuration as plain values, without what is Hydra's own.

    Raises:
        ConfigError: a value is missing.
    """
    try:
        plain = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        key = getattr(error, "full_key", None)
        what = str(error).split("\n", 1)[0]
        raise ConfigError(
            f"{key or 'configuration'}: {what} Give it on the command line: {key or 'key'}=VALUE"
        ) from error
    if not isinstance(plain, Mapping):
        raise ConfigError("The configuration is not a mapping.")
    return {str(key): value for key, value in plain.items() if key != "hydra"}


def check_config(plain: Mapping[str, Any]) -> RunConfig:
    """Validate a composed configuration that is already plain.

    Raises:
        ConfigError: names every fault with its path.
    """
    found: list[str] = []
    config: RunConfig | None = None
    try:
        config = RunConfig.model_validate(dict(plain))
    except ValidationError as error:
        found += validation_faults(error, known=tuple(RunConfig.model_fields))
    for group in (*SINGLE_GROUPS, *PLURAL_GROUPS):
        if group in plain:
            found += faults(plain[group], (group,))
            found += state_faults(plain[group], (group,))
    found += _model_faults(plain)
    for group in SINGLE_GROUPS:
        if isinstance(plain.get(group), Mapping) and TARGET not in plain[group]:
            found.append(f"{group}: has no {TARGET}. Choose an option of the group, e.g. {group}=NAME")
    if config is not None:
        found += _contradictions(config)
    if found or config is None:
        raise ConfigError("The configuration has faults:\n" + "\n".join(f"  {line}" for line in found))
    return config


def _contradictions(config: RunConfig) -> list[str]:
    """Return what does not go together."""
    found = []
    if not config.baseline and _guesses(config.simulator):
        found.append(
            "simulator: it answers beyond what the recordings prove, so tasks can't be checked with it. "
            "Take simulator=strict here; others are for a finished data set: firefly serve DATASET "
            "simulator=NAME. For a baseline to compare with, add baseline=true: its data set is marked as "
            "not verified by rules"
        )
    if config.measure.any and len(config.splits.parts) > 1:
        found.append("measure: only a run of one split can be measured. Take splits=none")
    return found


def _guesses(simulator: ComponentConfig) -> bool:
    try:
        return bool(getattr(resolve(str(simulator.get(TARGET, ""))).cls, "loose", False))
    except PluginError:
        return False  # told already


def _model_faults(plain: Mapping[str, Any]) -> list[str]:
    lm = plain.get("lm") or {}
    if not isinstance(lm, Mapping):
        return []  # told already
    settings = Settings.of(lm)
    known = (*keywords(str(lm.get(TARGET, ""))), "mode", "transcript")
    found = [f"lm.{key}: there is no such key. {nearest(key, known)}" for key in settings.strange]
    if settings.mode not in _MODES:
        found.append(f"lm.mode: {settings.mode!r} is no mode. {nearest(str(settings.mode), _MODES)}")
    for path, described in (("", settings.default), *settings.roles.items()):
        if described is not None and TARGET in described:
            found += faults(described, ("lm", *((path,) if path else ())))
        elif described is not None:
            found.append(f"lm.{path}: has no {TARGET}. Choose a model for it: +lm@lm.{path}=NAME")
    if settings.any:
        return found
    for group in (*SINGLE_GROUPS, *PLURAL_GROUPS):
        try:
            asking = wanting(plain.get(group) or {}, "models")
        except PluginError:
            continue  # told already
        for one in asking:
            without = f", or use what asks none: {group}={_WITHOUT[group]}" if group in _WITHOUT else ""
            found.append(
                f"{group}: {one.kind}={one.name} asks a language model, and none is chosen. Choose one, e.g. "
                f"lm=ollama lm.model=NAME, lm=openai, or lm=openai_compatible lm.base_url=URL "
                f"lm.model=NAME{without}"
            )
    return found


_MODES = ("record", "replay", "live")
_WITHOUT = {"scorer": "combined", "explorer": "symbolic", "synthesizer": "template", "simulator": "strict"}
"""The option of a group that needs no model."""
