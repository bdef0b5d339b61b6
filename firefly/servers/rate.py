"""A token bucket: at most so many requests a minute, shared by all sessions of a server."""

from __future__ import annotations

import asyncio

__all__ = ["RateLimit"]


class RateLimit:
    """Spreads requests evenly once a small burst is used up. Runs in the event loop."""

    def __init__(self, per_minute: int) -> None:
        self._interval = 60.0 / per_minute
        self._burst = max(1, per_minute // 10)
        self._tokens = float(self._burst)
        self._filled = 0.0
        self._lock = asyncio.Lock()

    async def wait(self) -> None:
        """Return when one more request may be made."""
        loop = asyncio.get_running_loop()
        async with self._lock:
            now = loop.time()
            if self._filled:
                self._tokens = min(self._burst, self._tokens + (now - self._filled) / self._interval)
            self._filled = now
            if self._tokens < 1.0:
                await asyncio.sleep((1.0 - self._tokens) * self._interval)
                self._tokens = 1.0
                self._filled = loop.time()
            self._tokens -= 1.0
