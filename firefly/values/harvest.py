"""Values seen in calls that succeeded: what tools returned, and what they were given.

This reading may be lossy (a line of a listing, a hash inside a sentence): a value found here is tried,
never believed. Answers are read by ``firefly.replay.parsers`` alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as item
from typing import Any
from weakref import WeakKeyDictionary

from pydantic import JsonValue

from firefly.contents import is_empty
from firefly.knowledge import Knowledge
from firefly.parameters import parameters
from firefly.records import ToolKey
from firefly.replay.masks import blanked
from firefly.replay.parsers import parse
from firefly.replay.records import PathPart, Step, Tool
from firefly.values.semantic import is_specific, semantic_type, words

__all__ = ["Found", "harvest", "nouns"]

Paths = Sequence[tuple[PathPart, ...]]

_PER_STEP = 400
"""Values kept of one answer."""
_LONGEST = 200
"""Characters of a value worth passing on."""

_VERBS = frozenset(
    {"add", "all", "available", "by", "check", "count", "create", "current", "delete", "describe", "detail"}
    | {
        "execute",
        "fetch",
        "find",
        "for",
        "from",
        "get",
        "info",
        "information",
        "list",
        "load",
        "lookup",
        "open",
    }
    | {"query", "read", "run", "search", "select", "show", "summary", "view", "with"}
)
_INLINE = re.compile(
    r"(?P<url>[a-z][a-z0-9+.-]*://[^\s\"'<>)\]]+)"
    r"|(?P<email>[\w.+-]+@[\w-]+\.[\w.-]*\w)"
    r"|(?<![\w/.-])(?P<path>/(?:[\w.@+-]+/)*[\w.@+-]+)"
    r"|(?<!\.\.)\b(?P<hash>[0-9a-f]{40}|[0-9a-f]{64}|(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,12})\b(?!\.\.)"
    r"|\b(?P<uuid>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b"
    r"|\b(?P<date>\d{4}-\d\d-\d\d)\b"
    r"|(?<![\w/.-])(?P<file>[\w-]+(?:[\w.-]*[\w-])?\.(?:csv|db|docx?|html?|jpe?g|js|json|log|md|pdf|png|pptx?|py|sql|toml|ts|tsv|txt|xlsx?|xml|ya?ml))\b"
    r"|\b(?P<code>[A-Z]{1,6}[-_]\d{1,8})\b"
    r"|['\"`](?P<quoted>[^'\"`\n]{1,60})['\"`]"
)
_PAIR = re.compile(r"^\W*(?P<key>[^\W\d][\w ./()#-]{0,39})\s*[:=]\s+(?P<value>\S.*)$")
_MARK = re.compile(r"^\s*(?:[-*•+]\s+|\d+[.)]\s+|\[[A-Z ]{1,10}\]\s+|[|]\s*)")


@dataclass(frozen=True)
class Found:
    """One value, and what stood around it."""

    value: JsonValue
    field: tuple[str, ...]
    """Words of the key it stood under, or of the parameter it was given to; () for a bare item."""
    around: frozenset[str]
    """Words of outer keys and of what the tool is about."""
    tool: ToolKey
    kind: str
    """Its semantic type."""
    given: bool = False
    """It was an argument of a successful call, not a part of an answer."""
    parameter: str = ""
    """The parameter that it was given to."""
    arguments: Mapping[str, JsonValue] = item(default_factory=dict)
    """Arguments of the call."""


def nouns(tool: Tool) -> frozenset[str]:
    """Return what the tool's answers are about: its name's words, verbs and own inputs left out."""
    asked = {word for parameter in parameters(tool) for word in words(parameter.name)}
    return frozenset(words(tool.name)) - _VERBS - asked - frozenset(words(tool.server))


_HARVESTS: WeakKeyDictionary[Knowledge, tuple[Found, ...]] = WeakKeyDictionary()
_STEPS: dict[str, tuple[Found, ...]] = {}
_STEPS_KEPT = 5000


def harvest(knowledge: Knowledge) -> tuple[Found, ...]:
    """Return every distinct value of successful calls, volatile tools and fields left out, in order."""
    known = _HARVESTS.get(knowledge)
    if known is not None:
        return known
    found: list[Found] = []
    seen: set[tuple[str, tuple[str, ...], ToolKey, str]] = set()
    for key in sorted(knowledge.steps):
        profile = knowledge.profiles.get(key)
        tool = knowledge.tools.get(key)
        hidden = profile.volatile_paths if profile is not None else ()
        if tool is None or (
            profile is not None and profile.determinism == "volatile" and not all(hidden or [()])
        ):
            continue
        for step in knowledge.successes(key):
            for one in _of_step(step, tool, hidden):
                mark = (repr(one.value), one.field, one.tool, one.parameter)
                if mark not in seen:
                    seen.add(mark)
                    found.append(one)
    _HARVESTS[knowledge] = tuple(found)
    return _HARVESTS[knowledge]


def _of_step(step: Step, tool: Tool, hidden: Paths) -> tuple[Found, ...]:
    mark = step.call.digest + tool.schema_digest + step.observation.digest + repr(hidden)
    if mark not in _STEPS:
        if len(_STEPS) >= _STEPS_KEPT:
            _STEPS.clear()
        _STEPS[mark] = tuple(_given(step)) + tuple(_returned(step, tool, hidden))
    return _STEPS[mark]


def _given(step: Step) -> Iterator[Found]:
    for name, value in step.call.arguments.items():
        yield Found(
            value=value,
            field=words(name),
            around=frozenset(),
            tool=step.call.key,
            kind=semantic_type(value),
            given=True,
            parameter=name,
            arguments=step.call.arguments,
        )


def _returned(step: Step, tool: Tool, hidden: Paths) -> Iterator[Found]:
    about = nouns(tool)
    asked = {repr(value) for value in step.call.arguments.values()}
    count = 0
    parsed = parse(step.observation)
    if is_empty(step.observation):
        return  # "No items found": its words name nothing
    pairs = (
        _walk(blanked(parsed.value, hidden), (), ())
        if parsed is not None
        else _read_lines(step.observation.visible)
    )
    for value, key, outer in pairs:
        if repr(value) in asked or not _worth(value):
            continue
        yield Found(
            value=value,
            field=words(key),
            around=frozenset(word for name in outer for word in words(name)) | about,
            tool=step.call.key,
            kind=semantic_type(value),
            arguments=step.call.arguments,
        )
        count += 1
        if count >= _PER_STEP:
            return


def _worth(value: Any) -> bool:
    if value is None or isinstance(value, bool):
        return False
    if isinstance(value, str):
        return len(value) <= _LONGEST and "\n" not in value and any(map(str.isalnum, value))
    return True


def _is_data(key: str) -> bool:
    """Return whether a key is a value itself, as in ``{"plan.xlsx": 11611}``."""
    kind = semantic_type(key)
    return kind == "file name" or (is_specific(kind) and kind not in ("path", "cell range", "time"))


def _walk(
    value: Any, key: tuple[str, ...], outer: tuple[str, ...]
) -> Iterator[tuple[JsonValue, str, tuple[str, ...]]]:
    if isinstance(value, dict):
        for name in value:
            if _is_data(name):
                yield name, "", outer + key
            yield from _walk(value[name], () if _is_data(name) else (name,), outer + key)
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, dict | list):
                yield from _walk(item, (), outer + key)
            else:
                yield item, "", outer + key
    elif isinstance(value, str) and ("\n" in value or len(value) > _LONGEST):
        yield from ((inner, name, outer + key) for inner, name, _ in _read_lines(value[:20_000]))
    else:
        yield value, key[0] if key else "", outer


def _read_lines(text: str) -> Iterator[tuple[JsonValue, str, tuple[str, ...]]]:
    """Read a plain text: ``key: value`` lines, items of listings, and telling values inside sentences."""
    lines = [line for line in text.splitlines() if line.strip()]
    if lines and lines[0].rstrip().endswith(":") and len(lines) > 1:
        lines = lines[1:]
    heading = ""
    for line in lines[:500]:
        pair = _PAIR.match(line)
        bare = _MARK.sub("", line).strip()
        if pair:
            heading = pair["key"]
            yield pair["value"].strip(), heading, ()
        elif bare and len(bare) <= 120 and bare.count(" ") <= 3 and not bare.endswith(":"):
            yield bare, "", ()
        for match in _INLINE.finditer(line):
            value = match.group(match.lastgroup or 0)
            told = match.lastgroup in ("quoted", "file")
            if value != bare and (told or is_specific(semantic_type(value))):
                yield value, pair["key"] if pair else "", ()
