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
from firefly.sampling.draw import choose
from firefly.sampling.ground import Ground
from firefly.sampling.growth import Growth, sub_dag_of
from firefly.sampling.limits import Limits

_SETS = 20
"""Sets drawn for each sub-DAG asked for."""


@register("sampler", "random_set")
class RandomSet:
    """Samples random sets of tools of all servers of the group; sub-DAGs may be unconnected."""

    def __init__(
        self,
        *,
        size: int = 4,
        depth: int = 4,
        fan_in: int = 2,
        fan_out: int = 2,
        count: int = 24,
        cross_server: float = 0.5,
        temperature: float = 0.3,
    ) -> None:
        """Set the limits.

        Args:
            size: most calls in one sub-DAG.
            depth: most calls on one path.
            fan_in: most calls that feed one call.
            fan_out: most calls that one call feeds.
            count: sub-DAGs for one server.
            cross_server: sub-DAGs for two servers, as a share of ``count``; taken twice for three.
            temperature: how little the score of an edge matters for the choice among those that fit.

        """
        self.limits = Limits(size, depth, fan_in, fan_out, count, cross_server, temperature)

    def sample(
        self, tools: Sequence[Tool], edges: Sequence[Edge], *, knowledge: Knowledge, rng: Random
    ) -> list[SubDag]:
        """Return distinct, acyclic sub-DAGs that touch every server of the group."""
        ground = Ground(tools, edges, knowledge, self.limits)
        wanted = self.limits.wanted(ground.servers)
        found: dict[str, SubDag] = {}
        for _ in range(wanted * _SETS if ground.keys else 0):
            if len(found) == wanted:
                break
            growth = _set(ground, rng)
            if ground.acceptable(growth):
                sub_dag = sub_dag_of(growth)
                found[sub_dag.id] = sub_dag
        return list(found.values())


def _set(ground: Ground, rng: Random) -> Growth:
    size = min(rng.randint(len(ground.servers), ground.limits.size), len(ground.keys))
    growth = Growth()
    growth.graph.add_nodes_from((key, 0) for key in sorted(rng.sample(ground.keys, size)))
    while options := ground.extensions(growth, size):
        growth.add(choose(options, ground.by_strength([one.edge.score for one in options]), rng))
    return growth
