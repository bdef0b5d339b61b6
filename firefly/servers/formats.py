"""Normalisers of file formats for fingerprints: two files that say the same give the same digest.

Each returns None where it does not understand the file, which then counts byte by byte.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import sqlite3
import struct
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

__all__ = ["GIT_NOISE", "LARGE", "Placeless", "git_file", "office_file", "placeless", "sqlite_file"]

Placeless = Callable[[bytes], bytes]
"""Takes the place of the sandbox out of a content."""

LARGE = 64 * 1024 * 1024
"""Bytes; a larger file is not taken apart."""

_SHORTEST_PLACE = 4
"""Bytes of a path; ``/`` stands everywhere."""

GIT_NOISE = (".lock", "gc.log", "gc.pid")
"""Ends of names inside ``.git`` that are no state."""

_STAMPS = re.compile(
    rb"<dcterms:(created|modified)[^>]*>[^<]*</dcterms:\1>|<cp:lastPrinted>[^<]*</cp:lastPrinted>"
)
_LOG_TIME = re.compile(rb"(> )\d+ [+-]\d{4}")


def placeless(workspace: Path) -> Placeless:
    """Return what takes the place of ``workspace`` out of a content: servers write absolute paths."""
    base = os.fsencode(workspace.parent)
    if len(base) < _SHORTEST_PLACE:
        return lambda content: content
    return lambda content: content.replace(base, b"/sandbox")


def sqlite_file(path: str, shown: Placeless) -> str | None:
    """Return the digest of a database's schema and rows, its write-ahead log included."""
    if Path(path).stat().st_size > LARGE:
        return None
    log = f"{path}-wal"
    try:
        if _filled(log):
            with tempfile.TemporaryDirectory(prefix="firefly-db-") as folder:
                copy = str(Path(folder) / "db")
                shutil.copyfile(path, copy)
                shutil.copyfile(log, f"{copy}-wal")
                return _rows(f"file:{_quoted(copy)}", shown)
        if _filled(f"{path}-journal"):
            return None  # in the middle of a transaction
        return _rows(f"file:{_quoted(path)}?mode=ro&immutable=1", shown)
    except (sqlite3.Error, OSError, UnicodeError):
        return None


def _filled(path: str) -> bool:
    return Path(path).exists() and Path(path).stat().st_size > 0


def _quoted(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _rows(uri: str, shown: Placeless) -> str:
    found = hashlib.sha256()
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as database:
        database.text_factory = bytes
        for pragma in ("user_version", "application_id"):
            found.update(repr(database.execute(f"PRAGMA {pragma}").fetchone()).encode())
        schema = database.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
        ).fetchall()
        for row in schema:
            found.update(shown(repr(row).encode()))
        tables = [name.decode() for kind, name, _, sql in schema if kind == b"table" and not _is_virtual(sql)]
        for table in tables:
            quoted = table.replace('"', '""')
            try:
                rows = database.execute(f'SELECT rowid, * FROM "{quoted}" ORDER BY rowid')
            except sqlite3.OperationalError:  # WITHOUT ROWID: stored in the order of its key
                rows = database.execute(f'SELECT * FROM "{quoted}"')
            found.update(f"\n{table}\n".encode())
            for row in rows:
                found.update(shown(repr(row).encode()))
    return f"sqlite:{found.hexdigest()[:32]}"


def _is_virtual(sql: bytes | None) -> bool:
    # Its rows stand in shadow tables, which are dumped; its module may not be there to read it.
    return sql is not None and sql.lstrip().upper().startswith(b"CREATE VIRTUAL")


def office_file(path: str, shown: Placeless) -> str | None:
    """Return the digest of an OOXML file's parts, whatever the order, compression and times of saving."""
    if Path(path).stat().st_size > LARGE:
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(archive.namelist())
            if "[Content_Types].xml" not in names or sum(one.file_size for one in archive.infolist()) > LARGE:
                return None
            found = hashlib.sha256()
            for name in names:
                content = shown(archive.read(name))
                if name.startswith("docProps/"):
                    content = _STAMPS.sub(b"", content)
                found.update(f"{name}\n{len(content)}\n".encode())
                found.update(content)
            return f"office:{found.hexdigest()[:32]}"
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, ValueError):
        return None


def git_file(path: str, inner: str, shown: Placeless) -> str | None:
    """Return the digest of a file inside ``.git`` whose bytes hold more than state."""
    part = inner[inner.rindex(".git/") + 5 :]
    if part == "index":
        return _index(path)
    if part.startswith("logs/"):
        content = shown(_LOG_TIME.sub(rb"\1", Path(path).read_bytes()))
        return f"log:{hashlib.sha256(content).hexdigest()[:32]}"
    if part.startswith("objects/") and not part.startswith("objects/info/"):
        return "object"  # its name is the hash of its content
    return None


def _index(path: str) -> str | None:
    """Return the digest of an index's entries without the cached file times (git: index-format)."""
    content = Path(path).read_bytes()
    if content[:4] != b"DIRC" or len(content) < 12:
        return None
    version, count = struct.unpack(">II", content[4:12])
    if version not in (2, 3):
        return None
    found = hashlib.sha256()
    position = 12
    try:
        for _ in range(count):
            mode = content[position + 24 : position + 28]
            name_hash = content[position + 40 : position + 60]
            (flags,) = struct.unpack(">H", content[position + 60 : position + 62])
            start = position + 62
            more = b""
            if version == 3 and flags & 0x4000:
                more = content[start : start + 2]
                start += 2
            end = content.index(b"\0", start)
            found.update(
                mode + name_hash + struct.pack(">H", flags & 0x3000) + more + content[start:end] + b"\0"
            )
            position += ((end - position) // 8 + 1) * 8
    except (struct.error, ValueError):
        return None
    return f"index:{count}:{found.hexdigest()[:32]}"
