"""Makes sure that no server outlives Firefly, even after ``kill -9``.

One small child process holds the reading end of a pipe. It is told of every process group that
starts or ends and of every sandbox folder. When the pipe closes, whatever the reason, it ends the
groups that are left, then deletes the folders. Run as a script it is that child; it uses the
standard library only.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

_GRACE = 0.5
"""Seconds between SIGTERM and SIGKILL."""


class Reaper:
    """The writing end: tells the child what to clean up. Usable from any thread."""

    def __init__(self) -> None:
        reading, self._pipe = os.pipe()
        os.set_inheritable(reading, True)
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).resolve()), str(reading)],
            pass_fds=[reading],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
            env={},
        )
        os.close(reading)

    def watch_group(self, group: int) -> None:
        """End process group ``group`` when Firefly dies."""
        self._tell(f"+group {group}")

    def forget_group(self, group: int) -> None:
        """The group is gone."""
        self._tell(f"-group {group}")

    def watch_folder(self, folder: Path) -> None:
        """Delete ``folder``, and end what runs in it, when Firefly dies."""
        self._tell(f"+folder {folder}")

    def forget_folder(self, folder: Path) -> None:
        """The folder is gone."""
        self._tell(f"-folder {folder}")

    def close(self) -> None:
        """Let the child finish; idempotent."""
        with self._lock:
            if self._pipe < 0:
                return
            os.close(self._pipe)
            self._pipe = -1
        self._process.wait()

    def _tell(self, line: str) -> None:
        with self._lock:
            if self._pipe >= 0:
                try:
                    os.write(self._pipe, f"{line}\n".encode())
                except BrokenPipeError:
                    os.close(self._pipe)
                    self._pipe = -1


def end_processes_of(folder: str) -> None:
    """Kill every process whose environment names ``folder`` (Linux; elsewhere groups must do)."""
    if not folder or not Path("/proc/self/environ").exists():
        return
    needle = os.fsencode(folder)
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if needle in (entry / "environ").read_bytes():
                os.kill(int(entry.name), signal.SIGKILL)
        except OSError:
            continue


def _signal(groups: set[int], number: int) -> None:
    for group in list(groups):
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            groups.discard(group)
        except PermissionError:
            continue


def _watch(pipe: int) -> None:
    groups: set[int] = set()
    folders: set[str] = set()
    with os.fdopen(pipe, "r", encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            action, _, what = line.rstrip("\n").partition(" ")
            if action.endswith("group"):
                (groups.add if action[0] == "+" else groups.discard)(int(what))
            else:
                (folders.add if action[0] == "+" else folders.discard)(what)
    _signal(groups, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE
    while groups and time.monotonic() < deadline:
        time.sleep(0.02)
        _signal(groups, 0)
    _signal(groups, signal.SIGKILL)
    for folder in sorted(folders):
        end_processes_of(folder)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    for blocked in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(blocked, signal.SIG_IGN)
    _watch(int(sys.argv[1]))
