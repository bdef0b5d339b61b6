"""Effects that vary: what shows them is not replayed, what was seen to repeat itself is."""

from __future__ import annotations

from itertools import count
from random import Random

from firefly.replay.cassette import Cassette
from firefly.replay.freezing import make_cassette
from firefly.replay.records import ToolCall
from firefly.replay.simulator import StrictSimulator
from tests.replay.toys import Machine, Toy, call

READ, SIZE = call("books", "read"), call("books", "size")
SAVE, CLEAR = call("books", "save", text="new"), call("books", "clear")


def _toy() -> Toy:
    """Make a server whose files hold, beside their text, something that is new in every run."""
    stamps = count()

    def save(machine: Machine, arguments: dict[str, object]) -> str:
        machine.files["text"] = arguments.get("text", "")
        machine.memory["stamp"] = next(stamps)
        return "saved"

    return Toy(
        {
            ("books", "save"): save,
            ("books", "clear"): lambda machine, arguments: save(machine, {}),
            ("books", "read"): lambda machine, arguments: machine.files.get("text", "old"),
            ("books", "size"): lambda machine, arguments: f"size {machine.memory.get('stamp', 'as made')}",
        },
        [READ, SIZE, SAVE, CLEAR],
        frozenset({("books", "read"), ("books", "size")}),
    )


def _cassette(toy: Toy, episodes: list[list[ToolCall]]) -> Cassette:
    return make_cassette(toy.tool_set.tools, [toy.recording(one) for one in episodes], reads=toy.reads)


def _answered(toy: Toy, cassette: Cassette, *calls: ToolCall) -> list[str]:
    with StrictSimulator(cassette).episode(toy.tool_set) as episode:
        found = [episode.call(one) for one in calls]
    return ["miss" if one.outcome == "miss" else one.text for one in found]


def test_only_the_tool_that_shows_a_varying_effect_is_not_replayed_after_it() -> None:
    toy = _toy()
    once = [[SAVE, READ], [SAVE, SIZE], [CLEAR, READ], [CLEAR, SIZE], [READ], [SIZE]]
    cassette = _cassette(toy, once * 4)
    for write, text in ((SAVE, "new"), (CLEAR, "")):
        assert _answered(toy, cassette, write, READ) == ["saved", text]
        assert _answered(toy, cassette, write, SIZE) == ["saved", "miss"]
    assert _answered(toy, cassette, SIZE) == ["size as made"]


def test_one_tool_whose_effect_shows_does_not_cost_the_others_their_answers() -> None:
    toy = _toy()
    cassette = _cassette(toy, [[SAVE, READ], [SAVE, SIZE], [CLEAR, READ], [READ], [SIZE]] * 4)
    assert _answered(toy, cassette, SAVE, READ) == ["saved", "new"]
    assert _answered(toy, cassette, SAVE, SIZE) == ["saved", "miss"]
    assert _answered(toy, cassette, CLEAR, READ) == ["saved", ""]


def test_a_read_that_was_not_seen_to_repeat_itself_after_a_varying_effect_is_not_replayed() -> None:
    toy = _toy()
    cassette = _cassette(toy, [[SAVE, READ]] + [[SAVE, SIZE], [READ], [SIZE]] * 4)
    assert _answered(toy, cassette, SAVE, READ) == ["saved", "miss"]


def test_no_answer_that_varied_is_ever_given_in_episodes_of_any_order() -> None:
    toy = _toy()
    for seed in range(6):
        recorded = toy.episodes(Random(seed), 40, 5)
        cassette = _cassette(toy, recorded)
        for calls in toy.episodes(Random(seed + 100), 20, 6):
            answers = _answered(toy, cassette, *calls)
            written = False
            for one, answer in zip(calls, answers, strict=True):
                assert not (written and one == SIZE) or answer == "miss"
                written |= one in (SAVE, CLEAR)
