"""A simulator in tiers: what the recordings prove first, then whoever else has an answer, then a miss.

The strict simulator makes every call first, so that an answer is exact wherever it can be. Only where
it misses are the tiers asked, in their order. What they say is marked as theirs in the episode's steps
and evidence, and enters no recording. As after any miss the state is unknown from then on: later calls
that depend on it go to the tiers, too, until the episode ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from firefly.protocols import Situation, Tier, TierEpisode
from firefly.replay.backend import OnTop
from firefly.replay.cassette import Cassette
from firefly.replay.records import Miss, Observation, Step, ToolCall, digest
from firefly.replay.simulator import SimulatedEpisode, StrictSimulator
from firefly.replay.tool_set import ToolSet
from firefly.simulation.overlay import Overlay

__all__ = ["TieredBackend", "TieredEpisode"]

_MISS = "miss"
"""In an overlay: none of the tiers had an answer."""


class TieredBackend:
    """A backend over a cassette and tiers. Safe to share between threads; episodes are not."""

    def __init__(self, strict: StrictSimulator, tiers: Mapping[str, Tier], overlay: Overlay | None) -> None:
        """Prepare to answer.

        Args:
            strict: answers what is proven.
            tiers: name -> tier.
            overlay: answers that tiers gave before; None: nothing is kept.

        """
        self._strict = strict
        self._tiers = dict(sorted(tiers.items(), key=lambda one: (one[1].order, one[0])))
        self._overlay = overlay
        self.cassette: Cassette = strict.cassette

    @property
    def may_block(self) -> bool:
        """Return whether an answer may take longer than an event loop can wait."""
        return any(tier.may_block for tier in self._tiers.values())

    def tool_set(self, servers: Sequence[str]) -> ToolSet:
        """Return the recorded tools of ``servers``."""
        return self._strict.tool_set(servers)

    def episode(self, tool_set: ToolSet, seed: int = 0) -> TieredEpisode:
        """Begin an episode in the fixture's state."""
        begun = {name: tier.begin(self.cassette, tool_set, seed) for name, tier in self._tiers.items()}
        return TieredEpisode(
            self._strict.episode(tool_set, seed), self.cassette, tool_set, begun, self._overlay
        )


class TieredEpisode(OnTop):
    """One episode; see `TieredBackend`."""

    def __init__(
        self,
        inner: SimulatedEpisode,
        cassette: Cassette,
        tool_set: ToolSet,
        tiers: Mapping[str, TierEpisode],
        overlay: Overlay | None,
    ) -> None:
        super().__init__()
        self._inner = inner
        self._cassette = cassette
        self._tools = {tool.key: tool for tool in tool_set.tools}
        self._tiers = tiers
        self._overlay = overlay
        self._missed: list[JsonValue] = []
        """The calls so far that the recordings did not answer."""

    def call(self, call: ToolCall) -> Observation:
        """Return the proven answer, else the first tier's that has one, else a miss."""
        observation = self._inner.call(call)
        step = self._inner.steps[-1]
        evidence: Mapping[str, JsonValue] = {}
        if observation.outcome == "miss":
            step, evidence = self._loose(call, step)
        self._steps.append(step)
        self._evidence.append(evidence)
        return step.observation

    def _loose(self, call: ToolCall, missed: Step) -> tuple[Step, Mapping[str, JsonValue]]:
        tool = self._tools.get(call.key)
        if tool is None or call.key not in self._cassette.tools:
            return missed, {}
        situation = Situation(
            call=call,
            tool=tool,
            cassette=self._cassette,
            made=self._steps,
            miss=missed.observation.miss or Miss(why=missed.observation.reason),
            supposed_state=self._inner.supposed_state(call.key),
        )
        key = self._overlay_key(missed, situation)
        self._missed.append(call.model_dump(mode="json"))
        kept = self._overlay.get(key) if self._overlay and key else None
        if kept is not None:
            return _answered(missed, kept.tier, kept.observation), {**kept.evidence, "overlay": True}
        declined: dict[str, JsonValue] = {}
        by_chance = False
        for name, tier in self._tiers.items():
            found = tier.answer(situation)
            if found.observation is not None:
                return self._first(key, missed, name, found.observation, {**found.evidence, **_why(declined)})
            declined[name] = dict(found.evidence)
            by_chance = by_chance or found.by_chance
        if by_chance:
            return self._first(key, missed, _MISS, missed.observation, _why(declined))
        return missed, _why(declined)

    def _first(
        self, key: str, missed: Step, tier: str, said: Observation, evidence: Mapping[str, JsonValue]
    ) -> tuple[Step, Mapping[str, JsonValue]]:
        if self._overlay and key:
            kept = self._overlay.put(key, missed.call, tier, evidence, said)
            tier, said = kept.tier, kept.observation
        return _answered(missed, tier, said), evidence

    def _overlay_key(self, missed: Step, situation: Situation) -> str:
        """Return what names a call in its situation: also the earlier calls that nothing recorded answers."""
        if self._overlay is None:
            return ""
        canonical = self._cassette.canonicalizer(missed.call.key)
        try:
            arguments = canonical.text(missed.call.arguments)
        except ValueError:  # NaN: never the same again
            return ""
        return digest(
            [*missed.call.key, missed.schema_digest, arguments, situation.supposed_state, self._missed]
        )

    def close(self) -> None:
        """End the tiers' episodes."""
        self._inner.close()
        for tier in self._tiers.values():
            tier.close()


def _answered(missed: Step, tier: str, said: Observation) -> Step:
    return missed if tier == _MISS else missed.model_copy(update={"observation": said, "tier": tier})


def _why(declined: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    return {"declined": dict(declined)} if declined else {}
