"""Does the question give away what is to be found out?"""

from __future__ import annotations

import re

from firefly.english import words
from firefly.mentions import identifier, mention
from firefly.outputs import leaves
from firefly.plugins import register
from firefly.protocols import Trial
from firefly.records import CheckResult
from firefly.replay.expressions import ExpressionError
from firefly.replay.records import Task
from firefly.verification.recorded import expressions, recorded, told
from firefly.verification.rule import Rule

_CODE = re.compile(r"[A-Za-z]{2,}[-_]?\d{3,}")


def _codes(text: str) -> set[str]:
    """Return the codes in a text, case folded: "AGR-2472" of "Supply agreement AGR-2472"."""
    return {code.casefold() for code in _CODE.findall(text)}


@register("checks", "leakage")
class Leakage(Rule):
    """Neither the answer nor a value on the way, nor a tool's or server's name, is in any wording."""

    name = "leakage"

    def check(self, task: Task, trial: Trial) -> CheckResult:
        """Search the question for the values and names, and for forms near them."""
        found = recorded(task, trial)
        faults = []
        hidden = [("the answer", task.answer.value)]
        for where, expression in expressions(task):
            try:
                hidden.append((where, found.value(expression)))
            except ExpressionError as error:
                return self.result("unknown", why=f"{where}: {error}")
        for what, value in hidden:  # literal values of conditions are asked for, so they are not among these
            form = told(task, value)
            if form:
                faults.append(f"{what} stands in the question as {form!r}")
        given = set().union(*map(_codes, task.wordings))
        for _, leaf in leaves(task.answer.value):
            codes = _codes(leaf) if isinstance(leaf, str) else set()
            if codes and codes <= given:
                faults.append(f"all that tells the answer from others stands in the question: {min(codes)}")
            # Numbers are left out: "rounded to 2 decimal places" says nothing of an answer of 2.
            form = mention(task.answer_format, leaf) if isinstance(leaf, str) else None
            if form:
                faults.append(f"the answer stands in the answer's format as {form!r}")
        for what, name in sorted(self._names(task, trial)):
            asked = (*task.wordings, task.answer_format)
            form = next((form for text in asked if (form := identifier(text, name))), None)
            if form:
                faults.append(f"the {what} {name!r} stands in the question as {form!r}")
        return self.decide(sorted(set(faults)))

    @staticmethod
    def _names(task: Task, trial: Trial) -> set[tuple[str, str]]:
        names = {("server", server) for server in task.servers}
        names |= {("tool", tool) for server, tool in trial.knowledge.tools if server in task.servers}
        names |= {("tool", gold.tool) for gold in task.gold_calls}
        names |= {
            ("parameter", parameter)
            for gold in task.gold_calls
            for parameter in (*gold.arguments, *gold.references)
            if len(words(parameter)) == 2 and not parameter.isalpha()
        }
        return names
