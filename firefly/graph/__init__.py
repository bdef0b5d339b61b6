"""The tool graph: which output value of one tool can feed which parameter of another."""

from __future__ import annotations

from firefly.graph.stage import prune, score_source

__all__ = ["prune", "score_source"]
