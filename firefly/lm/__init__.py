"""Language models: who is asked, what it costs, and how every answer is kept.

A component that asks a model has a keyword ``models`` of type `Models`, which the run supplies; it
calls ``models.lm(role)`` for a ``dspy.LM``, or works inside ``with models.using(role):``. Nothing here
imports DSPy before a model is asked for.
"""

from __future__ import annotations

from firefly.lm.connection import Connection
from firefly.lm.journal import JournaledBackend
from firefly.lm.ledger import Estimate, Spent
from firefly.lm.models import Models

__all__ = ["Connection", "Estimate", "JournaledBackend", "Models", "Spent"]
