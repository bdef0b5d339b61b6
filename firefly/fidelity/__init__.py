"""Fidelity: how a simulator's answers compare with the live servers' in episodes that nobody recorded."""

from __future__ import annotations

from firefly.fidelity.comparison import Answerer, Judged, by_backend, judged, volatile_fields
from firefly.fidelity.figures import Row, Tally, row_of
from firefly.fidelity.history import by_history

__all__ = [
    "Answerer",
    "Judged",
    "Row",
    "Tally",
    "by_backend",
    "by_history",
    "judged",
    "row_of",
    "volatile_fields",
]
