"""Asynchronous callers: nothing that may block runs on their event loop, and no call overtakes another."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest

from firefly.replay.asynchronous import AsyncBackend
from firefly.replay.backend import Backend
from firefly.replay.records import Observation, Step, ToolCall
from firefly.replay.simulator import SimulatedEpisode, StrictSimulator
from firefly.replay.tool_set import ToolSet
from tests.replay.datasets import ADD, AMOUNT, ROWS, TABLE, cassette


class Slow:
    """A backend that waits, as live servers and language models do."""

    def __init__(self) -> None:
        self.simulator = StrictSimulator(cassette())
        self.threads: set[int] = set()

    def episode(self, tool_set: ToolSet, seed: int = 0) -> SlowEpisode:
        self.threads.add(threading.get_ident())
        return SlowEpisode(self, self.simulator.episode(tool_set, seed))


class SlowEpisode:
    def __init__(self, backend: Slow, inner: SimulatedEpisode) -> None:
        self.backend = backend
        self.inner = inner

    @property
    def steps(self) -> Sequence[Step]:
        return self.inner.steps

    def call(self, call: ToolCall) -> Observation:
        self.backend.threads.add(threading.get_ident())
        time.sleep(0.05)
        return self.inner.call(call)

    def close(self) -> None:
        self.backend.threads.add(threading.get_ident())

    def __enter__(self) -> SlowEpisode:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


TRUTH = [one.observation for one in TABLE.run([ROWS, ADD, ROWS])]


async def replayed(backend: AsyncBackend) -> list[Observation]:
    async with await backend.episode(TABLE.tool_set) as episode:
        return [await episode.call(one) for one in (ROWS, ADD, ROWS)]


def test_five_hundred_rollouts_in_one_loop_are_answered_as_one_alone() -> None:
    async def main() -> list[list[Observation]]:
        async with AsyncBackend(StrictSimulator(cassette())) as backend:
            return list(await asyncio.gather(*(replayed(backend) for _ in range(500))))

    threads = threading.active_count()
    assert all(found == TRUTH for found in asyncio.run(main()))
    assert threading.active_count() == threads


def test_a_backend_that_may_block_never_runs_on_the_loop_which_goes_on_meanwhile() -> None:
    slow = Slow()

    async def main() -> tuple[list[list[Observation]], int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.005)
                ticks += 1

        ticking = asyncio.create_task(tick())
        async with AsyncBackend(slow) as backend:
            found = await asyncio.gather(*(replayed(backend) for _ in range(20)))
        ticking.cancel()
        return list(found), ticks

    found, ticks = asyncio.run(main())
    assert all(one == TRUTH for one in found)
    assert threading.get_ident() not in slow.threads
    assert ticks > 3


@pytest.mark.parametrize("backend", [StrictSimulator(cassette()), Slow()])
def test_calls_of_one_episode_keep_the_order_in_which_they_were_asked(backend: Backend) -> None:
    async def main() -> tuple[list[Observation], Sequence[Step]]:
        async with await AsyncBackend(backend).episode(TABLE.tool_set) as episode:
            found = await asyncio.gather(*(episode.call(one) for one in (ROWS, ADD, ROWS)))
            return list(found), episode.steps

    found, steps = asyncio.run(main())
    assert found == TRUTH
    assert [one.call for one in steps] == [ROWS, ADD, ROWS]


def test_a_cancelled_call_is_made_to_its_end_before_the_next_one() -> None:
    async def main() -> Sequence[Step]:
        async with await AsyncBackend(Slow()).episode(TABLE.tool_set) as episode:
            task = asyncio.create_task(episode.call(ROWS))
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await episode.call(AMOUNT)).text == "25"
            return episode.steps

    assert [one.call for one in asyncio.run(main())] == [ROWS, AMOUNT]
