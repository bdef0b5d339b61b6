"""Where do the values come from: data read without loss, stable, and not computed from the question?"""

from __future__ import annotations

from functools import lru_cache

from pydantic import JsonValue

from firefly.english import vocabulary
from firefly.knowledge import Knowledge
from firefly.mentions import dates, tokens
from firefly.outputs import expand, leaves
from firefly.plugins import register
from firefly.protocols import Trial
from firefly.records import CheckResult, ToolKey, ToolProfile
from firefly.replay.expressions import ExpressionError
from firefly.replay.masks import touches
from firefly.replay.parsers import parse
from firefly.replay.records import Task, canonical_json
from firefly.verification.recorded import agrees, expressions, passed_values, recorded
from firefly.verification.rule import Rule


def _profiles(task: Task, trial: Trial) -> dict[str, ToolProfile | None]:
    return {gold.id: trial.knowledge.profiles.get((gold.server, gold.tool)) for gold in task.gold_calls}


@register("checks", "structured")
class Structured(Rule):
    """Every value is read from an output that a parser reads without loss; no tool used is opaque."""

    name = "structured"

    def check(self, task: Task, trial: Trial) -> CheckResult:
        """Look at every call that the answer or a reference reads."""
        found = recorded(task, trial)
        profiles = _profiles(task, trial)
        faults, unknown = [], []
        for call in sorted({expression.call for _, expression in expressions(task)}):
            profile = profiles.get(call)
            if call in found.observations and call not in found.parsers:
                faults.append(f"{call}: its output is opaque text")
            elif profile is not None and profile.opaque:
                faults.append(f"{call}: its tool was seen to answer in opaque text")
            elif call not in found.observations:
                unknown.append(f"{call}: {found.fault or 'not recorded'}")
            elif profile is None or profile.opaque is None:
                unknown.append(f"{call}: nothing is known of its tool's outputs")
        if unknown and not faults:
            return self.result("unknown", why=list(unknown))
        return self.decide(faults, parsers=dict(sorted(found.parsers.items())))


@register("checks", "volatile")
class Volatile(Rule):
    """Nothing that the task rests on changes by itself: no volatile tool, field or date."""

    name = "volatile"

    def check(self, task: Task, trial: Trial) -> CheckResult:
        """Compare profiles, volatile fields, and the dates that clocks were seen to show."""
        faults, unknown = [], []
        profiles = _profiles(task, trial)
        read = {expression.call for _, expression in expressions(task)}
        for call, profile in profiles.items():
            if profile is not None and profile.effect == "write" and call not in read:
                continue  # what a write says is of no matter; that it leaves one state is executed again
            if profile is None or profile.determinism == "unknown":
                unknown.append(f"{call}: it is not known whether its tool repeats itself")
            elif profile.determinism == "volatile":
                faults.append(f"{call}: equal calls of its tool answered differently")
        for where, expression in expressions(task):
            profile = profiles.get(expression.call)
            for path in profile.volatile_paths if profile else ():
                if touches(expression, path):
                    faults.append(f"{where} reads the volatile field {'/'.join(map(str, path))}")
        shown = _clock_dates(trial.knowledge)
        answered = {
            day for _, leaf in leaves(task.answer.value) if isinstance(leaf, str) for day in dates(leaf)
        }
        faults += [
            f"the answer holds {day}, which a clock showed while recording"
            for day in sorted(answered & shown)
        ]
        if unknown and not faults:
            return self.result("unknown", why=list(unknown))
        return self.decide(faults, clock_dates=len(shown))


@lru_cache(maxsize=8)
def _clock_dates(knowledge: Knowledge) -> frozenset[str]:
    """Return the dates that volatile fields of any tool showed: the days of recording, most likely."""
    found: set[str] = set()
    for key, profile in knowledge.profiles.items():
        if profile.determinism != "volatile" and not profile.volatile_paths:
            continue
        for step in knowledge.successes(key):
            parsed = parse(step.observation)
            if parsed is None:
                found |= dates(step.observation.text)
                continue
            for path in profile.volatile_paths or ((),):
                for _, value in expand(parsed.value, path):
                    found |= {
                        day for _, leaf in leaves(value) if isinstance(leaf, str) for day in dates(leaf)
                    }
    return frozenset(found)


@register("checks", "closed_form")
class ClosedForm(Rule):
    """Some gold call reads a data source; the answer does not follow from the question alone."""

    name = "closed_form"

    def check(self, task: Task, trial: Trial) -> CheckResult:
        """Look for a tool whose answer is no function of its arguments."""
        profiles = _profiles(task, trial)
        reading = [
            gold.id for gold in task.gold_calls if reads_data(trial.knowledge, (gold.server, gold.tool))
        ]
        if reading:
            return self.result("pass", reads_data=list(reading))
        if all(profile is not None and profile.pure for profile in profiles.values()):
            return self.result("fail", faults=["every call only computes from its arguments"])
        return self.result("unknown", why="nothing shows that any of the tools reads data")


def reads_data(knowledge: Knowledge, key: ToolKey) -> bool:
    """Return whether a tool is shown to read a data source: a function of its arguments alone does not.

    Not shown is not a yes: what is unknown counts neither as a data source nor as a pure function.
    """
    profile = knowledge.profiles.get(key)
    if profile is None or profile.pure:
        return False
    return profile.pure is False or len(_news(knowledge, key)) >= _NEWS


_CALENDAR = vocabulary(
    """
    monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun
    january february march april may june july august september october november december
    jan feb mar apr jun jul aug sep sept oct nov dec utc gmt
    """
)
"""Words that a function of a date says by itself: they vary with the argument and are no data."""
_NEWS = 5
"""Words of answers that can't come from the arguments, for a tool to count as a data source."""


@lru_cache(maxsize=1024)
def _news(knowledge: Knowledge, key: ToolKey) -> frozenset[str]:
    """Return words that some of a tool's answers hold and others don't, unknown to arguments and declaration.

    Only of servers with a state: without one there is nothing to read but the arguments.
    """
    listing, tool = knowledge.listings.get(key[0]), knowledge.tools.get(key)
    if listing is None or tool is None or listing.scope == "none":
        return frozenset()
    declared = set(tokens(canonical_json(tool.model_dump(mode="json"))))
    answers = [
        {word for word in tokens(step.observation.visible) if word.isalpha() and len(word) > 2}
        - set(tokens(canonical_json(step.call.arguments)))
        - declared
        - _CALENDAR
        for step in knowledge.successes(key)
    ]
    common = set.intersection(*answers) if answers else set()
    return frozenset(set().union(*answers) - common)


@register("checks", "provenance")
class Provenance(Rule):
    """The answer and every passed value follow from what the gold calls were observed to return."""

    name = "provenance"

    def check(self, task: Task, trial: Trial) -> CheckResult:
        """Compute every reference and the answer anew from the recorded observations."""
        found = recorded(task, trial)
        if found.fault:
            return self.result("fail", faults=[found.fault])
        faults = []
        for gold in task.gold_calls:
            for parameter in sorted(gold.references):
                given = gold.arguments.get(parameter, found.calls[gold.id].arguments[parameter])
                if given != found.calls[gold.id].arguments[parameter]:
                    faults.append(
                        f"{gold.id}.{parameter}: the task says {given!r}, the outputs say otherwise"
                    )
        for passed in passed_values(task):
            if passed.condition is None:
                continue
            try:
                value = found.value(passed.expression)
            except ExpressionError as error:
                faults.append(f"{passed.where}: {error}")
                continue
            said = passed.condition.value
            if value != said:
                faults.append(f"{passed.where}: the task says {said!r}, the outputs say {value!r}")
        computed: JsonValue = None
        try:
            computed = found.value(task.expression)
            if not agrees(task.answer, computed):
                faults.append(f"the outputs give {computed!r}, the task says {task.answer.value!r}")
        except ExpressionError as error:
            faults.append(f"the answer has no single value: {error}")
        return self.decide(faults, computed=computed)
