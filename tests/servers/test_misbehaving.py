"""One server for every way in which real servers misbehave."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from firefly.servers.handshake import CallEnded
from firefly.servers.reaper import Reaper
from firefly.servers.session import Session
from firefly.servers.transport import Launch, stdio_connection
from tests.servers.conftest import SERVER, Start, ask, begin, description


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def gone(pid: int, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


@pytest.mark.parametrize("trait", ["noise", "slow", "null_id"])
def test_odd_but_working_servers_are_used_as_if_nothing_was(start: Start, trait: str) -> None:
    backend = start({"m": description(trait)})
    listing = backend.listing("m")
    assert listing.health.status == "ok", listing.health
    with begin(backend) as episode:
        assert ask(episode, "echo", text="hi").text == "hi"


def test_noise_on_stdout_is_skipped_and_told(start: Start) -> None:
    warnings = start({"m": description("noise")}).listing("m").health.warnings
    assert any("stdout" in warning for warning in warnings)


@pytest.mark.parametrize(
    ("trait", "reason"),
    [
        ("dies", "exit code 3: ModuleNotFoundError: No module named 'mcp.server.fastmcp'"),
        ("silent", "did not answer within 0.5 s"),
        ("rubbish", "I am not an MCP server"),
        ("pages", "tools/list does not end: 200 pages and 200 tools so far"),
        ("same_cursor", "2 pages and 2 tools so far, and a cursor came twice"),
        ("old_protocol", "1999-01-01"),
    ],
)
def test_a_server_that_does_not_start_is_reported_with_the_true_reason(
    start: Start, trait: str, reason: str
) -> None:
    timeout = 0.5 if trait in ("silent", "rubbish") else 20.0
    health = start({"m": description(trait, start_timeout=timeout)}).listing("m").health
    assert health.status == "failed"
    assert reason in health.reason
    assert ("a cursor came twice" in health.reason) == (trait == "same_cursor")
    assert "m" in health.next_step


def test_the_health_of_a_server_made_for_an_older_sdk_names_the_pin(start: Start) -> None:
    assert "pins" in start({"m": description("dies")}).listing("m").health.next_step


def test_two_tools_of_one_name_are_both_left_out_with_a_warning(start: Start) -> None:
    listing = start({"m": description("duplicates")}).listing("m")
    assert [tool.name for tool in listing.tools] == ["single"]
    assert any("'twin'" in warning for warning in listing.health.warnings)


@pytest.mark.parametrize(
    ("trait", "names"),
    [
        ("no_type", ["fine", "search"]),
        ("bad_schema", ["fine"]),
        ("remote_ref", ["fine"]),
        ("nameless", ["fine"]),
        ("two_pages", ["a", "b"]),
    ],
)
def test_one_bad_schema_does_not_lose_the_server(start: Start, trait: str, names: list[str]) -> None:
    listing = start({"m": description(trait)}).listing("m")
    assert [tool.name for tool in listing.tools] == names
    assert listing.health.status == "ok"
    assert bool(listing.health.warnings) == (trait != "two_pages")


def test_a_crash_in_a_call_is_transient_and_the_server_comes_back(start: Start) -> None:
    backend = start({"m": description()})
    with begin(backend) as episode:
        crashed = ask(episode, "crash")
        assert crashed.outcome == "transient"
        assert crashed.reason == "its process ended with exit code 7: RuntimeError: the disk is on fire"
        assert ask(episode, "echo", text="again").text == "again"
        assert episode.steps[0].after.history != episode.steps[0].before.history


def test_what_a_server_forgot_between_two_calls_is_not_taken_for_an_answer(start: Start) -> None:
    backend = start({"m": description()})
    with begin(backend) as episode:
        ask(episode, "remember")
        assert ask(episode, "last_words").text == "farewell"
        for _ in range(500):  # until the end of the process is noticed
            if not episode._place.sessions["m"].alive:  # type: ignore[union-attr]
                break
            time.sleep(0.01)
        lost = ask(episode, "recall")
        assert (lost.outcome, "is lost" in lost.reason) == ("transient", True)
        assert ask(episode, "recall").text == "0"
    with begin(backend) as episode:
        assert ask(episode, "recall").text == "0"


def test_a_server_that_crashes_again_and_again_is_given_up(start: Start) -> None:
    backend = start({"m": description()})
    with begin(backend) as episode:
        reasons = [ask(episode, "crash").reason for _ in range(5)]
    assert "not started again" in reasons[-1]


def test_a_hanging_call_is_transient_and_the_server_is_replaced(start: Start) -> None:
    backend = start({"m": description(call_timeout=0.5)})
    with begin(backend) as episode:
        hung = ask(episode, "hang")
        assert (hung.outcome, hung.reason) == ("transient", "no answer within 0.5 s")
        assert ask(episode, "echo", text="again").text == "again"


def test_a_call_without_answer_leaves_a_living_session_alone(start: Start) -> None:
    backend = start({"m": description(call_timeout=0.5)})
    with begin(backend) as episode:
        ask(episode, "remember")
        assert ask(episode, "doze").outcome == "transient"
        assert ask(episode, "recall").text == "1"


def test_a_large_result_is_cut_and_says_so(start: Start) -> None:
    backend = start({"m": description(max_result_bytes=2048)})
    with begin(backend) as episode:
        found = ask(episode, "flood")
    assert found.outcome == "success"
    assert found.truncation is not None and found.truncation.size == 50_000_000
    assert len(found.text) < 2200 and "[cut after 2048 of 50000000 bytes]" in found.text


async def flood(limit: int, size: int) -> list[str]:
    """Call a server that answers ``size`` bytes over a connection that takes ``limit``."""
    launch = Launch(argv=(sys.executable, SERVER), env={"PATH": os.defpath})
    reaper = Reaper()
    session = Session("m", lambda known: stdio_connection(launch, known, reaper=reaper, line_limit=limit))
    await session.start()
    said = []
    try:
        await session.call("flood", {"size": size}, 20.0)
    except CallEnded as ended:
        said.append(str(ended))
    answer = await session.call("echo", {"text": "next"}, 20.0)
    said.append(str(answer.result))
    await session.stop()
    reaper.close()
    return said


def test_a_result_over_the_hard_limit_is_dropped_while_it_is_read() -> None:
    dropped, following = asyncio.run(flood(limit=1_000_000, size=3_000_000))
    assert "answer over the size limit: 30000" in dropped
    assert "next" in following


def test_an_unflagged_error_is_a_failure(start: Start) -> None:
    backend = start({"m": description()})
    with begin(backend) as episode:
        found = ask(episode, "unflagged")
        assert (found.outcome, found.is_error) == ("failure", False)
        refused = ask(episode, "protocol_error")
        assert (refused.outcome, refused.error_code) == ("failure", -32602)


def test_a_server_that_asks_for_roots_is_called_once_it_has_them(start: Start) -> None:
    backend = start({"m": description("wants_roots")})
    with begin(backend) as episode:
        assert (ask(episode, "echo", text="hi").outcome, ask(episode, "echo", text="hi").text) == (
            "success",
            "hi",
        )


def test_what_a_server_asks_gets_a_sensible_answer(start: Start) -> None:
    backend = start({"m": description()})
    with begin(backend) as episode:
        roots = json.loads(ask(episode, "ask_roots").text)["roots"]
        assert [root["uri"] for root in roots] == ["file:///workspace"]
        assert "no language model" in json.loads(ask(episode, "ask_sampling").text)["refused"]
        assert json.loads(ask(episode, "ask_elicitation").text)["action"] == "decline"


def test_a_server_of_the_newest_protocol_may_ask_back_in_a_call(start: Start) -> None:
    script = str(Path(__file__).with_name("asking.py"))
    backend = start({"m": {"command": "python", "args": [script], "disposable": True, "mode": "auto"}})
    with begin(backend) as episode:
        said = json.loads(ask(episode, "ask").text)
    assert backend.listing("m").health.protocol_version == "2026-07-28"
    assert said["form"]["action"] == "decline"
    assert [root["uri"] for root in said["roots"]["roots"]] == ["file:///workspace"]
    assert said["state"] == "half-way"


def test_an_answer_that_breaks_its_output_schema_is_still_an_answer(start: Start) -> None:
    backend = start({"m": description()})
    with begin(backend) as episode:
        assert ask(episode, "wrong_structure").structured == {"m": "no n"}
        assert ask(episode, "not_a_number").structured == {"value": "nan"}


def test_an_image_keeps_what_identifies_it(start: Start) -> None:
    backend = start({"m": description()})
    with begin(backend) as episode:
        found = ask(episode, "picture")
    assert found.text == "seen"
    assert [(one.kind, one.mime_type, one.size) for one in found.attachments] == [("image", "image/png", 8)]


def test_mode_auto_starts_a_server_again_that_dies_of_the_probe(start: Start) -> None:
    assert start({"m": description("dies_of_discover", mode="auto")}).listing("m").health.status == "ok"


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
@pytest.mark.parametrize("far", [False, True])
def test_nothing_survives_the_end_of_a_stubborn_server_with_a_grandchild(start: Start, far: bool) -> None:
    backend = start({"m": description("stubborn")})
    with begin(backend) as episode:
        pid = int(ask(episode, "grandchild", **({"far": True} if far else {})).text)
        assert alive(pid)
    backend.close()
    assert gone(pid)


CLIENT = """
import sys
from firefly.servers.live import LiveBackend
from firefly.servers.spec import parse_specs
from firefly.replay.records import ToolCall
from firefly.replay.tool_set import ToolSet
line = {"command": "python", "args": [sys.argv[1], "stubborn"], "disposable": True}
backend = LiveBackend(parse_specs({"m": line}))
episode = backend.episode(ToolSet.of(backend.listing("m").tools))
def ask(tool, **arguments): return episode.call(ToolCall(server="m", tool=tool, arguments=arguments)).text
print(ask("grandchild"), ask("grandchild", far=True), episode._place.sandbox.root, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
def test_kill_9_of_firefly_leaves_no_process_and_no_folder() -> None:
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT, SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert client.stdout is not None and client.stdin is not None
    near, far, root = client.stdout.readline().split()
    assert alive(int(near)) and alive(int(far)) and Path(root).is_dir()
    os.kill(client.pid, signal.SIGKILL)
    client.wait()
    client.stdin.close()
    client.stdout.close()
    assert gone(int(near)) and gone(int(far))
    deadline = time.monotonic() + 10
    while Path(root).exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(root).exists()
