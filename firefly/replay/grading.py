"""Grading: the one function that turns a rollout into a reward.

Reward 1 needs everything a task asks for: the right answer and, where the task changes something,
the right end state. Reward 0 needs a proof of the contrary. Whatever is not known (a call without
a recorded answer, an end state that can't be looked at, an episode that broke) is None: not to be
counted, and never a pass.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from .answers import NoAnswerError, answer_text, extract_answer, matches
from .backend import Backend, Episode
from .end_state import fault_of
from .records import Grade, Observation, Rollout, StateProbe, Task
from .tool_set import ToolSet

__all__ = ["answer_text", "extract_answer", "grade"]


@runtime_checkable
class _KnowsTools(Protocol):
    def tool_set(self, servers: tuple[str, ...]) -> ToolSet: ...


def grade(
    task: Task, rollout: Rollout, backend: Backend | None = None, *, tool_set: ToolSet | None = None
) -> Grade:
    """Return the reward of ``rollout`` and why.

    Args:
        task: the question with its reference answer and end state.
        rollout: what the agent did. Calls count as given only if they were set, even to ().
        backend: where calls and end-state probes are made; None: only the answer can be graded.
        tool_set: the tools of the episode; a simulator knows them by itself.
    """
    if rollout.outcome in ("miss", "infra", "truncated"):
        return Grade(reward=None, reason=f"the episode ended with {rollout.outcome}")
    if rollout.outcome == "failure":
        return Grade(reward=0, reason="the episode ended in failure")
    if backend is None or not _worth_replaying(task, rollout):
        return _of_answer(task, rollout, end_state_known=not task.end_state)
    tools = tool_set
    if tools is None:
        if not isinstance(backend, _KnowsTools):
            raise TypeError("grade() needs tool_set= for a backend that doesn't know its tools")
        tools = backend.tool_set(tuple(sorted({*task.servers, *(call.server for call in rollout.calls)})))
    with backend.episode(tools) as episode:
        for number, call in enumerate(rollout.calls, start=1):
            lost = _lost(episode.call(call), f"call {number}, {call.server}/{call.tool}")
            if lost:
                return Grade(reward=None, reason=lost)
        answered = _of_answer(task, rollout, end_state_known=True)
        if answered.reward != 1:
            return answered
        return _of_end_state(task.end_state, episode) or answered


def _worth_replaying(task: Task, rollout: Rollout) -> bool:
    given = "calls" in rollout.model_fields_set
    return given and bool(rollout.calls or task.end_state)


def _of_answer(task: Task, rollout: Rollout, *, end_state_known: bool) -> Grade:
    if rollout.answer is None or (isinstance(rollout.answer, str) and not rollout.answer.strip()):
        return Grade(reward=0, reason="there is no answer")
    try:
        given = extract_answer(rollout.answer, task.answer)
    except NoAnswerError as error:
        return Grade(reward=0, reason=f"the message holds no answer of type {task.answer.type}: {error}")
    if not matches(given, task.answer):
        return Grade(reward=0, reason="the answer is wrong")
    if not end_state_known:
        return Grade(
            reward=None,
            reason="the answer is right, but checking the end state takes the calls and a backend",
        )
    return Grade(reward=1, reason="the answer is right")


def _of_end_state(probes: Iterable[StateProbe], episode: Episode) -> Grade | None:
    for probe in probes:
        place = f"end-state probe {probe.call.server}/{probe.call.tool}"
        observation = episode.call(probe.call)
        lost = _lost(observation, place)
        if lost:
            return Grade(reward=None, reason=lost)
        fault = fault_of(probe, observation)
        if fault:
            return Grade(reward=0, reason=f"{place}: {fault}")
    return None


def _lost(observation: Observation, place: str) -> str:
    if observation.outcome in ("success", "failure"):
        return ""
    return f"{place} has no answer ({observation.outcome}: {observation.reason})"
