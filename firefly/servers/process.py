"""The certain end of a server's process group."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Sequence
from pathlib import Path

__all__ = ["EOF_GRACE", "exited", "stop"]

log = logging.getLogger("firefly.servers")

EOF_GRACE = 1.0
"""Seconds for a server to end by itself once its stdin is closed (MCP: shutdown over stdio)."""
_TERM_GRACE = 1.0
_KILL_GRACE = 2.0


async def stop(process: asyncio.subprocess.Process) -> None:
    """Close stdin, then SIGTERM, then SIGKILL the group; return when the group is gone."""
    group = process.pid
    if process.stdin is not None:
        process.stdin.close()
    await exited(process, EOF_GRACE)
    for number, grace in ((signal.SIGTERM, _TERM_GRACE), (signal.SIGKILL, _KILL_GRACE)):
        if await _group_gone(process, group, 0.0):
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)
        if await _group_gone(process, group, grace):
            return
    log.warning("process group %d is still there after SIGKILL", group)


async def exited(process: asyncio.subprocess.Process, seconds: float) -> bool:
    """Return whether the process itself ends within ``seconds``."""
    # Not process.wait(): that also waits for the pipes, which a descendant can hold open.
    pause, left = 0.005, seconds
    while process.returncode is None and left > 0:
        await asyncio.sleep(pause)
        left -= pause
        pause = min(2 * pause, 0.05)
    return process.returncode is not None


async def _group_gone(process: asyncio.subprocess.Process, group: int, seconds: float) -> bool:
    pause, left = 0.005, seconds
    while True:
        if process.returncode is not None and not _group_alive(group):
            return True
        if left <= 0:
            return False
        await asyncio.sleep(pause)
        left -= pause
        pause = min(2 * pause, 0.05)


def _group_alive(group: int) -> bool:
    """Return whether a process of the group still runs; one that nobody reaps does not count."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    members = _group_states(group)
    return True if members is None else any(state not in "ZX" for state in members)


def _group_states(group: int) -> Sequence[str] | None:
    """Return the states of the group's processes; None where /proc does not tell."""
    proc = Path("/proc")
    if not (proc / "self" / "stat").exists():
        return None
    states = []
    for entry in proc.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                if int(fields[2]) == group:
                    states.append(fields[0])
    return states
