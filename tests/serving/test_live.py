"""A served data set whose simulator asks live servers for what was not recorded."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters

from firefly.replay.cassette import Cassette
from tests.command_line import Run, printed
from tests.serving.recorded import ROOT, command, lines_of, wait_for


def test_live_servers_answer_what_was_not_recorded_and_from_the_same_world(
    smoke: tuple[Path, Run], tmp_path: Path
) -> None:
    dataset = printed(smoke[1])["dataset"]
    recorded = Cassette.load(dataset / "cassette")
    known = {json.dumps(entry.arguments) for entry in recorded.entries if entry.tool == "get_member"}
    assert known, "the desk was explored"
    log = tmp_path / "log.jsonl"

    def run(*keys: str) -> str:
        program, *arguments = command(
            dataset, "episodes.servers=desk", "simulator=live", "servers=bundled", f"log={log}", *keys
        )

        async def use() -> Any:
            target = StdioServerParameters(command=program, args=arguments, cwd=ROOT)
            async with Client(target) as client:
                return await client.call_tool("get_member", {"member_id": "M-0000-nobody"})

        log.unlink(missing_ok=True)
        found = asyncio.run(use())
        wait_for(lambda: lines_of(log)[-1]["event"] == "end")
        return str(found.content[0].text)

    assert run() != "(no recorded answer)"
    assert lines_of(log)[1]["tier"] == "live"
    assert run("world.seed=99") == "(no recorded answer)"
    told = lines_of(log)[1]
    assert told["tier"] == "miss"
    assert "another world" in told["evidence"]["declined"]["live"]["why"]
