"""What a killed run had finished is kept; the same command goes on and ends in the same bytes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

MOMENTS = ("catalog", "probing", "sampling", "exploration", "verification-reexecution")
"""Stages of whose items the first was kept when the run is killed."""

COMMAND = [sys.executable, "-m", "firefly", "+experiment=smoke"]


def run(folder: Path, *arguments: str) -> dict[str, object]:
    done = subprocess.run(
        [*COMMAND, *arguments], cwd=folder, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    paths = dict(line.split(": ", 1) for line in done.stdout.splitlines()[-2:] if ": " in line)
    dataset = Path(paths.get("dataset", folder / "none"))
    files = {
        str(path.relative_to(dataset)): path.read_bytes()
        for path in sorted(dataset.rglob("*"))
        if path.is_file()
    }
    return {"summary": json.loads(Path(paths["summary"]).read_text(encoding="utf-8")), "files": files}


def kill_when(folder: Path, stage: str) -> bool:
    """Start a run and kill it hard as soon as the store keeps an item of ``stage``."""
    process = subprocess.Popen(COMMAND, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
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


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    return run(tmp_path_factory.mktemp("whole"))


@pytest.mark.timeout(240)
def test_a_run_killed_at_five_moments_ends_in_the_same_bytes(
    tmp_path: Path, whole: dict[str, object]
) -> None:
    killed = [kill_when(tmp_path, stage) for stage in MOMENTS]
    assert killed[:3] == [True, True, True]
    resumed = run(tmp_path)
    assert resumed["files"] == whole["files"]


def test_adding_a_server_makes_no_call_to_the_others_that_was_made_before(tmp_path: Path) -> None:
    names = server_names(tmp_path)
    added, kept = names[-1], names[:-1]
    before = run(tmp_path, f"~servers.{added}", "until=sampling")
    after = run(tmp_path, "until=sampling")
    calls = after["summary"]["calls_this_run"]  # type: ignore[index]
    assert before["summary"]["calls"]["total"] > 0  # type: ignore[index]
    assert calls[added]["total"] > 0
    assert all(calls.get(name, {"total": 0})["total"] == 0 for name in kept)


def server_names(folder: Path) -> list[str]:
    done = subprocess.run(
        [*COMMAND, "mode=plan"], cwd=folder, capture_output=True, text=True, timeout=110, check=True
    )
    plan = json.loads(
        Path(done.stdout.strip().splitlines()[-1].removeprefix("plan: ")).read_text(encoding="utf-8")
    )
    return [row["server"] for row in plan["servers"]]
