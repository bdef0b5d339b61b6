"""Would the answer be another if what was found on the way were?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from pydantic import JsonValue

from firefly.domains import outputs_of
from firefly.knowledge import Knowledge
from firefly.outputs import general, leaves
from firefly.plugins import register
from firefly.protocols import Trial
from firefly.records import CheckResult, ToolKey
from firefly.replay.errors import ReplayError
from firefly.replay.expressions import (
    ExpressionError,
    evaluate,
    fill,
    is_number,
    read,
    resolve_references,
    selected,
)
from firefly.replay.parsers import parse
from firefly.replay.records import Expression, PathPart, Task, ToolCall, canonical_json
from firefly.replay.tool_set import ToolSet
from firefly.verification.recorded import Passed, Recorded, agrees, held, passed_values, recorded
from firefly.verification.rule import SIMULATOR, Rule


@register("checks", "sensitivity")
class Sensitivity(Rule):
    """Another value of each passed value, and another datum at the source, give another answer.

    Advisory. Other values are those that recorded calls passed, answered by the simulator; where none was
    recorded, or what follows from it was not, nothing is known, and that is a status of its own.
    """

    name = "sensitivity"
    cost = SIMULATOR

    def __init__(self, *, variants: int = 8, required: bool = False) -> None:
        """Set how much is tried.

        Args:
            variants: other values of one passed value, at most.
            required: whether a task that fails, or of which nothing is known, is rejected.

        """
        super().__init__(required=required)
        if variants < 1:
            raise ValueError("variants >= 1 is needed")
        self.variants = variants

    def check(self, task: Task, trial: Trial) -> CheckResult:
        """Change one thing at a time and compute the answer anew."""
        found = recorded(task, trial)
        if found.fault:
            return self.result("unknown", why=found.fault)
        faults: list[str] = []
        unknown: list[str] = []
        tried: dict[str, JsonValue] = {}
        for passed in passed_values(task):
            answers = self._with_other_values(task, trial, found, passed)
            same, changes = _until(answers, lambda answer: not agrees(task.answer, answer))
            if changes:
                tried[passed.where] = "another value changes the answer"
            elif same:
                faults.append(f"{passed.where}: none of {same} other values changes the answer")
            else:
                unknown.append(f"{passed.where}: no other value was recorded with all that follows from it")
        status = _of_source(task, trial, found)
        tried["source"] = status or "another datum changes the answer"
        if status.startswith("not known"):
            unknown.append(status)
        elif status:
            faults.append(status)
        if unknown and not faults:
            return self.result("unknown", why=list(unknown), tried=tried)
        return self.decide(faults, tried=tried)

    def _with_other_values(
        self, task: Task, trial: Trial, found: Recorded, passed: Passed
    ) -> Iterator[JsonValue]:
        """Yield the answer for each other value of a passed value that was recorded to the end."""
        if passed.parameter:
            for value in _recorded_values(trial, found, passed)[: self.variants]:
                answer = _replayed(task, trial, passed, value)
                if answer is not None:
                    yield answer
            return
        own = found.value(passed.expression)
        for value in _values_beside(found, passed.expression, own)[: self.variants]:
            answer = _compared(task, trial, found, passed, value)
            if answer is not None:
                yield answer


def _until(answers: Iterator[JsonValue], changes: Callable[[JsonValue], bool]) -> tuple[int, bool]:
    """Return how many answers come before one that ``changes``, and whether there is such a one."""
    same = 0
    for answer in answers:
        if changes(answer):
            return same, True
        same += 1
    return same, False


def _recorded_values(trial: Trial, found: Recorded, passed: Passed) -> list[JsonValue]:
    """Return the other values with which the call was made otherwise equal."""
    gold, parameter = passed.gold, passed.parameter
    assert gold is not None
    made = found.calls[gold.id].arguments
    template = gold.templates.get(parameter)
    rest = {**made, parameter: None}
    values: dict[str, JsonValue] = {}
    for step in trial.knowledge.successes((gold.server, gold.tool)):
        given = step.call.arguments
        if (
            parameter not in given
            or {**given, parameter: None} != rest
            or given[parameter] == made[parameter]
        ):
            continue
        value = given[parameter] if template is None else held(template, given[parameter])
        if value is not None:
            values[canonical_json(value)] = value
    return [values[name] for name in sorted(values)]


def _replayed(task: Task, trial: Trial, passed: Passed, value: JsonValue) -> JsonValue:
    """Return the answer when the gold calls are made with another value; None where that was not recorded."""
    assert passed.gold is not None
    tools = ToolSet.of(tool for key, tool in trial.knowledge.tools.items() if key[0] in task.servers)
    outputs: dict[str, JsonValue] = {}
    try:
        with trial.simulator.episode(tools) as episode:
            for gold in task.gold_calls:
                call = resolve_references(gold, outputs)
                if gold.id == passed.gold.id:
                    template = gold.templates.get(passed.parameter)
                    given = value if template is None else fill(template, value)
                    call = ToolCall(
                        server=call.server,
                        tool=call.tool,
                        arguments={**call.arguments, passed.parameter: given},
                    )
                if canonical_json(call.arguments) not in _recorded_arguments(trial.knowledge, call.key):
                    return None
                observation = episode.call(call)
                if observation.outcome not in ("success", "failure"):
                    return None
                parsed = parse(observation) if observation.outcome == "success" else None
                if parsed is not None:
                    outputs[gold.id] = parsed.value
        return evaluate(task.expression, outputs)
    except (ExpressionError, ReplayError):
        return None


@lru_cache(maxsize=1024)
def _recorded_arguments(knowledge: Knowledge, key: ToolKey) -> frozenset[str]:
    """Return the arguments of all recorded calls of a tool: to ask for others is a miss, which takes long."""
    return frozenset(canonical_json(step.call.arguments) for step in knowledge.steps.get(key, ()))


def _values_beside(found: Recorded, expression: Expression, own: JsonValue) -> list[JsonValue]:
    """Return the other values of the field that an expression reads, in the same output."""
    path = (*expression.path, *(("*", *expression.field) if expression.op != "value" else ()))
    wanted = general(path)
    values = {
        canonical_json(leaf): leaf
        for place, leaf in leaves(found.outputs[expression.call])
        if general(place) == wanted and leaf != own and leaf is not None
    }
    return [values[name] for name in sorted(values)]


def _compared(task: Task, trial: Trial, found: Recorded, passed: Passed, value: JsonValue) -> JsonValue:
    """Return the answer when a condition compares with another value; None where that gives none."""
    if passed.gold is None:
        expression = _with_literal(task.expression, passed, value)
        try:
            return evaluate(expression, found.outputs)
        except ExpressionError:
            return None
    for parameter, reference in passed.gold.references.items():
        changed = _with_literal(reference, passed, value)
        if changed == reference:
            continue
        try:
            other = evaluate(changed, found.outputs)
        except ExpressionError:
            return None
        argument = Passed(f"{passed.gold.id}.{parameter}", reference, passed.gold, parameter)
        return _replayed(task, trial, argument, other)
    return None


def _with_literal(expression: Expression, passed: Passed, value: JsonValue) -> Expression:
    """Return the expression with ``value`` in the place of what a condition of it computes."""
    where = tuple(
        one.model_copy(update={"reference": None, "value": value})
        if one is passed.condition
        else one
        if one.reference is None
        else one.model_copy(update={"reference": _with_literal(one.reference, passed, value)})
        for one in expression.where
    )
    return expression.model_copy(update={"where": where})


def _of_source(task: Task, trial: Trial, found: Recorded) -> str:
    """Return why another datum at the source would not change the answer; "" where it would."""
    expression = task.expression
    if expression.op == "value":
        return _of_scalar(task, trial, found)
    try:
        fields = _choices(expression, found)
    except ExpressionError as error:
        return f"not known: {error}"
    if expression.op in ("count", "sum"):
        counts = fields if expression.op == "count" else [one for one in fields if is_number(one) and one]
        return "" if counts else f"not known: there is nothing to {expression.op}"
    if len(fields) < 2:
        return "not known: there is one item only"
    alike = all(one == fields[0] for one in fields)
    return "every item has the same value there: it does not matter which is chosen" if alike else ""


def _choices(expression: Expression, found: Recorded) -> list[JsonValue]:
    """Return what could have been read: of a ``where`` in any item, of the others in those that satisfy it.

    Raises:
        ExpressionError: there is no such list.
    """
    if expression.op != "where":
        return [read(item, expression.field) for item in selected(expression, found.outputs)]
    items = selected(expression.model_copy(update={"where": ()}), found.outputs)
    return [value for item in items if (value := _read(item, expression.field)) is not None]


def _read(item: JsonValue, field: Sequence[PathPart]) -> JsonValue:
    try:
        return read(item, field)
    except ExpressionError:
        return None


def _of_scalar(task: Task, trial: Trial, found: Recorded) -> str:
    """Compare with what other recorded calls of the last tool say at the same place."""
    gold = next(one for one in task.gold_calls if one.id == task.expression.call)
    made = found.calls[gold.id].arguments
    others: list[JsonValue] = []
    for call, output in outputs_of(trial.knowledge, gold.call.key):
        value = _read(output, task.expression.path)
        if value is not None and call.arguments != made:
            others.append(value)
    if not others:
        return "not known: no other call of the tool says anything there"
    if all(agrees(task.answer, one) for one in others):
        return f"each of {len(others)} other calls says the same there"
    return ""
