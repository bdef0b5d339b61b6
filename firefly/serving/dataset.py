"""What a data set folder offers: for each task, or choice of servers, the tools and who answers them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from firefly.errors import DatasetError, nearest
from firefly.replay.backend import Backend
from firefly.replay.cassette import Cassette, ToolKey
from firefly.replay.dataset import load_dataset_tasks, tasks_of
from firefly.replay.index import open_cassette
from firefly.replay.records import Task
from firefly.replay.simulator import StrictSimulator
from firefly.replay.tool_set import ToolSet

__all__ = ["Offer", "ServedDataset"]

ALL = "all"
_COMMON = ""


@dataclass(frozen=True)
class Offer:
    """The tools of an episode and who answers."""

    name: str
    """Of the task, or the servers joined by commas: what begins and continues one episode must agree on."""
    task: Task | None
    tool_set: ToolSet
    backend: Backend
    cassette: str
    """Name of the split with a cassette of its own, or ""."""
    unstructured: frozenset[ToolKey] = frozenset()
    """Tools that declare an output schema, but of which an answer was recorded without structured content
    (too large to be kept): clients refuse such answers while the schema is declared."""


class ServedDataset:
    """A data set folder, read once. Safe to share between threads."""

    def __init__(self, folder: Path, backend_of: Callable[[Cassette], Backend]) -> None:
        """Read tasks and cassettes.

        Args:
            folder: the data set.
            backend_of: makes what answers from a cassette.

        Raises:
            DatasetError: it is no data set, or has no cassette.
            CassetteError: a cassette is damaged.

        """
        self._tasks = load_dataset_tasks(folder)
        cassettes = {
            path.name.removeprefix("cassette").removeprefix("_"): open_cassette(path)
            for path in sorted(folder.glob("cassette*"))
            if path.is_dir()
        }
        if not cassettes:
            raise DatasetError(f"{folder} has no cassette, so nothing answers. Copy the whole folder.")
        self._cassettes: Mapping[str, Cassette] = cassettes
        self._backends = {name: backend_of(cassette) for name, cassette in cassettes.items()}
        self._split_of = {
            task.id: path.stem
            for path in sorted(folder.glob("tasks*/*.jsonl"))
            if path.stem in cassettes
            for task in tasks_of(path)
        }
        self._tool_sets: dict[tuple[str, tuple[str, ...]], ToolSet] = {}
        self._offers: dict[str, Offer] = {}

    @property
    def tasks(self) -> Mapping[str, Task]:
        """Return the tasks by id."""
        return self._tasks

    def of_task(self, name: str) -> Offer:
        """Return the tools of a task: every recorded tool of its servers.

        Raises:
            DatasetError: there is no such task.
        """
        task = self._tasks.get(name)
        if task is None:
            close = nearest(name, self._tasks).split(" Known:")[0] if self._tasks else ""
            raise DatasetError(
                f"There is no task {name!r}. {close if close.startswith('Did') else ''} "
                f"Ids are the field id of tasks/*.jsonl; there are {len(self._tasks)}.".replace("  ", " ")
            )
        known = self._offers.get(name)
        if known is None:
            split = self._split_of.get(name, self._default_split)
            tools = self._tool_set(split, task.servers)
            known = self._offers.setdefault(name, self._offer(name, task, tools, split))
        return known

    def of_servers(self, servers: Sequence[str], split: str | None = None) -> Offer:
        """Return the recorded tools of ``servers``; "all" stands for every one.

        Raises:
            DatasetError: there is no such server or split.
        """
        if split is not None and split not in self._cassettes:
            named = [name for name in self._cassettes if name]
            raise DatasetError(f"No split {split!r} has a cassette of its own. {nearest(split, named)}")
        of = self._default_split if split is None else split
        known = sorted({key[0] for key in self._cassettes[of].tools})
        chosen = known if ALL in servers else sorted(set(servers))
        for server in chosen:
            if server not in known:
                raise DatasetError(f"There is no server {server!r}. {nearest(server, [*known, ALL])}")
        name = ",".join(chosen)
        offer = self._offer(name, None, self._tool_set(of, tuple(chosen)), of)
        return self._offers.setdefault(f"{of}:{name}", offer)

    def strict(self, cassette: str) -> StrictSimulator:
        """Return what rewards are computed with, whoever answers the agents."""
        found = self._strict.get(cassette)
        if found is None:
            found = self._strict.setdefault(cassette, StrictSimulator(self._cassettes[cassette]))
        return found

    @cached_property
    def _strict(self) -> dict[str, StrictSimulator]:
        return {}

    def _offer(self, name: str, task: Task | None, tools: ToolSet, split: str) -> Offer:
        cassette = self._cassettes[split]
        unstructured = frozenset(
            tool.key
            for tool in tools.tools
            if tool.output_schema is not None
            and any(
                entry.observation.outcome == "success"
                and entry.observation.structured is None
                and not entry.observation.is_error
                for entry in cassette.entries_of(tool.key)
            )
        )
        return Offer(name, task, tools, self._backends[split], split, unstructured)

    @property
    def _default_split(self) -> str:
        return _COMMON if _COMMON in self._cassettes else next(iter(self._cassettes))

    def _tool_set(self, split: str, servers: Sequence[str]) -> ToolSet:
        key = (split, tuple(servers))
        found = self._tool_sets.get(key)
        if found is None:
            tools = self._cassettes[split].tools
            wanted = set(servers)
            found = self._tool_sets.setdefault(
                key, ToolSet.of(one.tool for name, one in tools.items() if name[0] in wanted)
            )
        return found
