"""The calls of an exploration that lead to one result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from firefly.english import vocabulary, words
from firefly.knowledge import Knowledge
from firefly.outputs import leaves
from firefly.parameters import parameters
from firefly.records import Exploration, ExploredCall
from firefly.replay.expressions import is_number
from firefly.replay.parsers import parse
from firefly.replay.records import Tool

_CUT_WORDS = vocabulary("more truncated next remaining cursor")


@dataclass(frozen=True)
class Chain:
    """The calls that lead to one final call, with everything known of them."""

    calls: tuple[ExploredCall, ...]
    outputs: Mapping[str, JsonValue]
    tools: Mapping[str, Tool]
    tables: frozenset[str] = frozenset()
    """The calls that returned a table in text form: its items are rows."""

    @property
    def final(self) -> ExploredCall:
        """Return the call that nothing builds on."""
        return self.calls[-1]


def chains(exploration: Exploration, knowledge: Knowledge) -> Iterator[Chain]:
    """Yield the chain of every call that no other call builds on, the last one first."""
    if not exploration.completed:
        return
    # A node may have been called again; only its last success belongs to the completed execution.
    last = {
        call.node: call
        for call in exploration.calls
        if call.step.observation.outcome == "success" and not call.look
    }
    calls = {call.id: call for call in exploration.calls if last.get(call.node) is call}
    used = {reference.call for call in calls.values() for reference in call.references.values()}
    for final in reversed(list(calls.values())):
        if final.id in used:
            continue
        wanted = {final.id}
        for call in reversed(list(calls.values())):
            if call.id in wanted:
                wanted |= {reference.call for reference in call.references.values()}
        if not wanted <= calls.keys():
            continue
        chain = tuple(call for call in calls.values() if call.id in wanted)
        outputs = {}
        tools = {}
        tables = set()
        for call in chain:
            parsed = parse(call.step.observation)
            tool = knowledge.tools.get(call.call.key)
            if parsed is not None and tool is not None:
                outputs[call.id], tools[call.id] = parsed.value, tool
                if parsed.parser == "csv":
                    tables.add(call.id)
        if len(outputs) == len(chain):
            yield Chain(chain, outputs, tools, frozenset(tables))


def may_be_cut(call: ExploredCall, tool: Tool, output: JsonValue, size: int) -> bool:
    """Return whether the list may be a part only: a limit was reached, or the answer says so."""
    limits = [value for value in call.call.arguments.values() if is_number(value)]
    limits += [
        parameter.default
        for parameter in parameters(tool)
        if parameter.name not in call.call.arguments and is_number(parameter.default)
    ]
    if any(isinstance(limit, int | float) and limit == size for limit in limits):
        return True
    for path, value in leaves(output):
        if any(isinstance(part, int) for part in path) or not path:
            continue
        spoken = set(words(str(path[-1])))
        if spoken & _CUT_WORDS and value not in (None, False, 0, ""):
            return True
        if (
            spoken & {"total", "count"}
            and isinstance(value, int)
            and not isinstance(value, bool)
            and value > size
        ):
            return True
    return False
