"""The common cache as a baseline: one answer for a tool and its arguments, whatever happened before."""

from __future__ import annotations

from collections.abc import Sequence

from firefly.plugins import register
from firefly.protocols import Backend
from firefly.replay.backend import Closing
from firefly.replay.cassette import Cassette, ToolKey
from firefly.replay.nearest import miss_of
from firefly.replay.records import Observation, State, Step, ToolCall
from firefly.replay.tool_set import ToolSet

__all__ = ["Naive"]


@register("simulator", "naive")
class Naive:
    """Baseline: answers by tool and arguments alone, so wrongly after anything that changed the answer."""

    loose = True

    def backend(self, cassette: Cassette) -> Backend:
        """Return a backend that answers from ``cassette``, each call as after the fewest other calls."""
        return _NaiveBackend(cassette)


class _NaiveBackend:
    may_block = False

    def __init__(self, cassette: Cassette) -> None:
        self.cassette = cassette
        self._answers: dict[tuple[ToolKey, str], Observation] = {}
        self._canonical = {key: cassette.canonicalizer(key) for key in cassette.tools}
        for key in cassette.tools:
            # a cache that is filled while agents work keeps what it saw first
            for entry in sorted(cassette.entries_of(key), key=lambda one: (len(one.after), one.state)):
                text = self._canonical[key].text(entry.arguments)
                self._answers.setdefault((key, text), entry.observation)

    def tool_set(self, servers: Sequence[str]) -> ToolSet:
        """Return the recorded tools of ``servers``."""
        wanted = set(servers)
        return ToolSet.of(one.tool for key, one in self.cassette.tools.items() if key[0] in wanted)

    def episode(self, tool_set: ToolSet, seed: int = 0) -> _NaiveEpisode:
        """Begin an episode, which begins nowhere in particular."""
        return _NaiveEpisode(self, {tool.key for tool in tool_set.tools})

    def answer(self, call: ToolCall) -> Observation | None:
        """Return the one answer to ``call``."""
        canonical = self._canonical.get(call.key)
        try:
            return (
                None if canonical is None else self._answers.get((call.key, canonical.text(call.arguments)))
            )
        except ValueError:  # NaN
            return None


class _NaiveEpisode(Closing):
    def __init__(self, backend: _NaiveBackend, offered: set[ToolKey]) -> None:
        self._backend = backend
        self._offered = offered
        self._steps: list[Step] = []

    def call(self, call: ToolCall) -> Observation:
        """Return the recorded answer, or an observation with outcome ``miss``."""
        cassette = self._backend.cassette
        found = self._backend.answer(call) if call.key in self._offered else None
        observation = found
        if observation is None:
            miss = miss_of(cassette, call, "", ())
            observation = Observation(
                outcome="miss", reason=miss.why, text="(no recorded answer)", is_error=True, miss=miss
            )
        one = cassette.tools.get(call.key)
        self._steps.append(
            Step(
                call=call,
                observation=observation,
                schema_digest=one.tool.schema_digest if one else "",
                scope=one.rule.scope if one else "",
                before=State(history=""),
                after=State(history=""),
                tier="miss" if found is None else "naive",
            )
        )
        return observation

    @property
    def steps(self) -> Sequence[Step]:
        """Return every call so far; states are not known."""
        return tuple(self._steps)
