"""What serving a data set costs, as ratios to the SDK's own echo server in the same run.

Both servers send the same answer of about 1.5 KB for the same call, over stdio and over streamable HTTP with
the same settings. Compared is the CPU time of the server's process for each call. The served data set finds
its episode, looks the call up in a cassette of 1,000 calls, and, in the last row, logs it.

    python benchmarks/serving.py [CALLS] [ROUNDS]
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mcp import Client
from mcp.client.stdio import StdioServerParameters

from firefly.replay.cassette import Cassette, CassetteTool, Entry, Scope, Start, ToolRule
from firefly.replay.records import Answer, Expression, GoldCall, Observation, Provenance, Task, Tool

ECHO = """
import sys
import anyio, mcp_types as types, uvicorn
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

TEXT = {text!r}
TOOL = types.Tool(name="look", input_schema={schema!r})

async def list_tools(context, params):
    return types.ListToolsResult(tools=[TOOL])

async def call_tool(context, params):
    return types.CallToolResult(content=[types.TextContent(type="text", text=TEXT)])

server = Server("echo", on_list_tools=list_tools, on_call_tool=call_tool)

async def stdio():
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())

if sys.argv[1] == "stdio":
    anyio.run(stdio)
else:
    app = server.streamable_http_app(json_response=True)
    print("firefly serve: http http://127.0.0.1:" + sys.argv[2] + "/mcp", file=sys.stderr, flush=True)
    uvicorn.run(app, port=int(sys.argv[2]), log_level="warning", access_log=False)
"""
TEXT = json.dumps([{"name": f"row {number}", "value": number} for number in range(45)])
SCHEMA = {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}
TOOL = Tool(server="s", name="look", input_schema=SCHEMA)
RECORDED = 1000
LENGTH = 8
"""Calls in an episode over HTTP."""


def main() -> None:
    """Print the ratios."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 800
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dataset = write_dataset(folder / "dataset")
        (folder / "echo.py").write_text(ECHO.format(text=TEXT, schema=SCHEMA), encoding="utf-8")
        print(f"{calls} calls, median of {rounds} rounds, server CPU ms per call")
        for transport in ("stdio", "http"):
            servers = {
                "SDK echo": [sys.executable, str(folder / "echo.py"), transport, "0"],
                "served": [sys.executable, "-m", "firefly", "serve", str(dataset), f"transport={transport}"],
            }
            servers["served, logged"] = [*servers["served"], f"log={folder / 'log.jsonl'}"]
            spent: dict[str, list[float]] = {name: [] for name in servers}
            for number in range(rounds):
                for shown, words in servers.items():
                    port = 18400 + number
                    command = [word if word != "0" else str(port) for word in words]
                    if shown != "SDK echo":
                        command += ["episodes.servers=all", f"http.port={port}"]
                    spent[shown].append(asyncio.run(measure(command, transport, calls)))
            floor = statistics.median(spent["SDK echo"])
            for shown, found in spent.items():
                ratios = [one / other for one, other in zip(found, spent["SDK echo"], strict=True)]
                print(
                    f"{transport:6} {shown:15} {1000 * statistics.median(found):6.3f}  "
                    f"{statistics.median(found) / floor:5.2f}x  (pairs {min(ratios):.2f}-{max(ratios):.2f})"
                )


async def measure(command: list[str], transport: str, calls: int) -> float:
    """Return the server's CPU seconds for each call."""
    if transport == "stdio":
        parameters = StdioServerParameters(command=command[0], args=command[1:], env=dict(os.environ))
        async with Client(parameters) as client:
            pid = child(os.getpid())
            await ask(client, 50, "")
            before = cpu(pid)
            await ask(client, calls, "")
            return (cpu(pid) - before) / calls
    async with listening(command) as (pid, url), Client(url) as client:
        await ask(client, 50, "warm")
        before = cpu(pid)
        await ask(client, calls, "e")
        return (cpu(pid) - before) / calls


async def ask(client: Client, calls: int, episode: str) -> None:
    for number in range(calls):
        meta: Any = {"firefly/episode": f"{episode}{number // LENGTH}"} if episode else None
        found = await client.call_tool("look", {"id": number % RECORDED}, meta=meta)
        assert found.content[0].text == TEXT, found  # type: ignore[union-attr]


@asynccontextmanager
async def listening(command: list[str]) -> AsyncIterator[tuple[int, str]]:
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        url = ""
        while not url:
            found = re.search(r"http (http://\S+)", process.stderr.readline())
            url = found[1] if found else ""
        for _ in range(100):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", int(url.split(":")[2].split("/")[0]))
                writer.close()
                break
            except OSError:
                await asyncio.sleep(0.05)
        yield process.pid, url
    finally:
        process.terminate()
        process.communicate()


def child(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[-1])


def cpu(pid: int) -> float:
    """Return the CPU seconds of all threads of a process."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def write_dataset(folder: Path) -> Path:
    rule = ToolRule(scope="none:s", state_independent=True)
    entries = [
        Entry(
            server="s",
            tool="look",
            schema_digest=TOOL.schema_digest,
            arguments={"id": number},
            scope="none:s",
            state="",
            mark="",
            observation=Observation(text=TEXT),
        )
        for number in range(RECORDED)
    ]
    scope = Scope(name="none:s", servers=("s",), starts=(Start(world="", root="r", mark=""),))
    Cassette([CassetteTool(tool=TOOL, rule=rule)], entries, [scope]).save(folder / "cassette")
    task = Task(
        question="What is there?",
        answer_format="Answer with a number.",
        answer=Answer(type="number", value=1),
        expression=Expression(op="count", call="c1"),
        gold_calls=(GoldCall(id="c1", server="s", tool="look", arguments={"id": 1}),),
        servers=("s",),
        provenance=Provenance(exploration="e", synthesizer="benchmark"),
    )
    (folder / "tasks").mkdir()
    (folder / "tasks" / "train.jsonl").write_text(task.to_json() + "\n", encoding="utf-8")
    return folder


if __name__ == "__main__":
    main()
