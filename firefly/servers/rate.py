"""A token bucket: at most so many requests a minute, shared by all sessions of a server."""

from __future__ import annotations

import asyncio

__all__ = ["RateLimit"]


class RateLimit:
    """Spreads requests evenly once a small burst is used up."""

    def __init__(self, per_minute: int) -> None:
        self._interval = 60.0 / per_minute
        self._burst = max(1, per_minute // 10)
        self._earliest = 0.0
        """When the bucket was, or will be, just full enough for one request after a full burst."""

    def reserve(self, now: float) -> float:
        """Take the next place and return how many seconds after ``now`` it is."""
        start = max(self._earliest, now - (self._burst - 1) * self._interval)
        self._earliest = start + self._interval
        return max(0.0, start - now)

    async def wait(self) -> None:
        """Return when one more request may be made. Runs in the event loop."""
        seconds = self.reserve(asyncio.get_running_loop().time())
        if seconds:
            await asyncio.sleep(seconds)
