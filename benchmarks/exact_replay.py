"""What replaying a recorded call costs, as ratios within one run.

Compares the whole in-process call (canonical arguments, state, look-up, record of the step) of the
strict simulator with a raw sqlite get whose key is known, and with the usual home-made cache
(sorted JSON, SHA-256, diskcache with pickle), all over the same 100,000 answers of about 1.8 KB.

    python benchmarks/exact_replay.py [CALLS]
"""

from __future__ import annotations

import gc
import hashlib
import itertools
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from diskcache import Cache

from firefly.replay.cassette import Cassette, CassetteTool, Entry, Indifference, Scope, Start, ToolRule
from firefly.replay.records import Observation, Tool, ToolCall
from firefly.replay.simulator import StrictSimulator
from firefly.replay.state import state_id

TOOLS = 993
LENGTH = 8
"""Calls in an episode, all of one tool, which is known to be indifferent to its own calls."""
ASKED = 20_000


def main() -> None:
    """Build the stores, time them, and print the ratios."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rng = Random(1)
    calls = [
        ToolCall(
            server=f"s{number % TOOLS % 240}",
            tool=f"t{number % TOOLS}",
            arguments={"id": number, "unit": "metric"},
        )
        for number in range(count)
    ]
    answer = json.dumps({"rows": [{"name": f"row {n}", "value": n} for n in range(50)]})
    asked = []
    for _ in range(ASKED // LENGTH):
        first = rng.randrange(count - TOOLS * LENGTH)
        asked += [calls[first + TOOLS * step] for step in range(LENGTH)]
    cassette = _cassette(calls, answer)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cassette.save(folder / "cassette")
        started = time.process_time()
        cassette = Cassette.load(folder / "cassette")
        print(f"load of {count} entries: {time.process_time() - started:.2f} s CPU")
        rows = {
            "raw sqlite get, key known": _sqlite(folder, calls, answer, asked),
            "diskcache + pickle, whole call": _diskcache(folder, calls, answer, asked),
            "firefly, whole call": _firefly(cassette, asked),
        }
    base = rows["raw sqlite get, key known"][0]
    for name, (median, high) in rows.items():
        print(f"{name:32} p50 {median:7.1f} us   p99 {high:7.1f} us   {median / base:5.2f}x raw sqlite")


def _cassette(calls: list[ToolCall], answer: str) -> Cassette:
    keys = sorted({call.key for call in calls})
    schema = {"type": "object", "properties": {"id": {"type": "integer"}, "unit": {"type": "string"}}}
    tools = {key: Tool(server=key[0], name=key[1], input_schema=schema) for key in keys}
    first = state_id("root", "mark", [], {})
    return Cassette(
        [
            CassetteTool(
                tool=tool,
                rule=ToolRule(
                    scope="workspace",
                    indifferent_to=(Indifference(server=tool.server, tool=tool.name, recent=True),),
                ),
            )
            for tool in tools.values()
        ],
        [
            Entry(
                server=call.server,
                tool=call.tool,
                schema_digest=tools[call.key].schema_digest,
                arguments=call.arguments,
                scope="workspace",
                state=first,
                mark="mark",
                observation=Observation(text=answer),
            )
            for call in calls
        ],
        [Scope(name="workspace", servers=("s0",), starts=(Start(world="w", root="root", mark="mark"),))],
    )


def _timed(ask: Callable[[ToolCall], object], asked: list[ToolCall]) -> tuple[float, float]:
    times = []
    gc.collect()
    for call in asked:
        started = time.perf_counter_ns()
        ask(call)
        times.append((time.perf_counter_ns() - started) / 1000)
    return statistics.median(times), statistics.quantiles(times, n=100)[98]


def _firefly(cassette: Cassette, asked: list[ToolCall]) -> tuple[float, float]:
    simulator = StrictSimulator(cassette)
    tool_set = simulator.tool_set(sorted({call.server for call in asked}))
    episodes = iter([simulator.episode(tool_set) for _ in range(len(asked) // LENGTH)])
    numbers = itertools.count()
    episode = next(episodes)

    def ask(call: ToolCall) -> object:
        nonlocal episode
        number = next(numbers)
        if number and number % LENGTH == 0:
            episode = next(episodes)
        observation = episode.call(call)
        assert observation.outcome == "success"
        return observation

    return _timed(ask, asked)


def _sqlite(folder: Path, calls: list[ToolCall], answer: str, asked: list[ToolCall]) -> tuple[float, float]:
    connection = sqlite3.connect(folder / "store.sqlite")
    connection.execute("create table store (key text primary key, value text)")
    connection.executemany("insert into store values (?, ?)", ((_key(call), answer) for call in calls))
    connection.commit()
    keys = {id(call): _key(call) for call in asked}

    def ask(call: ToolCall) -> object:
        return connection.execute("select value from store where key = ?", (keys[id(call)],)).fetchone()[0]

    return _timed(ask, asked)


def _diskcache(
    folder: Path, calls: list[ToolCall], answer: str, asked: list[ToolCall]
) -> tuple[float, float]:
    value = {"text": answer, "outcome": "success"}
    with Cache(str(folder / "cache"), eviction_policy="none") as cache:
        with cache.transact():
            for call in calls:
                cache[_key(call)] = value
        return _timed(lambda call: cache[_key(call)], asked)


def _key(call: ToolCall) -> str:
    text = json.dumps([call.server, call.tool, call.arguments], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


if __name__ == "__main__":
    main()
