"""Firefly as a user starts it, and what a finished run leaves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.forking import PARENT

Run = subprocess.CompletedProcess[str]

_HANGING = 280
"""Seconds after which a run is taken to hang: below pytest's own limit, and above what one takes on a machine
that has other things to do."""

SMOKE = (sys.executable, "-m", "firefly", "+experiment=smoke")


def firefly(*arguments: str, cwd: Path, anew: bool = False, **environment: str) -> Run:
    """Run a command; ``anew``: in a new Python, with a hash seed of its own, else in a forked one."""
    command = [sys.executable, "-m", "firefly", *arguments]
    whole = {**os.environ, **environment}
    if anew:
        return subprocess.run(
            command, capture_output=True, text=True, cwd=cwd, env=whole, check=False, timeout=_HANGING
        )
    return Run(command, *PARENT.run(arguments, cwd, whole, timeout=_HANGING))


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Any]) -> tuple[Path, Any]:
    """Return a folder and what ``make`` said of it, as JSON; all processes of a session share it."""
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # each process has a folder of its own below that of the session
    folder, said = base / name, base / f"{name}.json"
    with FileLock(base / f"{name}.lock"):
        if not said.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            said.write_text(json.dumps(make(folder)), encoding="utf-8")
    return folder, json.loads(said.read_text(encoding="utf-8"))


def printed(done: Run) -> dict[str, Path]:
    """Return the paths that a run's last lines name: ``summary``, ``dataset`` or ``plan``."""
    assert done.returncode == 0, done.stdout + done.stderr
    pairs = (line.partition(": ") for line in done.stdout.splitlines()[-2:])
    return {name: Path(path) for name, _, path in pairs if name in ("summary", "dataset", "plan")}


def summary_of(done: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(printed(done)["summary"].read_text(encoding="utf-8"))
    return found


def plan_of(done: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(printed(done)["plan"].read_text(encoding="utf-8"))
    return found


def content_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
