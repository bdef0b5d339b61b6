from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from firefly.replay.tool_set import ToolSet
from tests.servers.conftest import Start, ask, begin


class Serve:
    """Starts servers on loopback."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[str]] = []

    def __call__(self, trait: str = "", port: str = "0") -> str:
        """Start one and return its URL."""
        script = str(Path(__file__).with_name("http_server.py"))
        process = subprocess.Popen([sys.executable, script, port, trait], stdout=subprocess.PIPE, text=True)
        self._running.append(process)
        assert process.stdout is not None
        return f"http://127.0.0.1:{process.stdout.readline().strip()}/mcp"

    def stop(self) -> None:
        """End all of them."""
        for process in self._running:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
        self._running.clear()


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers = Serve()
    yield servers
    servers.stop()


def test_a_remote_server_is_called_for_reads_and_what_the_allow_list_admits(
    start: Start, serve: Serve
) -> None:
    backend = start({"m": {"url": serve(), "allow": ["add", "ad"]}})
    listing = backend.listing("m")
    assert listing.health.status == "ok", listing.health
    assert [tool.name for tool in listing.tools] == ["add", "count", "purge"]
    assert listing.scope == "remote:m" and not listing.disposable
    assert "servers.m.allow: [purge]" in listing.refused["purge"]
    assert any("'ad'" in warning and "'add'" in warning for warning in listing.health.warnings)
    with begin(backend) as episode:
        assert ask(episode, "count").structured == {"result": 0}
        first = episode.steps[-1]
        assert ask(episode, "add", note="a").outcome == "success"
        assert ask(episode, "count").structured == {"result": 1}
    assert first.scope == "remote:m" and first.before.history != first.after.history
    with begin(backend) as later:
        ask(later, "count")
    assert (
        later.steps[0].before.history != first.before.history
    )  # the write of the first episode is remembered


def test_the_guard_keeps_a_refused_call_from_the_server(start: Start, serve: Serve) -> None:
    backend = start({"m": {"url": serve(), "allow": ["add"]}})
    everything = ToolSet.of(backend.listing("m").tools)
    with backend.episode(everything) as episode:
        ask(episode, "add", note="a")
        refused = ask(episode, "purge")
        assert refused.outcome == "refused"
        assert "servers.m.allow: [purge]" in refused.reason
        assert ask(episode, "count").structured == {"result": 1}
    assert backend.counts()["m"].calls == 2


def test_a_server_that_went_away_is_transient_and_found_again(start: Start, serve: Serve) -> None:
    url = serve()
    backend = start({"m": {"url": url, "call_timeout": 5}})
    with begin(backend) as episode:
        assert ask(episode, "count").outcome == "success"
        serve.stop()
        assert ask(episode, "count").outcome == "transient"
        serve(port=url.split(":")[2].partition("/")[0])
        found = [ask(episode, "count").outcome for _ in range(2)]
        assert found[-1] == "success"


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_a_status_in_a_call_is_transient_with_its_reason(start: Start, serve: Serve, status: int) -> None:
    backend = start({"m": {"url": serve(f"later:{status}")}})
    with begin(backend) as episode:
        found = ask(episode, "count")
    assert found.outcome == "transient"
    assert f"HTTP {status}" in found.reason


def test_a_server_that_wants_credentials_says_so_and_takes_them(start: Start, serve: Serve) -> None:
    url = serve("401")
    health = start({"m": {"url": url}}).listing("m").health
    assert health.status == "failed"
    assert "HTTP 401" in health.reason
    assert "headers.Authorization" in health.next_step
    wrong = start({"m": {"url": url, "headers": {"Authorization": "Bearer wrong-token-456"}}}).listing("m")
    assert "wrong-token-456" not in wrong.to_json()
    right = start({"m": {"url": url, "headers": {"Authorization": "Bearer right-token-123"}}}).listing("m")
    assert right.health.status == "ok"


def test_nobody_listening_is_a_clear_reason(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    health = start({"m": {"url": f"http://127.0.0.1:{port}/mcp"}}).listing("m").health
    assert health.status == "failed"
    assert "connect" in health.reason.lower()


def test_the_old_sse_transport_is_named_as_what_is_missing(start: Start) -> None:
    health = start({"m": {"type": "sse", "url": "http://127.0.0.1:9/sse"}}).listing("m").health
    assert health.status == "failed"
    assert "HTTP+SSE" in health.reason
