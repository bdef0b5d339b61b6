"""Reads the log of ``firefly serve``: which calls each episode made."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .backend import FAULT
from .errors import DatasetError
from .records import EpisodeOutcome, ToolCall


@dataclass
class LoggedEpisode:
    """One episode of a log."""

    task: str | None = None
    servers: tuple[str, ...] = ()
    """Whose tools were offered."""
    calls: list[ToolCall] = field(default_factory=list)
    """Those that were made; what a fault on purpose kept from being made is left out."""
    asked: list[ToolCall] = field(default_factory=list)
    """Every call in order, answered or not, up to one whose arguments were too long to be logged."""
    whole: bool = True
    """Whether ``asked`` goes on to the end of the episode."""
    outcome: EpisodeOutcome | None = None
    """Why it has no reward; None: it may have one."""
    ended: bool = False


def read_log(path: Path) -> dict[str, LoggedEpisode]:
    """Return the episodes of a log by name.

    A line that was cut off (a full disk, a killed server) may be of any episode whose end is not told: none
    of these has a reward.

    Raises:
        DatasetError: the file can't be read, or holds something else.
    """
    try:
        lines = Path(path).read_bytes().splitlines()
    except OSError as error:
        raise DatasetError(f"The log at {path} can't be read: {error.strerror or error}.") from None
    found: dict[str, LoggedEpisode] = {}
    torn = False
    for number, line in enumerate(lines, start=1):
        try:
            told: Any = json.loads(line) if line.strip() else None
        except ValueError:
            torn = True
            continue
        if told is None:
            continue
        if not isinstance(told, dict) or not isinstance(told.get("episode"), str):
            raise DatasetError(f"{path}, line {number} is none of a log of firefly serve.")
        episode = found.setdefault(told["episode"], LoggedEpisode())
        if told.get("event") == "begin":
            # one name again is another process over the same data set: its later run counts
            found[told["episode"]] = LoggedEpisode(
                task=told.get("task"), servers=tuple(told.get("servers") or ())
            )
        elif told.get("event") == "call":
            _take(told, episode)
        elif told.get("event") == "end":
            episode.ended = True
            episode.outcome = "infra" if told.get("lost") else episode.outcome
    for episode in found.values():
        if torn and not episode.ended:
            episode.outcome = "infra"
    return found


def _take(told: dict[str, Any], episode: LoggedEpisode) -> None:
    if told.get("tier") == FAULT:
        return
    arguments = told.get("arguments")
    if not isinstance(arguments, dict):
        episode.whole = False
    elif episode.whole:
        episode.asked.append(ToolCall(server=told["server"], tool=told["tool"], arguments=arguments))
    if told.get("outcome") == "miss" or not isinstance(arguments, dict):
        episode.outcome = "miss"
    elif told.get("outcome") in ("transient", "refused"):
        episode.outcome = "infra"
    else:
        episode.calls.append(
            ToolCall(server=str(told["server"]), tool=str(told["tool"]), arguments=arguments)
        )
