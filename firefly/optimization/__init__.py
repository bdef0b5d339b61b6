"""Optimisation: prompts of explorers and writers, tuned for verified tasks for each token that they take."""

from __future__ import annotations

from firefly.optimization.job import optimize

__all__ = ["optimize"]
