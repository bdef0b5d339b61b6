"""Agents that know how the task is done, and do it in ways of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Literal

from pydantic import JsonValue

from firefly.agents.arguments import any_recorded, mistaken, replaced
from firefly.plugins import register
from firefly.protocols import Occasion
from firefly.replay.expressions import ExpressionError, evaluate
from firefly.replay.parsers import parse
from firefly.replay.records import Observation, Task, ToolCall

__all__ = ["Clumsy", "Perturbed", "Thorough"]

_Call = Callable[[ToolCall], Observation]
Change = Literal["argument", "read", "skip"]


class _Outputs:
    """What the gold calls of a task returned, and what follows from them."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._found: dict[str, JsonValue] = {}

    def note(self, gold: str, observation: Observation) -> None:
        parsed = parse(observation)
        if parsed is not None:
            self._found[gold] = parsed.value

    def answer(self) -> JsonValue:
        try:
            return evaluate(self._task.expression, self._found)
        except ExpressionError:
            return None


@register("agents", "perturbed")
class Perturbed:
    """Does what the task asks with one difference: an argument replaced, a read too many, a step skipped."""

    needs_task = True

    def __init__(self, *, changes: Sequence[Change] = ("argument", "read", "skip")) -> None:
        """Choose the differences, one of which each episode has."""
        self._changes: tuple[Change, ...] = tuple(changes)

    def act(self, occasion: Occasion, call: _Call, rng: Random) -> JsonValue:
        """Make the gold calls but for the one difference."""
        task = occasion.task
        assert task is not None
        outputs = _Outputs(task)
        change = rng.choice(self._changes)
        at = rng.randrange(len(task.gold_calls))
        for place, gold in enumerate(task.gold_calls):
            made: ToolCall | None = gold.call
            if place == at and change == "argument":
                made = replaced(gold.call, occasion, rng) or gold.call
            elif place == at and change == "skip":
                made = None
            elif place == at and change == "read":
                extra = any_recorded(occasion, rng, writes=False)
                if extra is not None:
                    call(extra)
            if made is not None:
                outputs.note(gold.id, call(made))
        return outputs.answer()


@register("agents", "thorough")
class Thorough:
    """Looks around before it begins, and after each step makes its last look again."""

    needs_task = True

    def __init__(self, *, looks: int = 2) -> None:
        """Choose how often it looks around before it begins."""
        self._looks = looks

    def act(self, occasion: Occasion, call: _Call, rng: Random) -> JsonValue:
        """Look, then make each gold call followed by a look."""
        task = occasion.task
        assert task is not None
        outputs = _Outputs(task)
        look = None
        for _ in range(self._looks):
            look = any_recorded(occasion, rng, writes=False)
            if look is not None:
                call(look)
        for gold in task.gold_calls:
            outputs.note(gold.id, call(gold.call))
            if look is not None:
                call(look)
        return outputs.answer()


@register("agents", "clumsy")
class Clumsy:
    """Gets most calls wrong at first, reads the error, and makes them right."""

    needs_task = True

    def __init__(self, *, rate: float = 0.6) -> None:
        """Choose the share of the calls that it gets wrong at first."""
        self._rate = rate

    def act(self, occasion: Occasion, call: _Call, rng: Random) -> JsonValue:
        """Make each gold call, some with a mistake first."""
        task = occasion.task
        assert task is not None
        outputs = _Outputs(task)
        for gold in task.gold_calls:
            if rng.random() < self._rate:
                wrong = mistaken(gold.call, occasion, rng)
                if wrong is not None:
                    call(wrong)
            outputs.note(gold.id, call(gold.call))
        return outputs.answer()
