"""Values written into descriptions: ``'local', 'remote', 'all'`` is an enum in disguise."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from random import Random

from pydantic import JsonValue

from firefly.knowledge import Knowledge
from firefly.parameters import Parameter, parameters
from firefly.plugins import register
from firefly.protocols import Proposal
from firefly.replay.parsers import AST_LOCK
from firefly.replay.records import Tool
from firefly.values.fitting import admissible, coerced
from firefly.values.paths import wants_path
from firefly.values.semantic import is_specific, semantic_type

__all__ = ["Description", "described", "shown_calls", "shown_kinds"]

_QUOTED = re.compile(r"(?<![\w])(['\"`])(?P<value>[^'\"`\n]{1,80}?)\1(?![\w])")
_EXAMPLE = re.compile(
    r"(?:\be\.\s?g\.|\bfor example|\bsuch as|\bexamples?\s*[:=]|\bi\.e\.|\blike)[,:]?\s+"
    r"(?P<values>[^.;()\[\]{}\n'\"`]{1,80})",
    re.IGNORECASE,
)
_ONE_OF = re.compile(
    r"(?:\bone of|\bvalues?(?: are)?|\boptions?(?: are)?|\bsupported(?: \w+)?|\bvalid(?: \w+)?"
    r"|\ballowed(?: \w+)?|\beither)\s*[:=]?\s*\(?"
    r"(?P<values>[\w./%+-]+(?:(?:\s*,\s*(?:or\s+|and\s+)?|\s+or\s+|\s*\|\s*|/)[\w.%+-]+){1,20})",
    re.IGNORECASE,
)
_DEFAULT = re.compile(r"default(?:s to|\s+is|\s*[:=])?\s*[:=]?\s*$", re.IGNORECASE)
_BETWEEN = re.compile(
    r"^\s*(?:,|/|\||or|and|,\s*or|,\s*and|\([^)]{0,40}\)\s*,?|-\s[^,'\"`]{0,40},)?\s*$", re.IGNORECASE
)
_SPLIT = re.compile(r"\s*,\s*(?:or\s+|and\s+)?|\s+or\s+|\s*\|\s*")
_SENTENCE_WORDS = frozenset(
    {
        "a",
        "an",
        "the",
        "of",
        "in",
        "to",
        "is",
        "are",
        "be",
        "and",
        "or",
        "for",
        "with",
        "your",
        "this",
        "that",
        "it",
    }
    | {"any", "all", "some", "etc", "when", "if", "none", "null", "true", "false"}
)


@register("values", "description")
class Description:
    """Values quoted, listed or shown as examples in the text about a parameter."""

    def propose(
        self, tool: Tool, parameter: Parameter, *, knowledge: Knowledge, rng: Random
    ) -> Iterator[Proposal]:
        """Yield members of quoted lists first, then single quoted values and examples."""
        if parameter.enum or "boolean" in parameter.types:
            return
        text = described(parameter, tool)
        names = {other.name for other in parameters(tool)}
        for shown in shown_calls(tool):
            if parameter.name in shown and admissible(shown[parameter.name], parameter):
                rest = {name: value for name, value in shown.items() if name != parameter.name}
                made_up = 0.45 if wants_path(parameter) else 1.0
                yield Proposal(
                    value=shown[parameter.name],
                    source="description",
                    detail="a call shown in its description",
                    weight=0.86 * made_up,
                    context=rest,
                )
        less = 0.4 if wants_path(parameter) else 1.0
        invented = ("code:", "hash", "uuid", "email", "url")
        seen: set[str] = set()
        for value, weight, how in _in_text(text, parameter):
            if (isinstance(value, str) and value in names) or repr(value) in seen:
                continue
            seen.add(repr(value))
            made_up = 0.6 if semantic_type(value).startswith(invented) else 1.0
            yield Proposal(value=value, source="description", detail=how, weight=weight * less * made_up)


def shown_kinds(tool: Tool, parameter: Parameter) -> frozenset[str]:
    """Return the specific semantic types of the values shown in the text about a parameter."""
    kinds = {semantic_type(value) for value, _, _ in _in_text(described(parameter, tool), parameter)}
    return frozenset(kind for kind in kinds if is_specific(kind))


def shown_calls(tool: Tool) -> list[dict[str, JsonValue]]:
    """Return the argument sets of calls written into the tool's description: ``convert("1 mile", "km")``."""
    names = [parameter.name for parameter in parameters(tool)]
    found: list[dict[str, JsonValue]] = []
    for match in re.finditer(rf"\b{re.escape(tool.name)}\(", tool.description):
        text = tool.description[match.start() : match.start() + 500]
        end = _closing(text)
        try:
            with AST_LOCK:
                call = ast.parse(text[:end], mode="eval").body if end else None
        except (SyntaxError, ValueError):
            continue
        if not isinstance(call, ast.Call) or len(call.args) > len(names):
            continue
        try:
            given = {name: ast.literal_eval(one) for name, one in zip(names, call.args, strict=False)}
            given |= {one.arg: ast.literal_eval(one.value) for one in call.keywords if one.arg in names}
        except ValueError:
            continue
        if given:
            found.append(given)
    return found


def _closing(text: str) -> int:
    """Return the place behind the bracket that closes the first one; 0 when there is none."""
    depth, quote = 0, ""
    for place, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
            if depth == 0:
                return place + 1
    return 0


def described(parameter: Parameter, tool: Tool) -> str:
    """Return all that is said about a parameter: its description, and its line of the tool's docstring."""
    return _described(parameter.name, parameter.description, tool.description)


@lru_cache(maxsize=4096)
def _described(name: str, description: str, text: str) -> str:
    lines = text.splitlines()
    start = re.compile(
        rf"^\s*[-*]?\s*[`'\"]?{re.escape(name)}[`'\"]?\s*(?:\([^)]*\))?\s*[:\-–]\s*(?P<text>.*)$"
    )
    found: list[str] = []
    for index, line in enumerate(lines):
        match = start.match(line)
        if match is None:
            continue
        found.append(match["text"])
        indent = len(line) - len(line.lstrip())
        for more in lines[index + 1 :]:
            if not more.strip() or len(more) - len(more.lstrip()) <= indent:
                break
            found.append(more.strip())
        break
    return "\n".join(part for part in (description, *found) if part)


def _in_text(text: str, parameter: Parameter) -> Iterator[tuple[JsonValue, float, str]]:
    if set(parameter.types) & {"array", "object"}:
        yield from _json_examples(text, parameter)
        return
    quoted = list(_QUOTED.finditer(text))
    lists: list[list[str]] = []
    end = 0
    for match in quoted:
        if _DEFAULT.search(text[max(0, match.start() - 20) : match.start()]):
            continue
        if lists and _BETWEEN.match(text[end : match.start()]):
            lists[-1].append(match["value"])
        else:
            lists.append([match["value"]])
        end = match.end()
    for group in sorted(lists, key=lambda values: -len(values)):
        for value in group:
            given = coerced(value, parameter)
            if given is not None:
                yield given, 0.85 if len(group) > 1 else 0.72, "quoted in its description"
    for pattern, weight in ((_ONE_OF, 0.72), (_EXAMPLE, 0.7)):
        for match in pattern.finditer(text):
            for value in _SPLIT.split(match["values"].strip()):
                bare = value.strip().rstrip(".,:;")
                given = coerced(bare, parameter) if bare and bare.lower() not in _SENTENCE_WORDS else None
                if given is not None and bare.count(" ") <= 3:
                    yield given, weight, "an example in its description"


def _json_examples(text: str, parameter: Parameter) -> Iterator[tuple[JsonValue, float, str]]:
    decoder = json.JSONDecoder()
    for match in re.finditer(r"[\[{]", text):
        snippet = text[match.start() : match.start() + 2000]
        for attempt in (snippet, snippet.replace("'", '"')):
            try:
                value, _ = decoder.raw_decode(attempt)
            except (json.JSONDecodeError, RecursionError):
                continue
            if value and admissible(value, parameter):
                yield value, 0.75, "an example in its description"
            break
