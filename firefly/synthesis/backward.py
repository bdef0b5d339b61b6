"""Has a model write tasks backward: from executed calls and what they returned to question and formula.

The model chooses what is worth asking and how it is said. The answer is its formula's value over the recorded
outputs; nothing that it says becomes a label.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Literal

from pydantic import BaseModel, ConfigDict

from firefly.knowledge import Knowledge
from firefly.lm import Estimate, Models
from firefly.lm.formulas import FORMULAS, Formula, FormulaError
from firefly.lm.prompt import Prompt
from firefly.lm.usual import ANSWER, QUESTION, trajectory
from firefly.plugins import register
from firefly.records import Exploration
from firefly.replay.records import Task, Tool
from firefly.synthesis.chains import Chain, chains
from firefly.synthesis.faithful import all_words, pieces
from firefly.synthesis.outcomes import Outcome, Outcomes
from firefly.synthesis.rewriting import OBSCURING, WRITER, Manner, Rewriter, needs_of, reworded
from firefly.synthesis.rewriting import trajectory as told
from firefly.synthesis.template import Template

__all__ = ["INSTRUCTIONS", "Backward", "Written"]

INSTRUCTIONS = (
    "These calls were really made, and this is what they returned. Write questions that someone who knows "
    "none of it could only answer by making them. Ask for one value that the last call shows (a name, a "
    "date, a figure, a count), never for something that an argument or an earlier call says. State every "
    "argument that is not passed on from an earlier call, and say of a passed value what it means, never "
    "its value. Name no tools. " + FORMULAS
)

Difficulty = Literal["easy", "medium", "hard"]

_DIFFICULTIES: dict[Difficulty, tuple[int, str]] = {
    "easy": (1, "easy: a look-up that is asked for directly"),
    "medium": (1, "medium: a condition, a comparison or a step in between, where the calls allow it"),
    "hard": (2, "hard: several steps that depend on each other, none of which the question spells out"),
}
"""Least number of calls, and what the model is told."""

_RUBRIC, _LINE = 6, 240
"""Most lines of a rubric, and letters of one."""


class Written(BaseModel):
    """One task as the model writes it."""

    model_config = ConfigDict(extra="forbid")
    question: str
    formula: Formula
    rubric: list[str] = []
    """What a good piece of work on it shows; for judges, without the answer."""


@register("synthesizer", "backward")
class Backward:
    """A language model writes question, formula and rubric from what was observed; rules compute the answer.

    What changes something is written from templates, whose instructions and end states are right by
    construction, and worded anew.
    """

    def __init__(  # noqa: PLR0913 - each is a key of the YAML
        self,
        *,
        models: Models,
        tasks: int = 3,
        difficulty: Difficulty = "medium",
        style: str = Manner.style,
        language: str = Manner.language,
        obscure: bool = True,
        confirm: bool = True,
        corrections: int = 1,
        instructions: str = INSTRUCTIONS,
        obscuring: str = OBSCURING,
        state: Path | None = None,
        obscuring_state: Path | None = None,
    ) -> None:
        """Configure the prompts.

        Args:
            models: the models of the run; the roles are ``writer`` and, for second readings, ``judge``.
            tasks: most tasks written from one exploration.
            difficulty: easy, medium or hard.
            style: how questions are worded.
            language: in which language; answer formats stay English.
            obscure: whether each question is written once more so that it hides the steps.
            confirm: whether another reading of each question must come to the same answer.
            corrections: how often questions that break a rule are sent back with what is wrong.
            instructions: what the model is told.
            obscuring: the same for the rewrite that hides the steps.
            state: JSON file of an optimised prompt.
            obscuring_state: the same for the rewrite.

        """
        if tasks < 1 or corrections < 0:
            raise ValueError("tasks must be at least 1, and corrections at least 0")
        self._models, self._obscure = models, obscure
        self.tasks, self._corrections = tasks, corrections
        self._least, self._told = _DIFFICULTIES[difficulty]
        manner = Manner(style, language)
        self._rewriter = Rewriter(
            models, manner, instructions=obscuring, versions=1, confirm=confirm, state=obscuring_state
        )
        self._template = Template(tasks=tasks, phrasings=0)
        self.prompt = Prompt(
            models,
            WRITER,
            instructions=instructions,
            inputs={
                "calls": "what was called and what came back",
                "manner": "style and language",
                "difficulty": "how hard the tasks shall be",
                "count": "how many tasks",
                "earlier": "what you wrote before that can't be used, and why: write other words or others",
            },
            outputs={"tasks": (list[Written], "the best first")},
            state=state,
        )

    def prompts(self) -> Mapping[str, Prompt]:
        """Return the prompts, for optimisers: that of the writer, and that of the rewrite."""
        found = {"state": self.prompt}
        return {**found, "obscuring_state": self._rewriter.writing} if self._obscure else found

    def estimate(self, tools: Sequence[Tool], *, explorations: int) -> list[Estimate]:
        """Return what writing about ``explorations`` would take if every question passed the rules."""
        questions = explorations * self.tasks
        said = self.tasks * (QUESTION + 2 * ANSWER)
        asked = explorations * (1 + self._corrections)
        found = [self.prompt.estimate(asked, given=trajectory() + QUESTION, said=said)]
        if self._rewriter.confirm:
            found.append(self._rewriter.readings(questions))
        return [*found, *(self._rewriter.estimates(questions, reading=True) if self._obscure else ())]

    def write(self, exploration: Exploration, *, knowledge: Knowledge, rng: Random) -> list[Task]:
        """Return task candidates; answers are values of formulas over what the calls returned."""
        if not exploration.completed:
            return []
        if exploration.sub_dag.writes:
            return list(self._changing(exploration, knowledge, rng))
        found: list[Task] = []
        for chain in chains(exploration, knowledge):
            if len(chain.calls) >= self._least and len(found) < self.tasks:
                found += self._of(chain, exploration, knowledge, rng, self.tasks - len(found))
        return found

    def _of(
        self, chain: Chain, exploration: Exploration, knowledge: Knowledge, rng: Random, most: int
    ) -> Iterator[Task]:
        outcomes = Outcomes(chain, knowledge, rng, english=self._rewriter.manner.english)
        earlier = "nothing"
        for _ in range(1 + self._corrections):
            rejected = []
            for written in self._drafts(chain, most, earlier):
                made = self._made(written, outcomes, chain)
                if isinstance(made, str):
                    rejected.append(_complaint(written, made))
                    continue
                text, outcome = made
                allowed = (
                    f"{outcome.needs.allowed} {all_words([written.question, str(outcome.answer.value)])}"
                )
                rubric = _rubric(written.rubric, allowed)
                yield outcome.task(text, exploration, knowledge, synthesizer="backward", rubric=rubric)
            if not rejected:
                return
            earlier, most = "\n".join(rejected), len(rejected)

    def _drafts(self, chain: Chain, most: int, earlier: str) -> list[Written]:
        said = self.prompt.ask(
            calls=told(chain),
            manner=self._rewriter.manner.text,
            difficulty=self._told,
            count=str(most),
            earlier=earlier,
        )
        return list(said.tasks or ())[:most] if said is not None else []

    def _made(self, written: Written, outcomes: Outcomes, chain: Chain) -> tuple[str, Outcome] | str:
        """Return the question, its steps hidden where that went well, or what is wrong with it."""
        question = " ".join(written.question.split())
        try:
            outcome = outcomes.read(written.formula)
        except FormulaError as error:
            self._models.ledger.count(WRITER, "no_answer")
            return f"the formula has no use: {error}"
        wrong = self._rewriter.faults(question, outcome.needs)
        misread = "" if wrong else self._rewriter.misread(question, chain, outcome.value)
        if wrong or misread:
            return "; ".join(wrong) or misread

        def reads(text: str) -> bool:
            return not self._rewriter.misread(text, chain, outcome.value)

        obscured = self._rewriter.wordings(question, outcome.needs, reads) if self._obscure else []
        return (obscured[0] if obscured else question), outcome

    def _changing(self, exploration: Exploration, knowledge: Knowledge, rng: Random) -> Iterator[Task]:
        """Yield tasks that change something, from templates, worded anew."""
        for task in self._template.write(exploration, knowledge=knowledge, rng=rng):
            needs = needs_of(task, exploration, knowledge, english=self._rewriter.manner.english)
            texts = self._rewriter.wordings(
                task.question,
                needs,
                lambda text, task=task: self._rewriter.compares(task.question, text),  # type: ignore[misc]
            )
            if texts:
                yield reworded(task, texts, "backward")


def _complaint(written: Written, wrong: str) -> str:
    question = " ".join(written.question.split())[:_LINE]
    return f"- {question} {written.formula.model_dump_json(exclude_defaults=True)}: {wrong}"


def _rubric(lines: Sequence[str], allowed: str) -> tuple[str, ...]:
    """Return a rubric's lines but those that bring in figures, codes or quotations of their own."""
    known = set(all_words([allowed]).casefold().split())
    kept = []
    for line in lines:
        text = " ".join(str(line).split())
        own = [word for piece in pieces(text) for word in all_words([piece]).casefold().split()]
        if text and len(text) <= _LINE and all(word in known for word in own):
            kept.append(text)
    return tuple(kept[:_RUBRIC])
