"""Checks by a language model's reading: a judge with a rubric, and a probe for ambiguity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from firefly.lm import Estimate, Models
from firefly.lm.formulas import FORMULAS, Formula, FormulaError, call_text, expression_of
from firefly.lm.ledger import tokens_of
from firefly.lm.prompt import Prompt
from firefly.lm.usual import ANSWER, QUESTION, trajectory
from firefly.plugins import register
from firefly.protocols import Backend, Trial
from firefly.records import CheckResult
from firefly.replay.records import Task, Tool
from firefly.verification.opinion import Opinion
from firefly.verification.recorded import Recorded, agrees, recorded

__all__ = ["Ambiguity", "Judge"]

RUBRIC: Mapping[str, str] = {
    "clear": "one who knows nothing of it understands what is asked at the first reading",
    "natural": "a person would ask this, in these words",
    "grounded": "the calls and their results really lead to the answer that is given",
    "needed": "it can't be answered without the calls: neither guessed nor read off the question",
    "single": "there is exactly one right answer, and the format says how to give it",
}
"""Criterion -> what full marks mean."""

_JUDGING = (
    "You judge tasks for tool-calling agents. Give each criterion a mark from 1 (not at all) to 5 (fully) "
    "and a short reason. Be strict; judge only what is shown."
)
_READING = (
    "Read the question as an outsider would, and say by a formula over the calls' results what answers "
    "it. Where it can be read in several ways, take any of them. " + FORMULAS
)
_FULL = 5
CRITERION = 40
"""Tokens of a mark with its reason, for estimates."""


class Mark(BaseModel):
    """The mark for one criterion."""

    model_config = ConfigDict(extra="forbid")
    criterion: str
    mark: int = Field(ge=1, le=_FULL)
    why: str = ""


@register("checks", "judge")
class Judge(Opinion):
    """LLM check: a model that sees question, calls, results and answer gives marks by a rubric."""

    name = "judge"
    role = "judge"

    def __init__(
        self,
        *,
        models: Models,
        rubric: Mapping[str, str] | None = None,
        least: int = 4,
        instructions: str = _JUDGING,
        state: Path | None = None,
        required: bool = False,
    ) -> None:
        """Set the rubric.

        Args:
            models: the models of the run; the role is ``judge``.
            rubric: criterion -> what full marks mean; None: `RUBRIC`.
            least: lowest mark with which a criterion is met, 1 to 5.
            instructions: what the model is told.
            state: JSON file of an optimised prompt.
            required: whether a task that fails is rejected.

        """
        super().__init__(models=models, required=required)
        if not 1 <= least <= _FULL:
            raise ValueError(f"least must be 1 to {_FULL}")
        self._rubric, self._least = dict(RUBRIC if rubric is None else rubric), least
        self._prompt = Prompt(
            models,
            self.role,
            instructions=instructions,
            inputs={
                "task": "question, answer format and answer",
                "calls": "the reference calls and what they returned",
                "rubric": "criteria",
                "notes": "what the writer says of good work on it",
            },
            outputs={"marks": (list[Mark], "one for each criterion, by its name")},
            state=state,
        )

    def estimate(self, tools: Sequence[Tool], *, tasks: int) -> Estimate:
        """Return what judging ``tasks`` would take."""
        rubric = tokens_of(" ".join(self._rubric.values()))
        said = CRITERION * len(self._rubric)
        return self._prompt.estimate(tasks, given=trajectory() + QUESTION + rubric, said=said)

    def ask(self, task: Task, trial: Trial, *, live: Backend) -> Mapping[str, JsonValue]:
        """Have the task marked."""
        said = self._prompt.ask(
            task=f"{task.prompt}\nAnswer: {task.answer.value!r}",
            calls=_calls(task, recorded(task, trial)),
            rubric="\n".join(f"{name}: {told}" for name, told in self._rubric.items()),
            notes="\n".join(task.rubric) or "none",
        )
        marks = [one.model_dump(mode="json") for one in said.marks] if said is not None else []
        return {"marks": list[JsonValue](marks)}

    def judged(self, task: Task, said: Mapping[str, JsonValue]) -> CheckResult:
        """Fail where a criterion is not met; unknown where one got no mark."""
        marks = {str(one["criterion"]).strip(): one for one in _dicts(said.get("marks"))}
        evidence: dict[str, JsonValue] = {"marks": list[JsonValue](list(marks.values()))}
        missing = [name for name in self._rubric if name not in marks]
        if missing:
            return self.result("unknown", why=f"no mark for {', '.join(missing)}", **evidence)
        low = [name for name in self._rubric if marks[name]["mark"] < self._least]
        return self.decide([f"{name}: {marks[name]['mark']} of {_FULL}" for name in low], **evidence)


@register("checks", "judge_only")
class JudgeOnly(Judge):
    """LLM check, as a baseline: a model's marks by a rubric are the only gate."""

    name = "judge_only"


@register("checks", "ambiguity")
class Ambiguity(Opinion):
    """LLM check: independent readings of the question over the same results all come to the answer."""

    name = "ambiguity"
    role = "judge"

    def __init__(
        self,
        *,
        models: Models,
        readings: int = 3,
        instructions: str = _READING,
        state: Path | None = None,
        required: bool = False,
    ) -> None:
        """Set how often the question is read.

        Args:
            models: the models of the run; the role is ``judge``.
            readings: how many.
            instructions: what the model is told.
            state: JSON file of an optimised prompt.
            required: whether a task that is read in different ways is rejected.

        """
        super().__init__(models=models, required=required)
        if readings < 1:
            raise ValueError("readings must be at least 1")
        self._readings = readings
        self._prompt = Prompt(
            models,
            self.role,
            instructions=instructions,
            inputs={"calls": "calls and what they returned", "question": "what is asked"},
            outputs={"formula": (Formula, "what answers it")},
            state=state,
        )

    def estimate(self, tools: Sequence[Tool], *, tasks: int) -> Estimate:
        """Return what reading ``tasks`` would take, of one wording each."""
        return self._prompt.estimate(tasks * self._readings, given=trajectory() + QUESTION, said=ANSWER)

    def ask(self, task: Task, trial: Trial, *, live: Backend) -> Mapping[str, JsonValue]:
        """Have every wording read, the question most often."""
        found = recorded(task, trial)
        calls = _calls(task, found)
        texts = [task.question] * self._readings + list(task.phrasings)
        return {"readings": [self._reading(text, calls, found, task) for text in texts]}

    def _reading(self, text: str, calls: str, found: Recorded, task: Task) -> dict[str, JsonValue]:
        said = self._prompt.ask(calls=calls, question=f"{text} {task.answer_format}".strip())
        if said is None:
            return {"unreadable": True}
        try:
            _, value = expression_of(said.formula, found.outputs)
        except FormulaError as error:
            return {"no_value": str(error)[:200]}
        return {"value": value, "agrees": agrees(task.answer, value)}

    def judged(self, task: Task, said: Mapping[str, JsonValue]) -> CheckResult:
        """Fail where a reading comes to another value; unknown where most can't be read."""
        readings = _dicts(said.get("readings"))
        told = [one for one in readings if "agrees" in one]
        others = [one["value"] for one in told if not one["agrees"]]
        evidence: dict[str, JsonValue] = {"readings": list[JsonValue](readings)}
        if others:
            return self.decide([f"read otherwise, the answer is {others[0]!r}"], **evidence)
        if 2 * len(told) <= len(readings):
            return self.result("unknown", why="most readings come to no value", **evidence)
        return self.result("pass", **evidence)


def _calls(task: Task, found: Recorded) -> str:
    return "\n".join(
        call_text(gold.id, found.calls[gold.id], found.outputs.get(gold.id), passed=gold.references)
        for gold in task.gold_calls
        if gold.id in found.calls
    )


def _dicts(value: JsonValue) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
