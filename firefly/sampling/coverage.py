"""A sampler that goes where the run's explorations have not been: rare tools, pairs, unused parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from random import Random

from firefly.knowledge import Knowledge
from firefly.plugins import register
from firefly.records import Edge, SubDag, ToolKey
from firefly.replay.records import Tool
from firefly.sampling.draw import Proposed, pick, proposals
from firefly.sampling.ground import Ground
from firefly.sampling.limits import Limits

_STRENGTH = 0.5
"""How much the strength of a sub-DAG's links counts, against 1.0 of all that it covers."""

Target = ToolKey | tuple[ToolKey, ToolKey] | tuple[ToolKey, str]
"""What can be covered: a tool, a pair of tools of which one feeds the other, a parameter of a tool."""


@register("sampler", "coverage")
class Coverage(Limits):
    """Samples sub-DAGs that cover tools, pairs of tools and parameters least used so far."""

    def sample(
        self, tools: Sequence[Tool], edges: Sequence[Edge], *, knowledge: Knowledge, rng: Random
    ) -> list[SubDag]:
        """Return distinct, connected, acyclic sub-DAGs that touch every server of the group."""
        ground = Ground(tools, edges, knowledge, self)
        used = explored(knowledge)
        proposed = proposals(ground, rng, lambda key: 1.0 / (1 + used[key]))

        def gain(one: Proposed) -> float:
            targets = set(_targets(one.sub_dag))
            return sum(1.0 / (1 + used[target]) for target in targets) / len(targets) + _STRENGTH * one.score

        def take(one: Proposed) -> None:
            used.update(set(_targets(one.sub_dag)))

        return pick(proposed, self.wanted(ground.servers), rng, gain, take)


def explored(knowledge: Knowledge) -> Counter[Target]:
    """Return how often each target was covered by successful calls of earlier explorations.

    Of a pair of calls the recording says which came first, not whether it fed the other.
    """
    found: Counter[Target] = Counter()
    for recording in knowledge.recordings:
        if recording.purpose != "exploration":
            continue
        calls = [step.call for step in recording.steps if step.observation.outcome == "success"]
        targets: set[Target] = {call.key for call in calls}
        targets |= {(call.key, name) for call in calls for name in call.arguments}
        targets |= {(one.key, other.key) for index, one in enumerate(calls) for other in calls[index + 1 :]}
        found.update(targets)
    return found


def _targets(sub_dag: SubDag) -> Iterable[Target]:
    tools = {node.id: node.tool for node in sub_dag.nodes}
    yield from tools.values()
    for link in sub_dag.links:
        yield (tools[link.source], tools[link.target])
        yield (tools[link.target], link.parameter)
