"""What the checks share that ask language models: they ask, and judge what was said by rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import JsonValue

from firefly.lm import Models
from firefly.protocols import Backend, Trial
from firefly.records import CheckResult
from firefly.replay.records import Task
from firefly.verification.rule import MODELS, Rule

BY_MODEL = "a language model"
"""What the evidence of such a check says under ``by``."""


class Opinion(Rule):
    """A check whose evidence is what a language model says; its name and evidence say so."""

    cost = MODELS
    role: ClassVar[str]
    """Whose model is asked."""

    def __init__(self, *, models: Models, required: bool = False) -> None:
        """Take the run's models, and say whether a task that does not pass is rejected."""
        super().__init__(required=required)
        self.models = models

    def check(self, task: Task, trial: Trial) -> CheckResult:
        """Judge what was said; unknown where nothing was."""
        if trial.said is None:
            return self.result("unknown", why="no model could be asked", by=BY_MODEL)
        found = self.judged(task, trial.said)
        model = self.models.connection(self.role).model
        return found.model_copy(update={"evidence": {"by": BY_MODEL, "model": model, **found.evidence}})

    def ask(self, task: Task, trial: Trial, *, live: Backend) -> Mapping[str, JsonValue]:
        """Return what the model says of a task."""
        raise NotImplementedError

    def judged(self, task: Task, said: Mapping[str, JsonValue]) -> CheckResult:
        """Return what follows from what was said."""
        raise NotImplementedError
