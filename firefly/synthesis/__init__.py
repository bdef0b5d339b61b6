"""Synthesis: tasks written backward from what explorations observed."""

from __future__ import annotations

from firefly.synthesis.distractors import with_distractors
from firefly.synthesis.stage import write_tasks

__all__ = ["with_distractors", "write_tasks"]
