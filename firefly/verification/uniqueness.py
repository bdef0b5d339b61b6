"""Has the question exactly one answer?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import pairwise

from pydantic import JsonValue

from firefly.mentions import dates, normal, same
from firefly.plugins import register
from firefly.protocols import Trial
from firefly.records import CheckResult
from firefly.replay.expressions import ExpressionError, read, selected, wanted_value
from firefly.replay.expressions import same as equal
from firefly.replay.records import Condition, Expression, Task
from firefly.verification.recorded import agrees, expressions, recorded
from firefly.verification.rule import PEERS, Rule


@register("checks", "uniqueness")
class Uniqueness(Rule):
    """Every selector picks one thing, also for a reader who is not strict about spelling or limits."""

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
                faults += [f"{where}: {fault}" for fault in _faults(expression, found.outputs)]
            except ExpressionError as error:
                faults.append(f"{where}: {error}")
        words = wordings(task)
        for other in trial.peers:
            if (
                other.id != task.id
                and not words.isdisjoint(wordings(other))
                and not agrees(task.answer, other.answer.value)
            ):
                faults.append(f"the same words ask for {other.answer.value!r} in candidate {other.id}")
        return self.decide(faults)


def wordings(task: Task) -> frozenset[str]:
    """Return each wording of the prompt without regard to case and spacing.

    Quoted values keep their signs: "*" and "**/*" are different patterns.
    """
    return _plain(task.wordings, task.answer_format)


@lru_cache(maxsize=65536)
def _plain(texts: tuple[str, ...], form: str) -> frozenset[str]:
    return frozenset(" ".join(f"{text} {form}".casefold().split()) for text in texts)


def _faults(expression: Expression, outputs: Mapping[str, JsonValue]) -> Iterator[str]:
    output = outputs[expression.call]
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
        yield from _doubtful(items, condition, wanted_value(condition, outputs))
    kept = selected(expression, outputs)
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


def _doubtful(items: list[JsonValue], condition: Condition, wanted: JsonValue) -> Iterator[str]:
    """Yield the first item that one reader would take and another would not."""
    for item in items:
        value = read(item, condition.field)
        if condition.compare == "equals":
            if not equal(value, wanted) and same(value, wanted):
                yield f"a reader may take {value!r} for {wanted!r}"
                return
        elif condition.compare == "contains":
            text, part = str(value), str(wanted)
            if (part in text) != _names(text, part):
                yield f"a reader may or may not find {wanted!r} in {value!r}"
                return
        elif equal(value, wanted) or _on_that_day(value, wanted):
            yield f"{value!r} stands at the limit itself, which a reader may count in or out"
            return


def _names(text: str, wanted: str) -> bool:
    """Return whether ``text`` holds ``wanted`` as words of its own, whatever the case and the endings."""
    return f" {normal(wanted)} " in f" {normal(text)} "


def _on_that_day(value: JsonValue, limit: JsonValue) -> bool:
    """Return whether both are times of one day: "after 3 March" may begin on it or end with it."""
    if not (isinstance(value, str) and isinstance(limit, str)):
        return False
    return not dates(value).isdisjoint(dates(limit))


def _order(value: JsonValue) -> tuple[str, float, str]:
    number = float(value) if isinstance(value, int | float) else 0.0
    return (
        type(value).__name__ if isinstance(value, str) else "",
        number,
        value if isinstance(value, str) else "",
    )
