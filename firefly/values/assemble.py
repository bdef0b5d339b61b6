"""Whole argument sets, best first, from what the sources propose for each parameter."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from random import Random
from typing import Any

from pydantic import JsonValue

from firefly.knowledge import Knowledge
from firefly.parameters import Parameter, inner_parameters, item_parameter
from firefly.protocols import Proposal, ValueSource
from firefly.replay.records import Tool, canonical_json
from firefly.values.description import described
from firefly.values.errors import needed
from firefly.values.record import Record
from firefly.values.semantic import semantic_type, shape, words
from firefly.values.undeclared import all_parameters, missing_keys
from firefly.values.weights import factor

__all__ = ["Assembly", "arguments", "assemblies", "proposals"]

_PER_REQUIRED = 80
_PER_OPTIONAL = 3
_CONSIDERED = 150
"""Combinations weighed against each other."""
_OPTIONAL = 0.55
"""How far an optional parameter lags behind leaving it out."""
_DEPTH = 4
_STARTS = 6
"""Lists tried of one parameter's items."""
_PER_SOURCE = 2
_INVENTED = frozenset({"schema"})
"""Sources that know nothing of the parameter but its type."""
_STATED = 0.7
"""Weight from which a value of another source makes invented ones unlikely."""


@dataclass(frozen=True)
class Assembly:
    """One argument set."""

    arguments: dict[str, JsonValue]
    sources: dict[str, str]
    """Parameter -> name of its value source."""
    weight: float
    """0..1: how likely the tool accepts it."""


@dataclass(frozen=True)
class _Choice:
    parameter: str
    proposal: Proposal | None
    """None: left out."""
    weight: float


def arguments(
    tool: Tool, sources: Sequence[ValueSource], knowledge: Knowledge, rng: Random
) -> Iterator[tuple[dict[str, JsonValue], dict[str, str]]]:
    """Yield (arguments, parameter -> source name), the likeliest to be accepted first, without repeats."""
    for assembly in assemblies(tool, sources, knowledge, rng):
        yield assembly.arguments, assembly.sources


def assemblies(
    tool: Tool, sources: Sequence[ValueSource], knowledge: Knowledge, rng: Random
) -> Iterator[Assembly]:
    """Yield argument sets, the likeliest to be accepted first, without repeats.

    Required parameters always, optional ones sometimes. Yields nothing when some required parameter
    has no proposal at all.
    """
    called_for = needed(tool, knowledge)
    columns: list[list[_Choice]] = []
    for parameter in all_parameters(tool, knowledge):
        required = parameter.required or parameter.name in called_for
        found = proposals(tool, parameter, sources, knowledge, rng)
        if required:
            choices = [_Choice(parameter.name, one, one.weight) for one in found[:_PER_REQUIRED]]
        else:
            sure = [one for one in found if one.weight >= 0.5 and one.value != parameter.default]
            choices = [_Choice(parameter.name, None, 1.0)]
            choices += [_Choice(parameter.name, one, one.weight * _OPTIONAL) for one in sure[:_PER_OPTIONAL]]
        if not choices:
            return
        columns.append(choices)
    ranked = sorted(
        (
            (-_coherent(combination), place, combination)
            for place, combination in enumerate(_best_first(columns))
        ),
        key=lambda entry: entry[:2],
    )
    seen: set[str] = set()
    for score, _, combination in ranked:
        taken = {choice.parameter: choice.proposal for choice in combination if choice.proposal is not None}
        values = {name: proposal.value for name, proposal in taken.items()}
        mark = canonical_json(values)
        if mark not in seen:
            seen.add(mark)
            sources_of = {name: proposal.source for name, proposal in taken.items()}
            yield Assembly(arguments=values, sources=sources_of, weight=min(1.0, -score))


def proposals(
    tool: Tool, parameter: Parameter, sources: Sequence[ValueSource], knowledge: Knowledge, rng: Random
) -> list[Proposal]:
    """Return every distinct proposal for one parameter, best first, weighed by the tool's record so far."""
    found = _gathered(tool, parameter, sources, knowledge, rng, _DEPTH)
    record = Record(tool, parameter, knowledge)
    stated = max((one.weight for one in found if one.source not in _INVENTED), default=0.0)
    invented = 0.4 if stated >= _STATED else 1.0
    weighed = [
        replace(
            one,
            weight=one.weight
            * record.factor(one)
            * factor(tool, parameter.name, one, knowledge.tallies)
            * (invented if one.source in _INVENTED else 1.0),
        )
        for one in found
    ]
    return sorted(weighed, key=lambda one: -one.weight)


def _gathered(
    tool: Tool,
    parameter: Parameter,
    sources: Sequence[ValueSource],
    knowledge: Knowledge,
    rng: Random,
    depth: int,
) -> list[Proposal]:
    best: dict[str, Proposal] = {}

    def add(proposal: Proposal) -> None:
        mark = canonical_json(proposal.value)
        if mark not in best or best[mark].weight < proposal.weight:
            best[mark] = proposal

    for source in sources:
        for proposal in source.propose(tool, parameter, knowledge=knowledge, rng=rng):
            add(proposal)
    if depth and "array" in parameter.types:
        items = _gathered(tool, item_parameter(parameter, tool), sources, knowledge, rng, depth - 1)
        for proposal in _lists(items, parameter):
            add(proposal)
    if depth and "object" in parameter.types:
        composed = _object(tool, parameter, sources, knowledge, rng, depth - 1)
        if composed is not None:
            add(composed)
    return sorted(best.values(), key=lambda one: -one.weight)


def _lists(items: list[Proposal], parameter: Parameter) -> Iterator[Proposal]:
    """Yield lists of the best items, as long as the schema asks for."""
    ranked = sorted(items, key=lambda one: -one.weight)
    shortest = parameter.definition.get("minItems")
    length = shortest if isinstance(shortest, int) and shortest > 0 else 1
    if not ranked:
        return
    for start in _starts(ranked):
        part = [ranked[(start + place) % len(ranked)] for place in range(length)]
        yield replace(
            part[0], value=[one.value for one in part], weight=min(one.weight for one in part) * 0.95
        )
    if len(ranked) > length and parameter.definition.get("maxItems") != length:
        part = ranked[: length + 1]
        yield replace(
            part[0], value=[one.value for one in part], weight=min(one.weight for one in part) * 0.8
        )


def _starts(ranked: list[Proposal]) -> list[int]:
    """Return the places of the best items, at most two of each source, so that none crowds out others."""
    taken: dict[str, int] = {}
    starts = []
    for place, one in enumerate(ranked):
        taken[one.source] = taken.get(one.source, 0) + 1
        if taken[one.source] <= _PER_SOURCE:
            starts.append(place)
    return starts[:_STARTS]


def _object(
    tool: Tool,
    parameter: Parameter,
    sources: Sequence[ValueSource],
    knowledge: Knowledge,
    rng: Random,
    depth: int,
) -> Proposal | None:
    values: dict[str, Any] = {}
    weights: list[float] = []
    names: list[str] = []
    inner = inner_parameters(parameter, tool)
    named = {one.name for one in inner}
    asked = [
        *missing_keys(tool, parameter.name, knowledge),
        *(_said_keys(parameter, tool) if not inner else ()),
    ]
    inner += tuple(
        Parameter(name=name, required=True, types=_kind_of(name))
        for name in dict.fromkeys(asked)
        if name not in named
    )
    wanted = [one for one in inner if one.required] or list(inner[:2])
    for one in wanted:
        found = _gathered(tool, one, sources, knowledge, rng, depth)
        if not found:
            return None
        values[one.name] = found[0].value
        weights.append(found[0].weight)
        names.append(found[0].source)
    if not values:
        return None
    return Proposal(
        value=values,
        source=names[weights.index(min(weights))],
        detail="an object of the declared properties",
        weight=min(0.9, prod(weights) ** (1 / len(weights))),
    )


def _said_keys(parameter: Parameter, tool: Tool) -> list[str]:
    """Return the keys that the text about a free-form object quotes: "items with 'name' and 'weight'"."""
    found = _KEYS.search(described(parameter, tool))
    return re.findall(r"['\"`]([A-Za-z_]\w{0,30})['\"`]", found["keys"]) if found else []


_KEYS = re.compile(
    r"(?:with|containing|contain|having|of|keys?:?|fields?:?)\s+(?P<keys>['\"`][A-Za-z_]\w*['\"`]"
    r"(?:(?:\s*\([^)]*\))?(?:\s*,\s*(?:and\s+|or\s+)?|\s+and\s+)['\"`][A-Za-z_]\w*['\"`])*)"
)
_TEXTUAL = frozenset({"name", "id", "title", "label", "type", "kind", "description", "sense", "unit", "text"})


def _kind_of(name: str) -> tuple[str, ...]:
    """Return what a key that nothing declares may take: a text where its name says so, else a number."""
    return ("string",) if set(words(name)) & _TEXTUAL else ("number",)


def _best_first(columns: list[list[_Choice]]) -> Iterator[tuple[_Choice, ...]]:
    """Yield combinations by falling product of weights."""
    start = (0,) * len(columns)

    def score(places: tuple[int, ...]) -> float:
        return prod(columns[column][place].weight for column, place in enumerate(places))

    heap = [(-score(start), start)]
    seen = {start}
    for _ in range(_CONSIDERED):
        if not heap:
            return
        _, places = heapq.heappop(heap)
        yield tuple(columns[column][place] for column, place in enumerate(places))
        for column, place in enumerate(places):
            following = (*places[:column], place + 1, *places[column + 1 :])
            if place + 1 < len(columns[column]) and following not in seen:
                seen.add(following)
                heapq.heappush(heap, (-score(following), following))


def _coherent(combination: tuple[_Choice, ...]) -> float:
    """Return the product of weights, raised for values found together and lowered for strangers.

    A sheet name found in one workbook does not go with another workbook's path.
    """
    score = prod(choice.weight for choice in combination)
    taken = [(choice.parameter, choice.proposal) for choice in combination if choice.proposal is not None]
    for name, proposal in taken:
        for other, beside in taken:
            if other == name or not proposal.context or beside.value in (None, True, False):
                continue
            if beside.value in proposal.context.values():
                score *= 1.25
            elif other in proposal.context or _alike(beside.value, proposal.context):
                score *= 0.4
    return score


def _alike(value: JsonValue, context: Mapping[str, JsonValue]) -> bool:
    kind = shape(value)
    return semantic_type(value) not in ("", "number", "word", "prose", "flag") and any(
        shape(other) == kind for other in context.values()
    )
