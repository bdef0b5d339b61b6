"""The lenient simulator as a component: strict first, then its tiers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from firefly.plugins import register
from firefly.protocols import Backend, Tier, UsesLive, UsesModel
from firefly.replay.cassette import Cassette
from firefly.replay.simulator import StrictSimulator
from firefly.simulation.overlay import Overlay
from firefly.simulation.tiered import TieredBackend

__all__ = ["Lenient"]


@register("simulator", "lenient")
class Lenient:
    """Answers what is proven as strict does; asks tiers for the rest: live servers, near calls, a model."""

    loose = True

    def __init__(
        self, *, tiers: Mapping[str, Tier | None], world: str = "", overlay: Path | None = None
    ) -> None:
        """Choose the tiers.

        Args:
            tiers: name -> tier; None leaves one out. They are asked in the order that they say themselves.
            world: digest of the fixture; needed only where a cassette holds several.
            overlay: file that keeps what the tiers answered, so that a run can be repeated; None: none.

        """
        self._tiers = {name: tier for name, tier in tiers.items() if tier is not None}
        self._world = world
        self._overlay = Overlay(Path(overlay)) if overlay else None

    def use_live(self, backend: Backend) -> None:
        """Give ``backend`` to the tiers that make calls on live servers."""
        for tier in self._tiers.values():
            if isinstance(tier, UsesLive):
                tier.use_live(backend)

    def use_model(self, lm: Any) -> None:
        """Give ``lm``, a DSPy language model, to the tiers that ask one."""
        for tier in self._tiers.values():
            if isinstance(tier, UsesModel):
                tier.use_model(lm)

    def backend(self, cassette: Cassette) -> Backend:
        """Return a backend that answers from ``cassette`` and the tiers."""
        return TieredBackend(StrictSimulator(cassette, world=self._world), self._tiers, self._overlay)
