"""Fingerprints of a workspace: a digest of its files that ignores what is no state.

Normalisers go by file format, never by server: a database is its rows, an Office file its parts, a
git index its entries. What no normaliser knows counts byte by byte.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import stat
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from firefly.plugins import register
from firefly.replay.records import digest
from firefly.servers.formats import (
    GIT_NOISE,
    LARGE,
    Placeless,
    git_file,
    office_file,
    placeless,
    sqlite_file,
)

__all__ = ["FileTree"]

_SIDE = ("-wal", "-shm", "-journal")
_RACY = 50_000_000
"""Nanoseconds: a file changed this recently is hashed again next time, as clocks of files are coarse."""

Stamp = tuple[int, ...]


@register("fingerprint", "files")
class FileTree:
    """The files of the workspace, normalised by format."""

    def __init__(self, *, ignore: Sequence[str] = ()) -> None:
        self._ignore = tuple(ignore)
        self._known: dict[str, tuple[Stamp, str]] = {}

    def digest(self, workspace: Path) -> str:
        """Return the digest of the file tree below ``workspace``."""
        entries: list[list[str]] = []
        self._walk(os.fspath(workspace), "", entries, placeless(workspace))
        return digest(entries)

    def _walk(
        self, folder: str, inner: str, entries: list[list[str]], shown: Placeless, git: bool = False
    ) -> None:
        try:
            with os.scandir(folder) as scan:
                children = sorted(scan, key=lambda entry: entry.name)
        except OSError:
            return  # removed while we looked, or not ours to read
        names = {entry.name for entry in children}
        for entry in children:
            path = f"{inner}/{entry.name}" if inner else entry.name
            if self._ignored(entry.name, path) or _is_side_file(entry.name, names):
                continue
            if git and entry.name.endswith(GIT_NOISE):
                continue
            try:
                if entry.is_symlink():
                    target = shown(os.fsencode(Path(entry.path).readlink()))
                    entries.append([path, "link", os.fsdecode(target)])
                elif entry.is_dir(follow_symlinks=False):
                    entries.append([path, "folder", ""])
                    inside = git or (entry.name == ".git" and Path(entry.path, "HEAD").exists())
                    self._walk(entry.path, path, entries, shown, inside)
                elif entry.is_file(follow_symlinks=False):
                    info = entry.stat(follow_symlinks=False)
                    kind = "program" if info.st_mode & stat.S_IXUSR else "file"
                    entries.append(
                        [
                            path,
                            kind,
                            self._content(
                                entry.path, info, shown, path if git else "", f"{entry.name}-wal" in names
                            ),
                        ]
                    )
                else:
                    entries.append([path, "special", ""])
            except FileNotFoundError:
                continue
            except PermissionError:
                entries.append([path, "unreadable", ""])

    def _ignored(self, name: str, path: str) -> bool:
        return any(fnmatch.fnmatchcase(path, one) or fnmatch.fnmatchcase(name, one) for one in self._ignore)

    def _content(self, path: str, info: os.stat_result, shown: Placeless, in_git: str, logged: bool) -> str:
        stamp = _stamp(info)
        with_log = logged and _filled(f"{path}-wal")
        if with_log:
            stamp += _stamp(Path(f"{path}-wal").stat())
        known = self._known.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        found = _file_digest(path, info.st_size, shown, in_git)
        newest = max(info.st_mtime_ns, info.st_ctime_ns, *(stamp[5:7] if with_log else ()))
        if time.time_ns() - newest > _RACY:
            self._known[path] = (stamp, found)
        return found


def _stamp(info: os.stat_result) -> Stamp:
    return (info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_ino, info.st_mode)


def _filled(path: str) -> bool:
    try:
        return Path(path).stat().st_size > 0
    except OSError:
        return False


def _is_side_file(name: str, names: set[str]) -> bool:
    """Return whether it belongs to a database beside it, whose rows say it all."""
    return name.endswith(_SIDE) and name.rpartition("-")[0] in names


_FORMATS: tuple[tuple[bytes, Callable[[str, Placeless], str | None]], ...] = (
    (b"SQLite format 3\x00", sqlite_file),
    (b"PK\x03\x04", office_file),
)


def _file_digest(path: str, size: int, shown: Placeless, in_git: str) -> str:
    if in_git:
        special = git_file(path, in_git, shown)
        if special is not None:
            return special
    with open(path, "rb") as file:  # noqa: PTH123 - a plain path is what scandir gives
        head = file.read(16)
        for magic, normalised in _FORMATS:
            if head.startswith(magic):
                found = normalised(path, shown)
                if found is not None:
                    return found
        file.seek(0)
        if size > LARGE:
            return hashlib.file_digest(file, "sha256").hexdigest()[:32]
        return hashlib.sha256(shown(file.read())).hexdigest()[:32]
