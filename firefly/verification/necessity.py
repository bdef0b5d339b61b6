"""Is every gold call needed: does its result say something that is found nowhere else?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from firefly.domains import outputs_of
from firefly.mentions import normal, same
from firefly.outputs import ANY_INDEX, general, leaves
from firefly.parameters import parameters
from firefly.plugins import register
from firefly.protocols import Trial
from firefly.records import CheckResult
from firefly.replay.errors import ReplayError
from firefly.replay.expressions import ExpressionError, evaluate, resolve_references, selected
from firefly.replay.parsers import parse
from firefly.replay.records import Expression, GoldCall, PathPart, Step, Task
from firefly.replay.tool_set import ToolSet
from firefly.verification.recorded import (
    Passed,
    Recorded,
    agrees,
    alike,
    ancestors,
    descendants,
    held,
    passed_values,
    recorded,
    told,
)
from firefly.verification.rule import SIMULATOR, Rule


@register("checks", "necessity")
class Necessity(Rule):
    """Without any one of the gold calls the answer can't be had.

    A read: it is an ancestor of the answer through a value found neither in the question nor in another
    gold output nor as the one thing that a call without arguments returns. A write: without it, offline,
    the answer is another one.
    """

    name = "necessity"
    cost = SIMULATOR

    def check(self, task: Task, trial: Trial) -> CheckResult:
        """Look for a way around each gold call."""
        found = recorded(task, trial)
        if found.fault:
            return self.result("unknown", why=found.fault)
        faults: list[str] = []
        unknown: list[str] = []
        on_the_way = ancestors(task, _writes(task, trial))
        reasons: dict[str, JsonValue] = {}
        for gold in task.gold_calls:
            profile = trial.knowledge.profiles.get((gold.server, gold.tool))
            if profile is None or profile.effect == "unknown":
                unknown.append(f"{gold.id}: it is not known whether it reads or writes")
            elif profile.effect == "write":
                status, why = _ablation(task, trial, gold.id)
                (faults if status == "fail" else unknown if status == "unknown" else []).append(why)
                reasons[gold.id] = why
            elif gold.id not in on_the_way:
                faults.append(f"{gold.id}: the answer does not depend on it")
            else:
                why_not = [
                    _found_elsewhere(task, trial, found, gold.id, use) for use in _uses(task, found, gold.id)
                ]
                idle = _idle(task, trial, found, gold)
                faults += idle
                if why_not and all(why_not):
                    faults += [f"{gold.id}: {why}" for why in why_not if why]
                reasons[gold.id] = (
                    f"{sum(not why for why in why_not)} of {len(why_not)} values only from here"
                )
        if unknown and not faults:
            return self.result("unknown", why=list(unknown))
        return self.decide(faults, calls=reasons)


def _writes(task: Task, trial: Trial) -> set[str]:
    profiles = {gold.id: trial.knowledge.profiles.get((gold.server, gold.tool)) for gold in task.gold_calls}
    return {call for call, profile in profiles.items() if profile is not None and profile.effect == "write"}


@dataclass(frozen=True)
class _Use:
    """What is read from a call for a later call, for a condition or for the answer."""

    expression: Expression
    value: JsonValue
    joined: str = ""
    """The call whose items a condition chooses by the value: these hold it, among others."""


def _uses(task: Task, found: Recorded, call: str) -> Iterator[_Use]:
    """Yield what is read from ``call``."""
    for passed in passed_values(task):
        if passed.expression.call == call:
            joined = passed.within.call if passed.within is not None and _chooses(passed, found) else ""
            yield _Use(passed.expression, found.value(passed.expression), joined)
    if task.expression.call == call:
        yield _Use(task.expression, task.answer.value)


def _chooses(passed: Passed, found: Recorded) -> bool:
    """Return whether the condition picks some of the items and leaves others."""
    assert passed.within is not None
    without = passed.within.model_copy(update={"where": ()})
    return 0 < len(selected(passed.within, found.outputs)) < len(selected(without, found.outputs))


def _found_elsewhere(task: Task, trial: Trial, found: Recorded, call: str, use: _Use) -> str:
    """Return where else the value stands; "" when nowhere."""
    form = told(task, use.value)
    if form:
        return f"its value stands in the question as {form!r}"
    key = _key(use.expression)
    parts = [leaf for _, leaf in leaves(use.value)]
    for other in task.gold_calls:
        if other.id in (call, use.joined) or other.id in descendants(task, call):
            continue
        if all(_holds(found.outputs.get(other.id), part, key) for part in parts):
            return f"its value stands in the output of {other.id} too"
    made = {(one.server, one.tool, str(sorted(one.arguments.items()))) for one in found.calls.values()}
    for step in argument_free(trial, task.servers):
        if (step.call.server, step.call.tool, str(sorted(step.call.arguments.items()))) in made:
            continue
        parsed = parse(step.observation)
        if parsed is not None and all(_is_the_one(parsed.value, part, key) for part in parts):
            return f"a call without arguments returns nothing else ({step.call.server}/{step.call.tool})"
    return ""


def _idle(task: Task, trial: Trial, found: Recorded, gold: GoldCall) -> list[str]:
    """Return the passed values that make no difference: other values were seen to give the same.

    The loan's fee is found in three calls, and then the question is how many days are reduced.
    """
    faults = []
    made = found.calls[gold.id].arguments
    uses = [use.expression for use in _uses(task, found, gold.id)]
    for parameter in sorted(gold.references):
        same_otherwise = [
            output
            for call, output in outputs_of(trial.knowledge, (gold.server, gold.tool))
            if _is_other_way(call.arguments, made, parameter, gold.templates.get(parameter))
        ]
        if same_otherwise and all(
            _reads_alike(expression, found, output) for expression in uses for output in same_otherwise
        ):
            faults.append(f"{gold.id}: the value passed as {parameter} makes no difference to what is read")
    return faults


def _is_other_way(
    arguments: Mapping[str, JsonValue], made: Mapping[str, JsonValue], parameter: str, template: str | None
) -> bool:
    """Return whether a call passed another value of ``parameter``, or could do without it.

    Without it, other arguments may be missing too: what fewer arguments give needs none of them. Of
    an argument that only holds the value, the text around it has to be the same.
    """
    if parameter not in arguments:
        return all(name in made and alike(value, made[name]) for name, value in arguments.items())
    if template is not None and held(template, arguments[parameter]) is None:
        return False
    return not alike(arguments[parameter], made[parameter]) and {**arguments, parameter: None} == {
        **made,
        parameter: None,
    }


def _reads_alike(expression: Expression, found: Recorded, output: JsonValue) -> bool:
    try:
        return evaluate(expression, {**found.outputs, expression.call: output}) == found.value(expression)
    except ExpressionError:
        return False


def _key(expression: Expression) -> str:
    names = [part for part in (*expression.path, *expression.field) if isinstance(part, str)]
    return normal(names[-1]) if names and expression.op != "count" else ""


def _holds(output: JsonValue, value: JsonValue, key: str) -> bool:
    """Return whether an output holds the value; a short one only under a key of that name.

    "3" or "open" may stand anywhere by chance.
    """
    for path, leaf in leaves(output):
        name = next((normal(str(part)) for part in reversed(path) if isinstance(part, str)), "")
        if same(leaf, value):
            if len(str(value)) >= 3 or (key and name == key):
                return True
        elif isinstance(leaf, str) and isinstance(value, str) and _within(value, leaf):
            return True
    return False


def _within(value: str, text: str) -> bool:
    return len(value) >= 5 and f" {normal(value)} " in f" {normal(text)} "


def _is_the_one(output: JsonValue, value: JsonValue, key: str) -> bool:
    """Return whether the value is what the output says, with no choice among several."""
    spots: dict[tuple[PathPart, ...], list[JsonValue]] = {}
    for path, leaf in leaves(output):
        spots.setdefault(general(path), []).append(leaf)
    for path, values in spots.items():
        alone = len(values) == 1 or (ANY_INDEX in path and all(same(one, values[0]) for one in values))
        if not alone or not same(values[0], value):
            continue
        name = next((normal(str(part)) for part in reversed(path) if part != ANY_INDEX), "")
        if len(str(value)) >= 3 or (key and name == key):
            return True
    return False


def argument_free(trial: Trial, servers: tuple[str, ...]) -> list[Step]:
    """Return one successful call per tool that was made without arguments to choose."""
    found: dict[tuple[str, str], Step] = {}
    for key, tool in trial.knowledge.tools.items():
        profile = trial.knowledge.profiles.get(key)
        if key[0] not in servers or profile is None or profile.determinism == "volatile":
            continue  # what a clock happened to show proves nothing
        defaults: Mapping[str, JsonValue] = {
            one.name: one.default for one in parameters(tool) if one.has_default
        }
        launch = trial.knowledge.listings[key[0]].launch_values
        for step in trial.knowledge.successes(key):
            if all(
                value in launch or defaults.get(name, ...) == value
                for name, value in step.call.arguments.items()
            ):
                found.setdefault(key, step)
    return [found[key] for key in sorted(found)]


def _ablation(task: Task, trial: Trial, left_out: str) -> tuple[str, str]:
    """Replay the gold calls without one of them; a write is needed when the answer is then another."""
    tools = ToolSet.of(tool for key, tool in trial.knowledge.tools.items() if key[0] in task.servers)
    outputs: dict[str, JsonValue] = {}
    try:
        with trial.simulator.episode(tools) as episode:
            for gold in task.gold_calls:
                if gold.id == left_out:
                    continue
                try:
                    call = resolve_references(gold, outputs)
                except ExpressionError:
                    return "pass", f"without {left_out} a later call can't be made"
                observation = episode.call(call)
                if observation.outcome == "miss":
                    return "unknown", f"without {left_out} the recorded answers do not reach to {gold.id}"
                parsed = parse(observation) if observation.outcome == "success" else None
                if parsed is not None:
                    outputs[gold.id] = parsed.value
    except ReplayError as error:
        return "unknown", f"without {left_out}: {error}"
    try:
        changed = not agrees(task.answer, evaluate(task.expression, outputs))
    except ExpressionError:
        changed = True
    return (
        ("pass", f"without {left_out} the answer is another")
        if changed
        else (
            "fail",
            f"{left_out}: without this write the answer is the same",
        )
    )
