"""The cassette: every recorded answer in replayable form, in memory and as a folder.

``docs/format.md`` is the specification of the folder. What an answer depends on is its *key*:
server, tool, digest of the tool's input schema, canonical arguments, and the state of the scope as
this tool sees it (``state.py``). A key has one answer; transient failures, refused calls and misses
are never entries, and a tool that answered twice differently under one key is marked volatile and
has no entries at all.
"""

from __future__ import annotations

import gc
import gzip
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol, Self

from pydantic import Field, JsonValue, model_validator

from .canonical import Canonicalizer
from .errors import CassetteError
from .folder import (
    AGAIN,
    ENTRIES,
    FORMAT_VERSION,
    MANIFEST,
    PACKED,
    PLAIN,
    TOOLS,
    FileSeal,
    alone,
    read_lines,
    read_manifest,
    write_file,
)
from .neighbours import Asked, Neighbours, Prepared
from .records import Observation, Outcome, Record, Tool, canonical_json

ToolKey = tuple[str, str]
"""(server, tool)."""


class Indifference(Record):
    """Preceding calls of one tool that do not matter to the answers of another.

    A call is *changing* when the mark after it differs from the mark before, else *quiet*. A quiet
    call is *recent* while no changing call and no call that matters came after it, *past* if such
    calls came, but only of its own server, and *foreign* if one of another server did.
    """

    server: str
    tool: str
    recent: bool = False
    past: bool = False
    foreign: bool = False
    changing: bool = False


class ErrorRule(Record):
    """An error that the server gives to every call of a tool that lacks the same arguments."""

    missing: tuple[str, ...]
    """The required arguments that are missing, all others being valid."""
    observation: Observation


class ToolRule(Record):
    """What was learnt of one tool: how its calls are keyed and whether they can be answered."""

    scope: str = ""
    """State scope of its server; empty when no call of the server was recorded."""
    state_independent: bool = False
    """Proven to neither read nor change the state: answered in any state, never part of one."""
    volatile: tuple[Outcome, ...] = ()
    """Kinds of answers that differed under one key; they are never replayed."""
    effect_varies: bool = False
    """After a call of it, equal calls were answered differently: its episode's state is unknown then."""
    numbers: dict[str, int] = Field(default_factory=dict)
    """Parameters in which ``25.0`` is ``25`` -> within how many arrays; the schema says plain ``number``."""
    defaults: dict[str, JsonValue] = Field(default_factory=dict)
    """Parameter -> its default, filled in where it is left out: both forms were seen to answer alike."""
    indifferent_to: tuple[Indifference, ...] = ()
    errors: tuple[ErrorRule, ...] = ()
    evidence: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def volatile_fields(self) -> tuple[tuple[str | int, ...], ...]:
        """Return the general paths of the fields of an answer that change by themselves."""
        fields = self.evidence.get("volatile_fields")
        named = fields if isinstance(fields, list) else []
        return tuple(
            tuple(int(part) if part.isdigit() else part for part in str(field).split("/")) for field in named
        )


class CassetteTool(Record):
    """One line of ``tools.jsonl``."""

    tool: Tool
    rule: ToolRule = ToolRule()
    schema_digest: str = ""
    """Of the tool's input schema; filled in when left out."""

    @model_validator(mode="after")
    def _fill_digest(self) -> Self:
        if not self.schema_digest:
            object.__setattr__(self, "schema_digest", self.tool.schema_digest)
        elif self.schema_digest != self.tool.schema_digest:
            raise ValueError(f"schema_digest is not that of the input schema of {'/'.join(self.tool.key)}")
        return self


class Entry(Record):
    """One line of ``entries.jsonl``: a key and its answer."""

    server: str
    tool: str
    schema_digest: str
    arguments: dict[str, JsonValue]
    """In canonical form."""
    scope: str
    state: str
    """The scope's state before the call as this tool sees it; empty for state-independent tools."""
    mark: str
    """The scope's mark after the call; empty for state-independent tools."""
    observation: Observation
    after: tuple[str, ...] = ()
    """For messages only: the preceding calls that matter, as ``server/tool``, when recorded."""

    @property
    def order(self) -> tuple[str, str, str, str, str, str]:
        """Return the key by which entries are sorted and unique."""
        return (
            self.scope,
            self.server,
            self.tool,
            self.schema_digest,
            canonical_json(self.arguments),
            self.state,
        )


class Start(Record):
    """A state in which recorded episodes began."""

    world: str
    """Digest of the fixture."""
    root: str
    """Stands for the start in every state."""
    mark: str
    launches: dict[str, int] = Field(default_factory=dict)
    """Which servers were launched (sorted, joined by spaces) -> number of recordings."""


class Scope(Record):
    """One scope of state: where it begins and how its states were told apart."""

    name: str
    servers: tuple[str, ...]
    starts: tuple[Start, ...]
    marks: Literal["fingerprint", "none"] = "fingerprint"
    """``none``: fingerprints were absent or not a function of the calls; marks are all empty."""
    evidence: dict[str, JsonValue] = Field(default_factory=dict)


class Manifest(Record):
    """``manifest.json``."""

    format: Literal["firefly-cassette"] = "firefly-cassette"
    format_version: int = FORMAT_VERSION
    versions: dict[str, str] = Field(default_factory=dict)
    """Of whatever made it."""
    files: dict[str, FileSeal]
    scopes: tuple[Scope, ...] = ()

    @model_validator(mode="after")
    def _files_are_known(self) -> Manifest:
        if set(self.files) not in (set(PLAIN), set(PACKED)):
            raise ValueError(f"files must be {', '.join(PLAIN)} (entries optionally .gz)")
        return self


Answered = tuple[Observation, str]
"""What a call was answered, and the scope's mark after it."""


class Answers(Protocol):
    """The answers of one tool by (canonical arguments, state)."""

    def get(self, place: tuple[str, str], /) -> Answered | None:
        """Return the answer recorded for these arguments in this state; None: there is none."""


class Cassette:
    """Everything recorded, in replayable form. Immutable; safe to share between threads."""

    def __init__(
        self,
        tools: Iterable[CassetteTool] = (),
        entries: Iterable[Entry] = (),
        scopes: Iterable[Scope] = (),
        versions: Mapping[str, str] | None = None,
    ) -> None:
        """Index ``entries`` of ``tools``, whatever their order.

        Raises:
            CassetteError: two entries share a key, or an entry is of no listed tool.
        """
        self.tools: Mapping[ToolKey, CassetteTool] = {
            one.tool.key: one for one in sorted(tools, key=lambda one: one.tool.key)
        }
        self.scopes: Mapping[str, Scope] = {
            scope.name: scope for scope in sorted(scopes, key=lambda scope: scope.name)
        }
        self.versions = dict(versions or {})
        self._prepared = Prepared()
        ordered = sorted(((entry.order, entry) for entry in entries), key=lambda pair: pair[0])
        self._entries: tuple[Entry, ...] = tuple(entry for _, entry in ordered)
        self._index: dict[ToolKey, dict[tuple[str, str], Answered]] = {key: {} for key in self.tools}
        self._by_tool: dict[ToolKey, list[Entry]] = {key: [] for key in self.tools}
        for order, entry in ordered:
            self._add(entry, order[4])

    def _add(self, entry: Entry, arguments: str) -> None:
        key = (entry.server, entry.tool)
        require_listed(entry, self._digests)
        index = self._index[key]
        place = (arguments, entry.state)
        if place in index:
            raise shared_key(key, place)
        index[place] = (entry.observation, entry.mark)
        self._by_tool[key].append(entry)

    @cached_property
    def _digests(self) -> Mapping[ToolKey, str]:
        return {key: one.schema_digest for key, one in self.tools.items()}

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Return all entries in order."""
        return self._entries

    @cached_property
    def worlds(self) -> tuple[str, ...]:
        """Return the digests of the fixtures in which recordings began, sorted."""
        return tuple(sorted({start.world for scope in self.scopes.values() for start in scope.starts}))

    def answers(self, key: ToolKey) -> Answers:
        """Return one tool's (canonical arguments, state) -> (observation, mark after)."""
        return self._index[key]

    def entries_of(self, key: ToolKey) -> tuple[Entry, ...]:
        """Return one tool's entries in order."""
        return tuple(self._by_tool.get(key, ()))

    def neighbours(self, key: ToolKey) -> Neighbours:
        """Return the recorded calls of one tool by likeness of their arguments, prepared when first asked."""
        return self._prepared.get(key) or self._prepared.hold(key, Neighbours(self._asked(key)))

    def _asked(self, key: ToolKey) -> Sequence[Asked]:
        return [Asked(entry.arguments, entry.after) for entry in self.entries_of(key)]

    def canonicalizer(self, key: ToolKey) -> Canonicalizer:
        """Return what brings the arguments of one tool into canonical form, by its rule."""
        rule = self.tools[key].rule
        return Canonicalizer(numbers=rule.numbers, defaults=rule.defaults)

    def save(self, folder: Path, *, compress: bool = False) -> None:
        """Write the folder; each file appears whole or not at all, the manifest last.

        Equal cassettes give equal bytes. Of several writers at one time the last one's stands, whole.
        """
        folder.mkdir(parents=True, exist_ok=True)
        entries = "".join(entry.to_json() + "\n" for entry in self.entries).encode("utf-8", "surrogatepass")
        tools = "".join(one.to_json() + "\n" for one in self.tools.values()).encode("utf-8", "surrogatepass")
        entries_name = PACKED[0] if compress else ENTRIES
        stored = gzip.compress(entries, mtime=0) if compress else entries
        manifest = Manifest(
            versions=self.versions,
            files={
                entries_name: FileSeal(sha256=_digest(stored), lines=len(self.entries)),
                TOOLS: FileSeal(sha256=_digest(tools), lines=len(self.tools)),
            },
            scopes=tuple(self.scopes.values()),
        )
        text = json.dumps(manifest.model_dump(mode="json"), indent=2, sort_keys=True, ensure_ascii=False)
        with alone(folder):
            write_file(folder / entries_name, stored)
            write_file(folder / TOOLS, tools)
            write_file(folder / MANIFEST, (text + "\n").encode())
            (folder / (ENTRIES if compress else PACKED[0])).unlink(missing_ok=True)

    @classmethod
    def load(cls, folder: Path) -> Cassette:
        """Read and verify a folder that `save` wrote.

        Raises:
            CassetteError: a file is missing, damaged or of a newer format; names file and line.
        """
        folder = Path(folder)
        manifest, _ = read_manifest(folder, Manifest)
        tools: list[CassetteTool] = []
        entries: list[Entry] = []
        collecting = gc.isenabled()
        gc.disable()  # Loading allocates and keeps everything: collections would find nothing.
        try:
            for name, seal in manifest.files.items():
                path = folder / name
                if name == TOOLS:
                    tools.extend(read_lines(path, seal, CassetteTool))
                else:
                    entries.extend(read_lines(path, seal, Entry))
            return cls(tools, entries, manifest.scopes, manifest.versions)
        except CassetteError as error:
            text = str(error)
            raise CassetteError(text if str(folder) in text else f"{folder}: {text}") from None
        finally:
            if collecting:
                gc.enable()


def require_listed(entry: Entry, digests: Mapping[ToolKey, str]) -> None:
    """Make sure that an entry is of a tool with this schema digest.

    Raises:
        CassetteError: it is not.
    """
    listed = digests.get((entry.server, entry.tool))
    if listed is None:
        raise CassetteError(f"An entry is of {entry.server}/{entry.tool}, which {TOOLS} lacks. {AGAIN}")
    if entry.schema_digest != listed:
        raise CassetteError(
            f"An entry of {entry.server}/{entry.tool} was recorded with another input schema "
            f"({entry.schema_digest}) than the one listed ({listed}). {AGAIN}"
        )


def shared_key(key: ToolKey, place: tuple[str, str]) -> CassetteError:
    """Return the error that two entries of a tool share a key."""
    return CassetteError(
        f"Two entries of {key[0]}/{key[1]} share one key (state {place[1] or 'any'}, "
        f"arguments {place[0][:200]}). {AGAIN}"
    )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
