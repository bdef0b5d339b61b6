"""A served data set whose simulator asks live servers for what was not recorded."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from firefly.components import build
from firefly.replay.freezing import make_cassette
from firefly.replay.records import Recording, ToolCall
from firefly.replay.tool_set import ToolSet
from firefly.serve import composed
from firefly.servers.live import LiveBackend
from firefly.servers.spec import parse_specs
from tests.serving.recorded import READING, ROOT, command, lines_of, wait_for

LIST = ToolCall(server="desk", tool="list_members")


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A data set of one bundled server, with one recorded call."""
    plain = composed("none", ["servers=bundled"])
    world = tmp_path / "world"
    world.mkdir()
    build(plain["world"]).build(world)
    specs = parse_specs({"desk": plain["servers"]["desk"]})
    with LiveBackend(specs, fixture=world) as live:
        tools = live.listing("desk").tools
        with live.fresh.episode(ToolSet.of(tools)) as episode:
            episode.call(LIST)
            steps = tuple(episode.steps)
    recording = Recording(purpose="test", servers=("desk",), steps=steps)
    folder = tmp_path / "dataset"
    (folder / "tasks").mkdir(parents=True)
    (folder / "tasks" / "train.jsonl").write_text(READING.to_json() + "\n", encoding="utf-8")
    make_cassette(tools, [recording], reads={("desk", "list_members")}).save(folder / "cassette")
    return folder


def test_live_servers_answer_what_was_not_recorded_and_only_from_the_recorded_world(
    desk: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"

    def run(*keys: str) -> tuple[str, str]:
        program, *arguments = command(
            desk, "episodes.servers=desk", "simulator=live", "servers=bundled", f"log={log}", *keys
        )

        async def use() -> Any:
            target = StdioServerParameters(command=program, args=arguments, cwd=ROOT)
            async with Client(target) as client:
                listed = await client.call_tool("list_members")
                return listed, await client.call_tool("get_member", {"member_id": "nobody"})

        log.unlink(missing_ok=True)
        texts = [found.content[0].text for found in asyncio.run(use())]
        wait_for(lambda: lines_of(log)[-1]["event"] == "end")
        return texts[0], texts[1]

    listed, found = run()
    assert "nobody" in found
    assert [line["tier"] for line in lines_of(log)[1:3]] == ["exact", "live"]
    again, missed = run("world.seed=99")
    assert (again, missed) == (listed, "(no recorded answer)")
    told = lines_of(log)[2]
    assert told["tier"] == "miss"
    assert "answered otherwise by the servers" in told["evidence"]["declined"]["live"]["why"]
