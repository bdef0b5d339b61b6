"""Until when a server serves."""

from __future__ import annotations

import signal

import anyio

__all__ = ["PATIENCE", "until_stopped"]

PATIENCE = 5.0
"""Seconds that calls in flight have once the server is to stop."""


async def until_stopped() -> None:
    """Return at the first SIGINT or SIGTERM."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            return
