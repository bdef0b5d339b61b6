"""A sampler that walks: from a random call along edges, each step drawn by strength and temperature."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from firefly.knowledge import Knowledge
from firefly.plugins import register
from firefly.records import Edge, SubDag
from firefly.replay.records import Tool
from firefly.sampling.draw import as_they_come, extended
from firefly.sampling.ground import Ground
from firefly.sampling.growth import Growth
from firefly.sampling.limits import Limits


@register("sampler", "walk")
class Walk(Limits):
    """Samples random walks along edges, as they come: no choice among them."""

    def sample(
        self, tools: Sequence[Tool], edges: Sequence[Edge], *, knowledge: Knowledge, rng: Random
    ) -> list[SubDag]:
        """Return distinct, connected, acyclic sub-DAGs that touch every server of the group."""
        ground = Ground(tools, edges, knowledge, self)
        return as_they_come(ground, lambda: _walk(ground, rng))


def _walk(ground: Ground, rng: Random) -> Growth:
    size = rng.randint(len(ground.servers), ground.limits.size)
    return extended(ground, ground.start(rng.choice(ground.keys)), size, rng, lambda key: 1.0, forward=True)
