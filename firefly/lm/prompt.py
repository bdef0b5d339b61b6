"""One prompt: a DSPy module with instructions and fields, perhaps with the state that an optimiser saved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from firefly.components import no_state
from firefly.errors import ConfigError
from firefly.lm.ledger import Estimate
from firefly.lm.models import Models
from firefly.lm.partly import readable
from firefly.lm.usual import asking
from firefly.lm.wire import the_dspy

__all__ = ["Prompt", "checked_state", "with_state"]


def checked_state(state: Path | None) -> None:
    """Refuse what is no JSON file.

    Raises:
        ConfigError: says what to name instead.
    """
    if state is not None and (fault := no_state(Path(state))):
        raise ConfigError(f"state: {fault}")


def with_state(predictor: Any, state: Path | None) -> None:
    """Give a ``dspy.Predict`` the instructions and examples of a JSON file; never its model.

    Raises:
        ConfigError: the file is no state, or that of a prompt with other fields.
    """
    if state is None:
        return
    own = _fields(predictor.dump_state())
    try:
        saved = json.loads(Path(state).read_text(encoding="utf-8"))
        theirs = _fields(saved)
        if own == theirs:  # who is asked, the run decides
            predictor.load_state({**saved, "lm": None})
    except Exception as error:
        raise ConfigError(f"state: {state} is no state of this prompt: {error!r}") from error
    if own != theirs:
        raise ConfigError(
            f"state: {state} is the state of another prompt: its fields are {', '.join(theirs)} and not "
            f"{', '.join(own)}."
        )


def _fields(state: Mapping[str, Any]) -> list[str]:
    """Return the fields of a predictor's saved state, as they are introduced to the model."""
    return [str(field["prefix"]) for field in state["signature"]["fields"]]


class Prompt:
    """Asks one role by filling the fields of one DSPy module. Safe to share between threads."""

    def __init__(
        self,
        models: Models,
        role: str,
        *,
        instructions: str,
        inputs: Mapping[str, str],
        outputs: Mapping[str, tuple[Any, str]],
        state: Path | None = None,
        attempts: int = 2,
    ) -> None:
        """Describe the prompt; DSPy is imported when it is first asked.

        Args:
            models: the models of the run.
            role: who is asked.
            instructions: what the model is told.
            inputs: name -> description of each field that is given.
            outputs: name -> (type, description) of each field that is wanted.
            state: JSON file that a DSPy optimiser saved; its instructions and examples replace these.
            attempts: how often it is asked for an answer that can be read.

        Raises:
            ConfigError: ``state`` is no JSON file.

        """
        checked_state(state)
        self._models, self.role, self._attempts = models, role, attempts
        self._instructions, self._inputs, self._outputs, self._state = instructions, inputs, outputs, state

    @cached_property
    def module(self) -> Any:
        """Return the ``dspy.Predict`` behind it, the state loaded: what an optimiser tunes and saves."""
        dspy = the_dspy()
        fields: dict[str, Any] = {
            **{name: (str, dspy.InputField(desc=told)) for name, told in self._inputs.items()},
            **{name: (kind, dspy.OutputField(desc=told)) for name, (kind, told) in self._outputs.items()},
        }
        module = dspy.Predict(dspy.Signature(fields, self._instructions))
        with_state(module, self._state)
        return module

    @property
    def predictor(self) -> Any:
        """Return the ``dspy.Predict`` behind it."""
        return self.module

    @predictor.setter
    def predictor(self, other: Any) -> None:
        self.__dict__["module"] = other

    def estimate(self, calls: int, *, given: int, said: int) -> Estimate:
        """Return what ``calls`` requests would take, each given so many tokens and answered with ``said``."""
        told = [self._instructions, *self._inputs.values(), *(text for _, text in self._outputs.values())]
        kinds = [kind for kind, _ in self._outputs.values()]
        return asking(self.role, calls, fixed=" ".join(told), kinds=kinds, given=given, said=said)

    def ask(self, **given: str) -> Any | None:
        """Return the answer's fields as attributes; None where no answer could be read, which is counted.

        Raises:
            dspy.LMError: the endpoint failed; the item is made again by the next command.
        """
        dspy = the_dspy()
        from dspy.utils.exceptions import AdapterParseError

        for _ in range(self._attempts):
            try:
                with self._models.using(self.role):
                    return self.module(**given)
            except AdapterParseError as error:
                found = readable(error.lm_response, {name: kind for name, (kind, _) in self._outputs.items()})
                if found is not None:
                    for _ in range(found[1]):
                        self._models.ledger.count(self.role, "unreadable_entry")
                    return dspy.Prediction(**found[0])
                self._models.ledger.count(self.role, "unreadable")
        return None
