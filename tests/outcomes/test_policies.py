from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

import pytest

from firefly.episode import empty_policy, gold_policy, nothing_policy, run_policy
from firefly.replay.records import (
    Answer,
    Expression,
    GoldCall,
    Observation,
    Outcome,
    Provenance,
    State,
    Step,
    Task,
    ToolCall,
)

TASK = Task(
    question="How many rows?",
    answer_format="A number.",
    answer=Answer(type="number", value=2),
    expression=Expression(op="count", call="c1", path=("rows",)),
    gold_calls=(GoldCall(id="c1", server="s", tool="list_rows", arguments={"table": "t"}),),
    servers=("s",),
    provenance=Provenance(exploration="e", synthesizer="template"),
)


class Answering:
    def __init__(self, answer: Callable[[ToolCall], Observation]) -> None:
        self._answer = answer
        self.steps: list[Step] = []

    def call(self, call: ToolCall) -> Observation:
        observation = self._answer(call)
        state = State(history="")
        self.steps.append(
            Step(call=call, observation=observation, schema_digest="", scope="", before=state, after=state)
        )
        return observation

    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def test_gold_answers_what_the_outputs_say_now() -> None:
    rollout = run_policy(gold_policy, Answering(lambda call: Observation(text='{"rows": [1, 2, 3]}')), TASK)
    assert rollout.answer == 3
    assert rollout.calls == (TASK.gold_calls[0].call,)
    assert rollout.outcome is None


def test_gold_has_no_answer_where_the_outputs_give_none() -> None:
    assert (
        run_policy(gold_policy, Answering(lambda call: Observation(text="no rows today")), TASK).answer
        is None
    )


def test_empty_calls_and_says_nothing_and_nothing_does_neither() -> None:
    episode = Answering(lambda call: Observation(text="{}"))
    assert run_policy(empty_policy, episode, TASK).answer == ""
    assert len(run_policy(empty_policy, episode, TASK).calls) == 1
    assert run_policy(nothing_policy, episode, TASK).calls == ()


@pytest.mark.parametrize(("outcome", "ended"), [("miss", "miss"), ("transient", "infra")])
def test_what_is_not_the_policys_fault_ends_the_episode_without_an_answer(
    outcome: Outcome, ended: str
) -> None:
    rollout = run_policy(gold_policy, Answering(lambda call: Observation(outcome=outcome)), TASK)
    assert (rollout.outcome, rollout.answer) == (ended, None)


def test_an_endless_policy_is_truncated() -> None:
    def endless(task: Task, act: Callable[[ToolCall], Observation]) -> None:
        while True:
            act(task.gold_calls[0].call)

    rollout = run_policy(endless, Answering(lambda call: Observation(text="1")), TASK, limit=5)
    assert (rollout.outcome, len(rollout.calls)) == ("truncated", 5)
