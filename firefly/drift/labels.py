"""Whether a task's label still holds."""

from __future__ import annotations

from typing import Literal

from firefly.replay.backend import Episode
from firefly.replay.expressions import ExpressionError, evaluate, same
from firefly.replay.parsers import parse
from firefly.replay.records import Record, Task

__all__ = ["Label", "end_state_fault"]


class Label(Record):
    """What became of one task."""

    task: str
    status: Literal["kept", "lost", "unknown"]
    """``unknown``: a server gave no answer. It is never counted as kept."""
    why: str = ""


def end_state_fault(task: Task, episode: Episode) -> tuple[str, bool]:
    """Return what is wrong with the state after the gold calls, and whether that is for want of an answer."""
    for number, probe in enumerate(task.end_state, start=1):
        observation = episode.call(probe.call)
        place = f"probe {number} of the end state"
        if observation.outcome not in ("success", "failure"):
            return f"{place}: {observation.outcome}: {observation.reason}", True
        parsed = parse(observation)
        try:
            outputs = {} if parsed is None else {probe.expression.call: parsed.value}
            found = evaluate(probe.expression, outputs)
        except ExpressionError as error:
            return f"{place}: {error}", False
        if not same(found, probe.expected):
            return f"{place}: it is {found!r} and was {probe.expected!r}", False
    return "", False
