"""Small grammars: SQL over seen tables, joined paths, new file names, arithmetic, search patterns."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from random import Random

from firefly.knowledge import Knowledge
from firefly.parameters import Parameter
from firefly.plugins import register
from firefly.protocols import Proposal
from firefly.replay.records import Tool
from firefly.values.description import described
from firefly.values.fitting import admissible
from firefly.values.harvest import Found, harvest
from firefly.values.paths import endings, fit, is_folder, is_new, known_paths, wants_path
from firefly.values.patterns import expressions, globs, takes_expression
from firefly.values.semantic import words
from firefly.values.sql import statements, takes_sql

__all__ = ["Grammar"]


_TABLES = (".csv", ".tsv", ".json")
_REVISIONS = 6
"""Files of a repository that are proposed."""


@register("values", "grammar")
class Grammar:
    """Values composed of what was seen, by the little languages that tools share."""

    def __init__(self, *, limit: int = 10, statements: int = 120) -> None:
        """Set the limits.

        Args:
            limit: most proposals for one parameter.
            statements: most proposals for one that takes SQL: there are many tables.

        """
        self.limit = limit
        self.statements = statements

    def propose(
        self, tool: Tool, parameter: Parameter, *, knowledge: Knowledge, rng: Random
    ) -> Iterator[Proposal]:
        """Yield statements, paths, expressions or patterns, whichever the parameter takes."""
        if parameter.enum or (parameter.types and "string" not in parameter.types):
            return
        if takes_sql(parameter, tool):
            found = [
                _proposal(text, where, weight)
                for text, weight, where in statements(tool, parameter, knowledge)
            ]
        elif wants_path(parameter):
            found = [*_new_paths(tool, parameter, knowledge), *_joined_paths(tool, parameter, knowledge)]
        else:
            found = [
                *_expressions(tool, parameter, knowledge),
                *_patterns(tool, parameter, knowledge),
                *_revisions(tool, parameter, knowledge),
            ]
        fitting = [one for one in found if admissible(one.value, parameter)]
        limit = self.statements if takes_sql(parameter, tool) else self.limit
        yield from sorted(fitting, key=lambda one: -one.weight)[:limit]


def _proposal(value: str, detail: str, weight: float, found: Found | None = None) -> Proposal:
    context = found.arguments if found is not None else {}
    return Proposal(value=value, source="grammar", detail=detail, weight=weight, context=context)


def _joined_paths(tool: Tool, parameter: Parameter, knowledge: Knowledge) -> Iterator[Proposal]:
    """Join names that a listing returned with the folder that it was asked about."""
    if is_new(parameter, tool):
        return
    for found in harvest(knowledge):
        if found.given or not isinstance(found.value, str) or found.tool[0] != tool.server:
            continue
        if not (
            found.kind in ("file name", "path", "word")
            and "/" not in found.value[:1]
            and " " not in found.value
        ):
            continue
        if found.kind == "word" and not {"file", "name", "path", "dir", "directory", "folder"} & {
            *found.field,
            *found.around,
            *words(found.tool[1]),
        }:
            continue
        folder = next(
            (value for value in found.arguments.values() if isinstance(value, str) and value.startswith("/")),
            None,
        )
        if folder is None or not is_folder(folder):
            continue
        path = posixpath.normpath(posixpath.join(folder, found.value))
        weight = fit(path, parameter, tool) * (0.95 if found.kind != "word" else 0.6)
        yield _proposal(path, f"{found.value!r} of {found.tool[1]} in the folder asked about", weight, found)


def _new_paths(tool: Tool, parameter: Parameter, knowledge: Knowledge) -> Iterator[Proposal]:
    if not is_new(parameter, tool):
        return
    known = [path for path, _ in known_paths(tool.server, knowledge)]
    folder = next((path for path in known if is_folder(path)), "/workspace")
    named = set(words(parameter.name)) | set(words(tool.name))
    if named & {"dir", "directory", "folder"} and not named & {"file", "filename"}:
        yield _proposal(f"{folder}/sample_folder", "a new folder", 0.8)
        return
    suffix = (endings(parameter, tool) or ("txt",))[0]
    yield _proposal(f"{folder}/sample.{suffix}", "a new file", 0.8)
    yield _proposal(f"{folder}/sample_2.{suffix}", "another new file", 0.75)
    yield _proposal(f"sample.{suffix}", "a new file, relative", 0.45)


def _expressions(tool: Tool, parameter: Parameter, knowledge: Knowledge) -> Iterator[Proposal]:
    if takes_expression(tool, parameter):
        for text, where in expressions(knowledge):
            yield _proposal(text, where, 0.9)


def _revisions(tool: Tool, parameter: Parameter, knowledge: Knowledge) -> Iterator[Proposal]:
    """Name tables and records of the repository as they stand in its last commit: ``HEAD:data/a.csv``."""
    listing = knowledge.listings.get(tool.server)
    if listing is None or not set(words(parameter.name)) & {"revision", "rev", "ref", "treeish"}:
        return
    roots = [f"{value.rstrip('/')}/" for value in listing.launch_values if value.startswith("/workspace/")]
    for root in roots:
        inside = [path.removeprefix(root) for path in listing.files if path.startswith(root)]
        tables = [path for path in inside if path.endswith(_TABLES) and not path.startswith(".git/")]
        for path in tables[:_REVISIONS]:
            yield _proposal(f"HEAD:{path}", "a file of the last commit", 0.7)


def _patterns(tool: Tool, parameter: Parameter, knowledge: Knowledge) -> Iterator[Proposal]:
    named = set(words(parameter.name))
    said = described(parameter, tool).lower()
    if named & {"glob"} or ("glob" in said and named & {"pattern", "filter", "include"}):
        for text, weight in globs(tool, knowledge):
            yield _proposal(text, "a glob", weight)
    elif named & {"regex", "regexp"} or ("regular expression" in said or "regex" in said):
        for text, weight in ((r"\w+", 0.7), ("a", 0.6)):
            yield _proposal(text, "a regular expression", weight)
    elif named & {"pattern"}:
        whole = {"file", "path", "glob"} & set(words(tool.name)) or "wildcard" in said
        for text, weight in (("*", 0.6 if whole else 0.4), ("a", 0.5), ("**/*", 0.45)):
            yield _proposal(text, "a pattern", weight)
    elif named & {"query", "search", "keyword", "term", "q"}:
        for text, weight in (("a", 0.42), ("e", 0.4)):
            yield _proposal(text, "a letter that most texts hold", weight)
