"""The baseline: random sets of tools, linked only where edges happen to exist.

The calls of a set need not be connected. What the other samplers gain by following edges is what
they do better than this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from firefly.knowledge import Knowledge
from firefly.plugins import register
from firefly.records import Edge, SubDag
from firefly.replay.records import Tool
from firefly.sampling.draw import as_they_come, choose
from firefly.sampling.ground import Ground
from firefly.sampling.growth import Growth
from firefly.sampling.limits import Limits


@register("sampler", "random_set")
class RandomSet(Limits):
    """Samples random sets of tools of all servers of the group; sub-DAGs may be unconnected."""

    def sample(
        self, tools: Sequence[Tool], edges: Sequence[Edge], *, knowledge: Knowledge, rng: Random
    ) -> list[SubDag]:
        """Return distinct, acyclic sub-DAGs that touch every server of the group."""
        ground = Ground(tools, edges, knowledge, self)
        return as_they_come(ground, lambda: _set(ground, rng))


def _set(ground: Ground, rng: Random) -> Growth:
    size = min(rng.randint(len(ground.servers), ground.limits.size), len(ground.keys))
    growth = Growth()
    growth.graph.add_nodes_from((key, 0) for key in sorted(rng.sample(ground.keys, size)))
    while options := ground.extensions(growth, size):
        growth.add(choose(options, ground.by_strength([one.edge.score for one in options]), rng))
    return growth
