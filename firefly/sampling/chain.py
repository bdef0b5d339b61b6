"""The default sampler: chains and fan-ins along strong edges.

It proposes many sub-DAGs by random growth, then picks a few that go well together: each size in its
turn, strong links, calls that are likely all needed, tools not covered yet, and variations of a tool
set picked already for less. Every call of a sub-DAG leads to its last one.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from firefly.knowledge import Knowledge
from firefly.plugins import register
from firefly.records import Edge, SubDag, ToolKey
from firefly.replay.records import Tool
from firefly.sampling.draw import Proposed, pick, proposals
from firefly.sampling.ground import Ground
from firefly.sampling.limits import Limits

_COVERED = 0.5
"""How much a sub-DAG gains whose tools are all new."""
_FED = 0.1
"""How much a sub-DAG gains by each link of a call: what is passed on need not be made up."""


@register("sampler", "chain")
class Chain(Limits):
    """Samples chains and fan-ins of one to a few calls, favouring strong edges and uncovered tools."""

    def sample(
        self, tools: Sequence[Tool], edges: Sequence[Edge], *, knowledge: Knowledge, rng: Random
    ) -> list[SubDag]:
        """Return distinct, connected, acyclic sub-DAGs that touch every server of the group."""
        ground = Ground(tools, edges, knowledge, self)
        covered: set[ToolKey] = set()

        def gain(one: Proposed) -> float:
            new = len(set(one.tools) - covered) / one.size
            return one.score + _COVERED * new + _FED * len(one.sub_dag.links) / one.size

        def take(one: Proposed) -> None:
            covered.update(one.tools)

        return pick(proposals(ground, rng), self.wanted(ground.servers), rng, gain, take)
