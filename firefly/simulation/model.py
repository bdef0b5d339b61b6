"""The tier in which a language model stands in for the server, shown its nearest recorded calls.

DSPy is imported when the first answer is asked for.
"""

from __future__ import annotations

import json
import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from pydantic import JsonValue

from firefly.lm import Models
from firefly.plugins import register
from firefly.protocols import Situation, TierAnswer
from firefly.replay.cassette import Cassette
from firefly.replay.records import Observation, Step, Tool, canonical_json
from firefly.replay.tool_set import ToolSet
from firefly.simulation.recorded import entries_with

if TYPE_CHECKING:
    import dspy

__all__ = ["Model"]

ROLE = "simulator"

_INSTRUCTIONS = """\
You stand in for a tool server. Write exactly what the server would send back for the call, in the format of
the recorded calls and with nothing around it. Agree with the recorded calls and with the earlier ones. Never
say that you are a simulation. If the server would report an error, write its message and set failed."""
_ANSWER_WIDTH = 4000
"""Characters of a recorded answer that the model is shown."""
_EARLIER = 8
"""Preceding calls of the episode that the model is shown."""


@register("tier", "model")
class Model:
    """Has a language model write the answer from the tool's schema and its nearest recorded calls."""

    order = 30

    def __init__(
        self, *, lm: Any = None, models: Models | None = None, examples: int = 3, attempts: int = 2
    ) -> None:
        """Choose who writes.

        Args:
            lm: a DSPy language model; None: that of ``models``, and without these the tier has no answers.
            models: the models of a run; the role is ``simulator``.
            examples: nearest recorded calls that the model is shown, at most 3.
            attempts: how often it is asked for an answer that fits the tool's output schema.

        Raises:
            ValueError: ``examples`` is negative, or there are no ``attempts``.

        """
        if examples < 0 or attempts < 1:
            raise ValueError("examples must be 0 or more, attempts 1 or more")
        self._lm = lm or (models.lm(ROLE) if models is not None else None)
        self._examples = examples
        self._attempts = attempts

    @property
    def may_block(self) -> bool:
        """Return whether there is anyone to wait for."""
        return self._lm is not None

    def use_model(self, lm: Any) -> None:
        """Take ``lm``, unless one was given before."""
        self._lm = self._lm or lm

    def begin(self, cassette: Cassette, tool_set: ToolSet, seed: int) -> Model:
        """Return itself: what it knows of an episode comes with each call."""
        return self

    def answer(self, situation: Situation) -> TierAnswer:
        """Return what the model writes, once it fits the tool's output schema."""
        if self._lm is None:
            return TierAnswer(None, {"why": "there is no language model: name one with lm=NAME"})
        tool = situation.tool
        asked, shown = self._question(situation)
        evidence: dict[str, JsonValue] = {
            "model": str(getattr(self._lm, "model", "")),
            "recorded_calls": shown,
        }
        complaint = ""
        for _ in range(self._attempts):
            try:
                written = self._written(asked, complaint)
            except Exception as error:  # noqa: BLE001 - the one boundary to DSPy, its models and adapters
                why = f"{type(error).__name__}: {error}"[:500]
                return TierAnswer(None, {"why": why, **evidence}, by_chance=_unreadable(error))
            text, failed = str(written.answer), bool(written.failed)
            structured, complaint = (None, "") if failed else _structured(tool, text)
            if not complaint:
                observation = Observation(
                    outcome="failure" if failed else "success",
                    reason="the server's error as the model wrote it" if failed else "",
                    text=text,
                    structured=structured,
                    is_error=failed,
                )
                return TierAnswer(observation, evidence)
        return TierAnswer(
            None,
            {"why": f"the answer does not fit the output schema: {complaint}", **evidence},
            by_chance=True,
        )

    def close(self) -> None:
        """Do nothing: it holds nothing."""

    def _question(self, situation: Situation) -> tuple[dict[str, str], int]:
        call, tool = situation.call, situation.tool
        near = [
            entries[0]
            for one in situation.miss.nearest[: self._examples]
            if (entries := entries_with(situation.cassette, one.call))
        ]
        examples = list(dict.fromkeys(_example(one.arguments, one.observation) for one in near))
        earlier = [_earlier(step) for step in situation.made[-_EARLIER:]]
        question = {
            "tool": f"{tool.name}: {tool.description}",
            "input_schema": canonical_json(tool.input_schema),
            "output_schema": "none" if tool.output_schema is None else canonical_json(tool.output_schema),
            "recorded_calls": "\n".join(examples) or "none",
            "earlier_calls": "\n".join(earlier) or "none",
            "arguments": json.dumps(call.arguments, ensure_ascii=False, sort_keys=True),
        }
        return question, len(examples)

    def _written(self, asked: dict[str, str], complaint: str) -> Any:
        import dspy

        with dspy.context(lm=self._lm):
            return self._predict(**asked, complaint=complaint or "none")

    @cached_property
    def _predict(self) -> dspy.Predict:
        # DSPy looks up the prices of models in the network unless told not to.
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "true")
        import dspy

        inputs: dict[str, tuple[type, Any]] = {
            name: (str, dspy.InputField(desc=description))
            for name, description in {
                "tool": "name and description",
                "input_schema": "JSON Schema of the arguments",
                "output_schema": "JSON Schema that the answer, a JSON object, must fit; or none",
                "recorded_calls": "calls of this tool nearest to this one, with the server's answers",
                "earlier_calls": "what happened before in this session",
                "arguments": "of the call to answer",
                "complaint": "what was wrong with the last attempt; or none",
            }.items()
        }
        outputs: dict[str, tuple[type, Any]] = {
            "answer": (str, dspy.OutputField(desc="what the server sends back, verbatim")),
            "failed": (bool, dspy.OutputField(desc="whether it is an error message")),
        }
        return dspy.Predict(dspy.Signature({**inputs, **outputs}, _INSTRUCTIONS))


def _unreadable(error: Exception) -> bool:
    """Return whether a model did answer, in a form that nobody can read."""
    from dspy.utils.exceptions import AdapterParseError

    return isinstance(error, AdapterParseError)


def _example(arguments: dict[str, JsonValue], observation: Observation) -> str:
    return f"{canonical_json(arguments)} -> {_cut(observation)}"


def _earlier(step: Step) -> str:
    return f"{step.call.tool} {canonical_json(step.call.arguments)} -> {_cut(step.observation)}"


def _cut(observation: Observation) -> str:
    text = observation.visible
    shown = text if len(text) <= _ANSWER_WIDTH else text[: _ANSWER_WIDTH - 1] + "…"
    return f"[error] {shown}" if observation.outcome == "failure" else shown


def _structured(tool: Tool, text: str) -> tuple[JsonValue, str]:
    """Return the structured content of ``text`` for a tool that declares some, and what is wrong with it."""
    if tool.output_schema is None:
        return None, ""
    try:
        value: JsonValue = json.loads(text)
    except ValueError as error:
        return None, f"it is no JSON: {error}"
    try:
        Draft202012Validator.check_schema(tool.output_schema)
    except SchemaError:  # nothing can be said against any answer
        return value, ""
    fault = next(iter(Draft202012Validator(tool.output_schema).iter_errors(value)), None)
    return value, "" if fault is None else f"{fault.json_path}: {fault.message}"[:300]
