"""The tier that asks the servers themselves, in a sandbox brought to where the episode is."""

from __future__ import annotations

from firefly.plugins import register
from firefly.protocols import Backend, Episode, Situation, TierAnswer
from firefly.replay.cassette import Cassette
from firefly.replay.masks import agree
from firefly.replay.tool_set import ToolSet

__all__ = ["Sandbox"]


@register("tier", "live")
class Sandbox:
    """Makes the episode's calls in a fresh sandbox of the live servers, then the one without an answer."""

    order = 10

    def __init__(self) -> None:
        """Wait for servers; without any the tier has no answers."""
        self._live: Backend | None = None

    def use_live(self, backend: Backend) -> None:
        """Take ``backend``, whose every episode begins in the fixture's state."""
        self._live = backend

    @property
    def may_block(self) -> bool:
        """Return whether there is anyone to wait for."""
        return self._live is not None

    def begin(self, cassette: Cassette, tool_set: ToolSet, seed: int) -> _SandboxEpisode:
        """Begin an episode; a sandbox is made when the first call needs it."""
        return _SandboxEpisode(self._live, tool_set, seed)


class _SandboxEpisode:
    def __init__(self, live: Backend | None, tool_set: ToolSet, seed: int) -> None:
        self._live = live
        self._tool_set = tool_set
        self._seed = seed
        self._episode: Episode | None = None
        self._made = 0
        """Calls of the episode that were made in the sandbox."""
        self._apart = ""
        """Why the sandbox is not where the episode is; empty while it is."""

    def answer(self, situation: Situation) -> TierAnswer:
        """Return the servers' own answer; none once they answered the episode's calls otherwise."""
        if self._live is None:
            return TierAnswer(None, {"why": "there are no live servers: name them with servers=NAME"})
        if not self._apart:
            self._catch_up(situation)
        if self._apart:
            return TierAnswer(None, {"why": self._apart})
        assert self._episode is not None
        observation = self._episode.call(situation.call)
        self._made += 1
        self._check_world(situation.cassette)
        if observation.outcome not in ("success", "failure"):
            self._apart = f"the servers did not answer: {observation.outcome}, {observation.reason}"
        if self._apart:
            return TierAnswer(None, {"why": self._apart})
        return TierAnswer(observation, {"calls_before": self._made - 1})

    def _catch_up(self, situation: Situation) -> None:
        if self._episode is None:
            assert self._live is not None
            self._episode = self._live.episode(self._tool_set, self._seed)
        for step in situation.made[self._made :]:
            self._made += 1
            observation = self._episode.call(step.call)
            listed = situation.cassette.tools.get(step.call.key)
            volatile = listed.rule.volatile_fields if listed is not None else ()
            if not agree(observation, step.observation, volatile):
                self._apart = (
                    f"call {self._made}, {step.call.server}/{step.call.tool}, was answered otherwise by the "
                    "servers than in the episode"
                )
                return

    def _check_world(self, cassette: Cassette) -> None:
        assert self._episode is not None
        first = self._episode.steps[0]
        known = cassette.worlds
        if known and not first.scope.startswith("none") and first.before.history not in known:
            self._apart = (
                "the sandbox begins in another world than the recordings: choose theirs with world=…"
            )

    def close(self) -> None:
        """Give the sandbox back."""
        if self._episode is not None:
            self._episode.close()
