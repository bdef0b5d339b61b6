"""Faults on purpose: drawn from a seed, marked as such, on top of any backend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from firefly.components import build, faults
from firefly.episode import run_policy
from firefly.faults import FaultyBackend, Malformed, RateLimit, Timeout
from firefly.protocols import Fault
from firefly.replay.grading import grade
from firefly.replay.records import Observation, ToolCall
from firefly.replay.simulator import StrictSimulator
from firefly.replay.tool_set import ToolSet
from firefly.simulation.lenient import Lenient
from firefly.simulation.nearest import Nearest
from tests.serving.recorded import LIST, OTHER, READ_A, ROOT, TOOLS, WRITE_C, WRITING, call, cassette

RECORDED = cassette()


def begin(faults: Mapping[str, Fault], *, seed: int = 0, episode: int = 0, inner: Any = None) -> Any:
    backend = inner or StrictSimulator(RECORDED)
    return FaultyBackend(backend, faults, seed=seed).episode(ToolSet.of(TOOLS), episode)


def struck(faults: Mapping[str, Fault], count: int = 60, **seeds: int) -> list[int]:
    episode = begin(faults, **seeds)
    for _ in range(count):
        episode.call(OTHER)
    return [number for number, step in enumerate(episode.steps) if step.tier == "fault"]


@pytest.mark.parametrize("name", ["timeout", "rate_limit", "malformed"])
def test_every_option_builds(name: str) -> None:
    described = yaml.safe_load((ROOT / "conf" / "faults" / f"{name}.yaml").read_text(encoding="utf-8"))
    assert faults(described) == []
    assert 0 < build(described).rate < 1


def test_equal_seeds_give_equal_faults_and_others_do_not() -> None:
    some = {"timeout": Timeout(rate=0.3)}
    assert struck(some) == struck(some)
    assert 5 < len(struck(some)) < 35
    assert struck(some) != struck(some, seed=1)
    assert struck(some) != struck(some, episode=1)


def test_the_faults_of_a_tool_depend_on_no_other_call_and_no_other_fault() -> None:
    alone = struck({"timeout": Timeout(rate=0.3)}, 20)
    episode = begin({"timeout": Timeout(rate=0.3), "a": RateLimit(rate=1.0, tools=["notes/*"])})
    for _ in range(20):
        episode.call(READ_A)
        episode.call(OTHER)
    others = [step.tier for step in episode.steps if step.call == OTHER]
    assert [number for number, tier in enumerate(others) if tier == "fault"] == alone


def test_faults_strike_the_tools_that_they_name() -> None:
    episode = begin({"timeout": Timeout(rate=1.0, tools=["notes/wr*"])})
    assert episode.call(LIST).outcome == "success"
    observation = episode.call(WRITE_C)
    assert (observation.outcome, observation.is_error, observation.error_code) == ("failure", True, -32001)
    assert episode.call(LIST).structured == {"names": ["a", "b"]}, "it was never made"
    assert [step.tier for step in episode.steps] == ["exact", "fault", "exact"]
    assert episode.evidence == ({}, {"fault": "timeout"}, {})


def test_a_lost_answer_leaves_the_effect() -> None:
    episode = begin({"timeout": Timeout(rate=1.0, tools=["notes/write"], reaches=True)})
    assert episode.call(WRITE_C).text == "Request timed out"
    assert episode.call(LIST).structured == {"names": ["a", "b", "c"]}
    assert [step.tier for step in episode.steps] == ["damaged", "exact"]
    assert episode.evidence[0] == {"fault": "timeout", "tier": "exact"}


def test_a_rate_limit_says_how_long_to_wait() -> None:
    episode = begin({"rate_limit": RateLimit(rate=1.0, most_seconds=9)})
    text = episode.call(LIST).text
    assert text.startswith("429 Too Many Requests. Retry after ")
    assert 1 <= int(text.split()[-2]) <= 9


def test_a_malformed_answer_is_a_part_of_the_true_one() -> None:
    true = StrictSimulator(RECORDED).episode(ToolSet.of(TOOLS)).call(LIST)
    for seed in range(8):
        found = begin({"malformed": Malformed(rate=1.0)}, episode=seed).call(LIST)
        assert true.text.startswith(found.text) and found.text != true.text
        assert (found.structured, found.outcome, found.is_error) == (None, "failure", False)


def test_what_is_missed_stays_missed() -> None:
    episode = begin({"malformed": Malformed(rate=1.0)})
    assert episode.call(call("notes", "read", name="q")).outcome == "miss"
    assert episode.steps[0].tier == "miss"


def test_the_recordings_stay_as_they_are() -> None:
    before = [entry.to_json() for entry in RECORDED.entries]
    episode = begin({"malformed": Malformed(rate=0.5), "timeout": Timeout(rate=0.5)})
    for _ in range(30):
        episode.call(OTHER)
    assert [entry.to_json() for entry in RECORDED.entries] == before


def test_faults_compose_with_a_simulator_in_tiers() -> None:
    inner = Lenient(tiers={"nearest": Nearest(farthest=0.7)}).backend(RECORDED)
    episode = begin({"malformed": Malformed(rate=1.0, tools=["notes/read"])}, inner=inner)
    episode.call(call("notes", "read", name="nome"))
    assert episode.evidence[0]["fault"] == "malformed"
    assert (episode.evidence[0]["tier"], episode.evidence[0]["arguments"]) == ("nearest", {"name": "none"})


def test_an_agent_that_tries_again_earns_its_reward() -> None:
    """Calls that a fault kept from being made don't count twice."""

    def act_and_retry(task: Any, act: Any) -> Any:
        for gold in task.gold_calls:
            observation: Observation = act(gold.call)
            while observation.outcome == "failure":
                observation = act(gold.call)
        return len(observation.structured["names"])  # type: ignore[index,call-overload,arg-type]

    outcomes: Counter[Any] = Counter()
    for seed in range(12):
        with begin({"timeout": Timeout(rate=0.4)}, episode=seed) as episode:
            rollout = run_policy(act_and_retry, episode, WRITING)
            outcomes[len(episode.steps) > len(rollout.calls)] += 1
        assert rollout.calls == tuple(gold.call for gold in WRITING.gold_calls)
        assert grade(WRITING, rollout, StrictSimulator(RECORDED)).reward == 1
    assert outcomes[True] and outcomes[False]


def test_a_rate_is_a_share() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        RateLimit(rate=1.5)


def test_a_call_that_is_no_json_is_no_crash() -> None:
    episode = begin({"timeout": Timeout(rate=0.5)})
    for _ in range(10):
        episode.call(ToolCall(server="notes", tool="read", arguments={"name": float("nan")}))
    assert {step.tier for step in episode.steps} == {"miss", "fault"}
