"""The graph stage: score the edges of one source tool, and prune the whole.

An edge's score depends on its two tools alone, and pruning compares edges of one pair of servers
only; another server therefore adds edges and changes none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from firefly.english import says_how_many
from firefly.graph.annotations import PINNED
from firefly.graph.drafts import finished
from firefly.knowledge import Knowledge
from firefly.protocols import CandidateGenerator, Scorer
from firefly.records import Edge, ToolKey
from firefly.replay.records import Tool


def score_source(
    source: Tool, *, candidates: CandidateGenerator, scorer: Scorer, knowledge: Knowledge
) -> list[Edge]:
    """Return the edges from ``source`` to the tools that ``candidates`` names, best first."""
    tools = [knowledge.tools[key] for key in sorted(knowledge.tools)]
    named = candidates.candidates(tools).get(source.key, ())
    targets = [knowledge.tools[key] for key in sorted(set(named)) if key in knowledge.tools]
    return sorted(map(finished, scorer.score(source, targets, evidence=knowledge)), key=_best_first)


def prune(edges: Iterable[Edge], *, threshold: float = 0.3, per_parameter: int = 6) -> list[Edge]:
    """Drop weak edges, and keep the best few that feed one place from one server.

    How much of an answer is wanted is nothing that another answer says: such a parameter is only fed by
    an edge that is pinned.

    A place is a parameter, or a template of its text. It keeps at most two output paths of one source:
    several paths of one output that fit equally well are mostly the same value said twice. Edges from
    text as a whole, along which no value can be named, take no other edge's place. *Affects* edges feed
    no parameter, and all strong ones are kept. So are all pinned ones.

    Args:
        edges: what was scored; the order does not matter.
        threshold: edges scored lower are dropped.
        per_parameter: edges kept for one place of one target and one source server.

    """
    kept: list[Edge] = []
    by_place: dict[tuple[ToolKey, str, str, str, str, bool], int] = defaultdict(int)
    by_source: dict[tuple[ToolKey, ToolKey, str, str, str], int] = defaultdict(int)
    for edge in sorted(edges, key=_best_first):
        feeds = (
            edge.target,
            edge.parameter,
            edge.template,
            edge.kind,
            edge.source[0],
            edge.output_path == (),
        )
        comes = (edge.source, edge.target, edge.parameter, edge.template, edge.kind)
        full = by_place[feeds] >= per_parameter or by_source[comes] >= _PATHS
        dropped = (full and edge.kind != "affects") or says_how_many(edge.parameter)
        if edge.score < threshold or (dropped and PINNED not in edge.evidence):
            continue
        by_place[feeds] += 1
        by_source[comes] += 1
        kept.append(edge)
    return sorted(kept, key=lambda edge: edge.id)


_PATHS = 2


def _best_first(edge: Edge) -> tuple[bool, float, str]:
    return (PINNED not in edge.evidence, -edge.score, edge.id)
