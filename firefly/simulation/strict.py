"""The strict simulator as a component."""

from __future__ import annotations

from firefly.plugins import register
from firefly.protocols import Backend
from firefly.replay.cassette import Cassette
from firefly.replay.simulator import StrictSimulator


@register("simulator", "strict")
class Strict:
    """Answers what was recorded in the very state, or proven independent of it; else a typed miss."""

    def __init__(self, *, world: str = "") -> None:
        """Choose the fixture to begin in.

        Args:
            world: digest of the fixture; needed only where a cassette holds several.

        """
        self._world = world

    def backend(self, cassette: Cassette) -> Backend:
        """Return a backend that answers from ``cassette``."""
        return StrictSimulator(cassette, world=self._world)
