"""Synthesis: tasks written backward from what explorations observed."""

from __future__ import annotations

from firefly.synthesis.stage import write_tasks

__all__ = ["write_tasks"]
