"""Words the questions of another writer anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

from firefly.knowledge import Knowledge
from firefly.lm import Estimate, Models
from firefly.lm.prompt import Prompt
from firefly.plugins import register
from firefly.protocols import TaskWriter
from firefly.records import Exploration
from firefly.replay.records import Task, Tool
from firefly.synthesis.rewriting import PARAPHRASING, Manner, Rewriter, needs_of, reworded

__all__ = ["Paraphrase"]


@register("synthesizer", "paraphrase")
class Paraphrase:
    """A language model words the questions of another writer anew; a question that it only spoils stays."""

    def __init__(
        self,
        *,
        models: Models,
        writer: TaskWriter,
        versions: int = 3,
        style: str = Manner.style,
        language: str = Manner.language,
        confirm: bool = True,
        instructions: str = PARAPHRASING,
        state: Path | None = None,
    ) -> None:
        """Configure the prompt.

        Args:
            models: the models of the run; the roles are ``writer`` and, for second readings, ``judge``.
            writer: who writes the tasks.
            versions: most wordings of one question; the first is the question, the others its phrasings.
            style: how questions are worded.
            language: in which language; answer formats stay English.
            confirm: whether a second reading must find each wording to ask for the same.
            instructions: what the model is told.
            state: JSON file of an optimised prompt.

        """
        if versions < 1:
            raise ValueError("versions must be at least 1")
        self._writer = writer
        self._rewriter = Rewriter(
            models,
            Manner(style, language),
            instructions=instructions,
            versions=versions,
            confirm=confirm,
            state=state,
        )

    def prompts(self) -> Mapping[str, Prompt]:
        """Return the one prompt, for optimisers."""
        return {"state": self._rewriter.writing}

    @property
    def tasks(self) -> int:
        """Return the most tasks written from one exploration, as the other writer says."""
        return int(getattr(self._writer, "tasks", 1))

    def estimate(self, tools: Sequence[Tool], *, explorations: int) -> list[Estimate]:
        """Return what wording the tasks of ``explorations`` anew would take."""
        return self._rewriter.estimates(explorations * self.tasks, reading=False)

    def write(self, exploration: Exploration, *, knowledge: Knowledge, rng: Random) -> list[Task]:
        """Return the other writer's tasks, in new words where these say the same."""
        return [
            self._worded(task, exploration, knowledge)
            for task in self._writer.write(exploration, knowledge=knowledge, rng=rng)
        ]

    def _worded(self, task: Task, exploration: Exploration, knowledge: Knowledge) -> Task:
        needs = needs_of(task, exploration, knowledge, english=self._rewriter.manner.english)
        texts = self._rewriter.wordings(
            task.question, needs, lambda text: self._rewriter.compares(task.question, text)
        )
        return reworded(task, texts, "paraphrase") if texts else task
