"""Replays of held-out random episodes on toy worlds that were made to break the state key."""

from __future__ import annotations

from random import Random

import pytest

from tests.replay.machines import HONEST, LYING, memory, random_machine
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
def test_a_read_with_a_hidden_effect_is_found_out(name: str) -> None:
    for seed in range(3):
        found = trial(LYING[name](honest=False), Random(seed))
        assert found.wrong_recorded == found.wrong_held_out == 0
        assert found.hits_held_out >= found.history_hits


@pytest.mark.parametrize("honest", [True, False])
def test_random_machines_are_replayed_without_a_wrong_answer(honest: bool) -> None:
    for seed in range(12):
        rng = Random(seed)
        found = trial(random_machine(rng, honest=honest), rng, recorded=30)
        assert found.wrong_recorded == found.wrong_held_out == 0
        assert found.hits_held_out >= found.history_hits


def test_leaving_out_harmless_reads_answers_far_more_than_the_plain_history() -> None:
    totals = [trial(memory(), Random(seed)) for seed in range(4)]
    assert sum(one.hits_held_out for one in totals) > 1.5 * sum(one.history_hits for one in totals)
