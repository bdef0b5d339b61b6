"""The shifted clock: it reaches sandboxed servers, and nothing else moves."""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from firefly.replay.records import ToolCall
from firefly.replay.tool_set import ToolSet
from firefly.servers import clock
from firefly.servers.clock import ClockError, loaded, shifted_environment
from firefly.servers.live import LiveBackend
from tests.servers.conftest import Start

HERE = Path(__file__).parent
SERVERS = {
    "python": {"command": "python", "args": [str(HERE / "clocks.py")], "disposable": True, "mode": "legacy"},
    "node": {"command": "node", "args": [str(HERE / "clocks.mjs")], "disposable": True, "mode": "legacy"},
}
needs_library = pytest.mark.skipif(clock.library() is None, reason="libfaketime is not installed")


def told(backend: LiveBackend, days: int) -> dict[str, Any]:
    (server,) = backend.servers
    tools = ToolSet.of(backend.listing(server).callable_tools)
    chosen = backend.shifted(days) if days else backend.fresh
    with chosen.episode(tools) as episode:
        observation = episode.call(ToolCall(server=server, tool="tell"))
    assert observation.outcome == "success", observation
    found: dict[str, Any] = json.loads(observation.text)
    return found


@needs_library
@pytest.mark.parametrize("kind", SERVERS)
def test_a_sandboxed_server_lives_at_another_date_and_files_keep_their_times(
    kind: str, start: Start, world: Path
) -> None:
    if shutil.which(str(SERVERS[kind]["command"])) is None:
        pytest.skip(f"{kind} is not installed")
    os.utime(world / "a.txt", (1_700_000_000, 1_700_000_000))
    backend = start({kind: SERVERS[kind]})
    plain, shifted = told(backend, 0), told(backend, 200)
    assert date.fromisoformat(shifted["today"]) - date.fromisoformat(plain["today"]) in (
        timedelta(days=200),
        timedelta(days=201),  # midnight in between
    )
    assert plain["file"] == shifted["file"] == 1_700_000_000
    assert plain["slept"] and shifted["slept"]


@needs_library
def test_the_clock_of_other_sandboxes_and_of_this_process_stays(start: Start) -> None:
    backend = start({"python": SERVERS["python"]})
    told(backend, 200)
    assert abs(date.fromisoformat(told(backend, 0)["today"]) - datetime.now(UTC).date()) <= timedelta(days=1)


@needs_library
def test_a_server_that_does_not_load_the_library_is_not_taken_to_have_another_clock(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firefly.servers.pool.loaded", lambda pid: False)
    backend = start({"python": SERVERS["python"]})
    tools = ToolSet.of(backend.listing("python").callable_tools)
    with backend.shifted(200).episode(tools) as episode:
        observation = episode.call(ToolCall(server="python", tool="tell"))
    assert observation.outcome == "transient" and "does not load libfaketime" in observation.reason


def test_without_the_library_the_reason_names_the_command_that_helps(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "library", lambda: None)
    with pytest.raises(ClockError, match="apt-get install libfaketime"):
        start({"python": SERVERS["python"]}).shifted(200)


def test_what_a_server_preloads_by_itself_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "library", lambda: Path("/lib/libfaketimeMT.so.1"))
    made = shifted_environment(-3, {"LD_PRELOAD": "/lib/own.so", "PYTHONPATH": "/own", "HOME": "/h"})
    assert made["LD_PRELOAD"] == "/lib/libfaketimeMT.so.1 /lib/own.so" and made["FAKETIME"] == "-3d"
    assert made["PYTHONPATH"].endswith(":/own") and made["HOME"] == "/h"


def test_this_process_has_not_loaded_the_library() -> None:
    assert not loaded(os.getpid()) and not loaded(-1)
