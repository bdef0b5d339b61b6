"""Sampling: coherent sub-DAGs of the tool graph that focus exploration (arXiv 2605.17558, section 3)."""

from __future__ import annotations

from firefly.sampling.stage import groups, sample_group

__all__ = ["groups", "sample_group"]
