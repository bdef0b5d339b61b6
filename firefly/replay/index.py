"""Opens a cassette folder: in memory where it is small, else by an index that is made once.

The index lies in a cache folder, named after the digest of the cassette's manifest. As the manifest seals
the other files, an index can't be that of another cassette, or of an older one. It is made from verified
lines, in a file of the process's own that is put in its place whole; processes that need it at one time
wait for the first of them. Whatever is wrong with an index, it is made anew; whatever is wrong with a
cassette is an error.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Literal

from .cassette import Cassette, CassetteTool, Entry, Manifest, ToolKey, require_listed, shared_key
from .errors import CassetteError
from .folder import AGAIN, TOOLS, read_lines, read_manifest, sha256_of
from .indexed import LAYOUT, SCHEMA, IndexedCassette, Reader, place_of, stored, sum_of
from .records import canonical_json

IndexKind = Literal["auto", "memory", "sqlite"]

_SMALL = 20_000
"""Recorded calls up to which reading all of them takes about as long as looking for an index."""


def open_cassette(folder: Path, *, index: IndexKind = "auto", cache: Path | None = None) -> Cassette:
    """Return the cassette of a folder, ready to answer.

    Args:
        folder: holds ``manifest.json``, ``tools.jsonl`` and ``entries.jsonl``.
        index: ``memory`` reads everything, ``sqlite`` reads answers from an index file as they are asked
            for, ``auto`` chooses by the number of recorded calls.
        cache: where index files lie; None: ``firefly/cassettes`` in ``$XDG_CACHE_HOME`` or ``~/.cache``.
            They can be deleted at any time, and are used by other processes and copies of the cassette.

    Raises:
        CassetteError: the cassette is missing, damaged or of a newer format, or the index can't be written.
    """
    folder = Path(folder)
    manifest, content = read_manifest(folder, Manifest)
    calls = max(seal.lines for name, seal in manifest.files.items() if name != TOOLS)
    if index == "memory" or (index == "auto" and calls <= _SMALL):
        return Cassette.load(folder)
    digest = hashlib.sha256(content).hexdigest()
    path = (cache or default_cache()) / f"{digest[:32]}-{LAYOUT}.sqlite"
    found = _opened(path, folder, manifest)
    if found is None:
        with _alone(path) as alone:
            found = _opened(path, folder, manifest) or _made(path, folder, manifest, alone=alone)
    return found


def default_cache() -> Path:
    """Return the folder where indexes lie unless another one is named."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "firefly" / "cassettes"


def _opened(path: Path, folder: Path, manifest: Manifest) -> IndexedCassette | None:
    """Return what an index file holds; None where there is none that can be used."""
    try:
        made = path.stat()
        reader = Reader(path)
        pages, size = reader.row("select page_count, page_size from pragma_page_count(), pragma_page_size()")
        meta = dict(reader.rows("select name, value from meta"))
        if pages * size != made.st_size or meta.get("layout") != str(LAYOUT):
            return None
        if meta.get("manifest") != manifest.digest:
            return None
        sizes = json.loads(meta["sizes"])
        found = IndexedCassette(reader, manifest.scopes, manifest.versions, folder)
    except (OSError, KeyError, ValueError, CassetteError):
        return None
    return found if _is_unchanged(path, made.st_mtime_ns, folder, manifest, sizes) else None


def _is_unchanged(path: Path, made: int, folder: Path, manifest: Manifest, sizes: dict[str, int]) -> bool:
    """Return whether the index at ``path`` says of the folder's files what they are.

    The index alone gives the answers that the manifest seals. But whoever changed or cut a file by hand
    should hear of it, so a file of another size than that of the index, or a younger one, is read again.

    Raises:
        CassetteError: a file is not what the manifest says.
    """
    for name, seal in manifest.files.items():
        file = folder / name
        try:
            now = file.stat()
        except OSError:
            raise CassetteError(f"{file} is missing, though the manifest lists it. {AGAIN}") from None
        if now.st_size == sizes.get(name) and now.st_mtime_ns < made:
            continue
        digest = sha256_of(file)
        if digest != seal.sha256:
            raise CassetteError(
                f"{file} is damaged: its SHA-256 is {digest}, the manifest says {seal.sha256}. {AGAIN}"
            )
        if now.st_size != sizes.get(name):
            return False
        with suppress(OSError):
            os.utime(path)
    return True


def _made(path: Path, folder: Path, manifest: Manifest, *, alone: bool) -> IndexedCassette:
    """Make the index of a folder, put it in its place, and open it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    if alone:  # then whatever lies there was left by a process that was killed
        for left in path.parent.glob(f".{path.name}.*.tmp"):
            left.unlink(missing_ok=True)
    try:
        sizes = {name: (folder / name).stat().st_size for name in manifest.files if (folder / name).exists()}
        with closing(sqlite3.connect(temporary, isolation_level=None)) as connection:
            _fill(connection, folder, manifest, sizes)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, sqlite3.Error) as error:
        raise CassetteError(
            f"The index of {folder} can't be written to {path.parent}: {error}. Free space, name another "
            'folder (open_cassette(..., cache=)), or read it into memory (index="memory").'
        ) from None
    finally:
        temporary.unlink(missing_ok=True)
    return IndexedCassette(Reader(path), manifest.scopes, manifest.versions, folder)


def _fill(connection: sqlite3.Connection, folder: Path, manifest: Manifest, sizes: dict[str, int]) -> None:
    for pragma in (
        "page_size = 16384",
        "journal_mode = off",
        "synchronous = off",
        "cache_size = -65536",
        "locking_mode = exclusive",
    ):
        connection.execute(f"pragma {pragma}")
    connection.execute("begin")
    for statement in SCHEMA.split(";"):
        connection.execute(statement)
    numbers: dict[ToolKey, int] = {}
    digests: dict[ToolKey, str] = {}
    for one in read_lines(folder / TOOLS, manifest.files[TOOLS], CassetteTool):
        if one.tool.key not in numbers:
            numbers[one.tool.key] = len(numbers)
        digests[one.tool.key] = one.tool.schema_digest
        line = one.to_json().encode("utf-8", "surrogatepass")
        row = (numbers[one.tool.key], *one.tool.key, sum_of(line, None, "\0".join(one.tool.key)), line)
        connection.execute("insert or replace into tool values (?, ?, ?, ?, ?)", row)
    for name, seal in manifest.files.items():
        if name != TOOLS:
            entries = read_lines(folder / name, seal, Entry)
            connection.executemany(
                "insert into entry values (null, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                _rows(entries, numbers, digests),
            )
    connection.execute("create index entry_place on entry (place)")
    connection.execute("create index entry_tool on entry (tool)")
    _require_one_answer(connection, numbers)
    meta = {"layout": str(LAYOUT), "manifest": manifest.digest, "sizes": canonical_json(sizes)}
    connection.executemany("insert into meta values (?, ?)", meta.items())
    connection.execute("commit")


_Row = tuple[int, int, bytes, str, str, str, str, int, str | None, bytes]


def _rows(
    entries: Iterator[Entry], numbers: dict[ToolKey, int], digests: dict[ToolKey, str]
) -> Iterator[_Row]:
    for entry in entries:
        require_listed(entry, digests)
        tool = numbers[(entry.server, entry.tool)]
        try:
            arguments = canonical_json(entry.arguments).encode("utf-8", "surrogatepass")
            rest, text = stored(entry.observation)
        except ValueError as error:
            raise CassetteError(
                f"An entry of {entry.server}/{entry.tool} is no JSON: {error}. {AGAIN}"
            ) from None
        yield (
            place_of(tool, arguments, entry.state),
            tool,
            arguments,
            entry.state,
            entry.scope,
            entry.mark,
            canonical_json(entry.after),
            sum_of(text, rest, entry.mark),
            rest,
            text,
        )


def _require_one_answer(connection: sqlite3.Connection, numbers: dict[ToolKey, int]) -> None:
    shared = connection.execute("select place from entry group by place having count(*) > 1").fetchall()
    for (place,) in shared:
        seen = set()
        for row in connection.execute("select tool, arguments, state from entry where place = ?", (place,)):
            if row in seen:
                key = next(key for key, number in numbers.items() if number == row[0])
                raise shared_key(key, (row[1].decode("utf-8", "surrogatepass"), row[2]))
            seen.add(row)


@contextmanager
def _alone(path: Path) -> Iterator[bool]:
    """Wait until no other process makes this index; gives False where the file system has no locks."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_suffix(".lock").open("ab")
    except OSError as error:
        raise CassetteError(
            f"The cache {path.parent} can't be written: {error}. Name another folder (open_cassette(..., "
            'cache=)), or read the cassette into memory (index="memory").'
        ) from None
    with lock:
        held = True
        try:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        except (ImportError, OSError):
            held = False
        yield held
