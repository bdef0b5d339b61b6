"""Simulation: everything recorded, frozen into a cassette that answers offline."""

from __future__ import annotations

from firefly.simulation.stage import freeze

__all__ = ["freeze"]
