"""The transcript: every answer of a model and, for the item at hand, every tool result, as they came.

One file an item: ``<folder>/<stage>/<digest of the item's id>.jsonl``, one entry a line, appended before
the answer is used. An answer is found again by (role, digest of the request, how often it was sent
before in the item); tool results by their order in the attempt. A line cut short by the end of a
process is dropped. Files are plain JSON lines: nothing in them is code, and they hold no keys.
"""

from __future__ import annotations

import difflib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock

from firefly.errors import StoreError
from firefly.replay.records import Step, digest

__all__ = ["ItemLog", "Mode", "Transcript", "unwritable"]

Mode = Literal["record", "replay", "live"]
"""``record``: answers are kept, and kept ones are used. ``replay``: only kept ones. ``live``: neither."""

Entry = dict[str, Any]


class Transcript:
    """A folder of items' logs; several processes may share it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def item(self, stage: str, item: str, shape: str, *, replays: bool = False) -> Iterator[ItemLog]:
        """Hold an item's log; another process that makes the same item waits.

        Args:
            stage: the stage (or part of one).
            item: the item's id.
            shape: digest of what shapes the item: a journal of tool results is used again only for the same.
            replays: whether a finished attempt is read again; else only one that was interrupted.

        Raises:
            StoreError: the folder can't be written.
        """
        path = self.folder / stage / f"{digest(item)}.jsonl"
        try:
            if replays:
                yield ItemLog(path, item, shape, replays=True)
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_suffix(".lock"), thread_local=False):
                yield ItemLog(path, item, shape, replays=False)
        except OSError as error:
            raise StoreError(unwritable(path, error)) from error


def unwritable(place: Path | ItemLog | None, error: OSError) -> str:
    """Return what to say of a transcript that can't be written."""
    path = place.path if isinstance(place, ItemLog) else place
    return (
        f"The transcript {path} can't be written: {error.strerror or error}. Free some space, or set "
        "lm.transcript to a writable folder; what is recorded stays."
    )


class ItemLog:
    """What is recorded of one item, and where more is appended. Safe for the threads of one item."""

    def __init__(self, path: Path, item: str, shape: str, *, replays: bool) -> None:
        self.path, self._item, self._shape, self._replays = path, item, shape, replays
        self._answers: dict[tuple[str, str, int], list[Entry]] = {}
        self._lock = threading.Lock()
        self._file: int | None = None
        self._attempts = 0
        self._journal: dict[int, list[Step]] = {}
        self._begun = False
        self._load()

    # --- answers of models --------------------------------------------------------------------

    def answer(self, role: str, request: str, occurrence: int, where: str | None) -> Entry | None:
        """Return a recorded answer.

        Args:
            role: who asked.
            request: digest of the request.
            occurrence: how often it was sent before in the item.
            where: address that it must have come from; None: any, and recorded failures count, too.

        """
        for entry in reversed(self._answers.get((role, request, occurrence), ())):
            if where is None or (entry["where"] == where and "response" in entry):
                return entry
        return None

    def keep(self, entry: Entry) -> None:
        """Record an answer, or a request's final failure."""
        with self._lock:
            self._append({"entry": "answer", **entry})
            self._remember(entry)

    def nearest(self, role: str, request: Entry) -> str:
        """Return in words how the nearest recorded request of a role differs; for messages."""
        asked = json.dumps(request, indent=1, sort_keys=True, ensure_ascii=False).split("\n")
        best: list[str] = []
        ratio = -1.0
        for entry in self._entries():
            if entry.get("entry") == "answer" and entry.get("role") == role:
                known = json.dumps(entry["request"], indent=1, sort_keys=True, ensure_ascii=False).split("\n")
                near = difflib.SequenceMatcher(None, known, asked, autojunk=False).quick_ratio()
                if near > ratio:
                    ratio, best = near, known
        if not best:
            return f"nothing is recorded of role {role} for this item"
        changed = [
            line[:160]
            for line in difflib.unified_diff(best, asked, n=0, lineterm="")
            if line[:2] not in _HEADS
        ]
        return f"the nearest recorded request differs in: {' '.join(changed[:4])}"

    # --- tool results --------------------------------------------------------------------------

    def journal(self, episode: int) -> list[Step]:
        """Return the recorded steps of an episode, by its number in the attempt."""
        return list(self._journal.get(episode, ()))

    def note(self, episode: int, step: Step) -> None:
        """Record a tool's result."""
        with self._lock:
            self._begin()
            plain = step.model_dump(mode="json")
            self._append({"entry": "step", "attempt": self._attempts, "episode": episode, "step": plain})

    def forget(self) -> None:
        """Begin a new attempt: what tools said in the last one no longer holds."""
        with self._lock:
            self._journal = {}
            self._begun = False

    def finish(self) -> None:
        """Say that the item is done and kept; the next attempt calls its tools anew."""
        with self._lock:
            if self._begun:
                self._append({"entry": "end", "attempt": self._attempts})

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None

    # --- the file -------------------------------------------------------------------------------

    def _load(self) -> None:
        attempts: dict[int, tuple[str, dict[int, list[Step]]]] = {}
        ended: set[int] = set()
        for entry in self._entries():
            kind = entry.get("entry")
            if kind == "answer":
                self._remember(entry)
            elif kind == "begin":
                attempts[entry["attempt"]] = (entry["shape"], {})
            elif kind == "step" and entry["attempt"] in attempts:
                episodes = attempts[entry["attempt"]][1]
                episodes.setdefault(entry["episode"], []).append(Step.model_validate(entry["step"]))
            elif kind == "end":
                ended.add(entry["attempt"])
        self._attempts = max(attempts, default=0)
        alike = [number for number, (shape, _) in attempts.items() if shape == self._shape]
        if self._replays:
            # a finished attempt made the data; without one, the last is all there is
            chosen = max([number for number in alike if number in ended] or alike, default=None)
        else:
            last = max(alike, default=None)
            chosen = last if last == self._attempts and last not in ended else None
        if chosen is not None:
            self._journal = attempts[chosen][1]
            self._begun = not self._replays

    def _remember(self, entry: Entry) -> None:
        key = (entry["role"], entry["digest"], entry["occurrence"])
        slim = {name: value for name, value in entry.items() if name != "request"}
        self._answers.setdefault(key, []).append(slim)

    def _entries(self) -> Iterator[Entry]:
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return
        for line in data.split(b"\n")[:-1]:
            try:
                entry = json.loads(line.decode("utf-8", "surrogatepass"))
            except ValueError:
                continue
            if isinstance(entry, dict):
                yield entry

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._attempts += 1
            self._append(
                {"entry": "begin", "attempt": self._attempts, "item": self._item, "shape": self._shape}
            )

    def _append(self, entry: Entry) -> None:
        if self._file is None:
            self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
            size = os.lseek(self._file, 0, os.SEEK_END)
            if size and os.pread(self._file, 1, size - 1) != b"\n":
                os.write(self._file, b"\n")  # the line that a killed process was writing stays unread
        # keys stay in their order: what reads an answer or a result may go by it
        line = _ENCODER.encode(entry).encode("utf-8", "surrogatepass") + b"\n"
        os.write(self._file, line)


_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_HEADS = ("--", "++", "@@")
