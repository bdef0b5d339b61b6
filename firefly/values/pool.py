"""Values seen anywhere in the run, kept by semantic type: what a parameter of that type may take."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from random import Random
from weakref import WeakKeyDictionary

from pydantic import JsonValue

from firefly.knowledge import Knowledge
from firefly.parameters import Parameter
from firefly.plugins import register
from firefly.protocols import Proposal
from firefly.replay.records import Tool, canonical_json
from firefly.values.fitting import admissible
from firefly.values.harvest import Found, harvest
from firefly.values.observed import kinds_of
from firefly.values.paths import wants_path
from firefly.values.semantic import is_specific

__all__ = ["Pool"]

Kept = Mapping[str, tuple[Found, ...]]


@register("values", "pool")
class Pool:
    """Values of the parameter's semantic type, whatever they were called and whichever server said them."""

    def __init__(self, *, capacity: int = 100, limit: int = 6) -> None:
        """Keep the ``capacity`` latest values of each type, and propose at most ``limit``."""
        self.capacity = capacity
        self.limit = limit
        self._pools: WeakKeyDictionary[Knowledge, Kept] = WeakKeyDictionary()

    def propose(
        self, tool: Tool, parameter: Parameter, *, knowledge: Knowledge, rng: Random
    ) -> Iterator[Proposal]:
        """Yield values of the types that the parameter announces or was seen to take."""
        if wants_path(parameter) or parameter.enum:
            return  # a path belongs to its server, and an enum says all
        pool = self._pool(knowledge)
        found: dict[str, Proposal] = {}
        for kind in sorted(kinds_of(tool, parameter, knowledge)):
            for one in pool.get(kind, ()):
                mark = canonical_json(one.value)
                if mark in found or not admissible(one.value, parameter):
                    continue
                near = one.tool[0] == tool.server
                found[mark] = Proposal(
                    value=one.value,
                    source="pool",
                    detail=f"a {kind} seen at {one.tool[0]}.{one.tool[1]}",
                    weight=0.5 if near else 0.4,
                    context=one.arguments,
                )
        ordered = list(found.values())
        rng.shuffle(ordered)
        yield from sorted(ordered, key=lambda one: -one.weight)[: self.limit]

    def _pool(self, knowledge: Knowledge) -> Kept:
        known = self._pools.get(knowledge)
        if known is None:
            kept: dict[str, OrderedDict[str, Found]] = {}
            for one in harvest(knowledge):
                if is_specific(one.kind):
                    self._put(kept.setdefault(one.kind, OrderedDict()), one.value, one)
            known = self._pools[knowledge] = {kind: tuple(values.values()) for kind, values in kept.items()}
        return known

    def _put(self, values: OrderedDict[str, Found], value: JsonValue, found: Found) -> None:
        mark = canonical_json(value)
        values[mark] = found
        values.move_to_end(mark)
        if len(values) > self.capacity:
            values.popitem(last=False)
