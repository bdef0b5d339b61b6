"""A cassette whose answers stay in an index file, read as they are asked for.

The index is a read-only SQLite file that ``index.py`` makes from the folder; nothing of it is part of the
format. Opening reads the names of the tools alone, so that it takes as long for a million recorded calls
as for a thousand.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from .cassette import Answered, Answers, Cassette, CassetteTool, Entry, Scope, ToolKey
from .errors import CassetteError
from .neighbours import Asked, Prepared
from .records import Observation, canonical_json

LAYOUT = 1
"""Of the index; another number means that it is made anew."""

SCHEMA = """
create table meta (name text primary key, value text not null);
create table tool (
    number integer primary key, server text not null, name text not null,
    sum integer not null, line blob not null
);
create table entry (
    number integer primary key, place integer not null, tool integer not null, arguments blob not null,
    state text not null, scope text not null, mark text not null, after text not null, sum integer not null,
    rest text, text blob not null
);
"""
"""``text`` is that of the observation as it is, ``rest`` its other fields as JSON, null where all have
their defaults: unescaping a text takes longer than finding it."""

_GET = "select tool, arguments, state, mark, sum, rest, text from entry where place = ?"
_OF_TOOL = (
    "select arguments, state, scope, mark, after, sum, rest, text from entry where tool = ? "
    "order by scope, arguments, state"
)
_ASKED = "select arguments, after from entry where tool = ? order by scope, arguments, state"


def place_of(tool: int, arguments: bytes, state: str) -> int:
    """Return the number under which an entry is looked up; equal numbers are told apart afterwards."""
    hashed = hashlib.blake2b(b"%d\0%b\0%b" % (tool, state.encode(), arguments), digest_size=8)
    return int.from_bytes(hashed.digest(), "big", signed=True)


def sum_of(text: bytes, rest: str | None, mark: str) -> int:
    """Return the check sum of what a row says."""
    return zlib.adler32(f"{mark}\0{rest}".encode(), zlib.adler32(text))


def stored(observation: Observation) -> tuple[str | None, bytes]:
    """Return the ``rest`` and ``text`` of a row.

    Raises:
        ValueError: it holds NaN or an infinity.
    """
    rest = observation.model_dump(mode="json", exclude={"text"}, exclude_defaults=True)
    return canonical_json(rest) if rest else None, observation.text.encode("utf-8", "surrogatepass")


class _Connection(threading.local):
    """A thread's own connection."""

    held: _Held | None = None


class _Held:
    def __init__(self, path: Path) -> None:
        self.process = os.getpid()
        # immutable: the file is replaced whole and never written to, so no reader needs a lock
        self.connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro&immutable=1",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
        )
        self.connection.execute("pragma mmap_size = 17179869184")

    def __del__(self) -> None:
        connection = getattr(self, "connection", None)
        if connection is not None and self.process == os.getpid():
            connection.close()


class Reader:
    """Reads one index file. Safe to share between threads and to inherit by a forked process."""

    def __init__(self, path: Path) -> None:
        """Name the file; it is opened at the first question."""
        self.path = path
        self._own = _Connection()

    def row(self, query: str, values: Sequence[Any] = ()) -> Any:
        """Return the first row that a query gives, or None."""
        try:
            return self._connection().execute(query, values).fetchone()
        except sqlite3.Error as error:
            self.damaged(str(error))

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return every row that a query gives."""
        try:
            return self._connection().execute(query, values).fetchall()
        except sqlite3.Error as error:
            self.damaged(str(error))

    def _connection(self) -> sqlite3.Connection:
        held = self._own.held
        if held is None or held.process != os.getpid():
            held = self._own.held = _Held(self.path)
        return held.connection

    def observation(self, text: bytes, rest: str | None, mark: str, checked: int) -> Observation:
        """Return the observation of a row, if it is as it was written."""
        if sum_of(text, rest, mark) != checked:
            self.damaged("a row is not as it was written")
        whole = text.decode("utf-8", "surrogatepass")
        if rest is None:
            return Observation(text=whole)
        return Observation(text=whole, **json.loads(rest))

    def damaged(self, why: str) -> NoReturn:
        """Raise the error that says so and what to do."""
        raise CassetteError(
            f"The index {self.path} can't be used: {why}. Delete it; it is made anew from its cassette."
        )

    def close(self) -> None:
        """Close this thread's connection."""
        self._own.held = None


class _Tools(Mapping[ToolKey, CassetteTool]):
    """The tools of an index, each read when it is asked for."""

    def __init__(self, reader: Reader) -> None:
        rows = reader.rows("select server, name, number from tool")
        self.numbers = {(server, name): number for server, name, number in sorted(rows)}
        self._reader = reader
        self._read: dict[ToolKey, CassetteTool] = {}

    def __getitem__(self, key: ToolKey) -> CassetteTool:
        found = self._read.get(key)
        if found is None:
            row = self._reader.row("select sum, line from tool where number = ?", (self.numbers[key],))
            if row is None or sum_of(row[1], None, "\0".join(key)) != row[0]:
                self._reader.damaged("a row is not as it was written")
            found = self._read[key] = CassetteTool.model_validate_json(row[1])
        return found

    def __iter__(self) -> Iterator[ToolKey]:
        return iter(self.numbers)

    def __len__(self) -> int:
        return len(self.numbers)

    def __contains__(self, key: object) -> bool:
        return key in self.numbers


class _ToolAnswers:
    def __init__(self, reader: Reader, tool: int) -> None:
        self._reader = reader
        self._tool = tool

    def get(self, place: tuple[str, str], /) -> Answered | None:
        arguments, state = place
        content = arguments.encode("utf-8", "surrogatepass")
        row = self._reader.row(_GET, (place_of(self._tool, content, state),))
        if row is None:
            return None
        if row[:3] != (self._tool, content, state):
            row = self._told_apart(content, state)
            if row is None:
                return None
        _, _, _, mark, checked, rest, text = row
        return self._reader.observation(text, rest, mark, checked), mark

    def _told_apart(self, content: bytes, state: str) -> Any:
        """Return the row of a place that several entries share."""
        rows = self._reader.rows(_GET, (place_of(self._tool, content, state),))
        return next((row for row in rows if row[:3] == (self._tool, content, state)), None)


class IndexedCassette(Cassette):
    """A cassette that is read from its index. Immutable; safe to share between threads and processes."""

    def __init__(
        self, reader: Reader, scopes: Iterable[Scope], versions: Mapping[str, str], folder: Path
    ) -> None:
        """Read the names of the tools.

        Raises:
            CassetteError: the index can't be read.
        """
        self._reader = reader
        self._tools = _Tools(reader)
        self.tools: Mapping[ToolKey, CassetteTool] = self._tools
        self.scopes = {scope.name: scope for scope in sorted(scopes, key=lambda scope: scope.name)}
        self.versions = dict(versions)
        self.folder = folder
        self._prepared = Prepared()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Return all entries in order, read anew each time: a cassette may be large."""
        every = [entry for key in self.tools for entry in self.entries_of(key)]
        return tuple(sorted(every, key=lambda entry: entry.order))

    def answers(self, key: ToolKey) -> Answers:
        """Return one tool's (canonical arguments, state) -> (observation, mark after)."""
        return _ToolAnswers(self._reader, self._tools.numbers[key])

    def entries_of(self, key: ToolKey) -> tuple[Entry, ...]:
        """Return one tool's entries in order."""
        number = self._tools.numbers.get(key)
        if number is None:
            return ()
        schema_digest = self.tools[key].tool.schema_digest
        found = []
        for arguments, state, scope, mark, after, checked, rest, text in self._reader.rows(
            _OF_TOOL, (number,)
        ):
            found.append(
                Entry(
                    server=key[0],
                    tool=key[1],
                    schema_digest=schema_digest,
                    arguments=json.loads(arguments.decode("utf-8", "surrogatepass")),
                    scope=scope,
                    state=state,
                    mark=mark,
                    observation=self._reader.observation(text, rest, mark, checked),
                    after=tuple(json.loads(after)),
                )
            )
        return tuple(found)

    def _asked(self, key: ToolKey) -> Sequence[Asked]:
        rows = self._reader.rows(_ASKED, (self._tools.numbers[key],))
        return [
            Asked(json.loads(arguments.decode("utf-8", "surrogatepass")), tuple(json.loads(after)))
            for arguments, after in rows
        ]

    def close(self) -> None:
        """Close what this thread has open; a later call opens it again."""
        self._reader.close()

    def __getstate__(self) -> dict[str, Any]:
        return {
            "path": self._reader.path,
            "scopes": tuple(self.scopes.values()),
            "versions": self.versions,
            "folder": self.folder,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(Reader(state["path"]), state["scopes"], state["versions"], state["folder"])  # type: ignore[misc]
