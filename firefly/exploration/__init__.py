"""Exploration: executing sub-DAGs live, every call recorded (arXiv 2605.17558, section 3)."""

from __future__ import annotations

from firefly.exploration.stage import VARIANTS, explore_sub_dag

__all__ = ["VARIANTS", "explore_sub_dag"]
