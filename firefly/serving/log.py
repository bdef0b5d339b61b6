"""What happened in served episodes: a file for the trainer, and counts. Agents see neither.

One JSON line for each beginning, call and end, written before the answer is sent, whole or not at all.
Several processes may append to one file. Lines hold no clock time, so equal runs give equal lines.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from firefly.errors import FireflyError
from firefly.replay.records import Step, canonical_json, shown_json

__all__ = ["Counts", "EpisodeLog", "LogError", "call_line"]

_ARGUMENTS = 1 << 20
"""Characters of arguments that are logged; of longer ones only size and digest."""


class LogError(FireflyError):
    """The log can't be written."""


class EpisodeLog:
    """Appends lines to a file. Safe to share between threads, the file between processes."""

    def __init__(self, path: Path | None) -> None:
        """Open ``path`` for appending; None: lines go nowhere.

        Raises:
            LogError: it can't be opened.
        """
        self._path = path
        self._lock = threading.Lock()
        self._torn = False
        """Whether the last line is incomplete, because the disk was full."""
        self._file = -1
        if path is not None:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            except OSError as error:
                raise LogError(f"The log {path} can't be written: {error.strerror or error}.") from error

    @property
    def wanted(self) -> bool:
        """Return whether lines go anywhere."""
        return self._file >= 0

    def write(self, event: str, **fields: Any) -> None:
        """Append one line.

        Raises:
            LogError: it can't be written, for instance because the disk is full.
        """
        if not self.wanted:
            return
        line = canonical_json({"event": event, **fields}).encode("utf-8", "surrogatepass") + b"\n"
        with self._lock:
            whole = b"\n" + line if self._torn else line
            try:
                written = os.write(self._file, whole)
            except OSError as error:
                raise LogError(
                    f"The log {self._path} can't be written: {error.strerror or error}."
                ) from error
            self._torn = written < len(whole)
            if self._torn:
                raise LogError(f"The log {self._path} can't be written: the disk is full.")

    def close(self) -> None:
        """Close the file; idempotent."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def call_line(number: int, name: str, step: Step, evidence: Mapping[str, JsonValue]) -> dict[str, Any]:
    """Return the fields of a call's line.

    Args:
        number: of the call in its episode, from 1.
        name: the tool as the agent sees it.
        step: the call with the answer and the tier that gave it.
        evidence: what the answer rests on.

    """
    observation = step.observation
    found: dict[str, Any] = {
        "number": number,
        "name": name,
        "server": step.call.server,
        "tool": step.call.tool,
        "arguments": step.call.arguments,
        "outcome": observation.outcome,
        "reason": observation.reason,
        "tier": step.tier,
        "evidence": dict(evidence),
    }
    if observation.miss is not None:
        found["nearest"] = [one.model_dump(mode="json") for one in observation.miss.nearest]
    try:
        text = canonical_json(step.call.arguments)
    except ValueError:  # what JSON lacks
        text = shown_json(step.call.arguments)
        found["arguments"] = None
    if len(text) > _ARGUMENTS:
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        found["arguments"] = None
        found["arguments_left_out"] = {"characters": len(text), "sha256": digest}
    return found


class Counts:
    """How many calls each tier answered. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: Counter[tuple[str, str, str, str, str]] = Counter()
        self._begun = 0
        self._ended = 0

    def begun(self) -> None:
        """Count an episode."""
        with self._lock:
            self._begun += 1

    def ended(self) -> None:
        """Count the end of one."""
        with self._lock:
            self._ended += 1

    def called(self, step: Step, evidence: Mapping[str, JsonValue]) -> None:
        """Count a call."""
        fault = str(evidence.get("fault", ""))
        key = (step.call.server, step.call.tool, step.tier, step.observation.outcome, fault)
        with self._lock:
            self._calls[key] += 1

    @property
    def tiers(self) -> dict[str, int]:
        """Return tier -> calls."""
        found: Counter[str] = Counter()
        with self._lock:
            for (_, _, tier, _, _), count in self._calls.items():
                found[tier] += count
        return dict(sorted(found.items()))

    @property
    def episodes(self) -> tuple[int, int]:
        """Return how many episodes began and how many of these ended."""
        with self._lock:
            return self._begun, self._ended

    @property
    def metrics(self) -> str:
        """Return the counts as Prometheus reads them."""
        with self._lock:
            calls = sorted(self._calls.items())
        begun, ended = self.episodes
        lines = ["# TYPE firefly_calls_total counter"]
        for (server, tool, tier, outcome, fault), count in calls:
            labels = {"server": server, "tool": tool, "tier": tier, "outcome": outcome, "fault": fault}
            shown = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
            lines.append(f"firefly_calls_total{{{shown}}} {count}")
        lines += ["# TYPE firefly_episodes_total counter", f"firefly_episodes_total {begun}"]
        lines += ["# TYPE firefly_episodes gauge", f"firefly_episodes {begun - ended}"]
        return "\n".join(lines) + "\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
