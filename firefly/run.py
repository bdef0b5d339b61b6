"""The state of one run: its components, its results so far, and what it cost."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from firefly.components import TARGET, build, source_digest_targets, states_of, wanting
from firefly.config import PLURAL_GROUPS, SINGLE_GROUPS, RunConfig
from firefly.executed import Executed
from firefly.findings import Findings
from firefly.items import Item, Results, count_spent, missing_items, run_items, source_digest
from firefly.lm import JournaledBackend, Models
from firefly.lm.models import Settings
from firefly.plugins import resolve
from firefly.protocols import UsesLive
from firefly.records import (
    Failure,
)
from firefly.replay.records import Record, Task, canonical_json, digest
from firefly.store import Store

if TYPE_CHECKING:
    from firefly.graph import Unresolved
    from firefly.protocols import Backend
    from firefly.replay.cassette import Cassette
    from firefly.servers.live import LiveBackend
    from firefly.servers.spec import ServerSpec
    from firefly.splits import Part

R = TypeVar("R", bound=Record)

log = logging.getLogger("firefly")


class Run(Findings):
    """One run: the parts that its stages use, beside what they found."""

    def __init__(
        self, config: RunConfig, folder: Path, part: Part | None = None, models: Models | None = None
    ) -> None:
        """Begin.

        Args:
            config: of the whole run, or of one of its splits.
            folder: where results go.
            part: the split, where there are several.
            models: those of the whole run, for a split; they share one budget.

        """
        super().__init__()
        settings = Settings.of(config.lm)
        self.models = models or (Models(settings, config.budget) if settings.any else None)
        """None: no language model is chosen."""
        self.config = config
        self.folder = folder
        self.part = part
        self.store = Store(config.store.path)
        self.failures: list[Failure] = []
        self.seconds: dict[str, float] = {}
        self.items: dict[str, dict[str, int]] = {}
        self.round = 1
        self._stage = ""
        self._shaped_by: dict[str, Any] = {}
        self._asks = False
        self._components: dict[str, Any] = {}
        self.live_counts: dict[str, dict[str, int]] = {}

    # --- stages ------------------------------------------------------------------------------

    def enter(self, stage: str, round_number: int, groups: Sequence[str], sources: Sequence[str]) -> None:
        """Begin a stage: from here on items are keyed by its components and sources."""
        self._stage, self.round = stage, round_number
        described = {group: self.config.shaping(group) for group in groups}
        self._asks = bool(wanting(described, "models"))
        self._shaped_by = {
            "components": described,
            "sources": source_digest(
                (*sources, *(("lm",) if self._asks else ())), source_digest_targets(described)
            ),
            "seed": self.config.seed,
            "round": round_number,
        }
        if states := states_of(described):
            self._shaped_by["states"] = states
        if self._asks and self.models is not None:
            settings = self.models.settings
            self._shaped_by |= {"models": settings.shape, "addresses": settings.addresses}
        log.debug("%s (round %s)", stage, round_number)

    def leave(self, seconds: float) -> None:
        """End a stage."""
        self.seconds[self._stage] = round(self.seconds.get(self._stage, 0.0) + seconds, 3)

    def items_of(
        self,
        items: Sequence[Item[R]],
        record: type[R],
        *,
        part: str = "",
        waits: bool = False,
        computes: bool = False,
        executes: bool = False,
    ) -> Results[R]:
        """Run items of the current stage (or of a named part of it).

        Items that wait (on servers) are several in flight; those that compute share the processes.
        Those that execute call servers and ask nobody: where models are asked elsewhere in the run, what they
        gave is kept with the models' answers, and replayed with them.
        """
        stage = f"{self._stage}-{part}" if part else self._stage
        results = run_items(
            stage,
            items,
            record,
            store=self.store,
            shaped_by=self._shaped_by,
            in_flight=self.config.parallel.in_flight if waits else 1,
            workers=self.config.parallel.workers if computes else 1,
            redo=self._stage in self.config.redo,
            models=self.models if self._asks and not executes else None,
            executed=self._executed if executes else None,
        )
        self.failures += results.failures
        counts = self.items.setdefault(stage, {"made": 0, "reused": 0, "failed": 0})
        counts["made"] += results.made
        counts["reused"] += results.reused
        counts["failed"] += len(results.failures)
        return results

    def once(self, what: str, look: Callable[[], Sequence[R]], record: type[R]) -> list[R]:
        """Return what ``look`` finds on this machine; a replayed run is told what was found when recorded."""
        if self._executed is None:
            return list(look())
        return self._executed.made(self._stage, what, "", look, record)

    def missing(self, items: Sequence[Item[R]], record: type[R], *, part: str) -> list[Item[R]]:
        """Return the items of a part of the current stage that are to be made."""
        if self._stage in self.config.redo:
            return list(items)
        return missing_items(
            f"{self._stage}-{part}", items, record, store=self.store, shaped_by=self._shaped_by
        )

    def count_spent(self, items: Sequence[Item[R]], *, part: str) -> None:
        """Count what items of a part used of language models, when the stage itself was reused."""
        if self._asks and self.models is not None:
            stage = f"{self._stage}-{part}"
            count_spent(stage, items, store=self.store, shaped_by=self._shaped_by, models=self.models)

    def folder_of(self, part: str, inputs: Any, fill: Callable[[Path], None]) -> Path:
        """Return a folder made by the current stage, or the one that the store has."""
        stage = f"{self._stage}-{part}"
        key = self.store.key(stage=stage, inputs=inputs, shaped_by=self._shaped_by)
        return self.store.folder(stage, key, fill, redo=self._stage in self.config.redo)

    def rng(self, *names: str) -> Random:
        """Return the generator of one item; it depends on the seed and the names alone."""
        return Random(":".join((str(self.config.seed), *names)))

    # --- parts, made when first needed --------------------------------------------------------

    def component(self, group: str) -> Any:
        """Return the component of a single group; a list of them, by name, of a plural one."""
        if group not in self._components:
            described = getattr(self.config, group)
            if group in PLURAL_GROUPS:
                built = [self.build(one) for one in described.values() if one is not None]
            else:
                built = self.build(described)
            self._components[group] = built
        return self._components[group]

    def build(self, described: Mapping[str, Any]) -> Any:
        """Return a component of its own, with what the run supplies."""
        return build(described, {} if self.models is None else {"models": self.models})

    @property
    def someone_asks(self) -> bool:
        """Return whether any component of the run asks a language model."""
        return any(
            wanting(self.config.shaping(group), "models") for group in (*SINGLE_GROUPS, *PLURAL_GROUPS)
        )

    @cached_property
    def _executed(self) -> Executed | None:
        """Where a run that asks models keeps what servers gave."""
        if self.models is None or not self.someone_asks:
            return None
        return Executed(self.models.settings.transcript, self.models.settings.mode)

    @property
    def asks(self) -> bool:
        """Return whether a component of the current stage asks a language model."""
        return self._asks

    def offline(self, cassette: Cassette) -> Backend:
        """Return the run's simulator over ``cassette``; one that asks live servers is given fresh ones."""
        simulator = self.component("simulator")
        if isinstance(simulator, UsesLive):
            fresh = self.live.fresh
            simulator.use_live(self.journaled(lambda: fresh) if self.models is not None else fresh)
        backend: Backend = simulator.backend(cassette)
        return backend

    def journaled(self, backend: Callable[[], Backend]) -> Backend:
        """Return the backend of items that ask models: tool results are recorded with their answers."""
        return JournaledBackend(backend, {profile.key: profile for profile in self.profiles})

    def described(self, group: str) -> str:
        """Return the JSON text of a single group's component."""
        return canonical_json(self.config.shaping(group))

    @cached_property
    def specs(self) -> dict[str, ServerSpec]:
        """Return the enabled servers of the run by name."""
        from firefly.servers.spec import parse_specs

        specs = parse_specs(self.config.servers)
        starts = specs if self.part is None else self.part.starts
        return {name: spec for name, spec in specs.items() if name in starts}

    @cached_property
    def world(self) -> Path:
        """Return the folder of the world, built once for a seed and kept in the store."""
        described = self.config.world
        key = self.store.key(
            world=self.config.shaping("world"),
            sources=source_digest(("worlds",), source_digest_targets(described)),
        )
        return self.store.folder("world", key, lambda folder: self.component("world").build(folder))

    @cached_property
    def live(self) -> LiveBackend:
        """Return the live backend; nothing is started before the first call."""
        from firefly.servers.live import LiveBackend

        return LiveBackend(
            self.specs,
            fixture=self.world,
            cache_dir=self.config.cache.path,
            offline=self.config.offline,
            max_sessions=self.config.sessions.live,
        )

    @cached_property
    def trusting_live(self) -> LiveBackend:
        """Return the live backend, told which tools are proven reads."""
        self.live.learn(self.profiles)
        return self.live

    @cached_property
    def unresolved(self) -> list[Unresolved]:
        """Return the required parameters that nothing could fill; ask once nothing more is explored."""
        from firefly.graph import unresolved

        if "graph" not in self.seconds:
            return []
        where = {name: spec.where for name, spec in self.specs.items()}
        return unresolved(self.knowledge(), self.scored_edges, self.edges, where=where)

    @property
    def by_split(self) -> dict[str, list[Task]]:
        """Return the verified tasks of each split, in id order."""
        found: dict[str, list[Task]] = {}
        main = next(iter(self.config.splits.parts))
        for task in self.verified:
            found.setdefault(self.split_of.get(task.id, main), []).append(task)
        return found

    @property
    def config_digest(self) -> str:
        """Return the digest of everything in the configuration that shapes the data set."""
        plain = self.config.model_dump(mode="json")
        for name in (
            "store",
            "cache",
            "parallel",
            "redo",
            "mode",
            "until",
            "offline",
            "dataset",
            "lm",
            "budget",
        ):
            plain.pop(name)
        if self.models is not None:
            plain["lm"] = self.models.settings.shape
        plain["world"] = self.public_world
        plain["servers"] = {name: spec.public() for name, spec in self.specs.items()}
        return digest(plain)

    @property
    def public_world(self) -> dict[str, Any]:
        """Return the world's component and arguments without texts, which may be paths of this machine."""
        described = self.config.shaping("world")
        fixtures = {listing.fixture for listing in self.listings if listing.fixture}
        return {
            "name": resolve(described[TARGET]).name,
            **{name: value for name, value in described.items() if not isinstance(value, str)},
            "fixtures": sorted(fixtures),
        }

    def close(self) -> None:
        """End every server, and the connections of a whole run's models."""
        if self.models is not None and self.part is None:
            self.models.close()
        live = self.__dict__.get("live")
        if live is not None:
            self.live_counts = {
                name: {"total": count.calls, "ok": count.ok, "starts": count.starts}
                for name, count in sorted(live.counts().items())
            }
            live.close()

    def write_summary(self) -> None:
        """Write ``summary.json`` (figures) and ``failures.jsonl`` beside the data set."""
        from firefly.summary import write

        write(self)
