"""The one seam between whoever acts and whoever answers.

Live servers and simulators implement it; explorers, checks, policies and trainers know nothing
else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

from pydantic import JsonValue

from .records import Observation, Step, ToolCall
from .tool_set import ToolSet

FAULT = "fault"
"""The tier of a step whose call was never made: a fault on purpose came in between."""
DAMAGED = "damaged"
"""The tier of a step whose call was made and answered; what the caller got was spoilt on purpose."""


class Episode(Protocol):
    """A sequence of calls that begins in the fixture's state. Not shared between threads."""

    @property
    def steps(self) -> Sequence[Step]:
        """Return every call so far with its observation, scope and states."""

    def call(self, call: ToolCall) -> Observation:
        """Make one call. Never raises for what a server does: see ``Observation.outcome``."""

    def close(self) -> None:
        """Give back what the episode holds."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Closing:
    """Ends with a ``with`` block, an episode for one; holds nothing, unless its own ``close`` says so."""

    def close(self) -> None:
        """Give back what is held: nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class OnTop(Closing):
    """An episode on top of others, which keeps what its caller saw and what each answer rests on."""

    def __init__(self) -> None:
        self._steps: list[Step] = []
        self._evidence: list[Mapping[str, JsonValue]] = []

    @property
    def steps(self) -> Sequence[Step]:
        """Return every call so far as the caller saw it, each with who answered."""
        return tuple(self._steps)

    @property
    def evidence(self) -> Sequence[Mapping[str, JsonValue]]:
        """Return what each answer rests on, or which fault struck it; empty for proven answers."""
        return tuple(self._evidence)


class Backend(Protocol):
    """Where episodes come from."""

    def episode(self, tool_set: ToolSet, seed: int = 0) -> Episode:
        """Begin an episode over the servers of ``tool_set``."""


def made(steps: Iterable[Step]) -> tuple[ToolCall, ...]:
    """Return the calls that reached whoever answers: what a rollout is graded by."""
    return tuple(step.call for step in steps if step.tier != FAULT)
