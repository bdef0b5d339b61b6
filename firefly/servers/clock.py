"""A shifted clock for sandboxed servers: libfaketime, preloaded into their processes.

Only the clock moves: files keep the times that they have, and waits last as long as ever. It reaches programs
that are linked dynamically (Python, Node and what these start), so whether a server really loaded the library
is looked up in its process; one that did not is not taken to have another clock.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from firefly.errors import ServerError

__all__ = ["ClockError", "library", "loaded", "shifted_environment"]

_NAME = "libfaketimeMT.so.1"
_PLACES = (
    "/usr/lib/*/faketime",
    "/usr/lib/faketime",
    "/usr/lib64/faketime",
    "/usr/local/lib/faketime",
    "/usr/local/lib/*/faketime",
)
_SLEEP = Path(__file__).with_name("shifted_python")


class ClockError(ServerError):
    """The clock can't be shifted; says why, and what would help."""


def library() -> Path | None:
    """Return libfaketime as installed by the system's packages; None where it is not."""
    found = [path for place in _PLACES for path in Path("/").glob(f"{place.lstrip('/')}/{_NAME}")]
    return min(found, default=None)


def shifted_environment(days: int, environment: Mapping[str, str]) -> dict[str, str]:
    """Return ``environment`` with what shifts the clock of a process by ``days``.

    Raises:
        ClockError: libfaketime is not installed, or the system is another than Linux.
    """
    path = library()
    if not sys.platform.startswith("linux"):
        raise ClockError(f"the clock of servers can be shifted on Linux only, not on {sys.platform}")
    if path is None:
        raise ClockError("libfaketime is not installed; on Debian or Ubuntu: apt-get install libfaketime")
    preloaded = [str(path), *environment.get("LD_PRELOAD", "").split()]
    paths = [str(_SLEEP), *filter(None, [environment.get("PYTHONPATH", "")])]
    return {
        **environment,
        "LD_PRELOAD": " ".join(preloaded),
        "FAKETIME": f"{days:+d}d",
        "NO_FAKE_STAT": "1",
        # waits count in time that passes, which is the same whatever the date; two names, for two versions
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "PYTHONPATH": ":".join(paths),
    }


def loaded(pid: int) -> bool:
    """Return whether a process has the library in its memory."""
    try:
        return "libfaketime" in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
