"""A sampler that walks: from a random call along edges, each step drawn by strength and temperature."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from firefly.knowledge import Knowledge
from firefly.plugins import register
from firefly.records import Edge, SubDag
from firefly.replay.records import Tool
from firefly.sampling.draw import extended
from firefly.sampling.ground import Ground
from firefly.sampling.growth import Growth, sub_dag_of
from firefly.sampling.limits import Limits

_WALKS = 20
"""Walks for each sub-DAG asked for."""


@register("sampler", "walk")
class Walk:
    """Samples random walks along edges, as they come: no choice among them."""

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
            fan_in: most calls that feed one call: a call may also read what the walk met before.
            fan_out: most calls that one call feeds.
            count: sub-DAGs for one server.
            cross_server: sub-DAGs for two servers, as a share of ``count``; taken twice for three.
            temperature: how far a step strays from the strongest edge; near 0 hardly at all.

        """
        self.limits = Limits(size, depth, fan_in, fan_out, count, cross_server, temperature)

    def sample(
        self, tools: Sequence[Tool], edges: Sequence[Edge], *, knowledge: Knowledge, rng: Random
    ) -> list[SubDag]:
        """Return distinct, connected, acyclic sub-DAGs that touch every server of the group."""
        ground = Ground(tools, edges, knowledge, self.limits)
        wanted = self.limits.wanted(ground.servers)
        found: dict[str, SubDag] = {}
        for _ in range(wanted * _WALKS if ground.keys else 0):
            if len(found) == wanted:
                break
            growth = _walk(ground, rng)
            if ground.acceptable(growth):
                sub_dag = sub_dag_of(growth)
                found[sub_dag.id] = sub_dag
        return list(found.values())


def _walk(ground: Ground, rng: Random) -> Growth:
    size = rng.randint(len(ground.servers), ground.limits.size)
    return extended(ground, ground.start(rng.choice(ground.keys)), size, rng, lambda key: 1.0, forward=True)
