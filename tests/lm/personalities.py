"""How a model may behave badly; each wraps another personality, or stands alone.

Faults are decided by what is asked, not by the clock: a run over one of these is as repeatable as any.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from tests.lm.endpoint import Chat, Fault, Personality, Reply, ToolUse

RATE_LIMITED = Fault(429, {"Retry-After": "0"}, "slow down", "rate_limit_exceeded")
BROKEN = Fault(500, message="internal error")
OVERLOADED = Fault(503, message="overloaded")
DROPPED = Fault(drop=True)


def says(text: str, **more: Any) -> Personality:
    """Always the same."""
    return lambda chat: Reply(text, **more)


def in_turns(*replies: Reply) -> Personality:
    """Says one thing after the other in each conversation, the last one again and again."""

    def act(chat: Chat) -> Reply:
        said = len(chat.said_by("assistant"))
        return replies[min(said, len(replies) - 1)]

    return act


def fails(fault: Fault) -> Personality:
    """Never answers."""
    return lambda chat: fault


def first_fails(inner: Personality, *faults: Fault) -> Personality:
    """Each different request meets the faults, one after the other, before it is answered."""
    seen: Counter[str] = Counter()
    lock = threading.Lock()

    def act(chat: Chat) -> Reply | Fault:
        name = json.dumps(chat.body, sort_keys=True)
        with lock:
            seen[name] += 1
            count = seen[name]
        return faults[count - 1] if count <= len(faults) else inner(chat)

    return act


def some_fail(inner: Personality, fault: Fault, *, one_in: int = 5) -> Personality:
    """One request in so many never succeeds: which, is decided by its words."""
    import hashlib

    def act(chat: Chat) -> Reply | Fault:
        name = hashlib.sha256(json.dumps(chat.body, sort_keys=True).encode()).digest()
        return fault if name[0] % one_in == 0 else inner(chat)

    return act


def truncated(inner: Personality) -> Personality:
    """Every answer breaks off half-way, streamed or not, the first time that it is asked for."""

    def cut(chat: Chat) -> Reply | Fault:
        found = inner(chat)
        return Fault(cut=found) if isinstance(found, Reply) else found

    seen: set[str] = set()
    lock = threading.Lock()

    def act(chat: Chat) -> Reply | Fault:
        name = json.dumps(chat.body, sort_keys=True)
        with lock:
            new = name not in seen
            seen.add(name)
        return cut(chat) if new else inner(chat)

    return act


def refuses(chat: Chat) -> Reply:
    """Declines everything, politely."""
    return Reply("I'm sorry, but I can't help with that.")


def refuses_formally(chat: Chat) -> Reply:
    """Declines in the field that is made for it."""
    return Reply(None, refusal="I can't help with that.")


def empty(chat: Chat) -> Reply:
    """Answers with nothing."""
    return Reply("")


def cut_off(inner: Personality) -> Personality:
    """Always runs out of tokens half-way."""
    return _changed(
        inner,
        lambda reply: replace(reply, text=(reply.text or "")[: len(reply.text or "") // 2], finish="length"),
    )


def malformed(inner: Personality) -> Personality:
    """JSON that is none, in text and in tool calls."""

    def spoil(reply: Reply) -> Reply:
        calls = tuple(ToolUse(one.name, _arguments(one)[:-1] + ",,") for one in reply.calls)
        return replace(reply, text=(reply.text or "").replace('"', "'").replace("}", ""), calls=calls)

    return _changed(inner, spoil)


def unknown_tools(inner: Personality) -> Personality:
    """Calls tools that nobody offered."""
    return _changed(
        inner,
        lambda reply: replace(
            reply, calls=tuple(ToolUse(f"{one.name}_v2_beta", one.arguments) for one in reply.calls)
        ),
    )


def wrong_types(inner: Personality) -> Personality:
    """Texts where numbers belong and the other way round, lists where objects do, keys that do not exist."""

    def spoil(value: Any) -> Any:
        if isinstance(value, bool):
            return "perhaps"
        if isinstance(value, (int, float)):
            return f"about {value}"
        if isinstance(value, str):
            return 7
        if isinstance(value, list):
            return {str(number): spoil(one) for number, one in enumerate(value)}
        if isinstance(value, dict):
            return {**{key: spoil(one) for key, one in value.items()}, "made_up": None}
        return [value]

    def act(reply: Reply) -> Reply:
        calls = tuple(
            ToolUse(one.name, json.dumps(spoil(json.loads(_arguments(one))))) for one in reply.calls
        )
        try:
            text = json.dumps(spoil(json.loads(reply.text or "")))
        except ValueError:
            text = reply.text or ""
        return replace(reply, text=text, calls=calls)

    return _changed(inner, act)


def lies(inner: Personality) -> Personality:
    """Does the right calls, then says other things than it saw: every number and quoted word is changed."""

    def lie(text: str) -> str:
        changed = re.sub(
            r"\d+(\.\d+)?", lambda match: str(float(match.group()) * 3 + 41).removesuffix(".0"), text
        )
        return re.sub(
            r"(?<=: )\"([A-Za-z][^\"]{2,40})\"", lambda match: json.dumps(match.group(1)[::-1]), changed
        )

    return _changed(inner, lambda reply: replace(reply, text=lie(reply.text or "")))


def chatters(inner: Personality) -> Personality:
    """Puts its JSON into a fenced block, with words before and after."""
    return _changed(
        inner,
        lambda reply: replace(reply, text=f"Sure! Here it is:\n```json\n{reply.text}\n```\nAnything else?"),
    )


def by_role(**personalities: Personality) -> Personality:
    """One endpoint for several models: the name of the model says who speaks; ``other`` for the rest."""

    def act(chat: Chat) -> Reply | Fault:
        return personalities.get(str(chat.body.get("model")), personalities["other"])(chat)

    return act


def _changed(inner: Personality, change: Callable[[Reply], Reply]) -> Personality:
    def act(chat: Chat) -> Reply | Fault:
        found = inner(chat)
        return change(found) if isinstance(found, Reply) else found

    return act


def _arguments(one: ToolUse) -> str:
    return one.arguments if isinstance(one.arguments, str) else json.dumps(dict[str, Any](one.arguments))


ALL_BAD: Mapping[str, Callable[[Personality], Personality]] = {
    "malformed": malformed,
    "unknown tools": unknown_tools,
    "wrong types": wrong_types,
    "cut off": cut_off,
    "refuses": lambda inner: refuses,
    "refuses formally": lambda inner: refuses_formally,
    "empty": lambda inner: empty,
    "garbage": lambda inner: fails(Fault(garbage="<html>502 Bad Gateway</html>")),
    "rate limited": lambda inner: first_fails(inner, RATE_LIMITED, RATE_LIMITED),
    "breaks": lambda inner: first_fails(inner, BROKEN, OVERLOADED),
    "drops": lambda inner: first_fails(inner, DROPPED),
    "truncates": truncated,
    "some never succeed": lambda inner: some_fail(inner, BROKEN),
    "lies": lies,
    "chatters": chatters,
}
"""Name -> what it makes of a competent model; none of them may lead to a wrong label or a crash."""


def lies_in(fields: frozenset[str], lie: Callable[[str], str]) -> Callable[[Personality], Personality]:
    """Well-formed answers whose texts under some keys say other things than they should."""

    def spoil(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: spoil(one, name) for name, one in value.items()}
        if isinstance(value, list):
            return [spoil(one, key) for one in value]
        return lie(value) if isinstance(value, str) and key in fields else value

    def act(reply: Reply) -> Reply:
        try:
            return replace(reply, text=json.dumps(spoil(json.loads(reply.text or ""))))
        except ValueError:
            return reply

    return lambda inner: _changed(inner, act)
