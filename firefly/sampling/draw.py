"""Drawing growth step by step, and picking a few sub-DAGs that go well together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import prod
from random import Random
from typing import TypeVar

from firefly.records import SubDag, ToolKey
from firefly.sampling.ground import Ground
from firefly.sampling.growth import Extension, Growth, sub_dag_of

T = TypeVar("T")

_WANTED = {1: 0.5, 2: 1.0, 3: 1.0}
"""How many of each size are wanted: longer ones cost more calls, and fewer of them come to their end."""
_LONG = 0.4
"""How many of each greater size."""
_VARIATION = 0.35
"""What is left of a sub-DAG's gain for each one picked already that calls the same tools."""
_MISSING = 8.0
"""How much a link that brings in a server not touched yet is preferred."""
_PROPOSALS = 40
"""Proposals for each sub-DAG asked for; growing one costs about a millisecond."""
_IN_VAIN = 80
"""So many proposals in a row that bring nothing new, beyond as many as there are, end the search."""

_DRAWS = 20
"""Draws for each sub-DAG asked for, where they are taken as they come."""
_HOPELESS = 0.04
"""Proposals with a lower score are not explored: their calls would hardly say anything new."""

Interest = Callable[[ToolKey], float]
"""How much a tool is wanted, greater than 0."""


@dataclass(frozen=True)
class Proposed:
    """A sub-DAG that could be explored."""

    sub_dag: SubDag
    score: float
    """How strong its links are and how likely all its calls are needed."""

    @property
    def tools(self) -> tuple[ToolKey, ...]:
        """Return the tools called, sorted, one as often as it is called."""
        return tuple(sorted(node.tool for node in self.sub_dag.nodes))

    @property
    def size(self) -> int:
        """Return the number of calls."""
        return len(self.sub_dag.nodes)


def proposals(ground: Ground, rng: Random, interest: Interest = lambda key: 1.0) -> list[Proposed]:
    """Return distinct sub-DAGs grown at random, in the order of their ids.

    Sizes are drawn evenly; tools proposed often already are drawn less.
    """
    wanted = ground.limits.wanted(ground.servers)
    seen: Counter[ToolKey] = Counter()
    found: dict[str, Proposed] = {}

    def worth(key: ToolKey) -> float:
        return interest(key) / (1 + seen[key])

    in_vain = 0
    for _ in range(wanted * _PROPOSALS if ground.keys else 0):
        if in_vain > _IN_VAIN + len(found):
            break
        in_vain += 1
        growth = grow(ground, rng, worth)
        if not ground.acceptable(growth):
            continue
        seen.update(growth.tools)
        sub_dag = sub_dag_of(growth)
        if sub_dag.id not in found:
            in_vain = 0
            scores = [one.edge.score for one in growth.fed.values()]
            strength = sum(scores) / len(scores) if scores else 0.5
            found[sub_dag.id] = Proposed(sub_dag, strength * ground.needed(growth))
    return [found[name] for name in sorted(found) if found[name].score >= _HOPELESS]


def grow(ground: Ground, rng: Random, interest: Interest) -> Growth:
    """Return one sub-DAG, grown from a random call by random links."""
    sizes = range(len(ground.servers), ground.limits.size + 1)
    size = choose(sizes, [_share(n) for n in sizes], rng)
    growth = Growth()
    if ground.across:
        # without such a link there would be one server only
        link = choose(ground.across, weights(ground, growth, ground.across, interest), rng)
        growth.add(link)
        ground.complete(growth, link, rng)
    else:
        linked = [key for key in ground.keys if ground.into[key] or ground.out_of[key]]
        starts = (linked if size > 1 else []) or ground.keys
        growth = ground.start(choose(starts, [interest(key) for key in starts], rng))
    return extended(ground, growth, size, rng, interest)


def _share(size: int) -> float:
    return _WANTED.get(size, _LONG)


def extended(
    ground: Ground, growth: Growth, size: int, rng: Random, interest: Interest, *, forward: bool = False
) -> Growth:
    """Add random links until nothing fits; with ``forward``, none to new parents."""
    while True:
        options = ground.extensions(growth, size, forward=forward)
        if not options:
            return growth
        chosen = choose(options, weights(ground, growth, options, interest), rng)
        if growth.inside(chosen) and rng.random() >= chosen.edge.score:
            growth.leave_out(chosen)
        else:
            growth.add(chosen)
            ground.complete(growth, chosen, rng)


def weights(ground: Ground, growth: Growth, options: Sequence[Extension], interest: Interest) -> list[float]:
    """Return how much each link is wanted: a strong one, to a tool of interest, to a missing server."""
    missing = ground.servers - growth.servers
    worth = [ground.worth_of(growth, one) for one in options]
    wanted = [
        prod(
            (_MISSING if tool[0] in missing else 1.0) * interest(tool)
            for tool, _ in sorted(set(one.calls) - set(growth.graph))
        )
        for one in options
    ]
    return [one * other for one, other in zip(ground.by_strength(worth), wanted, strict=True)]


def pick(
    proposed: Sequence[Proposed],
    wanted: int,
    rng: Random,
    gain: Callable[[Proposed], float],
    take: Callable[[Proposed], None],
) -> list[SubDag]:
    """Pick greedily: each size in its turn, best gain first, variations of one set of tools for less.

    Args:
        proposed: what there is to pick from.
        wanted: how many at most.
        rng: decides between equals.
        gain: how much one would add to those picked so far; asked anew for every pick.
        take: told of every pick.

    """
    left = list(proposed)
    rng.shuffle(left)
    picked: list[SubDag] = []
    sets: Counter[tuple[ToolKey, ...]] = Counter()
    sizes: Counter[int] = Counter()
    while left and len(picked) < wanted:
        size = min(sorted({one.size for one in left}), key=lambda size: (1 + sizes[size]) / _share(size))
        best = max(
            (one for one in left if one.size == size),
            key=lambda one: gain(one) * _VARIATION ** sets[one.tools],
        )
        left.remove(best)
        sets[best.tools] += 1
        sizes[size] += 1
        take(best)
        picked.append(best.sub_dag)
    return picked


def as_they_come(ground: Ground, draw: Callable[[], Growth]) -> list[SubDag]:
    """Return the first distinct sub-DAGs that may be explored, as many as are wanted."""
    wanted = ground.limits.wanted(ground.servers)
    found: dict[str, SubDag] = {}
    for _ in range(wanted * _DRAWS if ground.keys else 0):
        if len(found) == wanted:
            break
        growth = draw()
        if ground.acceptable(growth):
            sub_dag = sub_dag_of(growth)
            found[sub_dag.id] = sub_dag
    return list(found.values())


def choose(items: Sequence[T], weights: Sequence[float], rng: Random) -> T:
    """Return one item, drawn by weight."""
    sums = list(accumulate(weights))
    point = rng.random() * sums[-1]
    return next((item for item, upto in zip(items, sums, strict=True) if point < upto), items[-1])
