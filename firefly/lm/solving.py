"""A model at work with tools: question in, calls out, last message back.

The loop that blind solvers and forward writers share. The model sees the question and the tools' own JSON
Schemas, and nothing else. Tools are native where the model has them, else described in text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from firefly.lm.models import Models
from firefly.lm.wire import the_dspy
from firefly.replay.records import Observation, Tool, ToolCall
from firefly.replay.tool_set import ToolSet

if TYPE_CHECKING:
    from dspy.lm15 import Message, Response

__all__ = ["INSTRUCTIONS", "Solved", "Solver"]

INSTRUCTIONS = (
    "Answer the user's question with the tools. Look things up, never guess. When you know the answer, reply "
    "without a tool call, the last line being `Answer: ` and the answer alone."
)
_IN_TEXT = (
    'To call a tool, reply with one JSON object and nothing else: {{"tool": NAME, "arguments": {{...}}}}. '
    "Its result is the next message. The tools:\n{}"
)
_WIDTH = 12_000
"""Letters of a result that the model is shown."""
_OBJECT = re.compile(r"\{.*\}", re.DOTALL)


@dataclass(frozen=True)
class Solved:
    """How a model's work ended."""

    answer: str | None
    """Its last message; None: it had none when its turns were used up."""
    turns: int


@dataclass(frozen=True)
class _Use:
    """A call that the model wants to make."""

    name: str
    arguments: Mapping[str, JsonValue]
    id: str = ""


class Solver:
    """Lets a role work on questions."""

    def __init__(
        self, models: Models, role: str, *, instructions: str = INSTRUCTIONS, turns: int = 12, calls: int = 8
    ) -> None:
        """Set the limits.

        Args:
            models: the models of the run.
            role: who works.
            instructions: what it is told.
            turns: most requests for one question.
            calls: most calls of one turn; what is beyond is refused.

        """
        if turns < 1 or calls < 1:
            raise ValueError("turns and calls must be at least 1")
        self._models, self._role, self._instructions = models, role, instructions
        self._turns, self._calls = turns, calls

    def solve(self, question: str, tools: ToolSet, act: Callable[[ToolCall], Observation]) -> Solved:
        """Return the model's last message.

        Args:
            question: all that it is asked.
            tools: what it may call, by the names that agents see.
            act: makes one call; what it raises ends the work.

        Raises:
            dspy.LMError: the endpoint failed.

        """
        the_dspy()
        from dspy.lm15 import Message, Request

        lm = self._models.lm(self._role)
        native = bool(lm.supports_function_calling) and bool(tools.names)
        in_text = "" if native or not tools.names else f"\n{_described(tools)}"
        system = f"{self._instructions}{in_text}"
        messages: list[Message] = [Message.user(question)]
        for turn in range(1, self._turns + 1):
            request = Request(
                model=lm.model,
                system=system,
                messages=tuple(messages),
                tools=_functions(tools) if native else (),
            )
            response: Response = lm(request)
            text = response.text or ""
            uses = _native(response) if native else _spoken(text)
            if not uses:
                return Solved(text, turn)
            results = [
                (use, *(self._result(use, tools, act) if number < self._calls else _TOO_MANY))
                for number, use in enumerate(uses)
            ]
            if native:
                messages += [response.message, _tool_message(results)]
            else:
                said = "\n".join(f"Result of {use.name}: {told}" for use, told, _ in results)
                messages += [Message.assistant(text), Message.user(said)]
        self._models.ledger.count(self._role, "out_of_turns")
        return Solved(None, self._turns)

    def _result(self, use: _Use, tools: ToolSet, act: Callable[[ToolCall], Observation]) -> tuple[str, bool]:
        call = tools.call(use.name, dict(use.arguments))
        if call is None:
            self._models.ledger.count(self._role, "unknown_tool")
            return f"There is no tool {use.name!r}.", True
        observation = act(call)
        text = observation.visible
        shown = text if len(text) <= _WIDTH else f"{text[:_WIDTH]}… ({len(text) - _WIDTH} more letters)"
        return shown, observation.outcome != "success"


_TOO_MANY = ("Too many calls at once; this one was not made.", True)


def _functions(tools: ToolSet) -> tuple[Any, ...]:
    from dspy.lm15 import FunctionTool

    return tuple(
        FunctionTool(name=name, description=_about(tool) or None, parameters=_schema(tool))
        for name, tool in tools.names.items()
    )


def _described(tools: ToolSet) -> str:
    lines = [
        f"{name}: {_about(tool)} {json.dumps(_schema(tool), ensure_ascii=False, sort_keys=True)}"
        for name, tool in tools.names.items()
    ]
    return _IN_TEXT.format("\n".join(lines))


def _about(tool: Tool) -> str:
    return tool.description or tool.title


def _schema(tool: Tool) -> dict[str, JsonValue]:
    return {"type": "object", "properties": {}, **tool.input_schema}


def _native(response: Response) -> list[_Use]:
    return [_Use(one.name, dict(one.input), one.id) for one in response.tool_calls]


def _spoken(text: str) -> list[_Use]:
    """Return the call that a text asks for; none where it is no such object."""
    found = _OBJECT.search(text)
    try:
        wanted = json.loads(found.group()) if found else None
    except ValueError:
        return []
    if not isinstance(wanted, dict) or not isinstance(wanted.get("tool"), str):
        return []
    arguments = wanted.get("arguments")
    return [_Use(wanted["tool"], arguments if isinstance(arguments, dict) else {})]


def _tool_message(results: Sequence[tuple[_Use, str, bool]]) -> Message:
    from dspy.lm15 import Message, TextPart, ToolResultPart

    return Message.tool(
        [
            ToolResultPart(id=use.id, content=(TextPart(text=told),), name=use.name, is_error=failed)
            for use, told, failed in results
        ]
    )
