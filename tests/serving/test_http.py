"""A served data set over HTTP, as agents and trainers see it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx2 as httpx
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

from firefly.errors import RunError
from tests.serving.conftest import Shared
from tests.serving.recorded import (
    READING,
    SECRET_ANSWER,
    TOOLS,
    WRITE_C,
    WRITING,
    lines_of,
    serving,
    wait_for,
)

MODES: tuple[Literal["auto", "legacy"], ...] = ("auto", "legacy")
ADMIN = {"Authorization": "Bearer t0p"}


def with_client(
    target: Any, use: Callable[[Client], Awaitable[Any]], mode: Literal["auto", "legacy"] = "auto"
) -> Any:
    async def run() -> Any:
        async with Client(target, mode=mode) as client:
            return await use(client)

    return asyncio.run(run())


def url(shared: Shared, episode: str, task: str = READING.id) -> str:
    return f"{shared.served.url}?episode={episode}&task={task}"


@pytest.mark.parametrize("mode", MODES)
def test_tools_are_listed_as_recorded_under_the_names_that_agents_see(
    shared: Shared, mode: Literal["auto", "legacy"]
) -> None:
    listed = with_client(url(shared, f"list-{mode}"), lambda client: client.list_tools(), mode).tools
    assert [tool.name for tool in listed] == [
        "notes-list",
        "picture",
        "read",
        "write",
        "fail_hard_really",
        "other-list",
    ]
    for shown in listed:
        (tool,) = (
            one
            for one in TOOLS
            if shown.name in (one.name, f"{one.server}-{one.name}", "fail_hard_really")
            and (shown.name != "fail_hard_really" or "hard" in one.name)
        )
        assert shown.input_schema == tool.input_schema
        assert shown.output_schema == tool.output_schema
        assert (shown.description, shown.title) == (tool.description, tool.title or None)
    hints = listed[0].annotations
    assert (hints.read_only_hint, hints.idempotent_hint, hints.destructive_hint) == (True, True, None)


@pytest.mark.parametrize("mode", MODES)
def test_answers_and_errors_are_the_recorded_ones(shared: Shared, mode: Literal["auto", "legacy"]) -> None:
    async def use(client: Client) -> None:
        listed = await client.call_tool("notes-list")
        assert (listed.structured_content, listed.is_error) == ({"names": ["a", "b"]}, False)
        assert listed.content[0].text == '{"names": ["a", "b"]}'
        missing = await client.call_tool("read", {"name": "none"})
        assert (missing.is_error, missing.content[0].text) == (True, "no note none")
        with pytest.raises(MCPError) as caught:
            await client.call_tool("fail_hard_really")
        assert (caught.value.error.code, caught.value.error.message) == (-32050, "broken on purpose")

    with_client(url(shared, f"answers-{mode}"), use, mode)


def test_blocks_that_were_not_kept_are_told_of(shared: Shared) -> None:
    found = with_client(url(shared, "blocks"), lambda client: client.call_tool("picture"))
    assert [block.type for block in found.content] == ["text", "text", "resource_link"]
    assert found.content[1].text == "[image/png, 12 bytes]"
    assert str(found.content[2].uri) == "file:///workspace/a.txt"


def test_many_episodes_at_once_each_have_their_own_state(shared: Shared) -> None:
    async def one(number: int) -> Any:
        async with Client(url(shared, f"many-{number}", WRITING.id)) as client:
            if number % 2:
                await client.call_tool("write", WRITE_C.arguments)
            return (await client.call_tool("list")).structured_content["names"]

    async def all_of_them() -> Any:
        return await asyncio.gather(*[one(number) for number in range(16)])

    found = asyncio.run(all_of_them())
    assert found == [["a", "b", "c"] if number % 2 else ["a", "b"] for number in range(16)]


def test_an_episode_is_named_by_url_header_or_meta_and_survives_reconnecting(shared: Shared) -> None:
    headers = {"X-Firefly-Episode": "three-ways", "X-Firefly-Task": WRITING.id}

    async def by_header() -> None:
        async with (
            httpx.AsyncClient(headers=headers) as http,
            Client(streamable_http_client(shared.served.url, http_client=http)) as client,
        ):
            await client.call_tool("write", WRITE_C.arguments)

    asyncio.run(by_header())
    meta: Any = {"firefly/episode": "three-ways", "firefly/task": WRITING.id}
    found = with_client(shared.served.url, lambda client: client.call_tool("list", meta=meta))
    assert found.structured_content == {"names": ["a", "b", "c"]}
    found = with_client(
        f"{shared.served.url}?episode=three-ways", lambda client: client.call_tool("read", {"name": "c"})
    )
    assert found.content[0].text == "hello"
    # what a request says itself counts more than the URL of its connection
    other: Any = {"firefly/episode": "another-one"}
    found = with_client(
        url(shared, "three-ways", WRITING.id), lambda client: client.call_tool("list", meta=other)
    )
    assert found.structured_content == {"names": ["a", "b"]}


def test_a_session_of_an_older_client_is_an_episode_where_it_names_none(shared: Shared) -> None:
    async def use(client: Client) -> Any:
        await client.call_tool("write", WRITE_C.arguments)
        return (await client.call_tool("list")).structured_content

    target = f"{shared.served.url}?task={WRITING.id}"
    assert with_client(target, use, "legacy") == {"names": ["a", "b", "c"]}
    assert "A call needs an episode" in refused(target, use)


def refused(target: str, use: Callable[[Client], Awaitable[Any]]) -> str:
    async def caught(client: Client) -> MCPError:
        with pytest.raises(MCPError) as found:
            await use(client)
        return found.value

    error = with_client(target, caught).error
    assert error.code == -32602
    return str(error.message)


def test_what_does_not_exist_is_refused_with_a_clear_message(shared: Shared) -> None:
    async def a_call(client: Client) -> Any:
        return await client.call_tool("read", {"name": "a"})

    assert "There is no episode 'nowhere'. Name a task" in refused(
        f"{shared.served.url}?episode=nowhere", a_call
    )
    near = READING.id[:-1] + "x"
    assert f"There is no task {near!r}. Did you mean {READING.id!r}?" in refused(
        url(shared, "lost", near), a_call
    )
    assert "There is no server 'nots'. Did you mean 'notes'?" in refused(
        f"{shared.served.url}?episode=lost&servers=nots", a_call
    )
    assert "Unknown tool: reed. Did you mean 'read'?" in refused(
        url(shared, "lost"), lambda client: client.call_tool("reed", {"name": "a"})
    )
    with_client(url(shared, "taken"), a_call)
    assert f"was begun for {READING.id}, not for {WRITING.id}" in refused(
        url(shared, "taken", WRITING.id), a_call
    )
    assert "at most 200 characters" in refused(url(shared, "n" * 201), a_call)


def test_an_unknown_tool_costs_the_episode_nothing(shared: Shared) -> None:
    async def use(client: Client) -> Any:
        with pytest.raises(MCPError, match="Unknown tool"):
            await client.call_tool("delete", {})
        return (await client.call_tool("list")).structured_content

    assert with_client(url(shared, "hallucinated", WRITING.id), use) == {"names": ["a", "b"]}


def test_what_was_not_recorded_is_an_error_that_says_so_and_nothing_else(shared: Shared) -> None:
    async def use(client: Client) -> Any:
        return [
            await client.call_tool("read", arguments)
            for arguments in ({"name": "a", "colour": "red"}, {"name": "q"}, {})
        ]

    for found in with_client(url(shared, "missed"), use):
        assert found.is_error
        assert [block.text for block in found.content] == ["(no recorded answer)"]
    told = [line for line in lines_of(shared.log) if line["episode"] == "missed" and line["event"] == "call"]
    assert [line["outcome"] for line in told] == ["miss"] * 3
    assert told[0]["nearest"][0]["differences"] == ['colour: asked with "red", recorded without it']


def test_arguments_of_ten_megabytes_are_missed_and_larger_requests_refused(shared: Shared) -> None:
    async def use(client: Client) -> Any:
        return await client.call_tool("read", {"name": "x" * 10_000_000})

    assert with_client(url(shared, "large"), use).content[0].text == "(no recorded answer)"
    (told,) = (
        line for line in lines_of(shared.log) if line["episode"] == "large" and line["event"] == "call"
    )
    assert told["arguments"] is None
    assert told["arguments_left_out"]["characters"] > 10_000_000
    too_large = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"x": "x" * 17_000_000}})
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    assert httpx.post(shared.served.url, content=too_large, headers=headers).status_code == 413
    found = with_client(url(shared, "after-large"), lambda client: client.call_tool("read", {"name": "a"}))
    assert not found.is_error


def test_a_client_that_hangs_up_in_a_call_loses_nothing(shared: Shared) -> None:
    host = urlsplit(shared.served.url)
    meta = {
        "firefly/episode": "hung-up",
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "hasty", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"name": "write", "arguments": WRITE_C.arguments, "_meta": meta}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()
    head = {
        "Host": host.netloc,
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": "write",
        "Content-Length": str(len(body)),
    }
    lines = [f"POST {host.path}?task={WRITING.id} HTTP/1.1", *(f"{name}: {head[name]}" for name in head)]
    for content in (body[:50], body):  # one goes before it has asked, the other before it has heard
        with socket.create_connection((host.hostname, host.port)) as raw:
            raw.sendall("\r\n".join([*lines, "", ""]).encode() + content)
    wait_for(lambda: [line for line in lines_of(shared.log) if line["episode"] == "hung-up"][1:])
    found = with_client(url(shared, "hung-up", WRITING.id), lambda client: client.call_tool("list"))
    assert found.structured_content == {"names": ["a", "b", "c"]}, "the call was made, once"


def test_the_trainer_grades_and_ends_episodes_and_sees_tiers(shared: Shared) -> None:
    async def use(client: Client) -> None:
        await client.call_tool("write", WRITE_C.arguments)
        await client.call_tool("list")

    with_client(url(shared, "graded", WRITING.id), use)
    admin = f"{shared.served.admin}/episodes/graded"
    for answer, reward in (("3", 1), ("4", 0)):
        told = httpx.post(f"{admin}/grade", json={"answer": answer}, headers=ADMIN).json()
        assert (told["reward"], told["task"]) == (reward, WRITING.id)
    told = httpx.get(admin, headers=ADMIN).json()
    assert [(one["name"], one["tier"]) for one in told["calls"]] == [("write", "exact"), ("list", "exact")]
    assert "graded" in httpx.get(f"{shared.served.admin}/episodes", headers=ADMIN).json()["episodes"]
    metrics = httpx.get(f"{shared.served.admin}/metrics", headers=ADMIN).text
    assert 'firefly_calls_total{server="notes",tool="write",tier="exact"' in metrics
    assert httpx.delete(admin, headers=ADMIN).status_code == 204
    assert httpx.get(admin, headers=ADMIN).status_code == 404
    assert "is over: the trainer ended it" in refused(
        url(shared, "graded", WRITING.id), lambda client: client.call_tool("list")
    )


def test_half_characters_in_what_agents_say_keep_nothing_from_the_trainer(shared: Shared) -> None:
    meta = {
        "firefly/task": READING.id,
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "odd", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": "read",
    }
    for name in ("half \ud83d", "whole"):
        named = {**meta, "firefly/episode": name}
        params = {"name": "read", "arguments": {"name": "\ud800"}, "_meta": named}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
        assert httpx.post(shared.served.url, content=body, headers=headers).json()["result"]["isError"]
    admin = f"{shared.served.admin}/episodes"
    assert {"half \ud83d", "whole"} <= set(httpx.get(admin, headers=ADMIN).json()["episodes"])
    (told,) = httpx.get(f"{admin}/whole", headers=ADMIN).json()["calls"]
    assert told["arguments"] == {"name": "\ud800"}


def test_an_episode_with_a_miss_has_no_reward(shared: Shared) -> None:
    with_client(url(shared, "unsure"), lambda client: client.call_tool("read", {"name": "q"}))
    grade = f"{shared.served.admin}/episodes/unsure/grade"
    assert httpx.post(grade, json={"answer": SECRET_ANSWER}, headers=ADMIN).json()["reward"] is None
    assert httpx.post(grade, content=b"{", headers=ADMIN).status_code == 400


def test_labels_rewards_and_tiers_are_not_on_the_agents_port(shared: Shared) -> None:
    assert httpx.get(f"{shared.served.admin}/episodes").status_code == 401
    assert (
        httpx.get(f"{shared.served.admin}/episodes", headers={"Authorization": "Bearer no"}).status_code
        == 401
    )
    port = shared.served.url.rsplit("/", 1)[0]
    for path in ("episodes", "metrics", "tasks", "grade", "admin"):
        assert httpx.get(f"{port}/{path}", headers=ADMIN).status_code == 404
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    received = []
    with httpx.Client(headers={**headers, "MCP-Protocol-Version": "2025-11-25"}) as http:

        def ask(method: str, session: str = "", **params: Any) -> httpx.Response:
            body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            return http.post(
                url(shared, "curious"), json=body, headers={"mcp-session-id": session} if session else {}
            )

        begun = ask(
            "initialize",
            protocolVersion="2025-11-25",
            capabilities={},
            clientInfo={"name": "curious", "version": "1"},
        )
        received.append(begun.text)
        assert set(begun.json()["result"]["capabilities"]) <= {"tools", "experimental"}
        session = begun.headers["mcp-session-id"]
        for method in (
            "tools/list",
            "resources/list",
            "prompts/list",
            "logging/setLevel",
            "completion/complete",
        ):
            received.append(ask(method, session).text)
        received.append(ask("tools/call", session, name="notes-list", arguments={}).text)
        received.append(ask("tools/call", session, name="read", arguments={"name": "q"}).text)
    everything = "\n".join(received)
    assert "no recorded answer" in everything
    for told_only_to_trainers in (
        str(SECRET_ANSWER),
        READING.question,
        "exact",
        "tier",
        "reward",
        "evidence",
        "nearest",
    ):
        assert told_only_to_trainers not in everything


def test_a_token_is_asked_for_where_there_is_one(dataset: Path) -> None:
    with serving(dataset, "http.token=s3cret", "episodes.servers=all") as served:
        assert httpx.post(served.url, json={}).status_code == 401

        async def listed() -> int:
            async with (
                httpx.AsyncClient(headers={"Authorization": "Bearer s3cret"}) as http,
                Client(streamable_http_client(served.url, http_client=http)) as client,
            ):
                return len((await client.list_tools()).tools)

        assert asyncio.run(listed()) == len(TOOLS)
        code, said = served.stop()
    assert code == 0
    assert "s3cret" not in said


def test_a_foreign_page_in_the_users_browser_does_not_reach_a_loopback_server(shared: Shared) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    headers = {"Accept": "application/json, text/event-stream"}
    for strange in ({"Host": "evil.example:80"}, {"Origin": "https://evil.example"}):
        assert httpx.post(shared.served.url, json=body, headers={**headers, **strange}).status_code in (
            403,
            421,
        )


def test_stopping_is_graceful_even_with_clients_connected(dataset: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    with serving(dataset, f"log={log}") as served:

        async def use() -> tuple[int, str]:
            async with Client(f"{served.url}?episode=e&task={READING.id}", mode="legacy") as client:
                await client.call_tool("read", {"name": "a"})
                return await asyncio.to_thread(served.stop)

        try:
            code, said = asyncio.run(use())
        except BaseExceptionGroup:  # the client's own complaint about the lost connection
            code, said = served.stop()
    assert code == 0
    assert "episodes 1, calls: exact 1" in said
    assert "Traceback" not in said
    assert [line["event"] for line in lines_of(log)] == ["begin", "call", "end"]


async def _nothing(scope: Any, receive: Any, send: Any) -> None: ...


def test_answers_are_sent_without_delay(capsys: pytest.CaptureFixture[str]) -> None:
    """Asyncio switches the delay off, 40 ms an answer, only on sockets that name their protocol."""
    from firefly.serving.http import _listener

    _, bound = _listener(_nothing, "127.0.0.1", 0, "http", "/mcp")
    with bound:
        assert bound.proto == socket.IPPROTO_TCP
        with pytest.raises(RunError, match="can't be listened on"):
            _listener(_nothing, "127.0.0.1", bound.getsockname()[1], "http", "/mcp")
    assert "http://127.0.0.1:" in capsys.readouterr().err
