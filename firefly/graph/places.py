"""Files and folders of the sandbox that outputs name, in full or as a name in a folder."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from functools import lru_cache

from pydantic import JsonValue

from firefly.knowledge import Knowledge
from firefly.parameters import Parameter, item_parameter
from firefly.replay.records import Tool
from firefly.values.paths import fit, folders_of, is_folder, wants_path
from firefly.values.semantic import words

__all__ = ["Places", "fits"]

_ROOT = "/workspace"
_SEARCHES = frozenset({"find", "glob", "grep", "list", "scan", "search", "walk"})
"""What is done in a folder."""
_ENDS = frozenset({"source", "destination", "dest", "target", "from", "to", "src", "dst", "old", "new"})
"""Names of a parameter that is a file where the tool's name says that it handles files."""
_FILED = frozenset({"file", "directory", "folder", "document", "path"})
_SHOWN = 12
"""Paths of one field whose fit is judged."""


class Places:
    """The paths that are known to be there, by server."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._known: dict[str, frozenset[str]] = {}
        self._bases: dict[str, tuple[str, ...]] = {}
        for server, listing in knowledge.listings.items():
            launch = [value.rstrip("/") for value in listing.launch_values if value.startswith("/")]
            self._known[server] = frozenset((*listing.files, *folders_of(listing.files), *launch))
            self._bases[server] = (*launch, _ROOT) if listing.files else tuple(launch)

    def any(self, server: str) -> bool:
        """Return whether any path of the server's sandbox is known."""
        return bool(self._known.get(server))

    def resolve(self, value: JsonValue, arguments: Mapping[str, JsonValue], server: str) -> str:
        """Return the absolute path that ``value`` names, given the call's arguments; "" for none."""
        known = self._known.get(server)
        if not known or not isinstance(value, str) or not value or len(value) > 200 or "\n" in value:
            return ""
        plain = value.removeprefix("file://").removeprefix("./").rstrip("/")
        if plain.startswith("/"):
            return plain if plain in known else ""
        asked = [one for one in arguments.values() if isinstance(one, str) and one.startswith("/")]
        for base in (*asked, *self._bases[server]):
            whole = posixpath.join(base, plain)
            if whole in known:
                return whole
        return ""


def takes_path(parameter: Parameter, tool: Tool) -> bool:
    """Return whether the parameter takes a file or folder, or a list of them."""
    one = item_parameter(parameter, tool) if "array" in parameter.types else parameter
    moved = _ENDS.issuperset(words(parameter.name)) and not _FILED.isdisjoint(words(tool.name))
    return wants_path(one) or (moved and (not one.types or "string" in one.types))


def fits(
    paths: list[str], parameter: Parameter, tool: Tool, accepted: frozenset[str], refused: frozenset[str]
) -> float:
    """Return 0..1: how well ``paths`` are what the parameter wants.

    What it was seen to take counts more than its words: folders, or files of some ending. The better
    quarter counts: a listing of files and folders is of use to what takes either.

    Args:
        paths: absolute paths.
        parameter: a parameter that takes a file or folder.
        tool: its tool.
        accepted: kinds of paths that the parameter took, as of `kind`.
        refused: kinds that it refused and never took.
    """
    judged = [_fit(path, parameter, tool, accepted, refused) for path in sorted(paths)[:_SHOWN]]
    best = sorted(judged, reverse=True)[: -(-len(judged) // 4)]
    return sum(best) / len(best)


def _fit(
    path: str, parameter: Parameter, tool: Tool, accepted: frozenset[str], refused: frozenset[str]
) -> float:
    mine = kind(path)
    if mine in accepted:
        return 1.0
    by_words = fit(path, parameter, tool)
    if not _SEARCHES.isdisjoint(words(tool.name)[:1]):
        by_words = max(by_words, 0.7) if mine == "folder" else min(by_words, 0.4)
    if mine in refused:
        return 0.3 * by_words
    if accepted and ((mine == "folder") != ("folder" in accepted)):
        return 0.6 * by_words
    return by_words


@lru_cache(maxsize=65536)
def kind(path: str) -> str:
    """Return ``folder`` or the ending of a file.

    >>> kind("/workspace/files"), kind("/workspace/a.csv")
    ('folder', '.csv')
    """
    return "folder" if is_folder(path) else "." + path.rpartition(".")[2].lower()
