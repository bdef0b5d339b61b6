"""Do values really flow from call to call, or could they be had without?"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import JsonValue

from firefly.mentions import mention, same
from firefly.outputs import leaves
from firefly.parameters import parameters
from firefly.plugins import register
from firefly.protocols import Trial
from firefly.records import CheckResult
from firefly.replay.expressions import ExpressionError
from firefly.replay.records import Task
from firefly.verification.recorded import Recorded, recorded
from firefly.verification.rule import Rule


@register("checks", "flow")
class Flow(Rule):
    """Each passed value was observed in its parent and stands nowhere where a solver has it anyway."""

    name = "flow"

    def check(self, task: Task, trial: Trial) -> CheckResult:
        """Look for each referenced value in its parent, the question, schemas and launch lines."""
        if not any(gold.references for gold in task.gold_calls):
            return self.result("not_applicable", precondition="some gold call takes a value from another")
        found = recorded(task, trial)
        if found.fault:
            return self.result("unknown", why=found.fault)
        faults: list[str] = []
        values: dict[str, JsonValue] = {}
        for gold in task.gold_calls:
            for parameter, reference in sorted(gold.references.items()):
                where = f"{gold.id}.{parameter}"
                try:
                    value = found.value(reference)
                except ExpressionError as error:
                    faults.append(f"{where}: {error}")
                    continue
                values[where] = value
                faults += [
                    f"{where}: {fault}" for fault in _faults(task, trial, found, gold.id, parameter, value)
                ]
        return self.decide(faults, values=values)


def _faults(
    task: Task, trial: Trial, found: Recorded, call: str, parameter: str, value: JsonValue
) -> Iterator[str]:
    gold = next(one for one in task.gold_calls if one.id == call)
    if found.calls[call].arguments.get(parameter) != value:
        yield "the recorded call had another value"
    reference = gold.references[parameter]
    parts = [leaf for _, leaf in leaves(value)]
    derived = reference.op in ("count", "sum")
    observed = [leaf for _, leaf in leaves(found.outputs[reference.call])]
    if not derived and not all(any(same(part, leaf) for leaf in observed) for part in parts):
        yield "its parent's output does not hold it"
    if not parts or all(part is None or isinstance(part, bool) or part in (0, 1, "") for part in parts):
        yield f"the value {value!r} is one that anybody would guess"
    form = mention(task.question, value)
    if form:
        yield f"the question gives it away as {form!r}"
    tool = trial.knowledge.tools.get((gold.server, gold.tool))
    for declared in parameters(tool) if tool is not None else ():
        if declared.name != parameter:
            continue
        if declared.has_default and declared.default == value:
            yield "it is the parameter's default"
        if len(declared.enum) > 0 and value in declared.enum:
            yield "it is one of the parameter's declared values"
        if value in declared.examples:
            yield "it is a declared example"
    for server in task.servers:
        listing = trial.knowledge.listings.get(server)
        if listing is not None and any(same(value, one) for one in listing.launch_values):
            yield "it stands in a server's launch line"
    literals = [
        leaf
        for other in task.gold_calls
        for name, argument in other.arguments.items()
        if name not in other.references
        for _, leaf in leaves(argument)
    ]
    if any(same(value, leaf) for leaf in literals):
        yield "a literal argument is the same"
