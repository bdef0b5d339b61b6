"""The same calls for asynchronous callers.

What a backend answers from memory or an index is answered at once, within the caller's turn: that takes
microseconds, and handing it to a thread would take several times as long. A backend that may block (its
attribute ``may_block``; one that says nothing may) is called in threads, never on the event loop's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

from .backend import Backend, Episode
from .records import Observation, Step, ToolCall
from .tool_set import ToolSet

_T = TypeVar("_T")


class AsyncBackend:
    """A backend for asynchronous callers. Many episodes can be under way at once.

    >>> from .cassette import Cassette
    >>> from .simulator import StrictSimulator
    >>> async def main() -> str:
    ...     async with AsyncBackend(StrictSimulator(Cassette())) as backend:
    ...         async with await backend.episode(ToolSet(tools=())) as episode:
    ...             return (await episode.call(ToolCall(server="time", tool="now"))).outcome
    >>> asyncio.run(main())
    'miss'
    """

    def __init__(self, backend: Backend, *, threads: int = 64) -> None:
        """Wrap ``backend``.

        Args:
            backend: who answers.
            threads: most calls that are waited for at one time, where the backend may block.
        """
        self.backend = backend
        self._threads: ThreadPoolExecutor | None = None
        if getattr(backend, "may_block", True):
            self._threads = ThreadPoolExecutor(threads, thread_name_prefix="firefly-replay")

    async def episode(self, tool_set: ToolSet, seed: int = 0) -> AsyncEpisode:
        """Begin an episode."""
        if self._threads is None:
            return AsyncEpisode(self.backend.episode(tool_set, seed), None)
        loop = asyncio.get_running_loop()
        begun = await loop.run_in_executor(self._threads, self.backend.episode, tool_set, seed)
        return AsyncEpisode(begun, self._threads)

    def close(self) -> None:
        """End the threads when their calls have; begins no new ones."""
        if self._threads is not None:
            self._threads.shutdown(wait=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncEpisode:
    """One episode; see `AsyncBackend`. Its calls are made one after the other, in the order of asking."""

    def __init__(self, episode: Episode, threads: ThreadPoolExecutor | None) -> None:
        self._episode = episode
        self._threads = threads
        self._turn = asyncio.Lock()

    async def call(self, call: ToolCall) -> Observation:
        """Make one call.

        A call that is cancelled while a thread makes it is made to its end, as a server would: the next
        one waits for that.
        """
        if self._threads is None:
            return self._episode.call(call)
        return await self._elsewhere(self._threads, lambda: self._episode.call(call))

    @property
    def steps(self) -> Sequence[Step]:
        """Return every call so far with its observation, scope and states."""
        return self._episode.steps

    async def close(self) -> None:
        """Give back what the episode holds."""
        if self._threads is None:
            self._episode.close()
        else:
            await self._elsewhere(self._threads, self._episode.close)

    async def _elsewhere(self, threads: ThreadPoolExecutor, work: Callable[[], _T]) -> _T:
        await self._turn.acquire()
        try:
            future = asyncio.get_running_loop().run_in_executor(threads, work)
        except BaseException:
            self._turn.release()
            raise
        # Not a ``with`` block: the turn lasts as long as the thread works, whatever becomes of the caller.
        future.add_done_callback(lambda done: self._turn.release())
        return await asyncio.shield(future)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
