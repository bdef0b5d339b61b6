"""A finished data set beside the live servers that it was recorded of: what fidelity and drift begin with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from omegaconf import DictConfig
from pydantic import BaseModel, ConfigDict, ValidationError

from firefly.catalog import list_server
from firefly.components import TARGET, build, faults, source_digest_targets, validation_faults
from firefly.config import CacheConfig, ComponentConfig, ParallelConfig, StoreConfig, plain_of
from firefly.errors import ConfigError, RunError, nearest
from firefly.evidence import Evidence
from firefly.export.reading import read_evidence
from firefly.items import source_digest
from firefly.records import Listing, ToolProfile
from firefly.replay.backend import Closing
from firefly.replay.cassette import Cassette
from firefly.replay.dataset import load_dataset_tasks, tasks_of
from firefly.replay.errors import DatasetError
from firefly.replay.records import Task, Tool, digest
from firefly.servers.live import LiveBackend
from firefly.servers.spec import parse_specs
from firefly.store import Store

__all__ = ["CommandConfig", "LiveDataset", "checked", "manifest_of", "profiles"]


class LiveConfig(BaseModel):
    """How many servers run at once."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    live: int


class CommandConfig(BaseModel):
    """What every command on a data set and its live servers has in its configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    dataset: Path
    split: str | None
    servers: dict[str, Any]
    world: ComponentConfig = {TARGET: "firefly.worlds.folder.Empty"}
    parallel: ParallelConfig
    sessions: LiveConfig
    store: StoreConfig
    cache: CacheConfig
    offline: bool
    seed: int


C = TypeVar("C", bound=CommandConfig)


def checked(composed: DictConfig, model: type[C], groups: tuple[str, ...] = ()) -> C:
    """Return the validated configuration of a command.

    Args:
        composed: by Hydra.
        model: its shape.
        groups: keys that hold components, besides the world.

    Raises:
        ConfigError: names every fault with its path.
    """
    given = plain_of(composed)
    found: list[str] = []
    config = None
    try:
        config = model.model_validate(given)
    except ValidationError as error:
        found += validation_faults(error, known=tuple(model.model_fields))
    for group in ("world", *groups):
        if given.get(group) is not None:
            found += faults(given[group], (group,))
    if found or config is None:
        raise ConfigError("The configuration has faults:\n" + "\n".join(f"  {line}" for line in found))
    return config


def manifest_of(folder: Path) -> dict[str, Any]:
    """Return the manifest of a data set; empty where it has none that can be read."""
    try:
        found = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def profiles(cassette: Cassette, reads: Iterable[tuple[str, str]]) -> list[ToolProfile]:
    """Return the effect of every recorded tool: ``reads`` change nothing, of others it is unknown."""
    proven = set(reads)
    return [
        ToolProfile(
            server=key[0],
            tool=key[1],
            schema_digest=one.tool.schema_digest,
            effect="read" if key in proven else "unknown",
        )
        for key, one in cassette.tools.items()
    ]


class LiveDataset(Closing):
    """A data set folder and its servers; nothing is started before the first call."""

    def __init__(self, config: CommandConfig) -> None:
        """Read tasks, cassette and recordings.

        Raises:
            DatasetError: it is no data set, has no cassette, or no such split.
            CassetteError: the cassette is damaged.
            ConfigError: none of the servers is one of the data set's.
        """
        self.config = config
        folder, self.split = config.dataset, config.split or ""
        tasks = load_dataset_tasks(folder)
        own = {path.name.removeprefix("cassette_") for path in folder.glob("cassette_*") if path.is_dir()}
        if self.split and self.split not in own:
            raise DatasetError(
                f"No split {self.split!r} has a cassette of its own. {nearest(self.split, own)}"
            )
        self.cassette_folder = folder / (f"cassette_{self.split}" if self.split else "cassette")
        if not self.cassette_folder.is_dir():
            raise DatasetError(f"{folder} has no cassette, so nothing answers. Copy the whole folder.")
        self.cassette = Cassette.load(self.cassette_folder)
        of_split = {
            task.id: path.stem
            for path in sorted(folder.glob("tasks*/*.jsonl"))
            if path.stem in own
            for task in tasks_of(path)
        }
        self.tasks: dict[str, Task] = {
            name: task for name, task in sorted(tasks.items()) if of_split.get(name, "") == self.split
        }
        self.evidence: Evidence | None = read_evidence(folder, self.split)
        self.store = Store(config.store.path)
        self.servers = self._servers()
        self.broken: dict[str, str] = {}
        """Server -> why it does not work; known once `listings` is."""

    def _servers(self) -> tuple[str, ...]:
        known = {key[0] for key in self.cassette.tools}
        given = set(parse_specs(self.config.servers))
        if not known & given:
            raise ConfigError(
                f"servers: {', '.join(sorted(given)) or 'none'} are not the data set's, which has "
                f"{', '.join(sorted(known))}. Choose the servers that it was made with: servers=NAME"
            )
        return tuple(sorted(known & given))

    @property
    def absent(self) -> tuple[str, ...]:
        """Return the servers of the data set that are not given, or do not start."""
        known = {key[0] for key in self.cassette.tools}
        return tuple(sorted(known - set(self.listings)))

    @cached_property
    def live(self) -> LiveBackend:
        """Return the servers; what the recordings prove to change nothing is taken to do so."""
        config = self.config
        specs = {name: one for name, one in parse_specs(config.servers).items() if name in self.servers}
        live = LiveBackend(
            specs,
            fixture=self.world,
            cache_dir=config.cache.path,
            offline=config.offline,
            max_sessions=config.sessions.live,
        )
        live.learn(profiles(self.cassette, self.evidence.claims.reads if self.evidence else ()))
        return live

    @cached_property
    def world(self) -> Path:
        """Return the folder of the world, made once and kept in the store."""
        described = self.config.model_dump(mode="json")["world"]
        key = self.store.key(
            world=described, sources=source_digest(("worlds",), source_digest_targets(described))
        )
        return self.store.folder("world", key, lambda folder: build(self.config.world).build(folder))

    @cached_property
    def listings(self) -> dict[str, Listing]:
        """Return what the servers declare now, of those that work.

        Raises:
            RunError: none of them does, or their world is not the recorded one.
        """
        found = {name: list_server(name, self.live) for name in self.servers}
        working = {name: one for name, one in found.items() if one.health.status == "ok"}
        self.broken |= {name: one.health.trouble for name, one in found.items() if name not in working}
        if not working:
            told = "\n".join(f"  {name}: {why}" for name, why in self.broken.items())
            raise RunError(f"None of the servers works:\n{told}")
        self._require_world(working)
        return working

    def tools(self) -> dict[tuple[str, str], Tool]:
        """Return the tools that may be called now."""
        return {tool.key: tool for one in self.listings.values() for tool in one.callable_tools}

    def _require_world(self, listings: Mapping[str, Listing]) -> None:
        """Make sure that sandboxes begin in a world that was recorded.

        Raises:
            RunError: one does not, so nothing could be compared.
        """
        run = manifest_of(self.config.dataset).get("run")
        world = run.get("world") if isinstance(run, dict) else None
        fixtures = set(world.get("fixtures", ())) if isinstance(world, dict) else set()
        for listing in listings.values():
            begun = digest(["fixture", listing.fixture])
            if not listing.fixture or listing.fixture in fixtures or begun in self.cassette.worlds:
                continue
            described = {key: value for key, value in (world or {}).items() if key != "fixtures"}
            raise RunError(
                f"The sandbox of {listing.server} begins in another world than the recordings, so nothing "
                f"can be compared. The data set's is {described or 'not known'}: world=NAME world.seed=N"
            )

    def close(self) -> None:
        """End every server."""
        live = self.__dict__.get("live")
        if live is not None:
            live.close()
