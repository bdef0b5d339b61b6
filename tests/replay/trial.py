"""Records random episodes of a toy and replays recorded and held-out ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from firefly.replay.freezing import make_cassette
from firefly.replay.records import Step, ToolCall, canonical_json
from firefly.replay.simulator import StrictSimulator
from tests.replay.toys import Toy


@dataclass
class Trial:
    wrong_recorded: int = 0
    wrong_held_out: int = 0
    hits_recorded: int = 0
    hits_held_out: int = 0
    history_hits: int = 0
    calls_recorded: int = 0
    calls_held_out: int = 0


def trial(
    toy: Toy, rng: Random, *, recorded: int = 40, held_out: int = 20, length: int = 8, proven: bool = True
) -> Trial:
    """``proven``: whether the toy's reads are given as proven or as only declared."""
    episodes = toy.episodes(rng, recorded + held_out, length)
    runs = [toy.run(calls) for calls in episodes]
    recordings = [toy.recording(calls) for calls in episodes[:recorded]]
    tools = toy.tool_set
    cassette = make_cassette(
        tools.tools,
        recordings,
        reads=toy.reads if proven else (),
        declared=toy.reads,
        independent=toy.independent,
    )
    simulator = StrictSimulator(cassette)
    found = Trial(calls_recorded=recorded * length, calls_held_out=held_out * length)
    for calls, run in zip(episodes[:recorded], runs[:recorded], strict=True):
        hits, wrong = _replayed(simulator, toy, calls, run)
        found.hits_recorded += hits
        found.wrong_recorded += wrong
    for calls, run in zip(episodes[recorded:], runs[recorded:], strict=True):
        hits, wrong = _replayed(simulator, toy, calls, run)
        found.hits_held_out += hits
        found.wrong_held_out += wrong
    known = {history for run in runs[:recorded] for history in _histories(run)}
    found.history_hits = sum(history in known for run in runs[recorded:] for history in _histories(run))
    return found


def _replayed(
    simulator: StrictSimulator, toy: Toy, calls: Sequence[ToolCall], run: Sequence[Step]
) -> tuple[int, int]:
    hits = wrong = 0
    with simulator.episode(toy.tool_set) as episode:
        for call, step in zip(calls, run, strict=True):
            observation = episode.call(call)
            if observation.outcome == "miss":
                continue
            hits += 1
            wrong += observation != step.observation
    return hits, wrong


def _histories(run: Sequence[Step]) -> list[str]:
    calls = [canonical_json(step.call.model_dump(mode="json")) for step in run]
    return ["\n".join(calls[: index + 1]) for index in range(len(calls))]
