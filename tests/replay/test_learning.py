"""Replays of held-out random episodes on toy worlds that were made to break the state key."""

from __future__ import annotations

from random import Random

import pytest

from firefly.replay.freezing import make_cassette
from tests.replay.machines import (
    FILE_CALLS,
    FILE_READS,
    FILES,
    HONEST,
    LYING,
    counting_reads,
    memory,
    random_machine,
)
from tests.replay.toys import Json, Machine, Toy, call
from tests.replay.trial import trial


@pytest.mark.parametrize("name", sorted(HONEST))
@pytest.mark.parametrize("recorded", [12, 40])
def test_no_answer_is_wrong_and_no_hit_is_lost(name: str, recorded: int) -> None:
    for seed in range(3):
        found = trial(HONEST[name](), Random(seed), recorded=recorded)
        assert found.wrong_recorded == found.wrong_held_out == 0
        assert found.hits_recorded == found.calls_recorded
        assert found.hits_held_out >= found.history_hits


@pytest.mark.parametrize("name", sorted(LYING))
def test_a_declared_read_with_a_hidden_effect_is_not_believed(name: str) -> None:
    for seed in range(3):
        found = trial(LYING[name](honest=False), Random(seed), proven=False)
        assert found.wrong_recorded == found.wrong_held_out == 0
        assert found.hits_held_out >= found.history_hits


@pytest.mark.parametrize("honest", [True, False])
def test_random_machines_are_replayed_without_a_wrong_answer(honest: bool) -> None:
    for seed in range(12):
        rng = Random(seed)
        found = trial(random_machine(rng, honest=honest), rng, recorded=30, proven=honest)
        assert found.wrong_recorded == found.wrong_held_out == 0
        assert found.hits_held_out >= found.history_hits


@pytest.mark.parametrize("name", ["counting_reads", "caching_reads", "marking_reads"])
def test_even_a_proof_that_a_tool_is_a_read_gives_way_to_a_counter_example(name: str) -> None:
    for seed in range(3):
        found = trial(LYING[name](honest=False), Random(seed))
        assert found.wrong_recorded == found.wrong_held_out == 0


def test_leaving_out_harmless_reads_answers_far_more_than_the_plain_history() -> None:
    totals = [trial(memory(), Random(seed)) for seed in range(4)]
    assert sum(one.hits_held_out for one in totals) > 1.5 * sum(one.history_hits for one in totals)


def test_calls_of_a_volatile_tool_before_the_others_are_no_trouble() -> None:
    """Volatile tools leave events in the history, though their own answers teach nothing."""
    toy = counting_reads()
    calls = [*toy.calls, *(call("fs", "dice", sides=6) for _ in range(3))]
    rolls = iter(range(100_000))
    tools = {**toy.tools, ("fs", "dice"): lambda m, a: next(rolls)}
    dicey = Toy(tools, calls, toy.reads | {("fs", "dice")})
    recordings = [dicey.recording(one) for one in dicey.episodes(Random(0), 40, 8)]
    cassette = make_cassette(
        dicey.tool_set.tools, recordings, reads=dicey.reads, volatile=frozenset({("fs", "dice")})
    )
    assert cassette.entries
    assert not [entry for entry in cassette.entries if entry.tool == "dice"]


def test_what_varies_after_changes_is_not_replayed_after_any_and_no_read_is_blamed_for_it() -> None:
    """A list of sizes, where each write draws a size of its own: the start's alone comes out again."""
    drawn = iter(range(100_000))

    def write(m: Machine, a: Json) -> Json:
        m.memory["size"] = next(drawn)
        return FILES[("fs", "write")](m, a)

    tools = {**FILES, ("fs", "write"): write, ("fs", "sizes"): lambda m, a: m.memory.get("size", 0)}
    toy = Toy(tools, [*FILE_CALLS, *(call("fs", "sizes") for _ in range(4))], FILE_READS | {("fs", "sizes")})
    recordings = [toy.recording(one) for one in toy.episodes(Random(0), 40, 8)]
    cassette = make_cassette(toy.tool_set.tools, recordings, reads=toy.reads)
    assert [entry.observation.text for entry in cassette.entries_of(("fs", "sizes"))] == ["0"]
    assert "shaken" in cassette.tools[("fs", "sizes")].rule.evidence
    assert cassette.scopes["workspace"].evidence["kept_by_counter_example"] == []
