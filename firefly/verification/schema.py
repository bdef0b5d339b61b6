"""Is the task well formed: ids, references, and arguments that the tools' schemas accept?"""

from __future__ import annotations

from collections.abc import Iterator

from firefly.plugins import register
from firefly.protocols import Trial
from firefly.records import CheckResult
from firefly.replay.expressions import is_number
from firefly.replay.records import Task
from firefly.verification.recorded import expressions, recorded
from firefly.verification.rule import Rule

_TYPES = {"string": str, "date": str, "list": list, "object": dict}


@register("checks", "schema")
class Schema(Rule):
    """Ids and references are well formed, and all arguments fit the input schemas."""

    name = "schema"

    def check(self, task: Task, trial: Trial) -> CheckResult:
        """Validate every gold call, as recorded, against its tool's input schema."""
        from jsonschema.exceptions import SchemaError
        from jsonschema.validators import Draft202012Validator, validator_for

        faults = list(_form(task))
        found = recorded(task, trial)
        for gold in task.gold_calls:
            tool = trial.knowledge.tools.get((gold.server, gold.tool))
            if tool is None:
                faults.append(f"{gold.id}: {gold.server}/{gold.tool} is not a callable tool of this run")
                continue
            declared = tool.input_schema.get("properties")
            names = set(declared) if isinstance(declared, dict) else set()
            strange = sorted(set(gold.references) - names)
            if strange:
                faults.append(f"{gold.id}: references feed undeclared parameters {', '.join(strange)}")
            call = found.calls.get(gold.id, gold.call)
            validator = validator_for(tool.input_schema, default=Draft202012Validator)
            try:
                validator.check_schema(tool.input_schema)
            except SchemaError as error:
                return self.result(
                    "unknown", why=f"{gold.id}: the tool's schema is no schema: {error.message}"
                )
            faults += [
                f"{gold.id}: {error.message[:160]}"
                for error in sorted(validator(tool.input_schema).iter_errors(call.arguments), key=str)
            ]
        return self.decide(faults, calls=len(task.gold_calls))


def _form(task: Task) -> Iterator[str]:
    ids = [gold.id for gold in task.gold_calls]
    if not ids:
        yield "no gold call"
    if ids != [f"c{number}" for number in range(1, len(ids) + 1)]:
        yield f"the gold calls are called {', '.join(ids)} and not c1, c2, ... in order"
    yield from _passed_on(task, ids)
    for call in sorted(set(task.expression.calls) - set(ids)):
        yield f"the answer refers to {call}, which is no gold call"
    for where, expression in expressions(task):
        if expression.op == "where" and not expression.where:
            yield f"{where}: a where without a condition"
        if expression.limit is not None and (expression.op != "sort" or expression.limit < 1):
            yield f"{where}: limit {expression.limit} with {expression.op}"
    missing = {gold.server for gold in task.gold_calls} - set(task.servers)
    if missing:  # further ones are distractors
        yield f"servers {', '.join(task.servers)} lack {', '.join(sorted(missing))} of the gold calls"
    if not all(text.strip() for text in task.wordings) or not task.answer_format.strip():
        yield "the question or the sentence that fixes the answer's form is empty"
    value = task.answer.value
    fits = is_number(value) if task.answer.type == "number" else isinstance(value, _TYPES[task.answer.type])
    if not fits or value in ("", [], {}):
        yield f"an answer of type {task.answer.type} whose value is {value!r}"


def _passed_on(task: Task, ids: list[str]) -> Iterator[str]:
    """Yield what is wrong with where values are taken from and put."""
    for position, gold in enumerate(task.gold_calls):
        early = set(ids[:position])
        for parameter, reference in sorted(gold.references.items()):
            for call in sorted(set(reference.calls) - early):
                yield f"{gold.id}.{parameter} refers to {call}, which is no earlier call"
        for parameter, template in sorted(gold.templates.items()):
            if parameter not in gold.references:
                yield f"{gold.id}.{parameter} has a text around a value, and no value"
            if template.count("{}") != 1:
                yield f"{gold.id}.{parameter}: the text around its value has not one place for it"
