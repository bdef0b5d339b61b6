"""Exploration: executing sub-DAGs live, every call recorded (arXiv 2605.17558, section 3)."""

from __future__ import annotations

from firefly.exploration.stage import explore_sub_dag

__all__ = ["explore_sub_dag"]
