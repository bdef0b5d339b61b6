"""What replaying a recorded call costs, as ratios within one run.

Compares the whole in-process call (canonical arguments, state, look-up, record of the step) of the
strict simulator, from its index and from memory, with a raw SQLite get whose key is known, and with the
usual home-made cache (sorted JSON, SHA-256, diskcache with pickle), all over the same answers. Figures
are CPU time of the process; those of one size are comparable, and the ratio to the raw get is what
counts. Calls during which another process was given the processor are left out: on a loaded machine they
are the slowest percent, and say nothing of the call.

    python -m benchmarks.exact_replay [CALLS ...]      default: 1000 100000; the goals want 1000000 too
"""

from __future__ import annotations

import gc
import hashlib
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from resource import RUSAGE_THREAD, getrusage

from diskcache import Cache

from benchmarks.replay_corpus import SERVERS, Corpus, asker
from firefly.replay.cassette import Cassette
from firefly.replay.index import open_cassette
from firefly.replay.records import ToolCall
from firefly.replay.simulator import StrictSimulator

ASKED = 20_000
ROUNDS = 4
IN_MEMORY = 200_000
"""Calls up to which the whole cassette is also read into memory."""


def main() -> None:
    """Build the stores, time them, and print the ratios."""
    sizes = [int(one) for one in sys.argv[1:]] or [1_000, 100_000]
    indexed: dict[int, tuple[float, float]] = {}
    for count in sizes:
        with tempfile.TemporaryDirectory() as name:
            indexed[count] = _one_size(count, Path(name))
    first, last = min(indexed), max(indexed)
    if first != last:
        growth = indexed[last][0] / indexed[first][0]
        beyond = indexed[last][1] / indexed[first][1]
        print(f"\nfrom {first} to {last} calls: {growth:.2f}x the time; {beyond:.2f}x against raw SQLite's")


def _one_size(count: int, folder: Path) -> tuple[float, float]:
    corpus = Corpus(count, answer_bytes=1800 if count <= IN_MEMORY else 500)
    cassette = corpus.write(folder / "cassette")
    cache = folder / "index"
    print(f"\n{count} recorded calls, {(cassette / 'entries.jsonl').stat().st_size / 1e6:.0f} MB")
    making = _cpu(lambda: open_cassette(cassette, index="sqlite", cache=cache))
    print(f"  making the index        {making:9.2f} s")
    opens = [
        _cpu(lambda: StrictSimulator(open_cassette(cassette, index="sqlite", cache=cache))) for _ in range(9)
    ]
    print(
        f"  opening with an index   {1000 * statistics.median(opens):9.1f} ms (most: {1000 * max(opens):.1f})"
    )
    episodes = corpus.episodes(ASKED)
    asked = [call for episode in episodes for call in episode]
    simulator = StrictSimulator(open_cassette(cassette, index="sqlite", cache=cache))
    first = statistics.median(_first_calls(simulator, corpus))
    print(f"  first call of a tool    {first:9.1f} us (its rule and schema are read; not among those below)")
    raw = _sqlite(folder, corpus, asked)
    askers: dict[str, Callable[[], Callable[[ToolCall], object]]] = {
        "raw SQLite get, key known": lambda: raw,
        "firefly from its index": lambda: asker(simulator, episodes),
        "same, collector off": lambda: asker(simulator, episodes),
    }
    if count <= IN_MEMORY:
        in_memory = StrictSimulator(Cassette.load(cassette))
        _first_calls(in_memory, corpus)
        cached = _diskcache(folder, corpus)
        askers["firefly from memory"] = lambda: asker(in_memory, episodes)
        askers["diskcache with pickle"] = lambda: cached
    # Round by round, and of each the quietest: another process's work shows in the tail of a whole round.
    rounds = [
        {name: _timed(begun(), asked, collect="off" not in name) for name, begun in askers.items()}
        for _ in range(ROUNDS)
    ]
    rows = {name: min((one[name] for one in rounds), key=lambda found: found[1]) for name in askers}
    base = rows["raw SQLite get, key known"][0]
    for name, (median, high) in rows.items():
        print(f"  {name:26} p50 {median:6.1f} us   p99 {high:6.1f} us   {median / base:5.2f}x raw SQLite")
    ours = rows["firefly from its index"][0]
    return ours, ours / base


def _cpu(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _first_calls(simulator: StrictSimulator, corpus: Corpus) -> list[float]:
    tool_set = simulator.tool_set([f"s{n}" for n in range(SERVERS)])
    times = []
    for tool in range(corpus.tools):
        call, episode = corpus.call(tool), simulator.episode(tool_set)
        started = time.thread_time_ns()
        episode.call(call)
        times.append((time.thread_time_ns() - started) / 1000)
    return times


def _timed(
    ask: Callable[[ToolCall], object], asked: list[ToolCall], *, collect: bool = True
) -> tuple[float, float]:
    for call in asked[:800]:
        ask(call)
    times = []
    gc.collect()
    if not collect:
        gc.disable()
    for call in asked[800:]:
        switches = getrusage(RUSAGE_THREAD).ru_nivcsw
        started = time.thread_time_ns()
        ask(call)
        took = (time.thread_time_ns() - started) / 1000
        if getrusage(RUSAGE_THREAD).ru_nivcsw == switches:
            times.append(took)
    gc.enable()
    return statistics.median(times), statistics.quantiles(times, n=100)[98]


def _sqlite(folder: Path, corpus: Corpus, asked: list[ToolCall]) -> Callable[[ToolCall], object]:
    connection = sqlite3.connect(folder / "store.sqlite", isolation_level=None)
    connection.execute("pragma synchronous = off")
    connection.execute("begin")
    connection.execute("create table store (key text primary key, value text)")
    rows = ((_key(corpus.call(number)), corpus.answer) for number in range(corpus.count))
    connection.executemany("insert into store values (?, ?)", rows)
    connection.execute("commit")
    connection.execute("pragma mmap_size = 17179869184")
    keys = {id(call): _key(call) for call in asked}

    def ask(call: ToolCall) -> object:
        return connection.execute("select value from store where key = ?", (keys[id(call)],)).fetchone()[0]

    return ask


def _diskcache(folder: Path, corpus: Corpus) -> Callable[[ToolCall], object]:
    value = {"text": corpus.answer, "outcome": "success"}
    cache = Cache(str(folder / "cache"), eviction_policy="none")
    with cache.transact():
        for number in range(corpus.count):
            cache[_key(corpus.call(number))] = value
    return lambda call: cache[_key(call)]


def _key(call: ToolCall) -> str:
    text = json.dumps([call.server, call.tool, call.arguments], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


if __name__ == "__main__":
    main()
