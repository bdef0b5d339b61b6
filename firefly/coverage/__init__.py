"""Coverage off the gold path: what agents that stray are likely to call, recorded before they do."""

from __future__ import annotations

from firefly.coverage.choices import Choices
from firefly.coverage.merging import Merged, merged
from firefly.coverage.neighbours import Plan, planned
from firefly.coverage.recording import record

__all__ = ["Choices", "Merged", "Plan", "merged", "planned", "record"]
