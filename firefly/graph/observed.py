"""Scores edges by values: what a source was seen to return, against what a target was seen to take.

Names alone fail on real servers (parameters are called ``path`` or ``query``, outputs
``content``). Values speak: a value returned by one tool that another accepted, values of the same
semantic type, names of files where files are taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

from pydantic import JsonValue

from firefly.graph.drafts import draft
from firefly.graph.names import may_match, name_match
from firefly.graph.places import fits
from firefly.graph.seen import Domain, Field, Want, launch_values, seen_of
from firefly.graph.wholes import record_edges
from firefly.knowledge import Knowledge
from firefly.outputs import Path
from firefly.parameters import Parameter
from firefly.plugins import register
from firefly.records import Edge
from firefly.replay.records import Tool

_LEAST = 0.1
"""Scores below say nothing."""
_CONSTANT = 0.4
_ONE = 0.7
"""For a constant that was taken."""
_LISTED = 4
"""Values that make a vocabulary worth believing."""
_STRANGE = 0.4
"""For values that share nothing with what a parameter was seen to take."""
_MOSTLY = 0.8
_REFUSED = 0.35
"""For values of which some were refused and none was taken."""
_PROSE = 0.3
"""For sentences, which are seldom arguments."""
_SELF = 0.6
"""A tool seldom feeds itself."""
_ECHO = 0.6
"""For values that the source only repeated."""
_TEXT = 0.85
"""For values found in text that no parser reads."""
_PART = 0.75
"""For values that are but a part of an argument."""


@register("scorer", "observed")
class Observed:
    """Compares values that a tool returned with values that another tool's parameter accepted."""

    def score(self, source: Tool, targets: Sequence[Tool], *, evidence: Knowledge) -> list[Edge]:
        """Return the edges that values speak for; none when the source never returned data."""
        seen = seen_of(evidence)
        fields = sorted(seen.fields(source.key).items(), key=lambda item: repr(item[0]))
        known = frozenset().union(*(one.names for _, one in fields))
        shapes = frozenset().union(*({*one.shapes, *one.shares} for _, one in fields))
        found: list[Edge] = []
        for target in targets if fields else ():
            constants = launch_values(evidence, (source.server, target.server))
            for want in seen.wants(target):
                if _concerns(source, fields, known, shapes, want):
                    for path, one in fields:
                        found += _edge(source, target, want, path, one, constants)
                if want.parts:
                    found += _inside(source, target, want, fields, constants)
        return found


def _concerns(
    source: Tool,
    fields: Sequence[tuple[Path, Field]],
    known: frozenset[str],
    shapes: frozenset[str],
    want: Want,
) -> bool:
    """Return whether anything of the source can be of use; it can't for most pairs of tools."""
    return (
        not known.isdisjoint(want.domain.known)
        or want.declared in shapes
        or not shapes.isdisjoint(want.domain.shapes)
        or (want.is_path and any(one.paths for _, one in fields))
        or may_match((path for path, _ in fields), source, want.parameter.name)
    )


def _edge(
    source: Tool, target: Tool, want: Want, path: Path, seen: Field, constants: frozenset[str]
) -> Iterator[Edge]:
    parameter, domain = want.parameter, want.domain
    named = name_match(path, source, parameter.name, target)
    placed = want.is_path and bool(seen.paths)
    alike = want.declared in seen.shares or not seen.shapes.keys().isdisjoint(domain.shapes)
    if not (named or placed or alike or seen.meets(domain)) or not _admits(parameter, seen):
        return
    names = seen.names - constants
    if parameter.has_default:
        names -= {repr(parameter.default)}
    if not names:
        return
    by_type, kind = _by_type(seen, want, target)
    score, why = score_of(names, seen, domain, named=named, by_type=by_type)
    score *= discount(source, target, seen, domain, constants)
    if score >= _LEAST:
        if kind:
            why["semantic_type"] = kind
        yield draft(
            source=source.key,
            target=target.key,
            parameter=parameter.name,
            kind="produces" if seen.values else "refers_to",
            output_path=path,
            score=round(score, 4),
            evidence={"observed": {"score": round(score, 4), **why}},
        )


def _inside(
    source: Tool,
    target: Tool,
    want: Want,
    fields: Sequence[tuple[Path, Field]],
    constants: frozenset[str],
) -> Iterator[Edge]:
    """Yield edges to what stands inside an object, or inside the objects of a list.

    A whole object of the output that has the keys can be passed on. A value for one of the keys can't
    by itself; it says that the two tools speak of the same things.
    """
    yield from record_edges(source, target, want, fields)
    best: dict[str, Edge] = {}
    for part in want.parts:
        for path, one in fields:
            for edge in _edge(source, target, part, path, one, constants):
                if edge.parameter not in best or edge.score > best[edge.parameter].score:
                    best[edge.parameter] = edge
    names = [part.parameter.name for part in want.parts]
    needed = [part.parameter.name for part in want.parts if part.parameter.required] or names
    score = round(_PART * sum(best[name].score for name in needed if name in best) / len(needed), 4)
    if score >= _LEAST:
        first = max(best.values(), key=lambda edge: (edge.score, edge.parameter, repr(edge.output_path)))
        inside: dict[str, JsonValue] = {name: best[name].score for name in sorted(best)}
        yield draft(
            source=source.key,
            target=target.key,
            parameter=want.parameter.name,
            kind="refers_to",
            output_path=first.output_path,
            score=score,
            evidence={"observed": {"score": score, "inside": inside}},
        )


def discount(source: Tool, target: Tool, seen: Field, domain: Domain, constants: frozenset[str]) -> float:
    """Return a factor for edges that are seldom of use: to itself, of constants, echoes or plain text."""
    factor = 1.0
    if source.key == target.key:
        factor *= _SELF
    if len(domain.accepted) == 1 and domain.accepted.keys() <= constants:
        factor *= _CONSTANT
    if not seen.values:
        factor *= _ECHO
    if seen.is_text:
        factor *= _TEXT
    return factor


def score_of(
    names: AbstractSet[str], seen: Field, domain: Domain, *, named: float, by_type: float
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
    score = 1 - (1 - by_value) * (1 - 0.55 * by_type) * (1 - 0.5 * named)
    if useless:
        score *= 1 - 0.3 * len(useless) / (len(useless) + len(accepted)) if accepted else _REFUSED
    if not accepted and named < 0.5 and seen.shares.get("prose", 0.0) > 0.5:
        score *= _PROSE
    foreign = len(domain.vocabulary) >= _LISTED and not seen.is_new
    if not by_value and (_clash(seen, domain) or foreign):
        score *= _STRANGE
    if seen.is_constant:
        score *= _CONSTANT if not accepted else _ONE
    why: dict[str, JsonValue] = {"name": round(named, 3), "type": round(by_type, 3)}
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


def _by_type(seen: Field, want: Want, target: Tool) -> tuple[float, str]:
    """Return how far the values have the semantic type that the parameter takes, and which type."""
    domain, declared = want.domain, want.declared
    best, best_kind = 0.0, ""
    for kind in sorted(seen.shapes.keys() & domain.shapes):
        match = min(1.0, seen.shapes[kind] * 1.5) * min(1.0, 0.4 + domain.shapes[kind])
        if match > best:
            best, best_kind = match, kind
    # What it says it takes counts fully only as long as nothing was seen that it took.
    trust = 0.8 if not domain.accepted else 0.5 if best or not domain.shapes else 0.15
    if declared and trust * seen.shares.get(declared, 0.0) > best:
        best, best_kind = trust * seen.shares[declared], declared
    if want.is_path and seen.paths:
        part = min(1.0, 2 * len(seen.paths) / (len(seen.relevant) + seen.others))
        places = sorted(set(seen.paths.values()))
        return part * fits(places, want.parameter, target, domain.kinds, domain.refused_kinds), "path"
    if want.is_path and domain.kinds and best_kind.startswith(("path", "absolute path", "file name")):
        best *= _STRANGE  # where files are known, a path to none of them is one of something else
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
