"""The tool graph: which output value of one tool can feed which parameter of another."""

from __future__ import annotations

from firefly.graph.annotations import annotated, check_annotations
from firefly.graph.stage import prune, score_source
from firefly.graph.trials import tried
from firefly.graph.unresolved import Unresolved, unresolved, unresolved_yaml

__all__ = [
    "Unresolved",
    "annotated",
    "check_annotations",
    "prune",
    "score_source",
    "tried",
    "unresolved",
    "unresolved_yaml",
]
