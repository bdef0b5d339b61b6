"""Edges into a part of a text: an argument such as a query that only *contains* a value.

Whatever the language of the text, a quoted literal of an argument that worked is a *slot*: the text
around it is a template, and another value may stand in its place.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from firefly.graph.drafts import draft
from firefly.graph.fields import Domain, Field
from firefly.graph.names import name_match
from firefly.graph.observed import discount, score_of
from firefly.graph.seen import Seen, launch_values, seen_of
from firefly.knowledge import Knowledge
from firefly.novelty import fields_beside, names_answered
from firefly.outputs import Path, useful_output
from firefly.plugins import register
from firefly.records import Edge, ToolKey
from firefly.replay.records import Tool
from firefly.values.semantic import MOMENTS, semantic_type

__all__ = ["Slot", "Templates", "slots"]

_QUOTED = re.compile(r"'([^'\n]{2,200})'|\"([^\"\n]{2,200})\"")
_WORD = re.compile(r"[A-Za-z][\w-]*")
_NAME = re.compile(r"([A-Za-z][\w-]*)\W*$")
_LEAST = 0.2
_SHORTEST = 4
"""Letters of an unquoted word that may be a slot."""
_TWICE = 2
"""Different words that stood in one place of one text, so that a third may."""
_UNPROVEN = 0.7
"""For a place where only one word was seen: the rest of the text may be about that word alone."""
_LONGEST = 2000
"""Characters of an argument."""


@dataclass
class Slot:
    """A place in the text of an argument where a value stands."""

    template: str
    """The argument with ``{}`` for the value."""
    name: str
    """The word before it: in ``WHERE sku = 'SKU-1'`` the value is a ``sku``."""
    quoted: bool
    values: dict[str, str] = field(default_factory=dict)
    """``repr`` -> values that stood there in calls that worked."""


@register("scorer", "templates")
class Templates:
    """Compares values that a tool returned with literals inside the texts that another tool accepted."""

    def __init__(self, *, limit: int = 40) -> None:
        """Set the limit.

        Args:
            limit: templates of one parameter; those seen with most values first.
        """
        self._limit = limit
        self._slots: WeakKeyDictionary[Knowledge, dict[ToolKey, dict[str, list[_Place]]]] = (
            WeakKeyDictionary()
        )

    def score(self, source: Tool, targets: Sequence[Tool], *, evidence: Knowledge) -> list[Edge]:
        """Return the edges whose source lists what stands in a slot, or what is called alike."""
        seen = seen_of(evidence)
        fields = sorted(seen.fields(source.key).items(), key=lambda item: repr(item[0]))
        known = self._slots.setdefault(evidence, {})
        found: list[Edge] = []
        for target in targets if fields else ():
            if target.key not in known:
                known[target.key] = {
                    name: [
                        _Place(slot, _domain(slot, target, evidence, seen)) for slot in ones[: self._limit]
                    ]
                    for name, ones in slots(target, evidence, seen).items()
                }
            constants = launch_values(evidence, (source.server, target.server))
            for parameter, places in known[target.key].items():
                for place in places:
                    for path, one in fields:
                        found += _edge(source, target, parameter, place, path, one, constants)
        return [edge for edge in found if edge.source != edge.target or _says_more(edge, evidence)]


@dataclass(frozen=True)
class _Place:
    slot: Slot
    domain: Domain


def _edge(
    source: Tool,
    target: Tool,
    parameter: str,
    place: _Place,
    path: Path,
    seen: Field,
    constants: frozenset[str],
) -> Iterator[Edge]:
    names = seen.relevant.keys() - constants
    meets = seen.meets(place.domain)
    # Of a value that never stood there the name alone must say what it is; of a word, its list must.
    if not names or not (meets or (place.slot.quoted and place.slot.name)):
        return
    if place.slot.values and all(semantic_type(one) in MOMENTS for one in place.slot.values.values()):
        return  # what only has its date or time zone in common with something has nothing to do with it
    named = name_match(path, source, place.slot.name, target) if place.slot.name else 0.0
    shared = seen.shapes.keys() & place.domain.shapes
    if not meets and not (named >= 0.8 or (named >= 0.5 and shared)):
        return
    by_type = max((min(1.0, 1.5 * seen.shapes[kind]) for kind in shared), default=0.0)
    score, why = score_of(names, seen, place.domain, named=named, by_type=by_type)
    proven = place.slot.quoted or len(place.slot.values) >= _TWICE
    score *= discount(source, target, seen) * (1.0 if proven else _UNPROVEN)
    if score >= _LEAST:
        yield draft(
            source=source.key,
            target=target.key,
            parameter=parameter,
            kind="produces" if seen.values and proven else "refers_to",
            output_path=path,
            template=place.slot.template,
            score=round(score, 4),
            evidence={"templates": {"score": round(score, 4), "slot": place.slot.name, **why}},
        )


def _says_more(edge: Edge, knowledge: Knowledge) -> bool:
    """Return whether the tool, called for a value of its own, was seen to say more than what stood beside it.

    A row that is looked up by its key in the table that it was read from says nothing new.
    """
    answers = [
        (step.call.arguments, output)
        for step in knowledge.successes(edge.target)
        if (output := useful_output(step.call, step.observation)) is not None
    ]
    names = names_answered(answers, edge.parameter, edge.template)
    beside = [one for _, output in answers for one in fields_beside(output, edge.output_path)]
    return not names or not beside or any(not names <= one for one in beside)


def slots(tool: Tool, knowledge: Knowledge, seen: Seen) -> dict[str, list[Slot]]:
    """Return parameter -> the slots of its texts that worked, those seen with most values first.

    A quoted literal is a slot, and so is a word that another tool of the server lists (the name of a
    table, say), each in a text at least twice as long as itself.
    """
    texts = [want.parameter.name for want in seen.wants(tool) if "string" in want.parameter.types]
    if not texts:
        return {}
    listed = _listed(tool, knowledge, seen)
    found: dict[str, dict[str, Slot]] = defaultdict(dict)
    for step in knowledge.successes(tool.key):
        if useful_output(step.call, step.observation) is None:
            continue
        for name in texts:
            text = step.call.arguments.get(name)
            if isinstance(text, str) and len(text) <= _LONGEST and "{}" not in text:
                for start, end, quoted in _literals(text, listed):
                    value = text[start:end]
                    template = f"{text[:start]}{{}}{text[end:]}"
                    before = _NAME.search(text[: start - quoted])
                    slot = found[name].setdefault(
                        template, Slot(template, before.group(1) if before and quoted else "", quoted)
                    )
                    slot.values[repr(value)] = value
    return {
        name: sorted(ones.values(), key=lambda slot: (not slot.quoted, -len(slot.values), slot.template))
        for name, ones in found.items()
    }


def _literals(text: str, listed: frozenset[str]) -> Iterator[tuple[int, int, bool]]:
    """Yield (start, end, quoted) of every literal and listed word, quotes left out."""
    inside: list[tuple[int, int]] = []
    for match in _QUOTED.finditer(text):
        group = 1 if match.group(1) is not None else 2
        inside.append(match.span())
        if len(text) >= 2 * len(match.group(group)):
            yield (*match.span(group), True)
    for match in _WORD.finditer(text):
        word = match.group()
        free = all(match.end() <= start or match.start() >= end for start, end in inside)
        if free and len(word) >= _SHORTEST and word in listed and len(text) >= 2 * len(word):
            yield (*match.span(), False)


def _listed(tool: Tool, knowledge: Knowledge, seen: Seen) -> frozenset[str]:
    """Return the single words that other tools of the server return as values."""
    return frozenset(
        value
        for key in knowledge.tools
        if key[0] == tool.server and key != tool.key
        for one in seen.fields(key).values()
        for value in one.values.values()
        if isinstance(value, str) and _WORD.fullmatch(value)
    )


def _domain(slot: Slot, tool: Tool, knowledge: Knowledge, seen: Seen) -> Domain:
    """Return what stood in the slot, and all values of the fields of the tool's server that list it."""
    found: set[str] = set()
    for key in sorted(knowledge.tools):
        if key[0] == tool.server:
            for one in seen.fields(key).values():
                if one.values.keys() & slot.values.keys() & one.telling:
                    found |= one.relevant.keys()
    accepted: Mapping[str, str] = dict(sorted(slot.values.items()))
    return Domain(accepted=dict(accepted), vocabulary=frozenset(found))
