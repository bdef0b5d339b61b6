"""A role that works with tools: one DSPy module, perhaps with the state that an optimiser saved.

Whoever lets a model call tools goes through here (explorers, blind solvers, the forward writer). Imports DSPy
when it first works.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firefly.lm.ledger import Estimate
from firefly.lm.models import Models
from firefly.lm.prompt import checked_state, with_state
from firefly.lm.usual import CALLS, working
from firefly.replay.records import Observation, Tool, ToolCall
from firefly.replay.tool_set import ToolSet

if TYPE_CHECKING:
    from firefly.lm.using_tools import ToolUser

__all__ = ["ANSWERING", "Worked", "Worker"]

ANSWERING = (
    "Answer the user's question with the tools. Look things up, never guess. When you know the answer, reply "
    "without a tool call, the last line being `Answer: ` and the answer alone."
)
"""What a model is told that works on a question."""


@dataclass(frozen=True)
class Worked:
    """How a model's work ended."""

    said: str
    """Its last words."""
    ended: str
    """``done``, or why it was stopped: ``no call``, ``calls``, ``turns``, ``tokens``."""
    turns: int

    @property
    def answer(self) -> str | None:
        """Return its last words where it ended by itself; None where it was stopped."""
        return self.said if self.ended == "done" else None


class Worker:
    """Lets a role work with tools. Safe to share between threads."""

    def __init__(
        self,
        models: Models,
        role: str,
        *,
        instructions: str,
        state: Path | None = None,
        limits: Mapping[str, int] | None = None,
        has_to_call: bool = True,
    ) -> None:
        """Describe the work.

        Args:
            models: the models of the run.
            role: who works.
            instructions: what it is told.
            state: JSON file that an optimiser saved; its instructions and examples replace these.
            limits: those of `firefly.lm.using_tools.Limits` that differ from its defaults.
            has_to_call: whether words without any call are no work; else they are an answer.

        Raises:
            ConfigError: ``state`` is no JSON file.

        """
        checked_state(state)
        self._models, self.role, self._limits = models, role, dict(limits or {})
        self._instructions, self._state, self._has_to_call = instructions, state, has_to_call

    @cached_property
    def module(self) -> ToolUser:
        """Return the DSPy module; its one prompt, ``turn``, is what an optimiser tunes and saves."""
        from firefly.lm.using_tools import Limits, ToolUser

        made = ToolUser(self._instructions, Limits(**self._limits), has_to_call=self._has_to_call)
        with_state(made.turn, self._state)
        return made

    @property
    def predictor(self) -> Any:
        """Return the ``dspy.Predict`` behind it."""
        return self.module.turn

    @predictor.setter
    def predictor(self, other: Any) -> None:
        self.module.turn = other

    def estimate(self, count: int, tools: Sequence[Tool], *, offered: int, given: int) -> Estimate:
        """Return what ``count`` pieces of work would take if each took the calls of a usual one.

        Args:
            count: how many.
            tools: all tools; those offered have the mean size.
            offered: how many are offered.
            given: tokens of the task.

        """
        turns = min(self._limits.get("turns", CALLS + 1), CALLS + 1)
        return working(
            self.role,
            count,
            tools,
            offered=offered,
            instructions=self._instructions,
            given=given,
            turns=turns,
        )

    def work(
        self,
        task: str,
        tools: ToolSet,
        act: Callable[[ToolCall], Observation],
        done: Callable[[], bool] = lambda: False,
        lacking: Callable[[], str] = lambda: "",
    ) -> Worked:
        """Let the model work.

        Args:
            task: all that it is told besides its instructions.
            tools: what it may call, by the names that agents see.
            act: makes one call; what it raises ends the work.
            done: whether no more has to be said, asked after each turn.
            lacking: what is still wanted, asked once: when the model ends; it is told, and goes on.

        Raises:
            dspy.LMError: the endpoint failed.

        """
        from firefly.lm.using_tools import TurnAdapter

        with self._models.using(self.role, TurnAdapter()):
            found = self.module(
                task=task,
                tools=tools,
                act=act,
                count=lambda what: self._models.ledger.count(self.role, what),
                done=done,
                lacking=lacking,
            )
        if found.ended != "done":
            self._models.ledger.count(self.role, f"out_of_{found.ended.replace(' ', '_')}")
        return Worked(found.said, found.ended, found.turns)
