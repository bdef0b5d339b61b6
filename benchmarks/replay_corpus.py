"""Synthetic cassettes of any size for the benchmarks of replay, written straight to their files."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random

from firefly.replay.cassette import CassetteTool, Entry, Indifference, Manifest, Scope, Start, ToolRule
from firefly.replay.folder import FORMAT_VERSION, FileSeal
from firefly.replay.records import Observation, Tool, ToolCall, canonical_json
from firefly.replay.simulator import StrictSimulator
from firefly.replay.state import state_id

TOOLS = 993
SERVERS = 240
LENGTH = 8
"""Calls in an episode, all of one tool, which is known to be indifferent to its own calls."""

_SCHEMA = {
    "type": "object",
    "properties": {"id": {"type": "integer"}, "query": {"type": "string"}, "unit": {"type": "string"}},
}
_WORDS = [f"word{number}" for number in range(400)]


class Corpus:
    """A cassette of ``count`` recorded calls, spread evenly over the tools."""

    def __init__(self, count: int, answer_bytes: int = 1800) -> None:
        self.count = count
        self.tools = min(TOOLS, max(1, count // LENGTH))
        rows = [{"name": f"row {n}", "value": n} for n in range(answer_bytes // 29)]
        self.answer = json.dumps({"rows": rows})

    def call(self, number: int) -> ToolCall:
        """Return the call with this number."""
        tool = number % self.tools
        rng = Random(number)
        arguments = {"id": number, "query": " ".join(rng.choices(_WORDS, k=4)), "unit": "metric"}
        return ToolCall(server=f"s{tool % SERVERS}", tool=f"t{tool}", arguments=arguments)

    def episodes(self, calls: int, seed: int = 1) -> list[list[ToolCall]]:
        """Return recorded episodes with about this many calls in all, each of one tool."""
        rng = Random(seed)
        each = self.count // self.tools
        return [
            [self.call(tool + self.tools * rng.randrange(each)) for _ in range(LENGTH)]
            for tool in (rng.randrange(self.tools) for _ in range(calls // LENGTH))
        ]

    def write(self, folder: Path) -> Path:
        """Write the cassette's three files and return its folder."""
        folder.mkdir(parents=True)
        tools = [
            Tool(server=f"s{n % SERVERS}", name=f"t{n}", input_schema=_SCHEMA) for n in range(self.tools)
        ]
        start = Start(world="w", root="root", mark="mark")
        manifest = Manifest(
            files={
                "entries.jsonl": _written(folder / "entries.jsonl", self._entries(tools[0].schema_digest)),
                "tools.jsonl": _written(
                    folder / "tools.jsonl", (_tool(one) for one in sorted(tools, key=lambda one: one.key))
                ),
            },
            scopes=(Scope(name="workspace", servers=("s0",), starts=(start,)),),
            format_version=FORMAT_VERSION,
        )
        (folder / "manifest.json").write_text(manifest.to_json())
        return folder

    def _entries(self, schema_digest: str) -> Iterator[str]:
        observation = Observation(text=self.answer)
        state = state_id("root", "mark", [], {})
        template = Entry(
            server="@server", tool="@tool", schema_digest=schema_digest, arguments={"@": 1},
            scope="workspace", state=state, mark="mark", observation=observation,
        ).to_json()  # fmt: skip
        for number in range(self.count):
            call = self.call(number)
            line = template.replace('{"@":1}', canonical_json(call.arguments), 1)
            yield line.replace("@server", call.server).replace("@tool", call.tool)


def _tool(tool: Tool) -> str:
    own = Indifference(server=tool.server, tool=tool.name, recent=True)
    return CassetteTool(tool=tool, rule=ToolRule(scope="workspace", indifferent_to=(own,))).to_json()


def _written(path: Path, lines: Iterable[str]) -> FileSeal:
    digest = hashlib.sha256()
    count = 0
    with path.open("wb") as file:
        for line in lines:
            content = line.encode() + b"\n"
            digest.update(content)
            file.write(content)
            count += 1
    return FileSeal(sha256=digest.hexdigest(), lines=count)


def asker(simulator: StrictSimulator, episodes: list[list[ToolCall]]) -> Callable[[ToolCall], object]:
    """Return what replays the calls of ``episodes`` one by one, letting go of finished episodes."""
    tool_set = simulator.tool_set([f"s{n}" for n in range(SERVERS)])
    begun = [simulator.episode(tool_set) for _ in episodes]
    numbers = itertools.count()
    episode = begun.pop()

    def ask(call: ToolCall) -> object:
        nonlocal episode
        number = next(numbers)
        if number and number % LENGTH == 0:
            episode = begun.pop()
        observation = episode.call(call)
        assert observation.outcome == "success", observation
        return observation

    return ask
