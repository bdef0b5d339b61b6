"""Has the question exactly one answer?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from pydantic import JsonValue

from firefly.mentions import normal, same
from firefly.plugins import register
from firefly.protocols import Trial
from firefly.records import CheckResult
from firefly.replay.expressions import ExpressionError, read
from firefly.replay.expressions import same as equal
from firefly.replay.records import Condition, Expression, Task
from firefly.verification.recorded import agrees, expressions, recorded
from firefly.verification.rule import PEERS, Rule


@register("checks", "uniqueness")
class Uniqueness(Rule):
    """Every selector picks one thing, also for a reader who is not strict about spelling."""

    name = "uniqueness"
    cost = PEERS

    def check(self, task: Task, trial: Trial) -> CheckResult:
        """Look for ties, near-duplicates, and another candidate with these words and another answer."""
        found = recorded(task, trial)
        faults: list[str] = []
        for where, expression in expressions(task):
            if expression.call not in found.outputs:
                return self.result("unknown", why=f"{where}: {found.fault or 'its output does not parse'}")
            try:
                faults += [
                    f"{where}: {fault}" for fault in _faults(expression, found.outputs[expression.call])
                ]
            except ExpressionError as error:
                faults.append(f"{where}: {error}")
        words = _plain(task.prompt)
        for other in trial.peers:
            if (
                other.id != task.id
                and _plain(other.prompt) == words
                and not agrees(task.answer, other.answer.value)
            ):
                faults.append(f"the same words ask for {other.answer.value!r} in candidate {other.id}")
        return self.decide(faults)


@lru_cache(maxsize=65536)
def _plain(prompt: str) -> str:
    """Return the words; quoted values keep their signs: "*" and "**/*" are different patterns."""
    return " ".join(prompt.casefold().split())


def _faults(expression: Expression, output: JsonValue) -> Iterator[str]:
    if expression.op == "value":
        read(output, expression.path)
        for position, part in enumerate(expression.path):
            within = read(output, expression.path[:position])
            if isinstance(part, int) and isinstance(within, list) and len(within) != 1:
                yield f"picks item {part} of {len(within)} by its position"
        return
    items = read(output, expression.path)
    if not isinstance(items, list):
        yield "is not about a list"
        return
    for condition in expression.where:
        yield from _near_duplicates(items, condition)
    kept = [
        item for item in items if all(equal(read(item, one.field), one.value) for one in expression.where)
    ]
    if expression.op == "where" and len(kept) != 1:
        yield f"{len(kept)} items satisfy its condition"
    if expression.op == "sort" and expression.limit is not None and expression.limit < len(kept):
        keys = sorted((read(item, expression.by) for item in kept), key=_order, reverse=expression.descending)
        decisive = keys[: expression.limit + 1]
        if any(same(one, other) for one, other in pairwise(decisive)):
            yield "two items tie"
    if expression.op == "sort" and expression.limit is None:
        keys = [read(item, expression.by) for item in kept]
        if len({normal(str(key)) for key in keys}) < len(keys) and expression.by != expression.field:
            yield "two items tie"


def _near_duplicates(items: list[JsonValue], condition: Condition) -> Iterator[str]:
    for item in items:
        value = read(item, condition.field)
        if not equal(value, condition.value) and same(value, condition.value):
            yield f"a reader may take {value!r} for {condition.value!r}"
            return


def _order(value: JsonValue) -> tuple[str, float, str]:
    number = float(value) if isinstance(value, int | float) else 0.0
    return (
        type(value).__name__ if isinstance(value, str) else "",
        number,
        value if isinstance(value, str) else "",
    )
