"""The tier that answers with the nearest recorded call of the same tool."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import JsonValue

from firefly.plugins import register
from firefly.protocols import Situation, TierAnswer
from firefly.replay.cassette import Cassette, Entry
from firefly.replay.tool_set import ToolSet
from firefly.simulation.recorded import distance, entries_with

__all__ = ["Nearest"]


@register("tier", "nearest")
class Nearest:
    """Gives the recorded answer to the tool's nearest recorded call, state and arguments taken together."""

    order = 20
    may_block = False

    def __init__(self, *, farthest: float = 0.5, order: int = 20) -> None:
        """Choose how near is near enough.

        Args:
            farthest: the greatest distance of the arguments: 0 is equal, 1 is one argument of which
                nothing agrees. 0 answers equal calls only, whatever the state.
            order: when it is asked, among the other tiers.

        Raises:
            ValueError: it is negative.

        """
        if farthest < 0:
            raise ValueError("farthest is negative")
        self._farthest = farthest
        self.order = order

    def begin(self, cassette: Cassette, tool_set: ToolSet, seed: int) -> Nearest:
        """Return itself: it knows nothing of episodes."""
        return self

    def answer(self, situation: Situation) -> TierAnswer:
        """Return the answer of the nearest call, where it can be one recorded in the supposed state."""
        call, cassette = situation.call, situation.cassette
        if not situation.miss.nearest:
            return TierAnswer(None, {"why": "no call of this tool was recorded"})
        nearest = situation.miss.nearest[0].call
        arguments = cassette.canonicalizer(call.key).arguments(call.arguments)
        before = [f"{step.call.server}/{step.call.tool}" for step in situation.made]
        chosen = _in_state(entries_with(cassette, nearest), situation.supposed_state, before)
        apart = distance(nearest.arguments, arguments)
        evidence: dict[str, JsonValue] = {
            "arguments": nearest.arguments,
            "distance": round(apart, 3),
            "state": "supposed" if chosen.state == situation.supposed_state else "another",
        }
        if apart > self._farthest:
            return TierAnswer(None, {"why": "no recorded call is near enough", **evidence})
        return TierAnswer(chosen.observation, evidence)

    def close(self) -> None:
        """Do nothing: it holds nothing."""


def _in_state(entries: Sequence[Entry], state: str, before: Sequence[str]) -> Entry:
    """Return the entry recorded in ``state``, else after the preceding calls most like ``before``."""
    return min(
        entries,
        key=lambda entry: (
            entry.state != state,
            len(set(entry.after) ^ set(before)),
            len(entry.after),
            entry.state,
        ),
    )
