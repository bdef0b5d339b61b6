"""A model that uses tools: a DSPy module around one prompt, whichever form the model calls tools in.

It imports DSPy; import it where a model is asked. Tools are shown with the very JSON Schemas that their
servers declare: DSPy's own conversion makes every parameter without a default a required one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from firefly.lm.calls import Wanted, said_in_text, understood, written_calls
from firefly.lm.formulas import shortened
from firefly.lm.ledger import tokens_of
from firefly.lm.wire import prompt_letters, the_dspy, write_request
from firefly.replay.parsers import parse
from firefly.replay.records import Observation, ToolCall, canonical_json
from firefly.replay.tool_set import ToolSet

if TYPE_CHECKING:
    import dspy
else:
    dspy = the_dspy()

__all__ = ["Limits", "ToolUser", "TurnAdapter", "shown"]

_IDLE = 2
"""Turns in a row without a call that can be made, after which a model is given up."""

IN_TEXT = """

To call tools, answer with one JSON object and nothing else:
{"calls": [{"tool": "NAME", "arguments": {...}}, ...]}
Their results come with the next message. When no call is left to make:
{"calls": [], "said": "..."}

The tools, each with the JSON Schema of its arguments:
"""
_UNREADABLE = 'That could not be read. Answer with one JSON object that has the key "calls", as agreed.'
_NO_CALL = "No call was made. Make the next call with the tools on offer."
_EMPTY = "That was empty. Go on with the tools on offer, or say what was found."
_TOO_MANY = "Too many calls at once; this one was not made."


@dataclass(frozen=True)
class Limits:
    """When a model that goes on and on is stopped."""

    turns: int = 16
    """Most requests."""
    calls: int = 24
    """Most calls that are made; those of one turn are made to the end."""
    at_once: int = 24
    """Most calls of one turn; what is beyond is not made."""
    tokens: int = 100_000
    """Most tokens, input and output of all requests together; the last request may exceed it."""
    shown: int = 6_000
    """Characters of a result that the model is shown."""


@dataclass
class Reply:
    """One answer of a model, read."""

    message: Any
    """As it came, for the next request: it may hold what only the provider understands."""
    said: str = ""
    calls: list[Wanted] = field(default_factory=list)
    unreadable: bool = False
    empty: bool = False
    tokens: int = 0


@dataclass(frozen=True)
class _Result:
    """What came of a call that a model asked for."""

    wanted: Wanted
    text: str
    failed: bool
    made: bool
    """Whether there was anything to call."""


class TurnAdapter(dspy.Adapter):  # type: ignore[misc]
    """Asks for the next turn: in the model's own form of tool calls where it has one, in text otherwise."""

    def __call__(
        self,
        lm: Any,
        lm_kwargs: dict[str, Any],
        signature: Any,
        demos: list[dict[str, Any]],
        inputs: dict[str, Any],
    ) -> list[dict[str, Any]]:
        """Send one request and return its reply as the field ``reply``."""
        tools: ToolSet = inputs["tools"]
        native = bool(lm.supports_function_calling)
        system = signature.instructions + _examples(demos)
        if not native and tools.names:
            system += IN_TEXT + "\n".join(_described(name, tools) for name in tools.names)
        config = {key: value for key, value in lm_kwargs.items() if key in ("temperature", "max_tokens")}
        request = dspy.lm15.Request(
            model=lm.model,
            system=system,
            messages=(dspy.lm15.Message.user(inputs["task"]), *inputs["conversation"]),
            tools=tuple(_offered(name, tools) for name in tools.names) if native else (),
            config=dspy.lm15.Config(**config),
        )
        response = lm(request)
        message = _told_apart(response.message)
        usage = response.usage
        counted = usage.input_tokens is not None and usage.output_tokens is not None
        said = response.text or ""
        reply = Reply(
            message=message,
            said=said,
            tokens=usage.input_tokens + usage.output_tokens
            if counted
            else prompt_letters(write_request(request)) // 4 + tokens_of(said),
        )
        # a model that was not offered tools in its own form may call some all the same
        reply.calls = [
            Wanted(one.id, one.name, dict(one.input)) for one in message.parts_of(dspy.lm15.ToolCallPart)
        ]
        reply.empty = not (said.strip() or reply.calls)
        if tools.names and not reply.calls:
            read = None if native else said_in_text(said)
            reply.said, reply.calls = read or (said, written_calls(said, tools.names))
            reply.unreadable = not native and read is None and not reply.calls
        return [{"reply": reply}]


class ToolUser(dspy.Module):  # type: ignore[misc]
    """Lets a model call tools until it has said all it wants, or a limit is reached.

    ``turn`` is the one prompt: its instructions and demonstrations are what an optimiser changes.
    """

    signature: ClassVar[Mapping[str, tuple[type, bool]]] = {
        "task": (str, True),
        "tools": (ToolSet, True),
        "conversation": (list, True),
        "reply": (Reply, False),
    }

    def __init__(self, instructions: str, limits: Limits | None = None, *, has_to_call: bool = True) -> None:
        super().__init__()
        self.limits = limits or Limits()
        self.has_to_call = has_to_call
        """Whether words without any call are no work; else they are an answer."""
        fields = {
            name: (kind, dspy.InputField() if given else dspy.OutputField())
            for name, (kind, given) in self.signature.items()
        }
        self.turn = dspy.Predict(dspy.Signature(fields, instructions))

    def forward(
        self,
        task: str,
        tools: ToolSet,
        act: Callable[[ToolCall], Observation],
        count: Callable[[str], None] = lambda what: None,
        done: Callable[[], bool] = lambda: False,
        lacking: Callable[[], str] = lambda: "",
    ) -> dspy.Prediction:
        """Return ``said`` (its last words), ``ended`` (why), ``turns``, ``calls`` and ``tokens``.

        Args:
            task: what is to be done.
            tools: those on offer.
            act: makes one call.
            count: is told of answers without a call that can be made: ``unreadable``, ``no_call``,
                ``rejected_call``.
            done: whether no more has to be said, asked after each turn.
            lacking: what is still wanted, asked once: when the model ends; it is told, and goes on.

        """
        trace = dspy.settings.trace
        with dspy.context(trace=None):  # the whole work is one example to learn from, not each turn of it
            found, calls = self._work(task, tools, act, count, done, lacking)
        if trace is not None:
            trace.append((self.turn, {"task": task}, dspy.Prediction(reply=calls)))
        return found

    def _work(
        self,
        task: str,
        tools: ToolSet,
        act: Callable[[ToolCall], Observation],
        count: Callable[[str], None],
        done: Callable[[], bool],
        lacking: Callable[[], str],
    ) -> tuple[dspy.Prediction, list[list[Any]]]:
        """Return how it ended, and the calls that were made, each a name with arguments."""
        limits = self.limits
        conversation: list[Any] = []
        calls: list[list[Any]] = []
        made = tokens = idle = turns = 0
        said, ended, reminded = "", "turns", False
        while turns < limits.turns:
            turns += 1
            reply: Reply = self.turn(task=task, tools=tools, conversation=list(conversation)).reply
            tokens += reply.tokens
            said = reply.said
            if not reply.calls:
                if self._is_last(reply, made):
                    wanted = "" if reminded else lacking()
                    if not wanted:
                        ended = "done"
                        break
                    reminded = True
                    count("reminded")
                    conversation += [_spoken(reply), dspy.lm15.Message.user(wanted)]
                    continue
                count("unreadable" if reply.unreadable else "no_call")
            results = [
                self._result(wanted, tools, act)
                if number < limits.at_once
                else _Result(wanted, _TOO_MANY, failed=True, made=False)
                for number, wanted in enumerate(reply.calls)
            ]
            calls += [[one.wanted.name, dict(one.wanted.arguments)] for one in results if one.made]
            good = sum(one.made for one in results)
            made += good
            idle = 0 if good else idle + 1
            for _ in range(len(results) - good):
                count("rejected_call")
            ended = "done" if done() else _over(limits, made, tokens, idle)
            if ended:
                break
            conversation += _told(reply, results)
            ended = "turns"
        return dspy.Prediction(said=said, ended=ended, turns=turns, calls=made, tokens=tokens), calls

    def _is_last(self, reply: Reply, made: int) -> bool:
        """Return whether a reply without calls ends the work; one that meant to call something does not."""
        if reply.empty:
            return False
        if self.has_to_call:
            return bool(made) and not reply.unreadable
        return not reply.unreadable or '"calls"' not in reply.said

    def _result(self, wanted: Wanted, tools: ToolSet, act: Callable[[ToolCall], Observation]) -> _Result:
        call = understood(wanted, tools)
        if isinstance(call, str):
            return _Result(wanted, call, failed=True, made=False)
        seen = act(call)
        return _Result(wanted, shown(seen, self.limits.shown), failed=seen.outcome != "success", made=True)


def _told_apart(message: Any) -> Any:
    """Return a message whose calls have ids of their own, so that each result belongs to one of them."""
    ids = [part.id for part in message.parts if getattr(part, "type", "") == "tool_call"]
    if len(set(ids)) == len(ids):
        return message
    parts = [
        replace(part, id=f"{part.id}_{place}") if getattr(part, "type", "") == "tool_call" else part
        for place, part in enumerate(message.parts)
    ]
    return replace(message, parts=tuple(parts))


def _over(limits: Limits, made: int, tokens: int, idle: int) -> str:
    if idle >= _IDLE:
        return "no call"
    return "calls" if made >= limits.calls else "tokens" if tokens >= limits.tokens else ""


def _told(reply: Reply, results: Sequence[_Result]) -> list[Any]:
    """Return the messages that follow: what the model said, and what came of it."""
    message = dspy.lm15.Message
    native = any(getattr(part, "type", "") == "tool_call" for part in reply.message.parts)
    if native:
        parts = [
            dspy.lm15.ToolResultPart(
                id=one.wanted.id,
                name=one.wanted.name,
                content=(dspy.lm15.TextPart(text=one.text or " "),),
                is_error=one.failed,
            )
            for one in results
        ]
        return [reply.message, message.tool(parts)]
    if results:
        lines = [f"{one.wanted.name}{' failed' if one.failed else ''}: {one.text}" for one in results]
        return [_spoken(reply), message.user("\n\n".join(lines))]
    return [
        _spoken(reply),
        message.user(_UNREADABLE if reply.unreadable else _EMPTY if reply.empty else _NO_CALL),
    ]


def _spoken(reply: Reply) -> Any:
    """Return what the model said as text alone: refusals and hidden thoughts are not sent back."""
    texts = [part.text for part in reply.message.parts if getattr(part, "type", "") == "text" and part.text]
    return dspy.lm15.Message.assistant("\n".join(texts) or "(nothing)")


def shown(seen: Observation, most: int) -> str:
    """Return a result as a model reads it, in at most ``most`` letters and a note of what is left out."""
    text = seen.visible
    if not text and seen.outcome != "success":
        text = f"{seen.outcome}: {seen.reason}"
    if len(text) <= most:
        return text
    found = parse(seen)
    if found is not None and isinstance(found.value, dict | list):
        return shortened(found.value, most)  # data, some entries left out, rather than half of a text
    return f"{text[:most]}… ({len(text) - most} more characters)"


def _offered(name: str, tools: ToolSet) -> Any:
    tool = tools.names[name]
    schema = {"type": "object", "properties": {}} | dict(tool.input_schema)
    return dspy.lm15.FunctionTool(name=name, description=tool.description or None, parameters=schema)


def _described(name: str, tools: ToolSet) -> str:
    tool = tools.names[name]
    shown: dict[str, Any] = {"tool": name, "description": tool.description, "arguments": tool.input_schema}
    return json.dumps(shown, ensure_ascii=False)


def _examples(demos: Sequence[Mapping[str, Any]]) -> str:
    """Return demonstrations as text: tasks with the calls that served them."""
    lines = [f"Example\n{demo.get('task', '')}\nCalls: {canonical_json(demo.get('reply'))}" for demo in demos]
    return "".join(f"\n\n{one}" for one in lines)
