"""The default scorer and the graph of all tools of some knowledge, for tests."""

from __future__ import annotations

from pathlib import Path

import yaml

from firefly.components import build
from firefly.graph import score_source
from firefly.graph.candidates import AllPairs
from firefly.knowledge import Knowledge
from firefly.protocols import Scorer
from firefly.records import Edge

CONF = Path(__file__).parents[2] / "conf" / "scorer"


def configured(name: str = "combined") -> Scorer:
    made: Scorer = build(yaml.safe_load((CONF / f"{name}.yaml").read_text(encoding="utf-8")))
    return made


def graph_of(knowledge: Knowledge, scorer: Scorer | None = None) -> list[Edge]:
    chosen = scorer or configured()
    return [
        edge
        for key in sorted(knowledge.tools)
        for edge in score_source(
            knowledge.tools[key], candidates=AllPairs(), scorer=chosen, knowledge=knowledge
        )
    ]


def best_score(edges: list[Edge], source: str, target: str, parameter: str) -> float:
    """Return the best score between ``server.tool`` and another; 0 for no edge."""
    names = (source, target, parameter)
    found = [
        edge.score
        for edge in edges
        if (".".join(edge.source), ".".join(edge.target), edge.parameter) == names
    ]
    return max(found, default=0.0)
