"""Writes from sampling to grading: what is changed, looked at, asked for, replayed and rewarded."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any

import pytest

from firefly.exploration import explore_sub_dag
from firefly.exploration.symbolic import Symbolic
from firefly.knowledge import Knowledge
from firefly.mentions import mention
from firefly.records import Exploration, SubDag
from firefly.replay.grading import grade
from firefly.replay.records import Rollout, Task
from firefly.replay.simulator import StrictSimulator
from firefly.sampling.writes import write_dags
from firefly.simulation import freeze
from firefly.synthesis.template import Template
from firefly.verification import reexecute, verify
from firefly.verification.necessity import Necessity
from firefly.verification.preflight import Preflight
from firefly.verification.reexecution import Reexecuted
from firefly.verification.replay import ReExecution, Replay
from firefly.verification.sources import Provenance, Volatile
from tests.writing_servers import Depot, affects, feeds, listings, probed, tools

READS = {("depot", "list_crates"), ("depot", "get_crate"), ("depot", "about")}
EDGES = [
    affects("send_off", "list_crates"),
    affects("set_weight", "list_crates"),
    feeds("list_crates", "send_off", "code", ("crates", "*", "code")),
]


def sampled(count: int = 20) -> list[SubDag]:
    return write_dags(READS, EDGES, probed(Depot()), count=count, rng=Random(0))


def pair() -> SubDag:
    """Two writes that do not depend on each other."""
    return next(
        one
        for one in sampled()
        if [node.tool[1] for node in one.writes] in (["send_off", "set_weight"], ["set_weight", "send_off"])
    )


def explore(sub_dag: SubDag, backend: Depot | None = None, seed: int = 0) -> list[Exploration]:
    backend = backend or Depot()
    return explore_sub_dag(
        sub_dag, explorer=Symbolic(), backend=backend, knowledge=probed(backend), rng=Random(seed), seed=0
    )


@cache
def explored() -> tuple[Exploration, ...]:
    """Every completed exploration of the sampled sub-DAGs."""
    return tuple(one for sub_dag in sampled() for one in explore(sub_dag) if one.completed)


def known() -> Knowledge:
    return probed(Depot(), explored())


@cache
def simulator() -> StrictSimulator:
    knowledge = known()
    return StrictSimulator(
        freeze(
            listings=listings(Depot()),
            profiles=knowledge.profiles.values(),
            recordings=knowledge.recordings,
        )
    )


@cache
def written() -> tuple[tuple[Task, Exploration], ...]:
    knowledge = known()
    return tuple(
        (task, one)
        for one in explored()
        for task in Template().write(one, knowledge=knowledge, rng=Random(1))
    )


def test_a_write_is_followed_by_the_reads_that_it_changes() -> None:
    first = next(one for one in sampled() if len(one.writes) == 1 and one.nodes[0] in one.writes)
    assert {node.tool[1] for node in first.looks} >= {"list_crates"}
    assert all(not link.parameter for link in first.links)


def test_a_read_before_a_write_gives_it_its_argument() -> None:
    fed = [one for one in sampled() if one.nodes[0] not in (*one.writes, *one.looks)]
    assert fed
    assert {link.parameter for one in fed for link in one.links} == {"", "code"}


def test_nothing_is_written_where_the_state_is_not_disposable() -> None:
    knowledge = probed(Depot())
    kept = Knowledge(
        [one.model_copy(update={"disposable": False}) for one in knowledge.listings.values()],
        knowledge.profiles.values(),
        knowledge.recordings,
    )
    assert write_dags(READS, EDGES, kept, count=20, rng=Random(0)) == []


def test_sampling_draws_the_same_again() -> None:
    assert sampled() == sampled()
    assert len(sampled(2)) == 2


def test_the_same_read_is_made_before_and_after_and_came_out_different() -> None:
    for one in explored():
        looks = {node.id for node in one.sub_dag.looks}
        steps = [call for call in one.calls if not call.look and call.node in looks]
        assert steps
        for step in steps:
            before = next(call for call in one.calls if call.call == step.call)
            assert before.look or before.node not in looks
            assert before.step.observation != step.step.observation


def test_every_order_of_two_writes_is_recorded_and_each_write_alone() -> None:
    (one, *_) = [found for found in explore(pair()) if found.completed]
    writes = {node.tool[1] for node in one.sub_dag.writes}
    orders = [
        [step.call.tool for step in recording.steps if step.call.tool in writes] for recording in one.orders
    ]
    assert sorted(map(tuple, orders)) == sorted(
        [("send_off",), ("set_weight",), ("send_off", "set_weight"), ("set_weight", "send_off")]
    )


def test_writes_whose_order_matters_are_not_called_independent() -> None:
    both = next(one for one in sampled() if [node.tool[1] for node in one.writes] == ["set_weight"] * 2)
    found = explore(both, Depot(orderly=False))
    assert found
    assert not any(one.completed for one in found)
    assert any("depends on their order" in one.reason for one in found)


def test_what_is_asked_changed_and_neither_the_question_nor_the_write_says_it() -> None:
    assert written()
    for task, exploration in written():
        assert task.end_state
        assert task.end_state[0].expected == task.answer.value
        assert not any(mention(text, task.answer.value) for text in task.wordings)
        writes = {node.tool for node in exploration.sub_dag.writes}
        assert [call for call in task.gold_calls if (call.server, call.tool) in writes]
        assert task.gold_calls[-1].tool in {node.tool[1] for node in exploration.sub_dag.looks}
        assert len({call.id for call in task.gold_calls}) == len(task.gold_calls)


def test_a_question_tells_each_write_and_then_asks() -> None:
    task = next(
        task for task, _ in written() if len(task.gold_calls) == 2 and task.gold_calls[0].tool == "send_off"
    )
    code = task.gold_calls[0].arguments["code"]
    assert task.question.startswith(f"Send off crate {code}. ")
    assert any(joint in task.question for joint in ("Then", "After that", "Once that is done"))


def verdicts() -> dict[str, dict[str, str]]:
    servers = Depot()
    tasks = [task for task, _ in written()]
    own = tools(servers)
    found = verify(
        tasks,
        checks=[Provenance(), Volatile(), Necessity(), Replay(), Preflight(), ReExecution()],
        simulator=simulator(),
        knowledge=known(),
        explorations={one.id: one for one in explored()},
        reexecute=lambda left, days: Reexecuted(
            reexecute(
                left,
                fresh=servers,
                tool_sets={own.servers: own},
                knowledge=known(),
                rng=Random(0),
                seed=0,
            )
        ),
    )
    return {one.task: {result.check: result.status for result in one.results} for one in found}


def test_tasks_that_write_pass_the_checks() -> None:
    found = verdicts()
    for name in ("provenance", "volatile", "replay", "preflight", "re_execution"):
        assert {statuses.get(name, "pass") for statuses in found.values()} == {"pass"}, name
    assert sum(statuses.get("re_execution") == "pass" for statuses in found.values()) >= 4


@pytest.mark.parametrize("kept", ["everything", "no write", "nothing"])
def test_the_reward_needs_the_writes(kept: str) -> None:
    for task, exploration in written():
        writes = {node.tool[1] for node in exploration.sub_dag.writes}
        calls: Any = [call.call for call in task.gold_calls]
        if kept != "everything":
            calls = [call for call in calls if call.tool not in writes and kept == "no write"]
        rollout = Rollout(calls=tuple(calls), answer=f"Answer: {task.answer.value}")
        assert grade(task, rollout, simulator()).reward == (1 if kept == "everything" else 0)


def test_independent_writes_are_rewarded_in_any_order() -> None:
    task = next(
        task
        for task, exploration in written()
        if len(exploration.sub_dag.writes) == 2 and len(task.gold_calls) == 3
    )
    one, other, last = (call.call for call in task.gold_calls)
    rollout = Rollout(calls=(other, one, last), answer=f"Answer: {task.answer.value}")
    assert grade(task, rollout, simulator()).reward == 1


def test_looks_that_fail_before_the_write_leave_room_for_those_that_show_something() -> None:
    for one in explored():
        first = next(place for place, call in enumerate(one.calls) if call.node == one.sub_dag.writes[0].id)
        for node in one.sub_dag.looks:
            seen = [call.step.observation.outcome for call in one.calls[:first] if call.node == node.id]
            assert seen.count("failure") <= 4


def test_the_writes_are_recorded_without_the_reads_that_gave_them_their_values() -> None:
    fed = next(one for one in sampled() if one.nodes[0] not in (*one.writes, *one.looks))
    (one, *_) = [found for found in explore(fed) if found.completed]
    write = fed.writes[0].tool[1]
    assert any(recording.steps[0].call.tool == write for recording in one.orders)
