"""Which files and folders a parameter wants, judged by the words around it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from firefly.knowledge import Knowledge
from firefly.parameters import Parameter
from firefly.replay.records import Tool
from firefly.values.semantic import declared_type, words

__all__ = ["fit", "folders_of", "is_folder", "is_new", "known_paths", "wants_path"]

_FOLDER = frozenset(
    {"dir", "directory", "folder", "root", "repo", "repository", "project", "workspace", "cwd"}
)
_FILE = frozenset(
    {"file", "filename", "filepath", "document", "workbook", "image", "database", "db", "attachment"}
)
_NEW = frozenset({"output", "out", "destination", "dest", "save", "new", "export", "create", "write"})
_MADE = frozenset({"presentation", "note", "page", "spreadsheet", "archive", "report"})
_MAKING = (("create",), ("write",), ("save",), ("export",), ("new",), ("make",))
_BROAD = frozenset({"source", "location", "target", "input", "uri"})

_ENDINGS: tuple[tuple[frozenset[str], tuple[str, ...]], ...] = tuple(
    (frozenset(hints), tuple(endings))
    for hints, endings in (
        (("csv", "dataframe", "tabular"), ("csv", "tsv")),
        (("excel", "workbook", "spreadsheet", "xlsx", "worksheet", "sheet"), ("xlsx", "xlsm")),
        (("pdf",), ("pdf",)),
        (("word", "docx"), ("docx",)),
        (("powerpoint", "presentation", "slide", "pptx"), ("pptx",)),
        (("image", "picture", "photo", "png"), ("png", "jpg", "jpeg", "gif")),
        (("json",), ("json",)),
        (("geojson", "geo", "spatial"), ("geojson",)),
        (("yaml", "yml"), ("yaml", "yml")),
        (("xml",), ("xml",)),
        (("html", "webpage"), ("html", "htm")),
        (("markdown", "note", "md"), ("md",)),
        (("sqlite", "database", "db", "sql"), ("db", "sqlite", "sqlite3", "duckdb")),
        (("duckdb",), ("duckdb", "db")),
        (("parquet",), ("parquet",)),
        (("txt", "plaintext"), ("txt", "md")),
        (("log",), ("log",)),
        (("python", "code", "script"), ("py", "js", "ts")),
    )
)
_WORD = re.compile(r"[A-Za-z]{2,}")
_TARGET = re.compile(r"\bto (?:an? )?\w+", re.IGNORECASE)
"""What something is turned into; it is not what is read."""
_CALLED = re.compile(
    r"\b(?:project|workspace|repository|repo|document|workbook|database|db|image|attachment)(?:'s)? "
    r"(?:name|title|id|identifier|key|code|number|slug)s?\b",
    re.IGNORECASE,
)
"""A thing by its name or number: it may be a record, and no file."""


def wants_path(parameter: Parameter) -> bool:
    """Return whether the parameter takes a file or folder."""
    if "string" not in parameter.types and parameter.types:
        return False
    named = set(words(parameter.name))
    if declared_type(parameter) == "path" or parameter.format in ("path", "file-path", "directory-path"):
        return True
    said = set(_said(parameter.description))
    held = set(_said(_CALLED.sub(" ", parameter.description)))
    return bool(named & (_FILE | _BROAD | _FOLDER) and held & ({"path"} | _FOLDER | _FILE)) or (
        "path" in said
        and not named & {"content", "text", "query", "pattern", "key", "jsonpath"}
        and "json" not in said
    )


def is_new(parameter: Parameter, tool: Tool) -> bool:
    """Return whether the path names something to be made."""
    if set(words(parameter.name)) & _NEW:
        return True
    named = words(tool.name)
    made = set(named[1:]) & (_MADE | _FILE | _FOLDER)
    return named[:1] in _MAKING and bool(made) and "existing" not in parameter.description


def is_folder(path: str) -> bool:
    """Return whether a path looks like a folder: nothing ends its last part."""
    return "." not in posixpath.basename(path.rstrip("/")).lstrip(".")


def folders_of(files: Iterable[str]) -> list[str]:
    """Return every folder above ``files``, shortest first; ``/workspace`` is the outermost."""
    found = {posixpath.dirname(path) for path in files}
    return sorted(
        (folder for folder in found if folder.count("/") >= 1), key=lambda one: (one.count("/"), one)
    )


def known_paths(server: str, knowledge: Knowledge) -> Iterator[tuple[str, str]]:
    """Yield (absolute path, where it is known from) of the server's launch line and fixture."""
    listing = knowledge.listings.get(server)
    if listing is None:
        return
    for value in listing.launch_values:
        if value.startswith("/"):
            yield value.rstrip("/") or "/", "the launch line"
    for folder in folders_of(listing.files):
        yield folder, "the fixture"
    for path in listing.files:
        yield path, "the fixture"


def fit(path: str, parameter: Parameter, tool: Tool) -> float:
    """Return 0..1: how well ``path`` is what the parameter wants, by folder or file and by ending."""
    named = set(words(parameter.name))
    said = set(_said(parameter.description))
    tooled = set(words(tool.name))
    folder = is_folder(path)
    score = 0.6
    if named & _FOLDER and not named & _FILE:
        score = 0.9 if folder else 0.1
    elif named & _FILE and not named & _FOLDER:
        score = 0.15 if folder else 0.8
    elif tooled & {"directory", "folder", "tree"} or (said & _FOLDER and not said & _FILE):
        score = 0.85 if folder else 0.2
    elif tooled & _FILE or said & _FILE or tooled & {"read", "load", "open", "convert", "describe"}:
        score = 0.3 if folder else 0.75
    if folder:
        return score
    ending = posixpath.basename(path).rpartition(".")[2].lower()
    wanted = endings(parameter, tool)
    if wanted:
        return min(0.97, score + 0.2) if ending in wanted else score * 0.35
    return score


def endings(parameter: Parameter, tool: Tool) -> tuple[str, ...]:
    """Return the file endings that the parameter wants, by the nearest words that say so."""
    named, said = set(words(parameter.name)), set(_said(parameter.description))
    return _wanted_endings(
        (
            named,
            said,
            set(words(_TARGET.sub(" ", tool.name.replace("_", " ")))),
            set(_said(_TARGET.sub(" ", tool.description))),
            set(words(tool.server)),
        )
    )


def _wanted_endings(layers: Iterable[set[str]]) -> tuple[str, ...]:
    for layer in layers:
        found = [ending for hints, group in _ENDINGS if layer & hints for ending in group]
        if found:
            return tuple(dict.fromkeys(found))
    return ()


@lru_cache(maxsize=4096)
def _said(text: str) -> tuple[str, ...]:
    return tuple(word for raw in _WORD.findall(text[:600]) for word in words(raw.lower()))
