"""How fast one endpoint is asked: requests under way, requests and tokens a minute, and waits."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Pace", "backoff"]

_BURST = 10.0
"""Seconds' worth of a rate that may go out at once."""
_LONGEST = 60.0
"""Seconds: the longest wait of one's own choosing before a request is sent again."""
_PATIENCE = 300.0
"""Seconds: the longest wait that an endpoint may ask for."""


def backoff(attempt: int, asked: float | None) -> float:
    """Return the seconds to wait before a request is sent again.

    Args:
        attempt: how often it was sent, from 1.
        asked: what the endpoint asks for (``Retry-After``); None: it doubles, anywhere from half to the
            whole of it, so that requests that failed together do not return together.

    """
    jitter = random.random()
    if asked is not None:
        return min(asked, _PATIENCE) * (1 + 0.1 * jitter)
    return min(_LONGEST, 0.5 * 2.0**attempt) * (0.5 + 0.5 * jitter)


class _Rate:
    """So many a minute, some at once: when the next may go (generic cell rate algorithm)."""

    def __init__(self, per_minute: float) -> None:
        self._seconds = 60.0 / per_minute
        self._free_at = 0.0

    def reserve(self, amount: float, now: float) -> float:
        """Take ``amount`` and return the seconds until it may be used."""
        start = max(self._free_at, now - _BURST)
        wait = max(0.0, start - now)
        self._free_at = start + amount * self._seconds
        return wait

    def correct(self, amount: float) -> None:
        self._free_at += amount * self._seconds


class Pace:
    """Shared by all who ask one endpoint. Safe for several threads."""

    def __init__(
        self, *, concurrency: int, requests_per_minute: int | None, tokens_per_minute: int | None
    ) -> None:
        self._slots = threading.Semaphore(concurrency)
        self._requests = _Rate(requests_per_minute) if requests_per_minute else None
        self._tokens = _Rate(tokens_per_minute) if tokens_per_minute else None
        self._lock = threading.Lock()
        self._held_until = 0.0
        self._closed = threading.Event()

    @contextmanager
    def turn(self, tokens: int) -> Iterator[None]:
        """Wait until a request of about ``tokens`` may be sent, and hold one of the slots meanwhile."""
        with self._slots:
            while (seconds := self._held()) > 0:
                self.wait(seconds)
            with self._lock:
                now = time.monotonic()
                waits = [
                    rate.reserve(amount, now)
                    for rate, amount in ((self._requests, 1), (self._tokens, tokens))
                    if rate is not None
                ]
            self.wait(max(waits, default=0.0))
            yield

    def correct(self, tokens: int) -> None:
        """Count tokens that the reckoning of a request left out (or, below 0, had too many)."""
        if self._tokens is not None:
            with self._lock:
                self._tokens.correct(tokens)

    def hold(self, seconds: float) -> None:
        """Send nothing new for a while: the endpoint said that it is asked too often."""
        with self._lock:
            self._held_until = max(self._held_until, time.monotonic() + seconds)

    def wait(self, seconds: float) -> None:
        """Sleep, but not past `close`."""
        if seconds > 0:
            self._closed.wait(seconds)

    def close(self) -> None:
        """Let nobody wait any longer."""
        self._closed.set()
        self.hold(-1.0)

    def _held(self) -> float:
        if self._closed.is_set():
            return 0.0
        with self._lock:
            return self._held_until - time.monotonic()
