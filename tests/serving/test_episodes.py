"""Episodes of a server: how many, how long, and what becomes of calls whose client is gone."""

from __future__ import annotations

import resource
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, MCPError

from firefly.faults import FaultyBackend, Timeout
from firefly.protocols import Situation, TierAnswer
from firefly.replay.backend import Backend
from firefly.replay.cassette import Cassette
from firefly.replay.records import Observation
from firefly.replay.score import score
from firefly.replay.simulator import StrictSimulator
from firefly.replay.tool_set import ToolSet
from firefly.serving import ServedDataset
from firefly.serving.config import EpisodesConfig
from firefly.serving.episodes import Asked, Episodes, ServingError
from firefly.serving.log import Counts, EpisodeLog, LogError
from firefly.serving.server import make_server
from firefly.simulation.lenient import Lenient
from tests.serving.recorded import LIST, READING, WRITE_C, WRITING, lines_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def episodes(
    dataset: Path,
    *,
    backend: Callable[[Cassette], Backend] = StrictSimulator,
    log: Path | None = None,
    most: int = 10,
    clock: Callable[[], float] = lambda: 0.0,
) -> Episodes:
    config = EpisodesConfig(task=None, servers=None, split=None, most=most, idle=60)
    served = ServedDataset(dataset, backend)
    return Episodes(served, config, log=EpisodeLog(log), counts=Counts(), clock=clock)


def asked(name: str, task: str = WRITING.id) -> Asked:
    return Asked(episode=name, task=task)


async def test_a_new_episode_takes_the_place_of_an_idle_one_and_of_no_other(dataset: Path) -> None:
    now = [0.0]
    going = episodes(dataset, most=2, clock=lambda: now[0])
    for name in ("a", "b"):
        await going.call(asked(name), "list", {})
    with pytest.raises(ServingError, match="2 episodes are going on"):
        await going.call(asked("c"), "list", {})
    now[0] = 61.0
    await going.call(asked("a"), "list", {})
    await going.call(asked("c"), "list", {})
    assert going.names == ["a", "c"]
    with pytest.raises(ServingError, match="Episode 'b' is over: no call for 60 seconds"):
        await going.call(asked("b"), "list", {})


class Slow:
    """A tier that answers when it is told to."""

    order = 1
    may_block = True

    def __init__(self) -> None:
        self.asked, self.go = threading.Event(), threading.Event()

    def begin(self, cassette: Cassette, tool_set: ToolSet, seed: int) -> Slow:
        return self

    def answer(self, situation: Situation) -> TierAnswer:
        self.asked.set()
        self.go.wait(20)
        return TierAnswer(Observation(text="at last"), {"waited": True})

    def close(self) -> None: ...


async def test_a_call_whose_client_went_away_is_finished_and_logged(dataset: Path, tmp_path: Path) -> None:
    slow, log = Slow(), tmp_path / "log.jsonl"
    going = episodes(dataset, backend=Lenient(tiers={"slow": slow}).backend, log=log)
    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(going.call, asked("gone"), "read", {"name": "q"})
            await anyio.to_thread.run_sync(slow.asked.wait)
            group.cancel_scope.cancel()  # as the SDK does when the connection is lost
            slow.go.set()
        found = await going.call(asked("gone"), "read", {"name": "a"})
    assert found.text == "at last", "the state was unknown after the first call, so this one was slow, too"
    told = [line for line in lines_of(log) if line["event"] == "call"]
    assert [(line["number"], line["tier"]) for line in told] == [(1, "slow"), (2, "slow")]


async def test_a_slow_answer_keeps_no_other_episode_waiting(dataset: Path) -> None:
    slow = Slow()
    going = episodes(dataset, backend=Lenient(tiers={"slow": slow}).backend)
    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(going.call, asked("slow"), "read", {"name": "q"})
            await anyio.to_thread.run_sync(slow.asked.wait)
            assert (await going.call(asked("quick"), "list", {})).outcome == "success"
            slow.go.set()


async def test_faults_reach_the_agent_as_errors_and_the_log_as_faults(dataset: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"

    def faulty(cassette: Cassette) -> Backend:
        return FaultyBackend(StrictSimulator(cassette), {"timeout": Timeout(rate=1.0, tools=["*/write"])})

    going = episodes(dataset, backend=faulty, log=log)
    meta: Any = {"firefly/episode": "faulty", "firefly/task": WRITING.id}
    async with Client(make_server(going)) as client:
        with pytest.raises(MCPError, match="Request timed out"):
            await client.call_tool("write", WRITE_C.arguments, meta=meta)
        found = await client.call_tool("list", {}, meta=meta)
        assert found.structured_content == {"names": ["a", "b"]}
    told = lines_of(log)[1]
    assert (told["tier"], told["evidence"], told["outcome"]) == ("fault", {"fault": "timeout"}, "failure")
    assert 'tier="fault",outcome="failure",fault="timeout"} 1' in going.counts.metrics
    rollout = going.going("faulty").rollout("2")
    assert rollout.calls == (LIST,)


async def test_a_full_disk_ends_the_episode_and_never_loses_a_call_silently(
    dataset: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    going = episodes(dataset, log=log)
    await going.call(asked("full"), "write", WRITE_C.arguments)
    await going.call(asked("fine"), "list", {})
    going.end("fine", "done")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + 40, before[1]))
    try:
        with pytest.raises(LogError, match="can't be written"):
            await going.call(asked("full"), "list", {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    with pytest.raises(ServingError, match="is over: The log"):
        await going.call(asked("full"), "list", {})
    answers = tmp_path / "answers.jsonl"
    answers.write_text(f'{{"id": "{WRITING.id}", "answer": 3, "episode": "full"}}\n', encoding="utf-8")
    assert score(dataset, answers, log).results[0].reward is None


async def test_two_writers_of_one_log_tear_no_line(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"

    def write(name: str) -> None:
        log = EpisodeLog(path)  # each with a file of its own, as two processes have
        for number in range(200):
            log.write("call", episode=name, number=number, text="x" * 3_000)
        log.close()

    both = [threading.Thread(target=write, args=(name,)) for name in ("one", "two")]
    for one in both:
        one.start()
    for one in both:
        one.join()
    told = lines_of(path)
    for name in ("one", "two"):
        assert [line["number"] for line in told if line["episode"] == name] == list(range(200))


async def test_calls_of_one_episode_are_made_in_the_order_in_which_they_came(dataset: Path) -> None:
    going = episodes(dataset)
    found: list[Any] = []

    async def one(name: str, arguments: dict[str, Any]) -> None:
        found.append((await going.call(asked("order"), name, arguments)).visible)

    async with anyio.create_task_group() as group:
        for name, arguments in (("write", WRITE_C.arguments), ("list", {}), ("read", {"name": "c"})):
            group.start_soon(one, name, arguments)
    assert found == ["written", '{"names": ["a", "b", "c"]}', "hello"]


def test_a_task_is_offered_every_tool_of_its_servers_and_no_other(dataset: Path) -> None:
    served = ServedDataset(dataset, StrictSimulator)
    assert set(served.of_task(WRITING.id).tool_set.names) == {"list", "picture", "read", "write"}
    assert "notes-list" in served.of_task(READING.id).tool_set.names


def test_a_split_with_a_cassette_of_its_own_is_answered_from_it(dataset: Path, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "dataset"
    shutil.copytree(dataset, folder)
    shutil.copytree(folder / "cassette", folder / "cassette_test")
    (folder / "tasks" / "test.jsonl").write_text(f"{WRITING.to_json()}\n", encoding="utf-8")
    (folder / "tasks" / "train.jsonl").write_text(f"{READING.to_json()}\n", encoding="utf-8")
    served = ServedDataset(folder, StrictSimulator)
    assert (served.of_task(WRITING.id).cassette, served.of_task(READING.id).cassette) == ("test", "")
