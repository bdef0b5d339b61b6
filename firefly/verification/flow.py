"""Do values really flow from call to call, or could they be had without?"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import JsonValue

from firefly.mentions import mention, normal, same
from firefly.outputs import leaves
from firefly.parameters import parameters
from firefly.plugins import register
from firefly.protocols import Trial
from firefly.records import CheckResult
from firefly.replay.expressions import ExpressionError, fill
from firefly.replay.records import Task
from firefly.verification.recorded import Passed, Recorded, passed_values, recorded, told
from firefly.verification.rule import Rule


@register("checks", "flow")
class Flow(Rule):
    """Each passed value was observed in its parent and stands nowhere where a solver has it anyway.

    Passed are arguments, parts of arguments, and what a condition compares with.
    """

    name = "flow"

    def check(self, task: Task, trial: Trial) -> CheckResult:
        """Look for each passed value in its parent, the question, schemas and launch lines."""
        passed = passed_values(task)
        if not passed:
            return self.result("not_applicable", precondition="some call takes a value from another")
        found = recorded(task, trial)
        if found.fault:
            return self.result("unknown", why=found.fault)
        faults: list[str] = []
        values: dict[str, JsonValue] = {}
        for one in passed:
            try:
                value = values[one.where] = found.value(one.expression)
                faults += [f"{one.where}: {fault}" for fault in _faults(task, trial, found, one, value)]
            except ExpressionError as error:
                faults.append(f"{one.where}: {error}")
        return self.decide(faults, values=values)


def _faults(task: Task, trial: Trial, found: Recorded, passed: Passed, value: JsonValue) -> Iterator[str]:
    parts = [leaf for _, leaf in leaves(value)]
    derived = passed.expression.op in ("count", "sum")
    observed = [leaf for _, leaf in leaves(found.outputs[passed.expression.call])]
    if not derived and not all(any(same(part, leaf) for leaf in observed) for part in parts):
        yield "its parent's output does not hold it"
    if not parts or all(part is None or isinstance(part, bool) or part in (0, 1, "") for part in parts):
        yield f"the value {value!r} is one that anybody would guess"
    form = told(task, value)
    if form:
        yield f"the question gives it away as {form!r}"
    yield from _of_argument(trial, found, passed, value)
    for server in task.servers:
        listing = trial.knowledge.listings.get(server)
        if listing is not None and any(same(value, one) for one in listing.launch_values):
            yield "it stands in a server's launch line"
    if any(same(value, leaf) or _within(value, leaf) for leaf in _literals(task)):
        yield "a literal argument is the same, or holds it"


def _of_argument(trial: Trial, found: Recorded, passed: Passed, value: JsonValue) -> Iterator[str]:
    """Yield what is wrong with the argument that the value is, or stands in."""
    gold, parameter = passed.gold, passed.parameter
    if gold is None or not parameter:
        return
    template = gold.templates.get(parameter)
    argument = value if template is None else fill(template, value)
    if found.calls[gold.id].arguments.get(parameter) != argument:
        yield "the recorded call had another value"
    if template is not None and mention(template.replace("{}", " "), value):
        yield "the text of the argument around it holds it, too"
    tool = trial.knowledge.tools.get((gold.server, gold.tool))
    for declared in parameters(tool) if tool is not None else ():
        if declared.name != parameter:
            continue
        for one in (value, argument):
            if declared.has_default and declared.default == one:
                yield "it is the parameter's default"
            if len(declared.enum) > 0 and one in declared.enum:
                yield "it is one of the parameter's declared values"
            if one in declared.examples:
                yield "it is a declared example"
            if template is None:
                break


def _literals(task: Task) -> Iterator[JsonValue]:
    """Yield what a solver has to write by itself: literal arguments, and the texts around passed values."""
    for gold in task.gold_calls:
        for name, argument in gold.arguments.items():
            if name not in gold.references:
                yield from (leaf for _, leaf in leaves(argument))


def _within(value: JsonValue, leaf: JsonValue) -> bool:
    """Return whether a longer literal text (a query, say) names the value."""
    if not isinstance(value, str) or not isinstance(leaf, str) or len(value) < 3:
        return False
    return bool(normal(value)) and f" {normal(value)} " in f" {normal(leaf)} "
