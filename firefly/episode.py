"""Runs a policy over an episode, the loop that checks, evaluation and serving share; what counts of one.

A policy is a callable that gets a task and a function that makes one call, and returns its answer. The
three policies here are the yardsticks of preflight: gold must earn 1, the others 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from pydantic import JsonValue

from firefly.replay.backend import Episode, made
from firefly.replay.expressions import ExpressionError, evaluate
from firefly.replay.parsers import parse
from firefly.replay.records import EpisodeOutcome, Observation, Recording, Rollout, Step, Task, ToolCall

__all__ = ["Act", "Policy", "comparable", "empty_policy", "gold_policy", "nothing_policy", "run_policy"]

Act = Callable[[ToolCall], Observation]
"""Makes one call in the episode."""


class Policy(Protocol):
    """Whoever acts: an agent, or a yardstick."""

    def __call__(self, task: Task, act: Act) -> JsonValue:
        """Make calls with ``act`` and return the answer (the last message), None for no answer."""


def comparable(recording: Recording) -> list[Step]:
    """Return the steps whose repetition, or a simulator, can be held to what was answered.

    A refused call never reached its server. What a server answers after a passing failure of its own
    (a timeout, a crash) depends on what that did to it, which nobody knows: the episode ends there.
    """
    found: list[Step] = []
    for step in recording.steps:
        if step.observation.outcome == "transient":
            break
        if step.observation.outcome != "refused":
            found.append(step)
    return found


class _EpisodeOverError(Exception):
    """The environment can't go on; carries the outcome to report."""

    def __init__(self, outcome: EpisodeOutcome) -> None:
        super().__init__(outcome)
        self.outcome: EpisodeOutcome = outcome


def run_policy(policy: Policy, episode: Episode, task: Task, *, limit: int = 100) -> Rollout:
    """Let ``policy`` work on ``task`` in ``episode`` and return what it did.

    A miss of the simulator, a passing trouble of a server, and more than ``limit`` calls end the
    episode with an outcome that has no reward: none of them is the policy's fault, or shown to it.
    Faults on purpose are, and a call that one kept from being made is no part of the rollout.
    """
    before = count = len(episode.steps)

    def act(call: ToolCall) -> Observation:
        nonlocal count
        if count - before >= limit:
            raise _EpisodeOverError("truncated")
        count += 1
        observation = episode.call(call)
        if observation.outcome == "miss":
            raise _EpisodeOverError("miss")
        if observation.outcome == "transient":
            raise _EpisodeOverError("infra")
        return observation

    try:
        answer = policy(task, act)
    except _EpisodeOverError as over:
        return Rollout(calls=made(episode.steps[before:]), outcome=over.outcome)
    return Rollout(calls=made(episode.steps[before:]), answer=answer)


def gold_policy(task: Task, act: Act) -> JsonValue:
    """Make the reference calls and answer what their outputs say, not what the task says.

    None where the outputs no longer give an answer.
    """
    outputs: dict[str, JsonValue] = {}
    for gold in task.gold_calls:
        parsed = parse(act(gold.call))
        if parsed is not None:
            outputs[gold.id] = parsed.value
    try:
        return evaluate(task.expression, outputs)
    except ExpressionError:
        return None


def empty_policy(task: Task, act: Act) -> JsonValue:
    """Make the reference calls and say nothing."""
    for gold in task.gold_calls:
        act(gold.call)
    return ""


def nothing_policy(task: Task, act: Act) -> JsonValue:
    """Make no call and give no answer."""
    return None
