"""Calls at random: no agent's episodes, but the hardest ones for a key that has to tell states apart."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from firefly.agents.arguments import any_recorded, replaced
from firefly.plugins import register
from firefly.protocols import Occasion
from firefly.replay.records import Observation, ToolCall

__all__ = ["Mixed"]


@register("agents", "mixed")
class Mixed:
    """Makes recorded calls in random order, so reads after writes that no recording made before them."""

    needs_task = False

    def __init__(self, *, new: float = 0.1) -> None:
        """Choose how far to go beyond the recordings.

        Args:
            new: share of the calls in which an argument is replaced.

        Raises:
            ValueError: it is no share.

        """
        if not 0 <= new <= 1:
            raise ValueError("new is between 0 and 1")
        self._new = new

    def act(self, occasion: Occasion, call: Callable[[ToolCall], Observation], rng: Random) -> None:
        """Make calls until the episode is over."""
        for _ in range(occasion.length):
            one = any_recorded(occasion, rng)
            if one is None:
                return
            other = replaced(one, occasion, rng) if rng.random() < self._new else None
            call(other or one)
