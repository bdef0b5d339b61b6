"""The nearest recorded calls are the same however many calls are left out unseen."""

from __future__ import annotations

import heapq
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from firefly.replay.likeness import pairs_of, text_of
from firefly.replay.neighbours import Asked, Neighbours

WORDS = ("invoice", "order", "member", "violet", "harbour", "Öre", "")
Arguments = dict[str, JsonValue]


def _value(rng: Random) -> JsonValue:
    kinds: tuple[JsonValue, ...] = (
        rng.randrange(3),
        rng.choice((True, False, None, 1.0, 25.0, 25, float("nan"))),
        rng.choice(WORDS),
        " ".join(rng.sample(WORDS, 3)) + str(rng.randrange(9999)),
        f"/workspace/{rng.choice(WORDS)}/{rng.randrange(900)}.txt",
        [rng.randrange(4), rng.choice(WORDS)],
        "long " * rng.randrange(60),
        rng.randrange(10**6),
    )
    return rng.choice(kinds)


def _arguments(rng: Random, names: str, left_out: float) -> Arguments:
    return {name: _value(rng) for name in names if rng.random() >= left_out} | {"fixed": "/workspace/repo"}


def _apart(recorded: Arguments, asked: Arguments) -> float:
    """Return the distance as the documentation words it."""
    total = 0.0
    for name in recorded.keys() | asked.keys():
        if name not in recorded or name not in asked:
            total += 1
        elif (one := text_of(recorded[name])) != (other := text_of(asked[name])):
            pairs, others = pairs_of(one), pairs_of(other)
            total += 1 - 1.8 * (pairs & others).bit_count() / ((pairs.bit_count() or 1) + others.bit_count())
    return total


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(("a", "abc", "abcdefghijklmnopqrstuvwxyz0123456789")))
def test_many_calls_are_ranked_as_if_all_were_compared(seed: int, names: str) -> None:
    rng = Random(seed)
    left_out = rng.choice((0, 0.5)) if len(names) < 10 else 0.9
    asked = [Asked(_arguments(rng, names, left_out), ()) for _ in range(600)]
    neighbours = Neighbours(asked)
    for number in range(4):
        wanted = dict(rng.choice(asked).arguments) if number % 3 else _arguments(rng, names, left_out)
        wanted[rng.choice([*names, "fixed", "never recorded"])] = _value(rng)
        count = rng.choice((1, 3, 12))
        distances = [round(_apart(one.arguments, wanted), 9) for one in asked]
        found = neighbours.nearest(wanted, count)
        assert [distance for distance, _ in found] == heapq.nsmallest(count, distances)
        texts = {name: text_of(value) for name, value in wanted.items()}
        # of equally near ones the first
        plain = heapq.nsmallest(count, zip(neighbours._distances(texts), asked, strict=True), key=_first)
        assert [id(one) for _, one in found] == [id(one) for _, one in plain]


def _first(pair: tuple[float, Asked]) -> float:
    return pair[0]
