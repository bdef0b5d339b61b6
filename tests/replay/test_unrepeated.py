"""An answer that hands out a value seen once only is not replayed; one that came out twice is."""

from __future__ import annotations

from itertools import count

from firefly.replay.freezing import make_cassette
from firefly.replay.records import Recording
from firefly.replay.simulator import StrictSimulator
from tests.replay.toys import Json, Machine, Toy, call

_numbers = count(0x4AECBC)


def _commit(machine: Machine, arguments: Json) -> Json:
    machine.files["head"] = f"{next(_numbers) * 7919:x}e1"
    return f"committed as {machine.files['head']}"


def _loan(machine: Machine, arguments: Json) -> Json:
    machine.files[arguments["of"]] = f"LOA-{1000 + len(machine.files)}"
    return machine.files[arguments["of"]]


def _echo(machine: Machine, arguments: Json) -> Json:
    return f"noted {arguments['text']}"


def _read(machine: Machine, arguments: Json) -> Json:
    return machine.files.get("head", "f00dfeed1")


TOY = Toy(
    tools={("s", "commit"): _commit, ("s", "loan"): _loan, ("s", "echo"): _echo, ("s", "read"): _read},
    calls=(),
    reads=frozenset({("s", "read")}),
)
COMMIT, LOAN, READ = call("s", "commit"), call("s", "loan", of="a"), call("s", "read")
ECHO = call("s", "echo", text="ticket-4711")


def outcomes(recorded: list[Recording], *calls: Json) -> list[str]:
    cassette = make_cassette(TOY.tool_set.tools, recorded, reads=TOY.reads)
    with StrictSimulator(cassette).episode(TOY.tool_set) as episode:
        return [episode.call(one).outcome for one in calls]


def test_what_was_drawn_once_is_a_miss_and_so_is_what_follows_from_it() -> None:
    recorded = [TOY.recording([READ, COMMIT, READ])]
    assert outcomes(recorded, READ, COMMIT, READ) == ["success", "miss", "miss"]


def test_what_came_out_again_in_another_episode_is_answered() -> None:
    assert outcomes([TOY.recording([LOAN])], LOAN) == ["miss"]
    assert outcomes([TOY.recording([LOAN]), TOY.recording([LOAN, READ])], LOAN) == ["success"]
    both = [TOY.recording([COMMIT]), TOY.recording([COMMIT, READ])]
    assert outcomes(both, COMMIT) == ["miss"], "drawn twice, it differs"


def test_an_echo_of_what_was_drawn_in_another_episode_is_no_repetition() -> None:
    drawn = TOY.recording([COMMIT])
    (value,) = (step.observation.text.split()[-1] for step in drawn.steps)
    assert outcomes([drawn, TOY.recording([call("s", "echo", text=value)])], COMMIT) == ["miss"]


def test_what_the_call_or_an_earlier_answer_says_was_not_drawn() -> None:
    assert outcomes([TOY.recording([ECHO])], ECHO) == ["success"]
    known = TOY.recording([READ, call("s", "echo", text="f00dfeed1")])
    assert outcomes([known], READ, call("s", "echo", text="f00dfeed1")) == ["success", "success"]


def test_a_proven_read_needs_no_second_recording() -> None:
    assert outcomes([TOY.recording([READ])], READ) == ["success"]
