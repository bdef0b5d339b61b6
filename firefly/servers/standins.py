"""Names that a server makes up at random, shown under names that follow from the calls.

A session's identifier or a temporary folder is another one in every run, and whatever is given it can't
be replayed. Like the sandbox's own folder, it is shown under a stand-in and translated back in
arguments: records, keys and questions see names that depend on the calls alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile, is_zipfile

from firefly.replay.records import ToolCall, digest

__all__ = ["StandIns", "stored_identifiers"]

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
"""Version 4: drawn at random."""
_DRAWN = re.compile(rf"(?<![\w-]){_UUID}(?![\w-])|(?<=/tmp/)[\w.-]*?(?P<letters>[a-z0-9_]{{8}})(?![\w-])")
"""A random identifier, or the name of something that the server made in its folder for temporary files."""
_BYTES = re.compile(rf"(?<![\w-]){_UUID}(?![\w-])".encode())


@cache
def stored_identifiers(fixture: Path) -> frozenset[str]:
    """Return the random identifiers that stand in the files of a fixture: those are data."""
    found: set[str] = set()
    for path in sorted(fixture.rglob("*")):
        if not path.is_file() or path.is_symlink():
            continue
        found.update(match.decode() for match in _BYTES.findall(path.read_bytes()))
        if is_zipfile(path):
            try:
                with ZipFile(path) as archive:
                    for name in archive.namelist():
                        found.update(match.decode() for match in _BYTES.findall(archive.read(name)))
            except (BadZipFile, NotImplementedError, RuntimeError, OSError):
                continue
    return frozenset(found)


class StandIns:
    """The made-up names of one episode; not shared between threads."""

    def __init__(self, known: frozenset[str] = frozenset()) -> None:
        """``known`` are identifiers that are data and stay as they are."""
        self._known = set(known)
        self._shown: dict[str, str] = {}
        self._real: dict[str, str] = {}
        self._made: dict[str, int] = {}
        self._call = ""

    def begin(self, call: ToolCall) -> None:
        """Take note of the next call: what is new in its answer is named after it."""
        self._known.update(
            found.group() for text in _texts(call.arguments) for found in _DRAWN.finditer(text)
        )
        self._known -= self._real.keys()
        self._call = call.digest

    def real(self, value: Any) -> Any:
        """Return ``value`` with every stand-in in its texts replaced by what it stands for."""
        if not self._real:
            return value
        if isinstance(value, str):
            for shown, real in self._real.items():
                value = value.replace(shown, real)
            return value
        if isinstance(value, list | tuple):
            return [self.real(item) for item in value]
        if isinstance(value, dict):
            return {key: self.real(item) for key, item in value.items()}
        return value

    def visible(self, text: str) -> str:
        """Return ``text`` with every made-up name replaced by its stand-in."""
        return _DRAWN.sub(self._stand_in, text)

    def _stand_in(self, found: re.Match[str]) -> str:
        name = found.group()
        if name in self._known:
            return name
        if name not in self._shown:
            number = self._made.get(self._call, 0)
            self._made[self._call] = number + 1
            drawn = digest([self._call, number])
            letters = found["letters"]
            shown = (
                name[: -len(letters)] + drawn[:8]
                if letters
                else f"{drawn[:8]}-{drawn[8:12]}-4{drawn[13:16]}-8{drawn[17:20]}-{drawn[20:32]}"
            )
            self._shown[name], self._real[shown] = shown, name
        return self._shown[name]


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for inner in value.values() for text in _texts(inner)]
    if isinstance(value, list | tuple):
        return [text for inner in value for text in _texts(inner)]
    return []
