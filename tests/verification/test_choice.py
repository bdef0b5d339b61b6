"""What is kept: as many as the caps allow, none above its share, the rarer kinds first."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from firefly.verification.choice import Choice, guessable
from firefly.verification.filling import Candidate, Limits

LIMITS = Limits(
    per_selector=4,
    per_sequence=6,
    per_datum=1,
    server_share=0.35,
    sequence_share=0.08,
    guess_share=0.05,
    guess_family_share=0.15,
    involved_share=0.25,
    at_least=30,
)


def candidate(number: int, **changes: Any) -> Candidate:
    fields: dict[str, Any] = {
        "task": f"t{number:04}",
        "servers": (f"s{number % 6}",),
        "sequence": number % 40,
        "kind": ("value", "where", "count")[number % 3],
        "selector": number,
        "datum": f"d{number}",
        "family": number % 40,
        "answer": f"a{number}",
        "is_involved": False,
        "worth": 0.0,
        **changes,
    }
    return Candidate(**fields)


def kept(candidates: list[Candidate], limits: Limits = LIMITS) -> list[Candidate]:
    dropped = Choice(candidates, limits).dropped()
    assert all(dropped.values())
    return [one for one in candidates if one.task not in dropped]


def shares(chosen: list[Candidate]) -> tuple[float, float]:
    servers = Counter(server for one in chosen for server in one.servers)
    sequences = Counter(one.sequence for one in chosen)
    return max(servers.values()) / len(chosen), max(sequences.values()) / len(chosen)


def test_all_are_kept_where_no_cap_is_in_the_way() -> None:
    assert len(kept([candidate(number) for number in range(120)])) == 120


def test_no_server_and_no_sequence_is_above_its_share() -> None:
    big = [candidate(number, servers=("big",)) for number in range(200)]
    chosen = kept([*big, *(candidate(1000 + number, sequence=100 + number % 9) for number in range(60))])
    server, sequence = shares(chosen)
    assert len(chosen) > 30 and server <= 0.35 and sequence <= 0.08


def test_a_task_counts_in_full_for_each_of_its_servers() -> None:
    joined = [candidate(number, servers=("big", f"s{number % 6}"), worth=9.0) for number in range(120)]
    alone = [candidate(500 + number) for number in range(80)]
    chosen = kept([*joined, *alone])
    assert sum("big" in one.servers for one in chosen) <= 0.35 * len(chosen)


def test_up_to_the_smallest_number_the_shares_do_not_count() -> None:
    few = [candidate(number, servers=("only",), sequence=number % 5) for number in range(40)]
    assert len(kept(few)) == 30
    assert len(kept(few[:12])) == 12


def test_with_few_servers_each_may_have_more() -> None:
    two = [candidate(number, servers=(("one", "two")[number % 2],)) for number in range(100)]
    assert len(kept(two)) == 100


def test_of_two_ways_to_a_datum_the_worthier_is_kept() -> None:
    short, long = candidate(1, datum="d"), candidate(2, datum="d", worth=3.0)
    assert kept([short, long]) == [long]


def test_every_sequence_is_kept_before_any_has_many() -> None:
    many = [candidate(number, sequence="common", worth=4.0) for number in range(100)]
    rare = [candidate(200 + number, sequence=f"rare {number}") for number in range(28)]
    assert len({one.sequence for one in kept([*many, *rare])}) == 29


def test_the_choice_does_not_depend_on_the_order() -> None:
    pool = [
        candidate(number, servers=("big",) if number % 2 else (f"s{number % 5}",)) for number in range(90)
    ]
    assert Choice(pool, LIMITS).dropped() == Choice(pool[::-1], LIMITS).dropped()


def test_an_answer_that_most_of_its_family_share_is_given_up() -> None:
    usual = [candidate(number, family="f", answer="same") for number in range(3)]
    others = [candidate(100 + number) for number in range(60)]
    chosen = kept([*usual, *others])
    assert sum(one.family == "f" for one in chosen) == 1
    assert not guessable({one.task: (one.family, one.answer) for one in chosen})


def test_a_family_of_one_is_never_guessed() -> None:
    assert guessable({"a": ("f", "1"), "b": ("g", "1")}) == set()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sets(st.sampled_from("abcdefg"), min_size=1, max_size=3),
            st.integers(0, 30),
            st.integers(0, 80),
        ),
        min_size=1,
        max_size=110,
    )
)
def test_whatever_the_pool_the_caps_hold(pool: list[tuple[set[str], int, int]]) -> None:
    candidates = [
        candidate(number, servers=tuple(sorted(servers)), sequence=sequence, datum=str(datum))
        for number, (servers, sequence, datum) in enumerate(pool)
    ]
    chosen = kept(candidates)
    assert chosen and max(Counter(one.datum for one in chosen).values()) == 1
    assert max(Counter((one.sequence, one.kind) for one in chosen).values()) <= 4
    if len(chosen) > LIMITS.at_least:
        servers = {server for one in candidates for server in one.servers}
        server, sequence = shares(chosen)
        assert server <= max(0.35, 2 / (len(servers) + 1)) + 1e-9 and sequence <= 0.08 + 1e-9


def test_long_tasks_have_room_set_aside_although_each_takes_the_place_of_two_short_ones() -> None:
    short = [candidate(number) for number in range(80)]
    long = [
        candidate(100 + number, servers=("s0", "s1", "s2"), sequence=f"long{number % 4}", is_involved=True)
        for number in range(12)
    ]
    chosen = kept([*short, *long])
    assert sum(one.is_involved for one in chosen) == 12
    assert len(chosen) >= 60


def test_an_involved_task_takes_the_place_of_a_simple_one_of_the_same_server() -> None:
    short = [candidate(number) for number in range(60)]
    long = [
        candidate(100 + number, servers=("s0",), sequence=f"long{number}", is_involved=True)
        for number in range(8)
    ]
    chosen = kept([*short, *long], replace(LIMITS, involved_share=0.0))
    assert sum(one.is_involved for one in chosen) == 8
