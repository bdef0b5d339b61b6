"""What explorations say of edges: a call that worked confirms one, calls that all failed refute it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import JsonValue

from firefly.contents import is_empty
from firefly.outputs import Path
from firefly.records import Edge, Exploration, ToolKey

__all__ = ["tried"]

TRIED = "tried"
"""Evidence of an edge that explorations went along."""
_REFUTED = 2
"""Failed calls, and none that worked, that refute an edge; one may have failed for another argument."""
_FALLS = 0.3
_RISES = 0.5
_DOUBTFUL = 0.9
"""For an edge along which more calls failed than worked."""

_Place = tuple[ToolKey, ToolKey, str, Path, str]


@dataclass
class _Tally:
    worked: int = 0
    failed: int = 0


def tried(edges: Iterable[Edge], explorations: Iterable[Exploration]) -> list[Edge]:
    """Return ``edges`` with their scores raised or lowered by what became of calls along them.

    Edges are recognised by their place (tools, parameter, path, template), since their scores change
    with what is known. An exploration in which nothing that came back could be passed on counts as one
    failure of its edge.
    """
    tallies = _tallies(explorations)
    found = []
    for edge in edges:
        tally = tallies.get((edge.source, edge.target, edge.parameter, edge.output_path, edge.template))
        if tally is None or edge.kind == "affects":
            found.append(edge)
            continue
        score = edge.score
        if tally.worked:
            score = 1 - (1 - score) * _RISES
            score *= _DOUBTFUL if tally.failed > tally.worked else 1.0
        elif tally.failed >= _REFUTED:
            score *= _FALLS
        evidence: dict[str, JsonValue] = {
            **edge.evidence,
            TRIED: {"worked": tally.worked, "failed": tally.failed},
        }
        found.append(
            Edge(**{**edge.model_dump(exclude={"id"}), "score": round(score, 4), "evidence": evidence})
        )
    return found


def _tallies(explorations: Iterable[Exploration]) -> dict[_Place, _Tally]:
    tallies: dict[_Place, _Tally] = defaultdict(_Tally)
    for exploration in explorations:
        tools = {node.id: node.tool for node in exploration.sub_dag.nodes}
        called = {call.node for call in exploration.calls}
        for link in exploration.sub_dag.links:
            tally = tallies[
                tools[link.source], tools[link.target], link.parameter, link.output_path, link.template
            ]
            if link.target not in called:
                # The source was asked for its sake, and gave nothing that could be passed on.
                others = [one for one in exploration.sub_dag.links if one.target == link.target]
                tally.failed += link.source in called and len(others) == 1 and not exploration.completed
            for call in exploration.calls:
                if call.node != link.target or link.parameter not in call.references:
                    continue
                outcome = call.step.observation.outcome
                if outcome == "success" and not is_empty(call.step.observation):
                    tally.worked += 1
                elif outcome in ("success", "failure"):
                    tally.failed += 1
    return tallies
