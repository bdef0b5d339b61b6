"""Where the values of a call came from, found out from what earlier calls returned.

Whoever made the calls is not asked: a model may say anything. A value is taken to come from a call whose
output holds it, and only if an expression over that output gives exactly the argument that was used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from pydantic import JsonValue

from firefly.exploration.arguments import Known
from firefly.exploration.choices import filled
from firefly.exploration.references import Reference, list_of, references
from firefly.mentions import mention
from firefly.novelty import tells
from firefly.outputs import ANY_INDEX, Path, general, leaves
from firefly.parameters import Parameter, parameters
from firefly.records import ExploredCall, Link, SubDag
from firefly.replay.expressions import is_number, same
from firefly.replay.records import Expression
from firefly.values.semantic import words

__all__ = ["Recovered", "Recovery"]

_SHORT = 4
"""Letters of a text that may stand in two places by chance: it needs a fitting name, and so do numbers."""
_LONGEST = 2000
"""Characters of an argument that is looked into for a value."""
_BEFORE = re.compile(r"([A-Za-z][\w-]*)\W*$")
_PLANNED, _NAMED, _QUOTED = 4.0, 2.0, 2.0


@dataclass(frozen=True)
class Recovered:
    """The origins of one call's arguments."""

    references: Mapping[str, Expression] = field(default_factory=dict)
    templates: Mapping[str, str] = field(default_factory=dict)
    links: Sequence[Link] = ()
    """One for each reference; ``source`` is the node of the call that it reads."""


@dataclass(frozen=True)
class _Origin:
    parameter: str
    reference: Reference
    path: Path
    template: str
    source: ExploredCall
    edge: str
    weight: float


class Recovery:
    """Goes through the calls of one exploration in order; each has a ``node`` of its own."""

    def __init__(self, planned: SubDag, known: Known, rng: Random) -> None:
        """Begin.

        Args:
            planned: what was to be executed: its links are preferred where several fit.
            known: what is known of the tools.
            rng: draws among the ways to name a value.

        """
        self._known, self._rng = known, rng
        self._calls: list[ExploredCall] = []
        self._outputs: dict[str, JsonValue] = {}
        self._given = known.constants(planned.servers)
        self._picked: dict[tuple[str, Path], str] = {}
        tools = {node.id: node.tool for node in planned.nodes}
        self._planned = {
            (tools[link.source], tools[link.target], link.parameter, link.output_path): link
            for link in planned.links
            if link.parameter
        }

    def origins(self, call: ExploredCall) -> Recovered:
        """Return where the call's arguments came from, as far as earlier calls explain them."""
        tool = self._known.tool(call.call.key)
        if tool is None:
            return Recovered()
        found: list[_Origin] = []
        for parameter in parameters(tool):
            value = call.call.arguments.get(parameter.name)
            options = [
                one
                for earlier in self._calls
                for one in (
                    *self._whole(call, parameter, value, earlier),
                    *self._within(call, parameter, value, earlier),
                )
            ]
            if options:
                best = max(one.weight for one in options)
                chosen = next(one for one in options if one.weight == best)
                found.append(chosen)
                self._pick(chosen)
        return Recovered(
            {one.parameter: one.reference.expression for one in found},
            {one.parameter: one.template for one in found if one.template},
            [
                Link(
                    source=one.source.node,
                    target=call.node,
                    parameter=one.parameter,
                    output_path=one.path,
                    template=one.template,
                    edge=one.edge,
                )
                for one in found
            ],
        )

    def add(self, call: ExploredCall, output: JsonValue) -> None:
        """Take in a call with its origins: later ones may have taken values from it."""
        self._calls.append(call)
        self._outputs[call.id] = output
        self._given |= {
            repr(leaf)
            for name, value in call.call.arguments.items()
            if name not in call.references
            for _, leaf in leaves(value)
        }

    def _whole(
        self, call: ExploredCall, parameter: Parameter, value: JsonValue, earlier: ExploredCall
    ) -> Iterator[_Origin]:
        """Yield the origins of an argument that is a value of the earlier output, or a list of them."""
        as_list = isinstance(value, list)
        sample = value[0] if isinstance(value, list) and value else value
        if isinstance(sample, (list, dict)) or not self._may_be_passed(parameter, value, sample):
            return
        for path in self._places(earlier, sample):
            named = _akin(parameter.name, path)
            if _by_chance(sample) and not named and not self._link(call, parameter, earlier, path):
                continue
            yield from self._ways(call, parameter, earlier, path, value, "", as_list=as_list, named=named)

    def _within(
        self, call: ExploredCall, parameter: Parameter, value: JsonValue, earlier: ExploredCall
    ) -> Iterator[_Origin]:
        """Yield the origins of a part of a text, such as a literal of a query."""
        if not isinstance(value, str) or len(value) > _LONGEST or "{}" in value:
            return
        seen = {repr(leaf) for _, leaf in leaves(dict(earlier.call.arguments))}
        for path, leaf in leaves(self._outputs[earlier.id]):
            text = str(leaf)
            if repr(leaf) in seen or not (isinstance(leaf, str) or is_number(leaf)) or len(text) < 2:
                continue
            seen.add(repr(leaf))
            if (
                len(value) < 2 * len(text)
                or value.count(text) != 1
                or not self._may_be_passed(parameter, leaf, leaf)
            ):
                continue
            before, _, after = value.partition(text)
            if (before and before[-1].isalnum()) or (after and after[0].isalnum()):
                continue
            template = f"{before}{{}}{after}"
            quoted = before[-1:] in ("'", '"') and after[:1] == before[-1:]
            word = _BEFORE.search(before)
            named = word is not None and _akin(word.group(1), general(path))
            if (_by_chance(leaf) and not named) or mention(f"{before} {after}", leaf):
                continue
            for origin in self._ways(call, parameter, earlier, general(path), leaf, template, named=named):
                yield origin if quoted else _lighter(origin)

    def _ways(
        self,
        call: ExploredCall,
        parameter: Parameter,
        earlier: ExploredCall,
        path: Path,
        value: JsonValue,
        template: str,
        *,
        as_list: bool = False,
        named: bool = False,
    ) -> Iterator[_Origin]:
        argument = call.call.arguments[parameter.name]
        ways = [
            one
            for one in references(
                self._outputs[earlier.id],
                path,
                call=earlier.id,
                volatile=self._known.volatile(earlier.call.key),
                as_list=as_list,
                rng=self._rng,
            )
            if same(one.value, value) and same(filled(template, one.value), argument)
        ]
        if not ways:
            return
        where = list_of(path)
        picked = self._picked.get((earlier.id, where)) if where is not None else None
        ways = [one for one in ways if one.selector == picked] or ways
        chosen = self._rng.choices(ways, [max(0.1, one.weight) for one in ways])[0]
        link = self._link(call, parameter, earlier, path)
        weight = 1.0 + _PLANNED * (link is not None) + _NAMED * named + _QUOTED * bool(template)
        yield _Origin(
            parameter.name, chosen, path, template, earlier, link.edge if link is not None else "", weight
        )

    def _places(self, earlier: ExploredCall, value: JsonValue) -> Iterator[Path]:
        """Yield the general paths at which the earlier output holds the value, unless it was told it."""
        told = [leaf for _, leaf in leaves(dict(earlier.call.arguments))]
        if any(same(value, leaf) for leaf in told):
            return
        volatile = self._known.volatile(earlier.call.key)
        found = (general(path) for path, leaf in leaves(self._outputs[earlier.id]) if same(leaf, value))
        yield from (path for path in dict.fromkeys(found) if path not in volatile)

    def _may_be_passed(self, parameter: Parameter, value: JsonValue, sample: JsonValue) -> bool:
        """Return whether nobody has the value anyway: not from a schema, a launch line or a person."""
        return (
            tells(sample)
            and repr(sample) not in self._given
            and not (parameter.has_default and parameter.default in (value, sample))
            and sample not in parameter.enum
            and value not in parameter.enum
            and value not in parameter.examples
        )

    def _link(
        self, call: ExploredCall, parameter: Parameter, earlier: ExploredCall, path: Path
    ) -> Link | None:
        return self._planned.get((earlier.call.key, call.call.key, parameter.name, path))

    def _pick(self, origin: _Origin) -> None:
        where = list_of(origin.path)
        if where is not None:
            self._picked.setdefault((origin.source.id, where), origin.reference.selector)


def _lighter(origin: _Origin) -> _Origin:
    return _Origin(**{**origin.__dict__, "weight": origin.weight - 1.0})


def _by_chance(value: JsonValue) -> bool:
    """Return whether equal values may well have nothing to do with each other."""
    return is_number(value) or len(str(value)) < _SHORT


def _akin(name: str, path: Path) -> bool:
    """Return whether a parameter and a field share a word.

    >>> _akin("order_id", ("orders", "*", "id")), _akin("limit", ("stock", "*", "count"))
    (True, False)
    """
    keys = {word for part in path if isinstance(part, str) and part != ANY_INDEX for word in words(part)}
    return bool(keys & set(words(name)))
