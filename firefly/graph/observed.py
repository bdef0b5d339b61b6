"""Scores edges by values: what a source was seen to return, against what a target was seen to take.

Names alone fail on real servers (parameters are called ``path`` or ``query``, outputs
``content``). Values speak: a value returned by one tool that another accepted, or values of the
same semantic type.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from weakref import WeakKeyDictionary

from pydantic import JsonValue

from firefly.graph.names import name_match
from firefly.graph.seen import Domain, Field, Seen, launch_values
from firefly.knowledge import Knowledge
from firefly.outputs import Path
from firefly.parameters import Parameter, parameters
from firefly.plugins import register
from firefly.records import Edge
from firefly.replay.records import Tool
from firefly.values.semantic import declared_type

_LEAST = 0.1
"""Scores below say nothing."""
_CONSTANT = 0.4
_LISTED = 4
"""Values that make a vocabulary worth believing."""
_STRANGE = 0.4
"""For values that share nothing with what a parameter was seen to take."""
_MOSTLY = 0.8
_REFUSED = 0.35
"""For values of which some were refused and none was taken."""
_PROSE = 0.3
"""For sentences, which are seldom arguments."""
_SELF = 0.4
"""A tool seldom feeds itself."""


@register("scorer", "observed")
class Observed:
    """Compares values that a tool returned with values that another tool's parameter accepted."""

    def __init__(self) -> None:
        self._seen: WeakKeyDictionary[Knowledge, Seen] = WeakKeyDictionary()

    def score(self, source: Tool, targets: Sequence[Tool], *, evidence: Knowledge) -> list[Edge]:
        """Return the edges that values speak for; none when the source never returned data."""
        seen = self._seen.setdefault(evidence, Seen(evidence))
        fields = sorted(seen.fields(source.key).items(), key=lambda item: repr(item[0]))
        found = []
        for target in targets if fields else ():
            constants = launch_values(evidence, (source.server, target.server))
            for parameter in parameters(target):
                domain = seen.domain(target, parameter)
                for path, one in fields:
                    edge = _edge(source, target, parameter, path, one, domain, constants)
                    if edge is not None:
                        found.append(edge)
        return found


def _edge(
    source: Tool,
    target: Tool,
    parameter: Parameter,
    path: Path,
    seen: Field,
    domain: Domain,
    constants: frozenset[str],
) -> Edge | None:
    named = name_match(path, source, parameter.name, target)
    declared = declared_type(parameter)
    if not (named or declared in seen.shares or seen.shapes.keys() & domain.shapes or seen.meets(domain)):
        return None
    if not _admits(parameter, seen):
        return None
    names = seen.relevant.keys() - constants
    if parameter.has_default:
        names -= {repr(parameter.default)}
    if not names:
        return None
    score, why = _score(names, seen, domain, named=named, declared=declared)
    if source.key == target.key:
        score *= _SELF
    if domain.accepted and domain.accepted.keys() <= constants:
        score *= _CONSTANT
    if score < _LEAST:
        return None
    return Edge(
        source=source.key,
        target=target.key,
        parameter=parameter.name,
        kind="produces" if seen.values else "refers_to",
        output_path=path,
        score=round(score, 4),
        evidence={"observed": {"score": round(score, 4), **why}},
    )


def _score(
    names: AbstractSet[str], seen: Field, domain: Domain, *, named: float, declared: str
) -> tuple[float, dict[str, JsonValue]]:
    """Return a score of 0..1 and what spoke for it, independent signs adding up."""
    telling = names if named >= 0.5 else names & seen.telling
    accepted = sorted(telling & domain.accepted.keys())
    useless = telling & domain.useless.keys()
    by_value = 0.0
    if accepted:
        by_value = (0.65 if domain.selective else 0.45) + 0.05 * min(len(accepted) - 1, 3)
    elif telling & domain.tails:
        by_value = 0.45
    elif domain.vocabulary:
        by_value = 0.5 * len(telling & domain.vocabulary) / len(names)
    by_type, kind = _type_match(seen, declared, domain)
    score = 1 - (1 - by_value) * (1 - 0.55 * by_type) * (1 - 0.5 * named)
    if useless:
        score *= 1 - 0.3 * len(useless) / (len(useless) + len(accepted)) if accepted else _REFUSED
    if not accepted and named < 0.5 and seen.shares.get("prose", 0.0) > 0.5:
        score *= _PROSE
    if not by_value and (_clash(seen, domain) or (len(domain.vocabulary) >= _LISTED)):
        score *= _STRANGE
    if seen.is_constant:
        score *= _CONSTANT
    why: dict[str, JsonValue] = {"name": round(named, 3), "type": round(by_type, 3)}
    if kind:
        why["semantic_type"] = kind
    if accepted:
        why["accepted"] = [seen.relevant[name] for name in accepted[:3]]
    if useless:
        why["refused"] = len(useless)
    if telling & domain.vocabulary:
        why["listed"] = len(telling & domain.vocabulary)
    return score, why


def _clash(seen: Field, domain: Domain) -> bool:
    """Return whether both have forms, and not one in common: order numbers where customers are taken."""
    return (
        sum(domain.shapes.values()) >= _MOSTLY
        and sum(seen.shapes.values()) >= _MOSTLY
        and not seen.shapes.keys() & domain.shapes
    )


def _type_match(seen: Field, declared: str, domain: Domain) -> tuple[float, str]:
    """Return how far the values have the semantic type that the parameter takes, and which type."""
    best, best_kind = 0.0, ""
    for kind in sorted(seen.shapes.keys() & domain.shapes):
        match = min(1.0, seen.shapes[kind] * 1.5) * min(1.0, 0.4 + domain.shapes[kind])
        if match > best:
            best, best_kind = match, kind
    # What it says it takes counts fully only as long as nothing was seen that it took.
    trust = 0.8 if not domain.accepted else 0.5 if best or not domain.shapes else 0.15
    if declared and trust * seen.shares.get(declared, 0.0) > best:
        best, best_kind = trust * seen.shares[declared], declared
    return best, best_kind


def _admits(parameter: Parameter, seen: Field) -> bool:
    """Return whether the parameter's declaration admits some value, alone or as an item of a list."""
    if parameter.enum:
        return any(value in parameter.enum for value in seen.relevant.values())
    if not parameter.types or seen.json_types & set(parameter.types):
        return bool(seen.relevant)
    items = parameter.definition.get("items")
    declared = items.get("type") if isinstance(items, dict) else None
    return "array" in parameter.types and (declared is None or declared in seen.json_types)
