"""Episodes whose tool results are recorded as they come, and given again to an interrupted item.

An item that asks models and calls tools must see the same results when it is made again after a kill, or
its requests would differ from those already answered. Its calls are answered from the journal as long as
they are the recorded ones. With its last one, the calls are executed anew in a fresh episode, so that the
servers stand where they stood (a write item rebuilds its sandbox), and compared with the journal. On the
first difference the item begins again. A replayed run never goes further than the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from firefly.errors import TranscriptError
from firefly.lm.transcript import ItemLog
from firefly.lm.work import RestartItem, StopRun, Work, current_work
from firefly.records import ToolKey, ToolProfile
from firefly.replay.backend import Backend, Closing, Episode
from firefly.replay.masks import answer_digest
from firefly.replay.records import Observation, Step, ToolCall
from firefly.replay.tool_set import ToolSet

__all__ = ["JournaledBackend"]


class JournaledBackend:
    """A backend whose episodes are recorded with the item that opens them, in the order it opens them."""

    def __init__(
        self, backend: Callable[[], Backend], profiles: Mapping[ToolKey, ToolProfile] | None = None
    ) -> None:
        """Wrap a backend.

        Args:
            backend: returns it; called only when something is really to be executed.
            profiles: what tools were seen to do: answers that change by themselves are no difference.

        """
        self._backend, self._profiles = backend, profiles or {}

    def episode(self, tool_set: ToolSet, seed: int = 0) -> Episode:
        """Begin an episode; outside of an item, or with ``lm.mode=live``, it is the backend's own."""
        work = current_work()
        if work is None or work.log is None:
            return self._backend().episode(tool_set, seed)
        return _Journaled(lambda: self._backend().episode(tool_set, seed), work, work.log, self._profiles)


class _Journaled(Closing):
    def __init__(
        self,
        begin: Callable[[], Episode],
        work: Work,
        log: ItemLog,
        profiles: Mapping[ToolKey, ToolProfile],
    ) -> None:
        self._begin, self._work, self._log, self._profiles = begin, work, log, profiles
        self._number = work.next_episode()
        self._recorded = log.journal(self._number)
        self._steps: list[Step] = []
        self._live: Episode | None = None

    @property
    def steps(self) -> Sequence[Step]:
        return tuple(self._steps)

    def call(self, call: ToolCall) -> Observation:
        position = len(self._steps)
        if position < len(self._recorded):
            step = self._recorded[position]
            if step.call != call:
                self._differs(f"it called {_name(step.call)} there, and calls {_name(call)} now")
            self._steps.append(step)
            if len(self._steps) == len(self._recorded) and not self._work.replays:
                self._caught_up()  # before a model is asked what it would not be asked in another world
            return step.observation
        if self._work.replays:
            self._differs(f"it made {position} calls, and makes one more now: {_name(call)}")
        live = self._caught_up()
        observation = live.call(call)
        step = live.steps[-1]
        self._log.note(self._number, step)
        self._steps.append(step)
        return observation

    def close(self) -> None:
        if self._live is not None:
            self._live.close()

    def _caught_up(self) -> Episode:
        if self._live is None:
            self._live = self._begin()
            for step in self._steps:
                self._live.call(step.call)
                if self._shown(self._live.steps[-1]) != self._shown(step):
                    self._differs(f"{_name(step.call)} answers otherwise now")
        return self._live

    def _shown(self, step: Step) -> str:
        profile = self._profiles.get(step.call.key)
        if profile is None or profile.determinism == "deterministic":
            return answer_digest(step.observation, profile.volatile_paths if profile is not None else ())
        return step.observation.outcome

    def _differs(self, how: str) -> None:
        if not self._work.replays:
            raise RestartItem(how)
        raise StopRun(
            TranscriptError(
                f"lm.mode=replay: item {self._work.item} of {self._work.stage} differs from its journal in "
                f"episode {self._number} ({self._log.path}): {how}. Use the version and configuration that "
                "it was recorded with."
            )
        )


def _name(call: ToolCall) -> str:
    return f"{call.server}.{call.tool}"
