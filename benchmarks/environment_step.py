"""What one step of a training environment costs, as ratios within one run.

A step reads the tool call out of a model's message, brings it into canonical form, looks its answer up,
and appends the answer to the conversation. Measured: one rollout after the other, 512 rollouts at once in
one event loop, and the same call over HTTP to the usual stand-in: a FastAPI server that keeps one JSON
file for each tool, keyed on ``str`` of the arguments, and reads it at every call. Also what a call without
an answer costs, for which the nearest recorded calls of its tool are looked for.

    pip install -e '.[benchmarks]'
    python -m benchmarks.environment_step [CALLS]      default: 100000
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

from benchmarks.replay_corpus import LENGTH, SERVERS, Corpus
from firefly.replay.asynchronous import AsyncBackend, AsyncEpisode
from firefly.replay.backend import Episode
from firefly.replay.index import open_cassette
from firefly.replay.records import ToolCall
from firefly.replay.simulator import StrictSimulator
from firefly.replay.tool_set import ToolSet

ROLLOUTS = 512
_CALL = re.compile(r"<tool_call>\s*(\{.*?\})\s*</tool_call>", re.DOTALL)

STAND_IN = """
import ast, json, sys
from pathlib import Path
import uvicorn
from fastapi import FastAPI, Request

folder, port = Path(sys.argv[1]), int(sys.argv[2])
app = FastAPI()

@app.post("/virtual")
async def virtual(request: Request):
    body = await request.json()
    known = json.loads((folder / (body["tool"] + ".json")).read_text())
    return {"error": "", "response": known.get(str(body["arguments"]), "")}

uvicorn.run(app, host="127.0.0.1", port=port, log_level="error")
"""


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    corpus = Corpus(count)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cassette = open_cassette(corpus.write(folder / "cassette"), index="sqlite", cache=folder / "index")
        simulator = StrictSimulator(cassette)
        tool_set = simulator.tool_set([f"s{n}" for n in range(SERVERS)])
        rollouts = [_messages(tool_set, calls) for calls in corpus.episodes(ROLLOUTS * LENGTH)]
        one_by_one(simulator, tool_set, rollouts)  # reads each tool's rule and schema once
        single = min(one_by_one(simulator, tool_set, rollouts) for _ in range(3))
        at_once = min(asyncio.run(together(simulator, tool_set, rollouts)) for _ in range(3))
        print(f"{count} recorded calls; CPU time of a whole step")
        print(f"  one rollout after the other     {single:8.1f} us")
        print(f"  {len(rollouts)} rollouts in one loop       {at_once:8.1f} us   {at_once / single:.2f}x")
        fallback(simulator, tool_set, corpus)
        stand_in(folder, simulator, corpus)


def _messages(tool_set: ToolSet, calls: Sequence[ToolCall]) -> list[str]:
    found = []
    for call in calls:
        asked = {"name": tool_set.name_of(*call.key), "arguments": call.arguments}
        found.append(f"Let me look that up.\n<tool_call>\n{json.dumps(asked)}\n</tool_call>")
    return found


def _asked(message: str, tool_set: ToolSet) -> ToolCall:
    match = _CALL.search(message)
    assert match is not None
    asked = json.loads(match[1])
    call = tool_set.call(asked["name"], asked["arguments"])
    assert call is not None
    return call


def one_by_one(simulator: StrictSimulator, tool_set: ToolSet, rollouts: list[list[str]]) -> float:
    """Return the CPU time of a step in microseconds."""
    started = time.process_time_ns()
    for messages in rollouts:
        _rollout(simulator.episode(tool_set), tool_set, messages)
    return (time.process_time_ns() - started) / 1000 / sum(map(len, rollouts))


def _rollout(episode: Episode, tool_set: ToolSet, messages: list[str]) -> None:
    conversation: list[dict[str, str]] = []
    for message in messages:
        conversation.append({"role": "assistant", "content": message})
        observation = episode.call(_asked(message, tool_set))
        assert observation.outcome == "success"
        conversation.append({"role": "tool", "content": observation.visible})


async def together(simulator: StrictSimulator, tool_set: ToolSet, rollouts: list[list[str]]) -> float:
    """Return the CPU time of a step in microseconds, all rollouts being under way at once."""
    backend = AsyncBackend(simulator)
    episodes = [await backend.episode(tool_set) for _ in rollouts]
    started = time.process_time_ns()
    await asyncio.gather(*(_async_rollout(*one, tool_set) for one in zip(episodes, rollouts, strict=True)))
    return (time.process_time_ns() - started) / 1000 / sum(map(len, rollouts))


async def _async_rollout(episode: AsyncEpisode, messages: list[str], tool_set: ToolSet) -> None:
    conversation: list[dict[str, str]] = []
    for message in messages:
        await asyncio.sleep(0)  # here the model writes; the other rollouts go on
        conversation.append({"role": "assistant", "content": message})
        observation = await episode.call(_asked(message, tool_set))
        assert observation.outcome == "success"
        conversation.append({"role": "tool", "content": observation.visible})


def fallback(simulator: StrictSimulator, tool_set: ToolSet, corpus: Corpus) -> None:
    """Print what a call without an answer costs."""
    rng = Random(2)
    tools = [rng.randrange(corpus.tools) for _ in range(200)]
    first, later = [], []
    for tool in dict.fromkeys(tools):
        first.append(_miss(simulator, tool_set, corpus, tool, rng))
        later += [_miss(simulator, tool_set, corpus, tool, rng) for _ in range(5)]
    each = corpus.count // corpus.tools
    print(f"a call without an answer, {each} recorded calls of its tool")
    print(
        f"  median {statistics.median(later):.0f} us; the first of a tool {statistics.median(first):.0f} us"
    )


def _miss(simulator: StrictSimulator, tool_set: ToolSet, corpus: Corpus, tool: int, rng: Random) -> float:
    near = corpus.call(tool + corpus.tools * rng.randrange(corpus.count // corpus.tools))
    query = str(near.arguments["query"])[:-2] + "x"
    call = near.model_copy(update={"arguments": {**near.arguments, "query": query, "id": -1}})
    episode = simulator.episode(tool_set)
    started = time.thread_time_ns()
    assert episode.call(call).outcome == "miss"
    return (time.thread_time_ns() - started) / 1000


def stand_in(folder: Path, simulator: StrictSimulator, corpus: Corpus, asked: int = 600) -> None:
    """Print how a FastAPI server with one JSON file per tool compares."""
    calls = [call for episode in corpus.episodes(asked, seed=3) for call in episode]
    files = folder / "files"
    files.mkdir()
    each = corpus.count // corpus.tools
    for tool in {int(call.tool[1:]) for call in calls}:
        known = [corpus.call(tool + corpus.tools * number) for number in range(each)]
        content = {str(one.arguments): corpus.answer for one in known}
        (files / f"t{tool}.json").write_text(json.dumps(content))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-c", STAND_IN, str(files), str(port)])
    try:
        connection = _connected(port)
        _over_http(connection, calls)
        before = _cpu_of(server.pid)
        started, cpu = time.perf_counter(), time.process_time()
        _over_http(connection, calls)
        wall = time.perf_counter() - started
        total = time.process_time() - cpu + _cpu_of(server.pid) - before
        connection.close()
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(10)
    tool_set = simulator.tool_set([f"s{n}" for n in range(SERVERS)])
    _in_process(simulator, tool_set, calls)
    runs = []
    for _ in range(5):
        started, cpu = time.perf_counter(), time.process_time()
        _in_process(simulator, tool_set, calls)
        runs.append((time.perf_counter() - started, time.process_time() - cpu))
    ours, our_cpu = (statistics.median(one) for one in zip(*runs, strict=True))
    each_us = [1e6 * one / len(calls) for one in (total, wall, our_cpu, ours)]
    print(f"a FastAPI server with one JSON file of {each} answers per tool")
    print("  {:.0f} us CPU a call (client and server), {:.0f} us wall".format(*each_us[:2]))
    print("  in process {:.0f} us CPU, {:.0f} us wall:".format(*each_us[2:]), end=" ")
    print(f"{total / our_cpu:.0f}x the CPU time, {wall / ours:.0f}x the calls a second")


def _in_process(simulator: StrictSimulator, tool_set: ToolSet, calls: list[ToolCall]) -> None:
    for first in range(0, len(calls), LENGTH):
        with simulator.episode(tool_set) as episode:
            for call in calls[first : first + LENGTH]:
                assert episode.call(call).outcome == "success"


def _connected(port: int) -> http.client.HTTPConnection:
    for _ in range(200):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.connect()
        except OSError:
            time.sleep(0.1)
        else:
            return connection
    raise SystemExit("the stand-in server did not start; pip install -e '.[benchmarks]'")


def _over_http(connection: http.client.HTTPConnection, calls: list[ToolCall]) -> None:
    for call in calls:
        body = json.dumps({"tool": call.tool, "arguments": call.arguments})
        connection.request("POST", "/virtual", body, {"Content-Type": "application/json"})
        found = json.loads(connection.getresponse().read())
        assert found["response"], call


def _cpu_of(process: int) -> float:
    """Return the CPU seconds that another process has used so far (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
