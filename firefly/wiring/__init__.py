"""Gives each stage its items, inputs and components. No logic of a stage lives here."""

from firefly.wiring.recording import catalog, exploration, graph, plan, probing, sampling, simulation
from firefly.wiring.tasks import export, neighbourhood, synthesis, verification

__all__ = [
    "catalog",
    "exploration",
    "export",
    "graph",
    "neighbourhood",
    "plan",
    "probing",
    "sampling",
    "simulation",
    "synthesis",
    "verification",
]
