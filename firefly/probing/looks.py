"""Which reads to make before and after a write, so that its effect shows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from firefly.parameters import parameters
from firefly.replay.records import Step, Tool, ToolCall
from firefly.values.semantic import semantic_type, words

__all__ = ["looks_at"]


_SAYINGS = frozenset({"", "prose", "sql", "flag"})
"""Types of values that name nothing, so that one parameter's is no use for another."""


def looks_at(tool: Tool, arguments: Mapping[str, JsonValue], reads: Sequence[Step]) -> list[ToolCall]:
    """Return the reads likeliest to show what a write changes, each aimed at what the write is about.

    Those that share the write's words first (names, then what its arguments say), then broad ones;
    where no fingerprint can show a change either, more of both. A parameter that both have takes the
    write's value.
    """
    mine = set(words(tool.name)) | {word for one in parameters(tool) for word in words(one.name)}

    said = _tokens(arguments)

    def nearness(step: Step) -> tuple[int, int, int, str]:
        theirs = set(words(step.call.tool)) | {word for name in step.call.arguments for word in words(name)}
        shared = len(said & _tokens(step.call.arguments))
        return (-len(mine & theirs), -shared, len(step.call.arguments), step.call.digest)

    near = sorted(reads, key=nearness)
    broad = sorted(reads, key=lambda step: (len(step.call.arguments), *nearness(step)))
    count = 1 if any(step.after.fingerprint is not None for step in reads) else 2
    chosen: dict[str, ToolCall] = {}
    for ranked in (near, broad):
        fresh = {step.call.tool: step for step in reversed(ranked) if step.call.tool not in chosen}
        for step in [step for step in ranked if fresh.get(step.call.tool) is step][:count]:
            aimed = {
                name: arguments[name] if semantic_type(arguments.get(name)) not in _SAYINGS else value
                for name, value in step.call.arguments.items()
            }
            chosen[step.call.tool] = step.call.model_copy(update={"arguments": aimed})
    return list(chosen.values())


def _tokens(arguments: Mapping[str, JsonValue]) -> set[str]:
    """Return the telling words of the arguments' texts: a table's name and a key in a query, say."""
    return {
        token
        for value in arguments.values()
        if isinstance(value, str)
        for token in re.findall(r"[\w-]{4,}", value.lower())
    }
