"""Verification: tasks judged by rules, with evidence."""

from __future__ import annotations

from firefly.verification.funnel import funnel
from firefly.verification.reexecution import Reexecuted, changes_state, reexecute
from firefly.verification.shortcuts import shortcut_rates
from firefly.verification.stage import verify

__all__ = ["Reexecuted", "changes_state", "funnel", "reexecute", "shortcut_rates", "verify"]
