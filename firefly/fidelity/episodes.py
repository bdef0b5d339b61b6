"""Lets an agent act in one episode and keeps what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from random import Random

from pydantic import JsonValue

from firefly.protocols import Agent, Backend, Occasion
from firefly.records import ToolKey
from firefly.replay.cassette import Cassette
from firefly.replay.records import Observation, Recording, Task, ToolCall, canonical_json
from firefly.replay.tool_set import ToolSet

__all__ = ["PURPOSE", "acted", "recorded_arguments"]

PURPOSE = "fidelity"


class _OverError(Exception):
    """The episode is over."""


def acted(
    agent: Agent,
    backend: Backend,
    tool_set: ToolSet,
    *,
    task: Task | None,
    recorded: Mapping[ToolKey, Sequence[Mapping[str, JsonValue]]],
    rng: Random,
    length: int,
    seed: int,
) -> Recording:
    """Return an episode of ``agent``, which ends after ``length`` calls or a server's passing failure."""
    occasion = Occasion(tool_set=tool_set, task=task, recorded=recorded, length=length)
    with backend.episode(tool_set, seed) as episode:

        def call(one: ToolCall) -> Observation:
            if len(episode.steps) >= length:
                raise _OverError
            observation = episode.call(one)
            if observation.outcome == "transient":
                raise _OverError
            return observation

        with suppress(_OverError):
            agent.act(occasion, call, rng)
        return Recording(purpose=PURPOSE, servers=tool_set.servers, seed=seed, steps=tuple(episode.steps))


def recorded_arguments(cassette: Cassette) -> dict[ToolKey, list[dict[str, JsonValue]]]:
    """Return the different arguments that each tool was recorded with, in order."""
    found: dict[ToolKey, list[dict[str, JsonValue]]] = {}
    for key in cassette.tools:
        different = {canonical_json(one.arguments): one.arguments for one in cassette.entries_of(key)}
        found[key] = [different[text] for text in sorted(different)]
    return found
