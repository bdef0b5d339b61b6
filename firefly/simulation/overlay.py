"""Answers that no recording proves, kept beside the cassette so that a loose run can be repeated.

An overlay is a file of its own and says so in its first line; nothing reads it as a recording. Each
further line is one answer under the digest of its call and of the situation it was made in. The first
answer to a key stands: whoever comes second, in this process or in another, gives it, too.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock
from pydantic import JsonValue, ValidationError

from firefly.errors import ReplayError
from firefly.replay.records import Observation, Record, ToolCall, canonical_json

__all__ = ["Kept", "Overlay", "OverlayError"]

FORMAT_VERSION = 1
HEADER = {
    "format": "firefly-overlay",
    "format_version": FORMAT_VERSION,
    "note": "Answers that no recording proves. Never part of a cassette.",
}


class OverlayError(ReplayError):
    """A file of kept answers can't be read or written."""


class Kept(Record):
    """One line: an answer that a tier gave."""

    key: str
    call: ToolCall
    tier: str
    """Whose it is; ``miss``: none had one, by chance."""
    evidence: dict[str, JsonValue]
    observation: Observation


class Overlay:
    """The kept answers of a file. Safe to share between threads, the file between processes."""

    def __init__(self, path: Path) -> None:
        """Read ``path``, which is made when the first answer is kept.

        Raises:
            OverlayError: the file is something else, damaged, or of a newer format.
        """
        self._path = path
        self._lock = threading.Lock()
        self._between = FileLock(f"{path}.lock")
        self._kept: dict[str, Kept] = {}
        self._read = 0
        """Bytes of the file that were read."""
        self._line = 0
        self._refresh()

    def get(self, key: str) -> Kept | None:
        """Return the answer kept under ``key``."""
        with self._lock:
            return self._kept.get(key)

    def put(
        self,
        key: str,
        call: ToolCall,
        tier: str,
        evidence: Mapping[str, JsonValue],
        observation: Observation,
    ) -> Kept:
        """Keep an answer; return the one that stands, which may have come first from elsewhere.

        Raises:
            OverlayError: the file can't be written.
        """
        one = Kept(key=key, call=call, tier=tier, evidence=dict(evidence), observation=observation)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._lock, self._between:
                self._refresh()
                if key not in self._kept:
                    self._append(one)
                    self._refresh()
                return self._kept[key]
        except OSError as error:
            raise OverlayError(f"{self._path} can't be written: {error.strerror or error}.") from error

    def _append(self, one: Kept) -> None:
        line = one.to_json() + "\n"
        if not self._read:
            line = canonical_json(HEADER) + "\n" + line
        with self._path.open("ab") as file:
            os.ftruncate(file.fileno(), self._read)  # what a writer that was killed left of its last line
            try:
                file.write(line.encode("utf-8", "surrogatepass"))
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                os.ftruncate(file.fileno(), self._read)
                raise

    def _refresh(self) -> None:
        """Read what was added since, by whomever."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                added = file.read()
        except FileNotFoundError:
            return
        except OSError as error:
            raise OverlayError(f"{self._path} can't be read: {error.strerror or error}.") from error
        whole = added[: added.rfind(b"\n") + 1]
        for line in whole.split(b"\n")[:-1]:
            self._line += 1
            if self._line == 1:
                self._check(line)
                continue
            try:
                one = Kept.model_validate_json(line)
            except ValidationError as error:
                first = error.errors(include_url=False, include_input=False)[0]
                raise OverlayError(f"{self._path}, line {self._line}: {first['msg']}. Remove it.") from None
            self._kept.setdefault(one.key, one)
        self._read += len(whole)

    def _check(self, line: bytes) -> None:
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        if not isinstance(found, dict) or found.get("format") != HEADER["format"]:
            raise OverlayError(
                f"{self._path} is no overlay: its first line isn't one's header. Name a new file."
            )
        if found.get("format_version") != FORMAT_VERSION:
            raise OverlayError(
                f"{self._path} is of format version {found.get('format_version')}; this version reads "
                f"{FORMAT_VERSION}."
            )
