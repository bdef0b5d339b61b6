"""Simulation: everything recorded, frozen into a cassette that answers offline."""

from __future__ import annotations

from firefly.simulation.stage import claims_of, freeze, versions_of

__all__ = ["claims_of", "freeze", "versions_of"]
