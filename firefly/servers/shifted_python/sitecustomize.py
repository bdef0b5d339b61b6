"""Loaded by Python servers whose clock is shifted, through ``PYTHONPATH``.

Python sleeps until a moment of the monotonic clock, which libfaketime (0.9.10) turns into an error; waiting
for nothing, with a time-out, comes to the same.
"""

from __future__ import annotations

import select
import time


def _sleep(seconds: float) -> None:
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    end = time.monotonic() + seconds
    select.select([], [], [], 0)
    while (left := end - time.monotonic()) > 0:
        select.select([], [], [], left)


time.sleep = _sleep  # type: ignore[assignment]
