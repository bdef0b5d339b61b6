"""Can the answer be had without doing what is asked?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pydantic import JsonValue

from firefly.plugins import register
from firefly.protocols import Trial
from firefly.records import CheckResult, Verdict
from firefly.replay.answers import answer_text
from firefly.replay.grading import grade
from firefly.replay.records import Rollout, Task, digest
from firefly.replay.tool_set import ToolSet
from firefly.verification.choice import guessable
from firefly.verification.policies import POLICIES, Sight
from firefly.verification.preflight import group_of
from firefly.verification.rule import SIMULATOR, Rule

COMMONEST = "commonest_answer"
"""The policy that answers what most of the other tasks of a family have as their answer."""


@register("checks", "shortcuts")
class Shortcuts(Rule):
    """No policy that makes a call on sight and copies a field of its result earns the reward."""

    name = "shortcuts"
    cost = SIMULATOR

    def __init__(self, *, policies: Sequence[str] = POLICIES, required: bool = True) -> None:
        """Choose the policies.

        Args:
            policies: ``nearest_tool`` calls the tool whose name and description are nearest to the
                question, with arguments at hand, and copies the field whose name is nearest; ``every_tool``
                calls all tools that need no arguments and copies one field; with ``_row`` they take, of a
                list, the item that the question says most of.
            required: whether a task that one of them solves is rejected.

        """
        super().__init__(required=required)
        unknown = sorted(set(policies) - set(POLICIES))
        if unknown:
            raise ValueError(f"no policy {', '.join(unknown)}; there are {', '.join(POLICIES)}")
        self.policies = tuple(policies)

    def check(self, task: Task, trial: Trial) -> CheckResult:
        """Let every policy try the task, offline."""
        sight = Sight(task, trial.knowledge, trial.simulator)
        tools = ToolSet.of(tool for key, tool in trial.knowledge.tools.items() if key[0] in task.servers)
        solved: list[JsonValue] = []
        for policy in self.policies:
            attempt = sight.attempt(policy)
            if attempt.answer is None:
                continue
            said = answer_text(task.answer.model_copy(update={"value": attempt.answer}))
            rollout = Rollout(calls=attempt.calls, answer=said)
            if grade(task, rollout, trial.simulator, tool_set=tools).reward == 1:
                solved.append(policy)
        faults = [f"{policy} earns the reward" for policy in solved]
        return self.decide(faults, tried=list(self.policies), solved=solved)


def shortcut_rates(tasks: Sequence[Task], verdicts: Sequence[Verdict]) -> dict[str, JsonValue]:
    """Return for each policy how many tasks it solves: of the verified, and of those sound but for shortcuts.

    The second figure says what the check keeps out. ``commonest_answer`` answers what is commonest among
    the *other* tasks of a family (the last tool, the operation and the field of the answer).
    """
    by_id = {task.id: task for task in tasks}
    verified = [by_id[one.task] for one in verdicts if one.verified and one.task in by_id]
    sound = [by_id[one.task] for one in verdicts if one.task in by_id and _sound(one)]
    solved: dict[str, set[str]] = {}
    for verdict in verdicts:
        for result in verdict.results:
            if result.check == Shortcuts.name:
                for policy in _texts(result.evidence.get("tried")):
                    solved.setdefault(policy, set())
                for policy in _texts(result.evidence.get("solved")):
                    solved.setdefault(policy, set()).add(verdict.task)
    rates: dict[str, JsonValue] = {
        COMMONEST: {"verified": _rate(verified, _guessed(verified)), "before": _rate(sound, _guessed(sound))}
    }
    for policy, ones in sorted(solved.items()):
        rates[policy] = {"verified": _rate(verified, ones), "before": _rate(sound, ones)}
    return rates


def _sound(verdict: Verdict) -> bool:
    """Return whether every check that looks at tasks one by one, but for shortcuts, lets the task through."""
    wrong = {one.check for one in verdict.results if one.required and one.status in ("fail", "unknown")}
    return wrong <= {Shortcuts.name, "caps", "dedup", "re_execution"}


def _texts(value: JsonValue) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _guessed(tasks: Sequence[Task]) -> set[str]:
    return guessable({task.id: (group_of(task), digest(task.answer.value)) for task in tasks})


def _rate(tasks: Sequence[Task], solved: set[str]) -> dict[str, JsonValue]:
    hits = [task for task in tasks if task.id in solved]
    families = Counter(_family(task) for task in tasks)
    worst = Counter(_family(task) for task in hits)
    family = max(worst, key=lambda name: (worst[name] / families[name], name), default="")
    found: dict[str, JsonValue] = {
        "tasks": len(tasks),
        "solved": len(hits),
        "rate": round(len(hits) / len(tasks), 4) if tasks else 0.0,
        "families": len(families),
    }
    if family:
        found["largest_family_rate"] = {
            "family": family,
            "tasks": families[family],
            "solved": worst[family],
            "rate": round(worst[family] / families[family], 4),
        }
    return found


def _family(task: Task) -> str:
    server, tool, op, keys = group_of(task)
    shown = ".".join(map(str, keys)) if isinstance(keys, tuple) else str(keys)
    return f"{server}/{tool} {op} {shown}".strip()
