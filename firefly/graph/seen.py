"""What was seen of tools: values at each path of their outputs, and values that their parameters took."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from weakref import WeakKeyDictionary, ref

from pydantic import JsonValue

from firefly.contents import is_empty
from firefly.graph.names import name_match
from firefly.graph.parts import scalar_parts
from firefly.graph.places import Places, kind
from firefly.graph.texts import values_in
from firefly.knowledge import Knowledge
from firefly.outputs import Path, general, leaves, parsed_output, useful_output
from firefly.parameters import Parameter, parameters
from firefly.records import ToolKey
from firefly.replay.records import Step, Tool
from firefly.values.paths import wants_path
from firefly.values.semantic import declared_type, is_specific, semantic_type, shape, words

_VALUES = 60
"""Distinct values remembered for one path or parameter."""
_FILES = ("file name", "path")
_AGAIN = 4
"""Equal values, and no other, that make a constant."""


@dataclass
class Field:
    """What was seen at one general path of a tool's output."""

    values: dict[str, JsonValue] = field(default_factory=dict)
    """Distinct values that the calls did not bring themselves, by ``repr``."""
    echoes: dict[str, JsonValue] = field(default_factory=dict)
    """Distinct values that repeated an argument of the very call."""
    met: int = 0
    """How many values were seen here, equal ones too."""
    paths: dict[str, str] = field(default_factory=dict)
    """Values that name a file or folder of the sandbox, by ``repr`` -> its absolute path."""
    others: int = 0
    """Lines of text that are no values."""
    is_new: bool = False
    """The source makes things, so that nobody can have listed them before."""
    is_text: bool = False
    """The values stand in text that no parser reads, so that none of them can be named by its path."""

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
    def names(self) -> frozenset[str]:
        """Return the ``repr`` of every relevant value."""
        return frozenset(self.relevant)

    @cached_property
    def shares(self) -> dict[str, float]:
        """Return the share of each semantic type among the relevant values."""
        counts = Counter(semantic_type(value) for value in self.relevant.values())
        return {kind: count / self._count for kind, count in sorted(counts.items())}

    @property
    def _count(self) -> int:
        return len(self.relevant) + self.others

    @cached_property
    def shapes(self) -> dict[str, float]:
        """Return the share of each formal shape: a path to a table is not one to a folder."""
        return _shapes(self.relevant, self._count)

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
        return not self.names.isdisjoint(domain.known)


@dataclass
class Domain:
    """What a parameter was seen to take."""

    accepted: dict[str, JsonValue] = field(default_factory=dict)
    """Values of calls that succeeded and said something."""
    useless: dict[str, JsonValue] = field(default_factory=dict)
    """Values of calls that failed or said nothing, and of no accepted call."""
    kinds: frozenset[str] = frozenset()
    """Kinds of the files and folders among the accepted values."""
    refused_kinds: frozenset[str] = frozenset()
    """Kinds of those among the useless ones, less the accepted."""
    vocabulary: frozenset[str] = frozenset()
    """What the tool's own server lists where it lists an accepted value; empty when it lists none."""

    @cached_property
    def known(self) -> frozenset[str]:
        """Return everything that was taken or refused, or is listed where that is."""
        return frozenset((*self.accepted, *self.useless, *self.vocabulary, *self.tails))

    @cached_property
    def tails(self) -> frozenset[str]:
        """Return what accepted paths end with: a file is often told by its name alone."""
        paths = [value for value in self.accepted.values() if isinstance(value, str) and "/" in value]
        return frozenset(
            repr(tail) for path in paths for tail in _tails(path) if semantic_type(tail) in _FILES
        )

    @cached_property
    def shapes(self) -> dict[str, float]:
        """Return the share of each formal shape among the accepted values."""
        return _shapes(self.accepted, len(self.accepted))

    @property
    def selective(self) -> bool:
        """Return whether the tool was seen to refuse values, so that acceptance means something."""
        return bool(self.useless)


@dataclass(frozen=True)
class Want:
    """What one parameter, or one part of it, takes."""

    parameter: Parameter
    domain: Domain
    declared: str
    """The semantic type that its name, or else its description, announces."""
    is_path: bool
    parts: tuple[Want, ...] = ()
    """Of an object, or of the objects in a list: what takes texts and numbers."""


def seen_of(knowledge: Knowledge) -> Seen:
    """Return what was seen, made once for one body of knowledge."""
    if knowledge not in _made:
        _made[knowledge] = Seen(knowledge)
    return _made[knowledge]


class Seen:
    """Fields and domains of one body of knowledge, each made once."""

    def __init__(self, knowledge: Knowledge) -> None:
        # The owner of this cache is keyed weakly by the very knowledge: no reference back to it.
        self._knowledge = ref(knowledge)
        self.places = Places(knowledge)
        self._fields: dict[ToolKey, dict[Path, Field]] = {}
        self._domains: dict[ToolKey, dict[str, Domain]] = {}
        self._wants: dict[ToolKey, tuple[Want, ...]] = {}

    def fields(self, key: ToolKey) -> dict[Path, Field]:
        """Return what stood at each general path of the tool's outputs."""
        if key not in self._fields:
            self._fields[key] = observed_fields(key, self._alive(), self.places)
        return self._fields[key]

    def wants(self, tool: Tool) -> tuple[Want, ...]:
        """Return what each parameter of the tool takes."""
        if tool.key not in self._wants:
            self._wants[tool.key] = tuple(self._want(tool, one, one.name) for one in parameters(tool))
        return self._wants[tool.key]

    def _want(self, tool: Tool, parameter: Parameter, name: str) -> Want:
        return Want(
            parameter,
            self.domain(tool, name),
            declared_type(parameter) or described_type(parameter),
            wants_path(parameter),
            tuple(self._want(tool, part, f"{name}.{part.name}") for part in scalar_parts(parameter, tool)),
        )

    def domain(self, tool: Tool, parameter: str) -> Domain:
        """Return what the parameter (or ``PARAMETER.KEY``) was seen to take; empty when nothing was tried."""
        if tool.key not in self._domains:
            found = observed_domains(tool.key, self._alive(), self.places)
            for name, domain in found.items():
                domain.vocabulary = self._vocabulary(tool, name, domain)
            self._domains[tool.key] = found
        return self._domains[tool.key].get(parameter) or Domain()

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


_made: WeakKeyDictionary[Knowledge, Seen] = WeakKeyDictionary()


def observed_fields(key: ToolKey, knowledge: Knowledge, places: Places) -> dict[Path, Field]:
    """Return what stood at each general path of the tool's outputs, volatile fields left out.

    Values in text that no parser reads stand at the path ``()``.
    """
    profile = knowledge.profiles.get(key)
    volatile = {general(path) for path in profile.volatile_paths} if profile else set()
    makes = profile is not None and profile.effect == "write"
    found: dict[Path, Field] = defaultdict(Field)
    for step in knowledge.successes(key):
        arguments = step.call.arguments
        asked = {repr(leaf) for _, leaf in leaves(dict(arguments))}
        asked_paths = {places.resolve(leaf, {}, key[0]) for _, leaf in leaves(dict(arguments))} - {""}
        output = parsed_output(step.observation)
        says = useful_output(step.call, step.observation) is not None
        standing = list(leaves(output))
        if output is None and not is_empty(step.observation):
            values, others = values_in(step.observation.visible)
            standing, says = [((), value) for value in values], True
            found[()].others = max(found[()].others, others)
            found[()].is_text = True
        for path, leaf in standing:
            where = general(path)
            name = repr(leaf)
            if leaf is None or where in volatile or not (says or name in asked):
                continue
            seen = found[where]
            seen.met += 1
            seen.is_new = makes
            place = places.resolve(leaf, arguments, key[0])
            store = seen.echoes if name in asked or place in asked_paths else seen.values
            if len(store) < _VALUES:
                store[name] = leaf
                if place:
                    seen.paths[name] = place
    return {path: one for path, one in found.items() if one.values or one.echoes}


def observed_domains(key: ToolKey, knowledge: Knowledge, places: Places) -> dict[str, Domain]:
    """Return what each parameter of the tool was seen to take and to refuse.

    A refused value counts only where the call differs from an accepted one in that parameter
    alone, or the tool has no other; else another argument may have been at fault. What stands in
    objects counts for ``PARAMETER.KEY``, too.
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
        for where, one in _told(step.call.arguments):
            if len(found[where].accepted) < _VALUES:
                found[where].accepted[repr(one)] = one
    for step in bad:
        for name, value in step.call.arguments.items():
            rest = {other: given for other, given in step.call.arguments.items() if other != name}
            if rest and not any(rest.items() <= other.call.arguments.items() for other in good):
                continue
            for where, one in _told({name: value}):
                if repr(one) not in found[where].accepted:
                    found[where].useless[repr(one)] = one
    for domain in found.values():
        domain.kinds = _kinds(domain.accepted, key[0], places)
        domain.refused_kinds = _kinds(domain.useless, key[0], places) - domain.kinds
    return dict(found)


def _kinds(values: Mapping[str, JsonValue], server: str, places: Places) -> frozenset[str]:
    named = (places.resolve(value, {}, server) for value in values.values())
    return frozenset(kind(path) for path in named if path)


def _told(arguments: Mapping[str, JsonValue]) -> list[tuple[str, JsonValue]]:
    """Return every scalar of the arguments with the names that it counts for."""
    found: list[tuple[str, JsonValue]] = []
    for path, leaf in leaves(dict(arguments)):
        keys = [part for part in path if isinstance(part, str)]
        if leaf is not None:
            found += [(name, leaf) for name in (keys[0], ".".join(keys[:2]))[: len(keys)]]
    return found


def launch_values(knowledge: Knowledge, servers: Iterable[str]) -> frozenset[str]:
    """Return the launch values of ``servers``, which no call needs to produce, as ``repr`` texts."""
    return frozenset(
        repr(value)
        for server in servers
        if server in knowledge.listings
        for value in knowledge.listings[server].launch_values
    )


def _tails(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[start:]) for start in range(1, len(parts)) if parts[start]]


def _shapes(values: Mapping[str, JsonValue], total: int) -> dict[str, float]:
    """Return the share of each shape that has a form: identifiers, paths, dates; not words or numbers."""
    formal = [
        value for value in values.values() if is_specific(kind := semantic_type(value)) or kind == "file name"
    ]
    return {name: count / total for name, count in sorted(Counter(map(shape, formal)).items())}


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


_SAID: tuple[tuple[str, frozenset[str]], ...] = (
    ("hash", frozenset({"sha", "commit"})),
    ("timezone", frozenset({"timezone", "iana"})),
    ("url", frozenset({"url"})),
    ("uuid", frozenset({"uuid", "guid"})),
    ("email", frozenset({"email"})),
)
"""What a description says of a value's form."""


def described_type(parameter: Parameter) -> str:
    """Return the semantic type that a parameter's description announces; "" when it announces none."""
    if parameter.types and "string" not in parameter.types:
        return ""
    said = set(words(parameter.description))
    return next((kind for kind, hints in _SAID if said & hints), "")
