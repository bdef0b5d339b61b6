"""The states along a task's gold path, as the recordings know them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from firefly.records import ToolKey
from firefly.replay.cassette import Cassette
from firefly.replay.parsers import parse
from firefly.replay.records import GoldCall, Task, ToolCall
from firefly.replay.simulator import SimulatedEpisode, StrictSimulator

__all__ = ["Path", "path_along", "path_of"]


@dataclass(frozen=True)
class Path:
    """The gold calls as replayed, and an episode that stands in each state between them."""

    cassette: Cassette
    states: Sequence[SimulatedEpisode]
    """The first before any call, the last after all of them."""
    outputs: Mapping[str, JsonValue]
    """Gold call -> its parsed answer."""

    def place(self, number: int, call: ToolCall) -> tuple[ToolKey, str, str] | None:
        """Return what the answer of ``call`` in a state is found by; None where it can have none."""
        one = self.cassette.tools.get(call.key)
        if one is None or "success" in one.rule.volatile:
            return None
        try:
            text = self.cassette.canonicalizer(call.key).text(call.arguments)
        except ValueError:  # NaN
            return None
        return call.key, text, self.states[number].supposed_state(call.key)

    def answered(self, place: tuple[ToolKey, str, str]) -> bool:
        """Return whether the recordings answer a call there."""
        key, text, state = place
        return self.cassette.answers(key).get((text, state)) is not None


def path_of(task: Task, simulator: StrictSimulator) -> Path:
    """Return the path of ``task``; beyond a gold call that is not recorded, states are what they may be."""
    return path_along(task.gold_calls, task.servers, simulator)


def path_along(calls: Sequence[GoldCall], servers: Sequence[str], simulator: StrictSimulator) -> Path:
    """Return the path of any calls, with the tools of ``servers``."""
    tools = simulator.tool_set(servers)
    states = []
    outputs: dict[str, JsonValue] = {}
    for count in range(len(calls) + 1):
        episode = simulator.episode(tools)
        for gold in calls[:count]:
            parsed = parse(episode.call(gold.call))
            if parsed is not None:
                outputs[gold.id] = parsed.value
        states.append(episode)
    return Path(simulator.cassette, states, outputs)
