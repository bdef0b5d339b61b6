"""Scores edges by values: what a source was seen to return, against what a target was seen to take.

Names alone fail on real servers (parameters are called ``path`` or ``query``, outputs
``content``). Values speak: a value returned by one tool that another accepted, or values of the
same semantic type.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property
from weakref import WeakKeyDictionary, ref

from pydantic import JsonValue

from firefly.graph.names import name_match
from firefly.knowledge import Knowledge
from firefly.outputs import Path, general, leaves, parsed_output, useful_output
from firefly.parameters import Parameter, parameters
from firefly.plugins import register
from firefly.records import Edge, ToolKey
from firefly.replay.records import Step, Tool
from firefly.values.semantic import declared_type, is_specific, semantic_type

_VALUES = 60
"""Distinct values remembered for one path or parameter."""
_LEAST = 0.1
"""Scores below say nothing."""
_AGAIN = 4
"""Equal values, and no other, that make a constant."""
_CONSTANT = 0.4
_LISTED = 4
"""Values that make a vocabulary worth believing."""
_STRANGE = 0.4
"""For values that share nothing with the vocabulary of a parameter."""
_SELF = 0.4
"""A tool seldom feeds itself."""


@dataclass
class Field:
    """What was seen at one general path of a tool's output."""

    values: dict[str, JsonValue] = field(default_factory=dict)
    """Distinct values that the calls did not bring themselves, by ``repr``."""
    echoes: dict[str, JsonValue] = field(default_factory=dict)
    """Distinct values that repeated an argument of the very call."""
    met: int = 0
    """How many values were seen here, equal ones too."""

    @property
    def is_constant(self) -> bool:
        """Return whether the same single value came back again and again: nobody asks for it."""
        return self.met >= _AGAIN and len(self.relevant) == 1

    @cached_property
    def relevant(self) -> dict[str, JsonValue]:
        """Return what the tool produced here; where it only ever echoed, the echoes."""
        found = self.values or self.echoes
        return {name: value for name, value in found.items() if value != "" and not isinstance(value, bool)}

    @cached_property
    def shares(self) -> dict[str, float]:
        """Return the share of each semantic type among the relevant values."""
        counts = Counter(semantic_type(value) for value in self.relevant.values())
        return {kind: count / len(self.relevant) for kind, count in sorted(counts.items())}

    @cached_property
    def json_types(self) -> frozenset[str]:
        """Return the JSON types that the relevant values have."""
        return frozenset(kind for value in self.relevant.values() for kind in _json_types(value))

    @cached_property
    def telling(self) -> frozenset[str]:
        """Return the relevant values that are hardly met twice by chance."""
        return frozenset(name for name, value in self.relevant.items() if _is_telling(value))

    def meets(self, domain: Domain) -> bool:
        """Return whether a relevant value was tried as an argument, or is listed where those are."""
        names = self.relevant.keys()
        return not all(
            names.isdisjoint(known) for known in (domain.accepted, domain.useless, domain.vocabulary)
        )


@dataclass
class Domain:
    """What a parameter was seen to take."""

    accepted: dict[str, JsonValue] = field(default_factory=dict)
    """Values of calls that succeeded and said something."""
    useless: dict[str, JsonValue] = field(default_factory=dict)
    """Values of calls that failed or said nothing, and of no accepted call."""
    vocabulary: frozenset[str] = frozenset()
    """What the tool's own server lists where it lists an accepted value; empty when it lists none."""

    @cached_property
    def shares(self) -> dict[str, float]:
        """Return the share of each specific semantic type among the accepted values."""
        counts = Counter(semantic_type(value) for value in self.accepted.values())
        return {kind: count / len(self.accepted) for kind, count in counts.items() if is_specific(kind)}

    @property
    def selective(self) -> bool:
        """Return whether the tool was seen to refuse values, so that acceptance means something."""
        return bool(self.useless)


@register("scorer", "observed")
class Observed:
    """Compares values that a tool returned with values that another tool's parameter accepted."""

    def __init__(self) -> None:
        self._seen: WeakKeyDictionary[Knowledge, _Seen] = WeakKeyDictionary()

    def score(self, source: Tool, targets: Sequence[Tool], *, evidence: Knowledge) -> list[Edge]:
        """Return the edges that values speak for; none when the source never returned data."""
        seen = self._seen.setdefault(evidence, _Seen(evidence))
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


class _Seen:
    """Fields and domains of one body of knowledge, each made once."""

    def __init__(self, knowledge: Knowledge) -> None:
        # The owner of this cache is keyed weakly by the very knowledge: no reference back to it.
        self._knowledge = ref(knowledge)
        self._fields: dict[ToolKey, dict[Path, Field]] = {}
        self._domains: dict[ToolKey, dict[str, Domain]] = {}

    def fields(self, key: ToolKey) -> dict[Path, Field]:
        if key not in self._fields:
            self._fields[key] = observed_fields(key, self._alive())
        return self._fields[key]

    def domain(self, tool: Tool, parameter: Parameter) -> Domain:
        if tool.key not in self._domains:
            found = observed_domains(tool.key, self._alive())
            for name, domain in found.items():
                domain.vocabulary = self._vocabulary(tool, name, domain)
            self._domains[tool.key] = found
        return self._domains[tool.key].get(parameter.name) or Domain()

    def _vocabulary(self, tool: Tool, parameter: str, domain: Domain) -> frozenset[str]:
        """Return all values of those fields of the tool's own server that hold an accepted value."""
        found: set[str] = set()
        for key, other in sorted(self._alive().tools.items()):
            if key[0] != tool.server or key == tool.key:
                continue
            for path, field_ in self.fields(key).items():
                common = field_.values.keys() & domain.accepted.keys()
                if common & field_.telling or (common and name_match(path, other, parameter, tool) >= 0.5):
                    found |= field_.relevant.keys()
        return frozenset(found)

    def _alive(self) -> Knowledge:
        knowledge = self._knowledge()
        assert knowledge is not None  # whoever asks holds it
        return knowledge


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
    if not (named or declared in seen.shares or seen.shares.keys() & domain.shares or seen.meets(domain)):
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
    elif domain.vocabulary:
        by_value = 0.5 * len(names & domain.vocabulary) / len(names)
    by_type, kind = _type_match(seen, declared, domain)
    score = 1 - (1 - by_value) * (1 - 0.55 * by_type) * (1 - 0.5 * named)
    if useless and not accepted:
        score *= 0.35
    elif useless:
        score *= 1 - 0.3 * len(useless) / (len(useless) + len(accepted))
    if not accepted and seen.shares.get("prose", 0.0) > 0.5:
        score *= 0.3
    if len(domain.vocabulary) >= _LISTED and not names & (domain.vocabulary | domain.accepted.keys()):
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
    if names & domain.vocabulary:
        why["listed"] = len(names & domain.vocabulary)
    return score, why


def _type_match(seen: Field, declared: str, domain: Domain) -> tuple[float, str]:
    """Return how far the values have the semantic type that the parameter takes, and which type."""
    best, best_kind = 0.0, ""
    for kind, share in seen.shares.items():
        if kind in domain.shares:
            match = min(1.0, share * 1.5) * min(1.0, 0.4 + domain.shares[kind])
            if match > best:
                best, best_kind = match, kind
    trust = 0.5 if domain.accepted else 0.8
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


def _json_types(value: JsonValue) -> tuple[str, ...]:
    if isinstance(value, str):
        return ("string",)
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return ("integer", "number")
    return ("number",)


def _is_telling(value: JsonValue) -> bool:
    """Return whether meeting the value twice is hardly chance: no small numbers, no short words."""
    if isinstance(value, str):
        return len(value) >= 4 or is_specific(semantic_type(value))
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) >= 1000


def observed_fields(key: ToolKey, knowledge: Knowledge) -> dict[Path, Field]:
    """Return what stood at each general path of the tool's parsed outputs, volatile fields left out."""
    profile = knowledge.profiles.get(key)
    volatile = {general(path) for path in profile.volatile_paths} if profile else set()
    found: dict[Path, Field] = defaultdict(Field)
    for step in knowledge.successes(key):
        output = useful_output(step.call, step.observation)
        asked = {repr(leaf) for _, leaf in leaves(dict(step.call.arguments))}
        for path, leaf in leaves(output):
            where = general(path)
            if leaf is None or where in volatile:
                continue
            seen = found[where]
            seen.met += 1
            place = seen.echoes if repr(leaf) in asked else seen.values
            if len(place) < _VALUES:
                place[repr(leaf)] = leaf
    return dict(found)


def observed_domains(key: ToolKey, knowledge: Knowledge) -> dict[str, Domain]:
    """Return what each parameter of the tool was seen to take and to refuse.

    A refused value counts only where the call differs from an accepted one in that parameter
    alone, or the tool has no other; else another argument may have been at fault.
    """
    good: list[Step] = []
    bad: list[Step] = []
    for step in knowledge.steps.get(key, ()):
        outcome = step.observation.outcome
        if outcome == "success":
            readable = parsed_output(step.observation) is not None
            empty = readable and useful_output(step.call, step.observation) is None
            (bad if empty else good).append(step)
        elif outcome == "failure":
            bad.append(step)
    found: dict[str, Domain] = defaultdict(Domain)
    for step in good:
        for name, value in step.call.arguments.items():
            for one in _flat([value]):
                if len(found[name].accepted) < _VALUES:
                    found[name].accepted[repr(one)] = one
    for step in bad:
        for name, value in step.call.arguments.items():
            rest = {other: given for other, given in step.call.arguments.items() if other != name}
            if rest and not any(rest.items() <= other.call.arguments.items() for other in good):
                continue
            for one in _flat([value]):
                if repr(one) not in found[name].accepted:
                    found[name].useless[repr(one)] = one
    return dict(found)


def launch_values(knowledge: Knowledge, servers: Iterable[str]) -> frozenset[str]:
    """Return the launch values of ``servers``, which no call needs to produce, as ``repr`` texts."""
    return frozenset(
        repr(value)
        for server in servers
        if server in knowledge.listings
        for value in knowledge.listings[server].launch_values
    )


def _flat(values: Iterable[JsonValue]) -> list[JsonValue]:
    return [leaf for value in values for _, leaf in leaves(value) if leaf is not None]
