"""A model that follows a script: offline, without a key, the same answer to the same request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from firefly.lm.connection import Connection
from firefly.lm.ledger import tokens_of
from firefly.lm.wire import prompt_letters, write_request
from firefly.plugins import register

if TYPE_CHECKING:
    from dspy.lm15 import Request, Response


class Call(BaseModel):
    """A tool call of a scripted answer."""

    model_config = ConfigDict(extra="forbid")
    name: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict)


class Line(BaseModel):
    """One line of a script."""

    model_config = ConfigDict(extra="forbid")
    when: str = ""
    """A regular expression that is searched in the last message and the instructions; "": always."""
    say: str = ""
    call: tuple[Call, ...] = ()


@register("lm", "scripted")
class Scripted(Connection):
    """Answers by a script: the first line whose pattern is found speaks. For tests and examples."""

    price = (0.0, 0.0)

    def __init__(
        self,
        *,
        model: str = "scripted",
        script: Sequence[Mapping[str, Any]] = (),
        otherwise: str = "",
        tools: bool = True,
        json_schema: bool = True,
    ) -> None:
        """Set the script.

        Args:
            model: the name that records give it.
            script: lines, each with ``when`` (a regular expression), ``say`` and ``call`` (tool calls).
            otherwise: what is said where no line's pattern is found.
            tools: whether it is offered tools in the form of its own.
            json_schema: whether it is held to JSON schemas.

        """
        self.model, self.where = model, "scripted"
        self.tools, self.json_schema = tools, json_schema
        self._lines = [Line.model_validate(line) for line in script]
        for line in self._lines:
            try:
                re.compile(line.when)
            except re.error as error:
                raise ValueError(f"when={line.when!r} is no regular expression: {error}") from error
        self._otherwise = otherwise

    def complete(self, request: Request) -> Response:
        """Return what the script says."""
        from dspy.lm15 import Message, Response, TextPart, ToolCallPart, Usage

        plain = write_request(request)
        heard = f"{_text(plain.get('system'))}\n{_text(plain['messages'][-1])}"
        line = next((one for one in self._lines if re.search(one.when, heard)), Line(say=self._otherwise))
        calls = [
            ToolCallPart(id=f"call_{number}", name=one.name, input=one.arguments)
            for number, one in enumerate(line.call)
        ]
        parts = ([TextPart(text=line.say)] if line.say or not calls else []) + calls
        asked, said = prompt_letters(plain) // 4, tokens_of(line.say)
        return Response(
            id=None,
            model=self.model,
            message=Message(role="assistant", parts=tuple(parts)),
            finish_reason="tool_call" if calls else "stop",
            usage=Usage(input_tokens=asked, output_tokens=said, total_tokens=asked + said),
        )


def _text(plain: Any) -> str:
    if isinstance(plain, str):
        return plain
    if isinstance(plain, Mapping):
        return "\n".join(map(_text, plain.values()))
    if isinstance(plain, list):
        return "\n".join(map(_text, plain))
    return ""
