"""A task's gold calls as they were recorded: each resolved call, its observation and parsed output."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from firefly.mentions import mention, normal
from firefly.protocols import Trial
from firefly.replay.expressions import ExpressionError, evaluate, is_number, resolve_references, same
from firefly.replay.parsers import parse
from firefly.replay.records import (
    Answer,
    Condition,
    Expression,
    GoldCall,
    Observation,
    Step,
    Task,
    ToolCall,
    digest,
)


@dataclass(frozen=True)
class Recorded:
    """What the gold calls returned; complete unless ``fault`` says why not."""

    calls: Mapping[str, ToolCall] = field(default_factory=dict)
    observations: Mapping[str, Observation] = field(default_factory=dict)
    outputs: Mapping[str, JsonValue] = field(default_factory=dict)
    """Parsed outputs of those that parse."""
    parsers: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""

    def value(self, expression: Expression) -> JsonValue:
        """Return the value of ``expression`` over the recorded outputs.

        Raises:
            ExpressionError: there is no single value.
        """
        return evaluate(expression, self.outputs)


@dataclass(frozen=True)
class Candidate(Trial):
    """The trial of one task; what several checks need of it is worked out once."""

    gold: Recorded | None = None
    """The gold calls as recorded."""


def recorded(task: Task, trial: Trial) -> Recorded:
    """Return the gold calls of ``task`` as its exploration recorded them."""
    if isinstance(trial, Candidate) and trial.gold is not None:
        return trial.gold
    return match(task, trial.exploration.recording.steps)


def match(task: Task, steps: Sequence[Step]) -> Recorded:
    """Find each gold call among ``steps``, its references computed from the outputs found before."""
    calls: dict[str, ToolCall] = {}
    observations: dict[str, Observation] = {}
    outputs: dict[str, JsonValue] = {}
    parsers: dict[str, str] = {}
    known = [(digest(step.call.model_dump(mode="json")), step) for step in steps]
    fault = ""
    place = 0
    for gold in task.gold_calls:
        try:
            call = resolve_references(gold, outputs)
        except ExpressionError as error:
            fault = f"{gold.id}: a reference has no single value: {error}"
            break
        wanted = digest(call.model_dump(mode="json"))
        found = [
            at
            for at, (name, step) in enumerate(known)
            if name == wanted and step.observation.outcome == "success"
        ]
        # What a call answers may hang on those before it: a read after a write is another than before.
        later = [at for at in found if at >= place]
        if not found or (task.end_state and not later):
            fault = f"{gold.id}: the exploration holds no successful call with these arguments"
            break
        chosen = (later or found)[0]
        place = chosen + 1
        calls[gold.id], observations[gold.id] = call, known[chosen][1].observation
        parsed = parse(observations[gold.id])
        if parsed is not None:
            outputs[gold.id], parsers[gold.id] = parsed.value, parsed.parser
    return Recorded(calls, observations, outputs, parsers, fault)


def agrees(answer: Answer, value: JsonValue) -> bool:
    """Return whether a computed ``value`` is the typed ``answer``, within its tolerance."""
    if is_number(answer.value) and is_number(value):
        # The stored answer is rounded; half a unit of its last place may be lost twice.
        margin = answer.tolerance * (1 + 1e-9) + 1e-12
        return abs(float(str(answer.value)) - float(str(value))) <= margin
    if isinstance(answer.value, list) and isinstance(value, list) and not answer.ordered:
        left = list(value)
        for one in answer.value:
            position = next((index for index, other in enumerate(left) if same(one, other)), None)
            if position is None:
                return False
            left.pop(position)
        return not left
    return same(answer.value, value)


def told(task: Task, value: JsonValue) -> str | None:
    """Return the form in which any wording of the question gives ``value`` away; None when none does."""
    return next((form for text in task.wordings if (form := mention(text, value))), None)


def held(template: str, argument: JsonValue) -> str | None:
    """Return the text that stands for ``{}`` where ``argument`` fits ``template``; None where it does not.

    >>> held("SELECT * FROM t WHERE id = '{}'", "SELECT * FROM t WHERE id = 'A-1'")
    'A-1'
    """
    before, _, after = template.partition("{}")
    if not isinstance(argument, str) or len(argument) < len(before) + len(after):
        return None
    if not (argument.startswith(before) and argument.endswith(after)):
        return None
    return argument[len(before) : len(argument) - len(after)]


def alike(one: JsonValue, other: JsonValue) -> bool:
    """Return whether two values may mean one thing: "plan.xlsx" and "/workspace/books/plan.xlsx"."""
    if isinstance(one, str) and isinstance(other, str):
        same_file = one.endswith(f"/{other}") or other.endswith(f"/{one}")
        return one == other or same_file or (normal(one) == normal(other) != "")
    return one == other


@dataclass(frozen=True)
class Passed:
    """A value that one gold call takes from another, or that the answer compares with."""

    where: str
    """For messages: ``c2.town``, or ``answer where town`` for a condition."""
    expression: Expression
    """How it is computed."""
    gold: GoldCall | None = None
    """The call that takes it; None: the answer's expression."""
    parameter: str = ""
    """The argument that it is, or stands in; empty: a condition compares with it."""
    condition: Condition | None = None
    """The condition that compares with it."""
    within: Expression | None = None
    """The expression that has the condition."""


def passed_values(task: Task) -> list[Passed]:
    """Return every value that flows from one call to another, those that conditions compare with too."""
    found: list[Passed] = []
    for gold in task.gold_calls:
        for parameter, reference in sorted(gold.references.items()):
            where = f"{gold.id}.{parameter}"
            found.append(Passed(where, reference, gold, parameter))
            found += _joined(where, reference, gold)
    return [*found, *_joined("answer", task.expression, None)]


def _joined(where: str, expression: Expression, gold: GoldCall | None) -> Iterator[Passed]:
    for condition in expression.where:
        if condition.reference is not None:
            here = f"{where} where {'/'.join(map(str, condition.field))}"
            yield Passed(here, condition.reference, gold, condition=condition, within=expression)
            yield from _joined(here, condition.reference, gold)


def expressions(task: Task) -> list[tuple[str, Expression]]:
    """Return every expression of the task with what it is for, those inside conditions too."""
    return [*((one.where, one.expression) for one in passed_values(task)), ("answer", task.expression)]


def ancestors(task: Task, writes: Collection[str] = ()) -> set[str]:
    """Return the gold calls that the answer is computed from, directly or through references.

    Args:
        task: the task.
        writes: calls that change what the answer is read from; what they take values from counts, too.

    """
    wanted = {*task.expression.calls, *writes}
    for gold in reversed(task.gold_calls):
        if gold.id in wanted:
            wanted |= set(gold.depends_on)
    return wanted


def descendants(task: Task, call: str) -> set[str]:
    """Return the gold calls that take values from ``call``, directly or not."""
    found: set[str] = set()
    for gold in task.gold_calls:
        if found & set(gold.depends_on) or call in gold.depends_on:
            found.add(gold.id)
    return found
