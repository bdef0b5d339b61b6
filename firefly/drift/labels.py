"""Whether a task's label still holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

from firefly.records import ToolKey
from firefly.replay.backend import Episode
from firefly.replay.expressions import ExpressionError, evaluate, same
from firefly.replay.parsers import parse
from firefly.replay.records import Record, Task, ToolCall

__all__ = ["Label", "end_state_fault", "passed_otherwise"]


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


def passed_otherwise(task: Task, made: Mapping[str, ToolCall], drawing: Collection[ToolKey] = ()) -> str:
    """Return which value that one gold call hands another is no longer the stated one; empty if none is.

    The answer may be as before all the same, but the gold calls as they are written no longer lead to it.

    Args:
        task: whose gold calls were made again.
        made: gold call -> the call with its references computed anew.
        drawing: tools whose values are drawn in every run; what they hand on is never the same.

    """
    tools = {gold.id: (gold.server, gold.tool) for gold in task.gold_calls}
    for gold in task.gold_calls:
        now = made.get(gold.id)
        if now is None:
            continue
        for name, reference in sorted(gold.references.items()):
            if any(tools.get(call) in drawing for call in reference.calls):
                continue
            then, found = gold.arguments.get(name), now.arguments[name]
            if not same(then, found):
                return f"{gold.id}: {name} comes out as {found!r} and was {then!r}"
    return ""
