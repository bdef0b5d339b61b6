"""Does the reward work: right for the gold answer, and for nothing that takes no work?"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence

from pydantic import JsonValue

from firefly.domains import FEW, few_values
from firefly.plugins import register
from firefly.protocols import Trial
from firefly.records import CheckResult
from firefly.replay.answers import answer_text
from firefly.replay.expressions import ExpressionError, evaluate, read
from firefly.replay.grading import grade
from firefly.replay.records import GoldCall, PathPart, Rollout, Task, canonical_json, digest
from firefly.verification.recorded import alike
from firefly.verification.replay import Replayed, replayed
from firefly.verification.rule import SIMULATOR, Rule

_NOTHING: tuple[JsonValue, ...] = (None, "", "I don't know.", "0", "none")


@register("checks", "preflight")
class Preflight(Rule):
    """Gold earns 1 offline; silence, doing nothing, and likely guesses earn 0."""

    name = "preflight"
    cost = SIMULATOR

    def __init__(self, *, guesses: int = 20, few: int = FEW, required: bool = True) -> None:
        """Set how many answers of other tasks are tried as guesses.

        Args:
            guesses: answers of other tasks of the same type, besides the commonest of the task's group.
            few: a field that was seen to hold fewer different values, over and over, is guessable.
            required: whether a task that fails is rejected.

        """
        super().__init__(required=required)
        if guesses < 0:
            raise ValueError("guesses >= 0 is needed")
        self.guesses = guesses
        self.few = few

    def check(self, task: Task, trial: Trial) -> CheckResult:
        """Grade the gold trajectory and everything that must not pass."""
        run = replayed(task, trial)
        if run.fault:
            return self.result("unknown" if run.missed else "fail", why=run.fault)
        faults = []
        calls = tuple(run.calls.values())
        graded = grade(
            task, Rollout(calls=calls, answer=_said(task, run.answer)), trial.simulator, tool_set=run.tools
        )
        if graded.reward != 1:
            faults.append(f"the gold answer {run.answer!r} earns {graded.reward}: {graded.reason}")
        for answer in _NOTHING:
            if grade(task, Rollout(answer=answer), trial.simulator, tool_set=run.tools).reward != 0:
                faults.append(f"the answer {answer!r} without a call does not earn 0")
        faults += self._without_work(task, trial, run)
        guessed = []
        output = run.outputs.get(task.expression.call)
        last = _last(task)
        known = few_values(trial.knowledge, (last.server, last.tool), output, task.expression, self.few)
        if known and not task.end_state:
            faults.append(f"guessable: its field was only ever seen to hold {', '.join(known)}")
        others = [
            peer
            for peer in trial.peers
            if peer.answer.type == task.answer.type
            and not _same_datum(task, peer, output)
            and not _same_row(task, peer, output, trial)
        ]
        # Where something has to be changed, not even the right answer earns anything without that.
        for guess in () if task.end_state else self._guesses(task, others):
            if grade(task, Rollout(answer=_said(task, guess))).reward != 0:
                guessed.append(guess)
        if guessed:
            faults.append(f"guessable: {guessed[0]!r} is an answer of other tasks and earns 1 here")
        return self.decide(faults)

    @staticmethod
    def _without_work(task: Task, trial: Trial, run: Replayed) -> Iterator[str]:
        """Yield the ways to earn something with the right answer but without what has to be changed."""
        if not task.end_state:
            return
        profiles = {
            gold.id: trial.knowledge.profiles.get((gold.server, gold.tool)) for gold in task.gold_calls
        }
        writes = [
            call for call, profile in profiles.items() if profile is not None and profile.effect == "write"
        ]
        for left_out in [writes, *([one] for one in writes if len(writes) > 1)]:
            calls = tuple(call for name, call in run.calls.items() if name not in left_out)
            rollout = Rollout(calls=calls, answer=_said(task, run.answer))
            graded = grade(task, rollout, trial.simulator, tool_set=run.tools)
            if graded.reward != 0:
                why = f"earns {graded.reward}: {graded.reason}"
                yield f"the right answer without {' and '.join(left_out)} {why}"
        graded = grade(
            task, Rollout(calls=(), answer=_said(task, run.answer)), trial.simulator, tool_set=run.tools
        )
        if graded.reward != 0:
            yield f"the right answer without a call earns {graded.reward}: {graded.reason}"

    def _guesses(self, task: Task, others: Sequence[Task]) -> list[JsonValue]:
        """Return the commonest answer of the group and answers of other tasks of this type."""
        found: list[JsonValue] = []
        group = [peer.answer.value for peer in others if group_of(peer) == group_of(task)]
        counts = Counter(canonical_json(value) for value in group)
        if counts:
            most = max(counts.values())
            if most > 1 or len(counts) == 1:
                found += [json.loads(text) for text in sorted(counts) if counts[text] == most]
        drawn = sorted(others, key=lambda peer: digest([task.id, peer.id]))[: self.guesses]
        return found + [peer.answer.value for peer in drawn]


def group_of(task: Task) -> tuple[object, ...]:
    """Return what tasks of one family share: the last tool and the kind of answer."""
    last = _last(task)
    keys = tuple(part for part in (*task.expression.path, *task.expression.field) if isinstance(part, str))
    return (last.server, last.tool, task.expression.op, keys)


def _last(task: Task) -> GoldCall:
    return next(gold for gold in task.gold_calls if gold.id == task.expression.call)


def spot(task: Task, output: JsonValue) -> tuple[PathPart, ...] | None:
    """Return where in its last call's ``output`` the answer stands; None where it is computed."""
    literal = tuple(one.model_copy(update={"reference": None}) for one in task.expression.where)
    expression = task.expression.model_copy(update={"where": literal})
    if expression.op == "value":
        return expression.path
    try:
        items = read(output, expression.path)
        if not isinstance(items, list) or expression.op in ("count", "sum"):
            return None
        single = expression.model_copy(update={"field": ()})
        if expression.op in ("min", "max"):
            single = single.model_copy(
                update={
                    "op": "sort",
                    "by": expression.field,
                    "descending": expression.op == "max",
                    "limit": 1,
                }
            )
        item = evaluate(single, {expression.call: output})
        index = next(position for position, one in enumerate(items) if one == item)
    except (ExpressionError, StopIteration):
        return None
    return (*expression.path, index, *expression.field)


def _same_datum(task: Task, other: Task, output: JsonValue) -> bool:
    """Return whether both answers are one datum: knowing it is no guess.

    One datum may be had by a file's name and by its path, and from two tools of one server.
    """
    if task.id == other.id:
        return True
    mine, theirs = _last(task), _last(other)
    shared = mine.arguments.keys() & theirs.arguments.keys()
    if mine.server != theirs.server or not all(
        alike(mine.arguments[name], theirs.arguments[name]) for name in shared
    ):
        return False
    if mine.tool != theirs.tool:
        return bool(shared) and _field(task) == _field(other) != ""
    if mine.arguments.keys() != theirs.arguments.keys():
        return False
    here = spot(task, output)
    return other.expression.model_copy(update={"call": ""}) == task.expression.model_copy(
        update={"call": ""}
    ) or (here is not None and here == spot(other, output))


def _same_row(task: Task, other: Task, output: JsonValue, trial: Trial) -> bool:
    """Return whether both answers stand in one field of one thing, however it was looked for."""
    alike_so_far = (
        task.answer.value == other.answer.value
        and _last(task).server == _last(other).server
        and _field(task) == _field(other) != ""
    )
    if not alike_so_far:
        return False
    mine = _row(task, output)
    return mine is not None and mine == _row(other, replayed(other, trial).outputs.get(other.expression.call))


def _row(task: Task, output: JsonValue) -> dict[str, JsonValue] | None:
    """Return the thing that the answer is a field of; None where nothing but the answer tells it apart."""
    place = spot(task, output)
    if place is None or not place or not isinstance(place[-1], str):
        return None
    try:
        row = read(output, place[:-1])
    except ExpressionError:
        return None
    return row if isinstance(row, dict) and len(row) > 1 else None


def _field(task: Task) -> str:
    """Return the name of the field that the answer stands in; "" where there is none, or it is a count."""
    keys = [part for part in (*task.expression.path, *task.expression.field) if isinstance(part, str)]
    return keys[-1] if keys and task.expression.op != "count" else ""


def _said(task: Task, value: JsonValue) -> str:
    """Return a value as a last message that follows the format sentence."""
    return answer_text(task.answer.model_copy(update={"value": value}))
