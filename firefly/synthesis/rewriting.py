"""Has a model word questions anew; a wording counts if rules and a second reading find the same in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from firefly.knowledge import Knowledge
from firefly.lm import Estimate, Models
from firefly.lm.formulas import FORMULAS, Formula, FormulaError, call_text, expression_of, expression_text
from firefly.lm.prompt import Prompt
from firefly.lm.usual import ANSWER, QUESTION
from firefly.lm.usual import trajectory as trajectory_tokens
from firefly.mentions import mention
from firefly.outputs import leaves
from firefly.records import Exploration
from firefly.replay.expressions import same
from firefly.replay.records import Task
from firefly.synthesis.chains import Chain
from firefly.synthesis.faithful import Needs, all_words, faults, pieces, said_directions
from firefly.synthesis.outcomes import names_of

__all__ = ["OBSCURING", "PARAPHRASING", "Manner", "Rewriter", "needs_of", "trajectory"]

WRITER, READER = "writer", "judge"
"""Roles: who writes, and who reads again."""

PARAPHRASING = (
    "Word the question anew, in really different ways, so that it asks for exactly the same. Keep every "
    "name, number, date, code and quotation to the letter, every condition, and which end is meant "
    "(highest, latest, above ...). Never name tools. Add nothing."
)
OBSCURING = (
    "Word the question so that it says what is wanted and not how it is found: no steps, no order of "
    "look-ups, no hint at tools; one who reads it has to work out the way. Keep every name, number, date, "
    "code and quotation to the letter, every condition, and which end is meant. It must still have the "
    "very same answer."
)
_READING = (
    "Read the question as an outsider would, and say by a formula over the calls' results what answers it. "
    + FORMULAS
)
_COMPARING = (
    "Do both texts ask for exactly the same, done with the same things, so that every right answer to one "
    "is right for the other? A missing condition, another end, another value or another deed makes them "
    "different."
)


@dataclass(frozen=True)
class Manner:
    """How questions are worded."""

    style: str = "plain, as a colleague would ask in passing"
    language: str = "English"

    @property
    def english(self) -> bool:
        """Return whether the rules that know English apply."""
        return self.language.strip().casefold() in ("english", "en")

    @property
    def text(self) -> str:
        """Return it as the model is told."""
        return f"{self.style}; written in {self.language}, quotations and names left as they are"


@dataclass
class Rewriter:
    """Words questions anew. Rejected wordings are counted in the ledger, by what was wrong."""

    models: Models
    manner: Manner
    instructions: str = PARAPHRASING
    versions: int = 3
    confirm: bool = True
    """Whether another reading must agree; where the language is not English it always must."""
    state: Path | None = None

    def __post_init__(self) -> None:
        models = self.models
        self.writing = Prompt(
            models,
            WRITER,
            instructions=self.instructions,
            inputs={"question": "as it is now", "manner": "style and language", "count": "how many wordings"},
            outputs={"wordings": (list[str], "each the whole question")},
            state=self.state,
        )
        self._reading = Prompt(
            models,
            READER,
            instructions=_READING,
            inputs={"calls": "calls and what they returned", "question": "what is asked"},
            outputs={"formula": (Formula, "what answers it")},
        )
        self._comparing = Prompt(
            models,
            READER,
            instructions=_COMPARING,
            inputs={"first": "a request", "second": "a request"},
            outputs={"same": (bool, "whether they ask for the same"), "difference": (str, "if any")},
        )

    def wordings(self, question: str, needs: Needs, agrees: Callable[[str], bool]) -> list[str]:
        """Return wordings of ``question`` that say what ``needs`` says; ``agrees`` reads each once more."""
        said = self.writing.ask(question=question, manner=self.manner.text, count=str(self.versions))
        found: list[str] = []
        for text in list(said.wordings or ())[: self.versions] if said is not None else ():
            clean = " ".join(str(text).split())
            if clean in (*found, question):
                continue
            if not self.faults(clean, needs) and agrees(clean):
                found.append(clean)
        return found

    def estimates(self, questions: int, *, reading: bool) -> list[Estimate]:
        """Return what wording ``questions`` anew would take, each wording read once more.

        Args:
            questions: how many.
            reading: whether wordings are read over what the calls returned, else beside the question.

        """
        said = self.versions * QUESTION
        found = [self.writing.estimate(questions, given=2 * QUESTION, said=said)]
        if self.confirm or not self.manner.english:
            again = questions * self.versions
            found.append(self.readings(again) if reading else self._compared(again))
        return found

    def readings(self, texts: int) -> Estimate:
        """Return what reading ``texts`` over the calls' results would take."""
        return self._reading.estimate(texts, given=trajectory_tokens() + QUESTION, said=ANSWER)

    def _compared(self, texts: int) -> Estimate:
        return self._comparing.estimate(texts, given=2 * QUESTION, said=ANSWER)

    def faults(self, text: str, needs: Needs) -> list[str]:
        """Return what the rules find wrong with a wording."""
        wrong = faults(text, needs)
        if wrong:
            self.models.ledger.count(WRITER, "unfaithful")
        return wrong

    def misread(self, question: str, chain: Chain, value: JsonValue) -> str:
        """Return "" where someone who reads the question over what was observed comes to ``value``."""
        if not (self.confirm or not self.manner.english):
            return ""
        said = self._reading.ask(calls=trajectory(chain), question=question)
        try:
            read = None if said is None else expression_of(said.formula, chain.outputs)
        except FormulaError:
            read = None
        agrees = read is not None and same(read[1], value)
        self._counted(agrees)
        if agrees:
            return ""
        return (
            f"a reader takes it for {expression_text(read[0])}" if read else "a reader finds no answer to it"
        )

    def compares(self, one: str, other: str) -> bool:
        """Return whether someone who reads both requests finds them the same."""
        if not (self.confirm or not self.manner.english):
            return True
        said = self._comparing.ask(first=one, second=other)
        return self._counted(said is not None and said.same is True)

    def _counted(self, agrees: bool) -> bool:
        if not agrees:
            self.models.ledger.count(READER, "disagrees")
        return agrees


def trajectory(chain: Chain) -> str:
    """Return a chain of calls as a model reads it."""
    return "\n".join(
        call_text(
            call.id,
            call.call,
            chain.outputs[call.id],
            told=" ".join(chain.tools[call.id].description.split())[:200],
            passed=call.references,
        )
        for call in chain.calls
    )


def needs_of(task: Task, exploration: Exploration, knowledge: Knowledge, *, english: bool = True) -> Needs:
    """Return what another wording of a task has to say: all that this one says to the letter, and no more."""
    question = task.question
    values: list[JsonValue] = [
        leaf
        for gold in task.gold_calls
        for name, argument in gold.arguments.items()
        if name not in gold.references
        for _, leaf in leaves(argument)
    ]
    expressions = [task.expression, *(one for gold in task.gold_calls for one in gold.references.values())]
    values += [condition.value for one in expressions for condition in one.where]
    stated = [value for value in values if mention(question, value) is not None]
    tools = [tool for key, tool in knowledge.tools.items() if key[0] in task.servers]
    fold = task.expression.op if task.expression.op in ("count", "sum") else ""
    return Needs(
        stated=(*stated, *pieces(question)),
        hidden=(task.answer.value, *_passed(task, exploration)),
        names=names_of(set(task.servers), knowledge),
        allowed=" ".join([question, all_words([tool.description for tool in tools])]),
        directions=said_directions(question),
        fold=fold,
        ordered=False,
        english=english,
    )


def _passed(task: Task, exploration: Exploration) -> Sequence[JsonValue]:
    """Return the values that the gold calls take from one another."""
    wanted = {(gold.server, gold.tool): gold for gold in task.gold_calls if gold.references}
    return [
        value
        for call in exploration.calls
        if (gold := wanted.get(call.call.key)) is not None
        for name in gold.references
        if (value := call.call.arguments.get(name)) is not None and name not in gold.templates
    ]


def reworded(task: Task, texts: Sequence[str], synthesizer: str) -> Task:
    """Return the task with other wordings; answer, calls and end state stay."""
    plain = task.model_dump(mode="json", exclude={"id"})
    provenance = {**plain["provenance"], "synthesizer": synthesizer}
    return Task.model_validate(
        {**plain, "question": texts[0], "phrasings": tuple(texts[1:]), "provenance": provenance}
    )
