"""Published servers as they are: each starts, lists, is called and stops, and leaves no process behind."""

from __future__ import annotations

import functools
import json
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from firefly.replay.records import ToolCall
from firefly.replay.tool_set import ToolSet
from firefly.servers.live import LiveBackend
from firefly.servers.spec import parse_specs
from tests.servers import published_world

SERVERS: dict[str, Any] = json.loads(Path(__file__).with_name("published.json").read_text())

pytestmark = [
    pytest.mark.network,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc"),
]


@pytest.fixture(scope="module")
def fixture_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    published_world.build(folder)
    return folder


@pytest.fixture(scope="module")
def web(fixture_world: Path) -> Iterator[str]:
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(fixture_world))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def processes_of(roots: set[Path]) -> set[int]:
    """Return the processes whose environment names one of ``roots``."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                environment = (entry / "environ").read_bytes()
            except OSError:
                continue
            if any(str(root).encode() in environment for root in roots):
                found.add(int(entry.name))
    return found


@pytest.mark.parametrize("name", sorted(SERVERS))
def test_a_published_server_starts_lists_is_called_and_stops(
    name: str, fixture_world: Path, web: str
) -> None:
    entry = SERVERS[name]
    if entry["command"] == "npx" and shutil.which("npm") is None:
        pytest.skip("needs Node.js")
    keys = {key: entry[key] for key in ("command", "args", "env") if key in entry}
    specs = parse_specs({name: {**keys, "disposable": True}})
    with LiveBackend(specs, fixture=fixture_world) as backend:
        listing = backend.listing(name)
        assert listing.health.status == "ok", listing.health.reason
        assert listing.tools
        with backend.episode(ToolSet.of(listing.tools)) as episode:
            outcomes = []
            for call in entry["calls"]:
                arguments = json.loads(json.dumps(call["arguments"]).replace("{URL}", web))
                outcomes.append(episode.call(ToolCall(server=name, tool=call["tool"], arguments=arguments)))
            place = episode._place
            assert place is not None
            roots = {place.sandbox.root}
            assert processes_of(roots)
    print(
        f"\n{name}: {len(listing.tools)} tools, {listing.health.package}, warnings {listing.health.warnings}"
    )
    for call, found in zip(entry["calls"], outcomes, strict=True):
        print(f"  {call['tool']}: {found.outcome} {found.reason} {found.text[:80]!r}")
    assert [found.outcome == "success" for found in outcomes] == [call["ok"] for call in entry["calls"]]
    assert not processes_of(roots)
    assert not any(root.exists() for root in roots)
