"""Drift: what the live servers answer today to calls that were recorded once."""

from __future__ import annotations

from firefly.drift.changes import Change, changed_answers, changed_servers
from firefly.drift.labels import Label
from firefly.drift.repetition import repeated

__all__ = ["Change", "Label", "changed_answers", "changed_servers", "repeated"]
