"""Reads what agents did: logs of ``firefly serve``, or lines of answers with their calls."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from firefly.errors import DatasetError
from firefly.replay.records import Record, Task, ToolCall
from firefly.replay.score import call_of
from firefly.replay.served import read_log
from firefly.replay.tool_set import ToolSet

__all__ = ["Attempt", "attempts_of"]


class Attempt(Record):
    """The calls of one episode, answered or not."""

    name: str
    task: str | None
    servers: tuple[str, ...]
    """Whose tools were offered, sorted."""
    calls: tuple[ToolCall, ...]


def attempts_of(
    path: Path, tasks: dict[str, Task], tools_of: Callable[[tuple[str, ...]], ToolSet]
) -> list[Attempt]:
    """Return the episodes of a file, of either kind.

    Args:
        path: a log of ``firefly serve``, or answers as ``firefly score`` reads them, with their ``calls``.
        tasks: those of the data set, by id.
        tools_of: gives the tools of servers, for calls that name only what the agent saw.

    Raises:
        DatasetError: it can't be read, holds something else, or is of another data set; names the line.
    """
    try:
        first = next((line for line in path.read_bytes().splitlines() if line.strip()), b"")
    except OSError as error:
        raise DatasetError(f"The rollouts at {path} can't be read: {error.strerror or error}.") from None
    if not first:
        raise DatasetError(f"{path} has no lines, so there are no rollouts in it.")
    if b'"event"' in first:
        return [one for one in _logged(path, tasks) if one.calls]
    return [one for one in _answered(path, tasks, tools_of) if one.calls]


def _logged(path: Path, tasks: dict[str, Task]) -> Iterator[Attempt]:
    for name, episode in read_log(path).items():
        servers = episode.servers
        if episode.task is not None:
            task = _task(episode.task, tasks, f"{path}, episode {name!r}")
            servers = servers or task.servers
        if servers:
            yield Attempt(
                name=name, task=episode.task, servers=tuple(sorted(servers)), calls=tuple(episode.asked)
            )


def _answered(
    path: Path, tasks: dict[str, Task], tools_of: Callable[[tuple[str, ...]], ToolSet]
) -> Iterator[Attempt]:
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        try:
            row: Any = json.loads(line)
        except ValueError as error:
            raise DatasetError(f"{place}: not JSON: {error}.") from None
        if not isinstance(row, dict) or not isinstance(row.get("id"), str):
            raise DatasetError(f"{place}: no id of a task. A line is {{'id': …, 'calls': […]}}.")
        task = _task(row["id"], tasks, place)
        tools = tools_of(task.servers)
        calls = row.get("calls") or []
        if not isinstance(calls, list):
            raise DatasetError(f'{place}: "calls" is not a list.')
        try:
            given = [call_of(one, count, tools) for count, one in enumerate(calls, start=1)]
        except ValueError as error:
            raise DatasetError(f"{place}: {error}.") from None
        yield Attempt(name=f"line {number}", task=task.id, servers=task.servers, calls=tuple(_known(given)))


def _known(calls: Iterable[ToolCall]) -> Iterator[ToolCall]:
    """Yield the calls of tools that exist: others reached no server."""
    return (call for call in calls if call.server)


def _task(name: str, tasks: dict[str, Task], place: str) -> Task:
    if name not in tasks:
        raise DatasetError(f"{place}: the data set has no task {name!r}; are the rollouts of another one?")
    return tasks[name]
