"""What a killed run had finished is kept; the same command goes on and ends in the same bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.command_line import SMOKE, Run, content_of, firefly, printed, summary_of

MOMENTS = ("catalog", "probing", "sampling", "exploration", "verification-reexecution")
"""Stages of whose items the first was kept when the run is killed."""


def kill_when(folder: Path, stage: str) -> bool:
    """Start a run and kill it hard as soon as the store keeps an item of ``stage``."""
    process = subprocess.Popen(SMOKE, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    items = folder / "multirun" / "store" / stage
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if items.is_dir() and any(
            path.suffix == ".jsonl" and path.name[0] != "." for path in items.iterdir()
        ):
            os.kill(process.pid, signal.SIGKILL)
            process.wait(10)
            return True
        time.sleep(0.005)
    process.kill()
    process.wait(10)
    return False


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_of_its_own_store_killed_at_five_moments_ends_in_the_bytes_of_one_that_was_not(
    smoke: tuple[Path, Run], tmp_path: Path
) -> None:
    killed = [kill_when(tmp_path, stage) for stage in MOMENTS]
    assert killed[:3] == [True, True, True]
    resumed = firefly("+experiment=smoke", "parallel.in_flight=3", cwd=tmp_path)
    assert content_of(printed(resumed)["dataset"]) == content_of(printed(smoke[1])["dataset"])


@pytest.mark.slow
def test_adding_a_server_makes_no_call_to_the_others_that_was_made_before(
    smoke: tuple[Path, Run], tmp_path: Path
) -> None:
    *kept, added = (row["server"] for row in summary_of(smoke[1])["servers"])
    small = ("+experiment=smoke", "probing.budget=15", "until=sampling")
    before = summary_of(firefly(*small, f"~servers.{added}", cwd=tmp_path))
    after = summary_of(firefly(*small, cwd=tmp_path))
    calls = after["calls_this_run"]
    assert before["calls"]["total"] > 0
    assert calls[added]["total"] > 0
    assert all(calls.get(name, {"total": 0})["total"] == 0 for name in kept)
