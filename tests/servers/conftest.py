from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from firefly.replay.records import Observation, ToolCall
from firefly.replay.tool_set import ToolSet
from firefly.servers.episode import LiveEpisode
from firefly.servers.live import LiveBackend
from firefly.servers.spec import parse_specs

SERVER = str(Path(__file__).with_name("misbehaving.py"))

Start = Callable[..., LiveBackend]


def description(*traits: str, **keys: Any) -> dict[str, Any]:
    """Return the YAML of one misbehaving server."""
    return {"command": "python", "args": [SERVER, *traits], "disposable": True, **keys}


def begin(backend: LiveBackend, *servers: str, fresh: bool = False) -> LiveEpisode:
    """Begin an episode over every callable tool of ``servers`` (none: all)."""
    tools = [tool for name in servers or backend.servers for tool in backend.listing(name).callable_tools]
    return backend.episode(ToolSet.of(tools), fresh=fresh)


def ask(episode: LiveEpisode, tool: str, server: str = "m", **arguments: Any) -> Observation:
    return episode.call(ToolCall(server=server, tool=tool, arguments=arguments))


@pytest.fixture
def world(tmp_path: Path) -> Path:
    folder = tmp_path / "world"
    (folder / "docs").mkdir(parents=True)
    (folder / "a.txt").write_text("alpha")
    (folder / "docs" / "b.txt").write_text("beta")
    return folder


@pytest.fixture
def start(world: Path, tmp_path: Path) -> Iterator[Start]:
    running: list[LiveBackend] = []

    def begin(servers: Mapping[str, Any], **options: Any) -> LiveBackend:
        chosen = {"fixture": world, "cache_dir": tmp_path / "cache", **options}
        running.append(LiveBackend(parse_specs(servers), **chosen))
        return running[-1]

    yield begin
    for backend in running:
        backend.close()
