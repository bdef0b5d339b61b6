"""What was seen of all tools of one body of knowledge, each thing worked out once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from weakref import WeakKeyDictionary, ref

from firefly.graph.fields import Domain, Field, observed_domains, observed_fields
from firefly.graph.names import name_match
from firefly.graph.parts import scalar_parts
from firefly.graph.places import Places, takes_path
from firefly.knowledge import Knowledge
from firefly.outputs import Path
from firefly.parameters import Parameter, parameters
from firefly.records import ToolKey
from firefly.replay.records import Tool
from firefly.values.semantic import declared_type, words

_FREE_TEXTS = {(word,) for word in ("message", "comment", "note", "body", "description", "summary", "title")}
"""Last words of the names of texts for people to read."""


@dataclass(frozen=True)
class Want:
    """What one parameter, or one part of it, takes."""

    parameter: Parameter
    domain: Domain
    declared: str
    """The semantic type that its name, or else its description, announces."""
    is_path: bool
    is_constant: bool
    """Given nothing but a value of the launch line, here and wherever the server names a parameter so."""
    is_free: bool
    """A text for people to read, such as a message."""
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
        self._fixed: dict[str, frozenset[str]] = {}
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
            takes_path(parameter, tool),
            parameter.name in self._constants(tool.server),
            words(parameter.name)[-1:] in _FREE_TEXTS and "array" not in parameter.types,
            tuple(self._want(tool, part, f"{name}.{part.name}") for part in scalar_parts(parameter, tool)),
        )

    def domain(self, tool: Tool, parameter: str) -> Domain:
        """Return what the parameter (or ``PARAMETER.KEY``) was seen to take; empty when nothing was tried."""
        return self._domains_of(tool.key).get(parameter) or Domain()

    def _domains_of(self, key: ToolKey) -> dict[str, Domain]:
        if key not in self._domains:
            found = observed_domains(key, self._alive(), self.places)
            tool = self._alive().tools.get(key)
            for name, domain in found.items():
                if tool is None:
                    break
                domain.vocabulary = self._vocabulary(tool, name, domain)
            self._domains[key] = found
        return self._domains[key]

    def _constants(self, server: str) -> frozenset[str]:
        """Return the names of the server's parameters that took one value, one of the launch line."""
        if server not in self._fixed:
            launch = launch_values(self._alive(), (server,))
            taken: dict[str, set[str]] = defaultdict(set)
            for key in self._alive().tools:
                for name, domain in self._domains_of(key).items() if key[0] == server else ():
                    taken[name] |= domain.accepted.keys()
            self._fixed[server] = frozenset(
                name for name, values in taken.items() if len(values) == 1 and values <= launch
            )
        return self._fixed[server]

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


def launch_values(knowledge: Knowledge, servers: Iterable[str]) -> frozenset[str]:
    """Return the launch values of ``servers``, which no call needs to produce, as ``repr`` texts."""
    return frozenset(
        repr(value)
        for server in servers
        if server in knowledge.listings
        for value in knowledge.listings[server].launch_values
    )


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
