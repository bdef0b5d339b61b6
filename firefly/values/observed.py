"""Values that other tools returned or accepted."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from random import Random

from firefly.knowledge import Knowledge
from firefly.parameters import Parameter
from firefly.plugins import register
from firefly.protocols import Proposal
from firefly.replay.records import Tool
from firefly.values.description import described, shown_kinds
from firefly.values.fitting import admissible
from firefly.values.harvest import Found, harvest, nouns
from firefly.values.paths import fit, is_new, wants_path
from firefly.values.semantic import declared_type, is_specific, overlap, semantic_type, words

__all__ = ["Observed", "kinds_of", "name_fit", "searches"]

_GENERIC = frozenset({"code", "content", "data", "file", "id", "key", "name", "number", "path"})
"""Words that say what form a value has, not what it belongs to."""
_FILLER = frozenset(
    {"field", "in", "input", "my", "of", "result", "source", "target", "text", "the", "to", "value"}
)
_IDENTITY = frozenset({"id", "key", "code", "number", "name", "path", "sha", "hash", "date", "type"})
"""Forms that exclude each other: an id is not a name."""
_SEARCH = frozenset(
    {"query", "search", "keyword", "term", "pattern", "text", "q", "filter", "needle", "contains"}
)
_FREE = frozenset({"content", "body", "message", "text", "description", "comment", "note", "code", "script"})
_PATHS = ("path", "file name")
_MAKING = frozenset({"add", "create", "init", "insert", "make", "new", "open", "register", "start"})
"""Verbs of tools whose names are of what is not there yet."""
_CREATING = frozenset({"create", "make", "register"})
_NAMES = frozenset({"name", "title", "id", "key", "slug", "code"})
_UNUSED = re.compile(r"\b(?:unique|new)\b", re.IGNORECASE)
_FLOOR = 0.3
_LISTED = 0.8
_WORD = re.compile(r"[A-Za-z]{3,}")


@register("values", "observed")
class Observed:
    """Matches values of earlier successful calls by name, context and semantic type."""

    def __init__(self, *, limit: int = 12) -> None:
        self.limit = limit

    def propose(
        self, tool: Tool, parameter: Parameter, *, knowledge: Knowledge, rng: Random
    ) -> Iterator[Proposal]:
        """Yield the values that fit, those of the best-fitting field first."""
        kinds = kinds_of(tool, parameter, knowledge)
        best: dict[str, Proposal] = {}
        is_path = wants_path(parameter)
        is_search = bool(set(words(parameter.name)) & _SEARCH)
        weights: dict[object, float] = {}
        for found in harvest(knowledge):
            stands = (found.tool, found.field, found.around, found.kind, found.given, found.parameter)
            of_value = (is_path and found.kind in _PATHS) or (is_search and found.kind == "word")
            weight = None if of_value else weights.get(stands)
            if weight is None:
                weight = weights[stands] = _weight(found, tool, parameter, kinds)
            if weight < _FLOOR or not admissible(found.value, parameter):
                continue
            mark = repr(found.value)
            if mark not in best or best[mark].weight < weight:
                how = f"given to {found.parameter} of" if found.given else "returned by"
                best[mark] = Proposal(
                    value=found.value,
                    source="observed",
                    detail=f"{how} {found.tool[0]}.{found.tool[1]}",
                    weight=weight,
                    context=found.arguments,
                )
        yield from _spread(list(best.values()), rng)[: self.limit]


def searches(tool: Tool) -> bool:
    """Return whether a text given to the tool is looked for, not stored."""
    return bool({"search", "find", "filter", "grep", "lookup", "match", "query"} & set(words(tool.name)))


def name_fit(found: Found, tool: Tool, parameter: Parameter) -> float:
    """Return 0..1: how well the names around a value say that the parameter means it."""
    wanted = frozenset(words(parameter.name)) - _FILLER
    subject = wanted - _GENERIC
    field = frozenset(found.field) - _FILLER
    if field & _IDENTITY and wanted & _IDENTITY and not field & wanted & _IDENTITY:
        return 0.0
    if field == wanted and (subject or len(wanted) > 1):
        return 1.0
    if subject:
        return _subject_fit(found, tool, wanted, field)
    about = nouns(tool) - _GENERIC
    same_form = bool(wanted & _GENERIC & field)
    near = overlap(about, field | found.around)
    return (0.35 if same_form else 0.0) + 0.5 * near * (1.0 if same_form or not field else 0.6)


def _subject_fit(found: Found, tool: Tool, wanted: frozenset[str], field: frozenset[str]) -> float:
    """Return how well a value fits a parameter that names its subject (``table_name``, ``branch``)."""
    near = overlap(wanted - _GENERIC, field | found.around)
    bare = found.field and not found.given and not found.around and not field - _GENERIC
    if not near and bare and not set(words(tool.name)) & _MAKING:
        # A name in a list without a name of its own is the name of what the tool lists.
        near = _LISTED * overlap(wanted - _GENERIC, frozenset(words(found.tool[1])))
    if found.field and not field & wanted and (wanted & _IDENTITY or not field):
        return 0.3 * near  # beside an id: a title, a text, an amount
    form = wanted & _GENERIC
    form_fits = 1.0 if not form or form & field or not field else 0.5
    stray = len(field - wanted - _GENERIC) / len(field) if field else 0.0
    return near * (0.6 + 0.4 * form_fits) * (1 - 0.4 * stray)


def _weight(found: Found, tool: Tool, parameter: Parameter, kinds: frozenset[str]) -> float:
    if _names_what_is_made(tool, parameter):
        return 0.0
    if found.given:
        if found.tool == tool.key:
            return 0.7 if found.parameter == parameter.name else 0.0
        return _of_given(found, tool, parameter)
    if found.tool == tool.key:
        return 0.0 if not kinds else _of_returned(found, tool, parameter, kinds) * 0.8
    return _of_returned(found, tool, parameter, kinds)


def _names_what_is_made(tool: Tool, parameter: Parameter) -> bool:
    """Return whether a bare name or key is that of a thing yet to be made: what is there has one already."""
    named = frozenset(words(parameter.name))
    verb = next(iter(words(tool.name)), "")
    if not named or not named <= _NAMES or not (verb in _CREATING or verb in _MAKING):
        return False
    return verb in _CREATING or bool(_UNUSED.search(described(parameter, tool)))


def _of_given(found: Found, tool: Tool, parameter: Parameter) -> float:
    """What another tool accepted under the same name is what this one means, if it names something."""
    mine = set(words(parameter.name)) - _FILLER
    theirs = set(found.field) - _FILLER
    if found.kind in ("prose", "sql") or (mine & _FREE and found.kind == "word"):
        return 0.0
    if mine == theirs and mine and wants_path(parameter) and is_new(parameter, tool):
        return 0.35
    if mine == theirs and mine:
        return 0.85 if found.tool[0] == tool.server else 0.6
    subject = mine - _GENERIC
    if subject and subject <= theirs and is_specific(found.kind):
        return 0.55
    return 0.0


def _of_returned(found: Found, tool: Tool, parameter: Parameter, kinds: frozenset[str]) -> float:
    named = max(name_fit(found, tool, parameter), _said_fit(found, tool, parameter))
    typed = 1.0 if found.kind in kinds else 0.0
    if kinds and not typed and (found.kind in ("prose", "number") or is_specific(found.kind)):
        named *= 0.3  # an address where a path is wanted
    if found.kind == "prose":
        named *= 0.4
    weight = 1 - (1 - 0.75 * named) * (1 - 0.6 * typed)
    if weight < _FLOOR and set(words(parameter.name)) & _SEARCH and found.kind == "word":
        value = str(found.value)
        weight = (0.6 if searches(tool) else 0.45) if value.isalpha() and 3 <= len(value) <= 20 else 0.0
    if wants_path(parameter) and found.kind in _PATHS:
        weight *= min(1.0, fit(str(found.value), parameter, tool) / 0.75)
    return weight * (1.0 if found.tool[0] == tool.server else 0.9)


def _said_fit(found: Found, tool: Tool, parameter: Parameter) -> float:
    """Return 0..0.6: whether the text about the parameter names what the value stood under.

    Where nothing is said of a parameter whose name says nothing either, the tool's description is read.
    """
    telling = set(words(parameter.name)) - _FILLER - _GENERIC
    text = described(parameter, tool) or ("" if telling else tool.description)
    said = {word for raw in _WORD.findall(text[:400]) for word in words(raw.lower())}
    subject = (set(found.field) or set(found.around)) - _FILLER - _GENERIC
    if not subject or not subject <= said:
        return 0.0
    return 0.6 if found.field else 0.4


def kinds_of(tool: Tool, parameter: Parameter, knowledge: Knowledge) -> frozenset[str]:
    """Return the specific semantic types that the parameter announces or was seen to accept."""
    declared = declared_type(parameter)
    taken = {
        semantic_type(step.call.arguments.get(parameter.name))
        for step in knowledge.successes(tool.key)
        if parameter.name in step.call.arguments
    }
    shown = {semantic_type(example) for example in (*parameter.examples, parameter.default)}
    kinds = {kind for kind in {declared, *taken, *shown} if kind and is_specific(kind)}
    kinds |= shown_kinds(tool, parameter)
    return frozenset(kinds | ({"file name"} if "path" in kinds else set()))


def _spread(found: list[Proposal], rng: Random) -> list[Proposal]:
    """Return proposals best first, equal ones shuffled, taking turns among the calls they come from."""
    by_weight: dict[float, list[Proposal]] = defaultdict(list)
    for proposal in found:
        by_weight[round(proposal.weight, 3)].append(proposal)
    ordered: list[Proposal] = []
    for weight in sorted(by_weight, reverse=True):
        turns: dict[str, list[Proposal]] = defaultdict(list)
        for proposal in by_weight[weight]:
            turns[repr(sorted(proposal.context.items()))].append(proposal)
        queues = [turns[name] for name in sorted(turns)]
        for queue in queues:
            rng.shuffle(queue)
        for place in range(max(map(len, queues))):
            ordered += [queue[place] for queue in queues if place < len(queue)]
    return ordered
