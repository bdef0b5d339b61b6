"""What an answer of the nearest recorded call costs, by the tool's recorded calls and by the cassette's.

The whole call is timed: the strict simulator's miss, its nearest calls, and the tier's answer. CPU time.

    python benchmarks/nearest_calls.py
"""

from __future__ import annotations

import statistics
import time
from random import Random

from firefly.replay.cassette import Cassette, CassetteTool, Entry, Scope, Start, ToolRule
from firefly.replay.records import Observation, Tool, ToolCall
from firefly.simulation.lenient import Lenient
from firefly.simulation.nearest import Nearest

ASKED = 300
WORDS = (
    "invoice",
    "order",
    "member",
    "shipment",
    "branch",
    "ledger",
    "meadow",
    "harbour",
    "copper",
    "violet",
)


def main() -> None:
    """Print a line for each size."""
    print("tools  calls of a tool  cassette  median ms a call  answered")
    for tools, each in ((10, 100), (100, 100), (993, 100), (10, 1000), (100, 1000)):
        median, answered = measure(tools, each)
        print(f"{tools:5}  {each:15}  {tools * each:8}  {1000 * median:16.3f}  {answered:8.0%}")


def measure(tools: int, each: int) -> tuple[float, float]:
    """Return the median CPU seconds of a call, and the share that was answered."""
    rng = Random(1)
    declared = [
        Tool(server="s", name=f"t{n}", input_schema={"type": "object", "properties": {}})
        for n in range(tools)
    ]
    rule = ToolRule(scope="none:s", state_independent=True)
    entries = [
        Entry(
            server="s",
            tool=tool.name,
            schema_digest=tool.schema_digest,
            arguments=arguments(rng, number),
            scope="none:s",
            state="",
            mark="",
            observation=Observation(text=f"answer {number}"),
        )
        for tool in declared
        for number in range(each)
    ]
    scope = Scope(name="none:s", servers=("s",), starts=(Start(world="", root="r", mark=""),))
    cassette = Cassette([CassetteTool(tool=tool, rule=rule) for tool in declared], entries, [scope])
    backend = Lenient(tiers={"nearest": Nearest(farthest=1.0)}).backend(cassette)
    tool_set = backend.tool_set(("s",))  # type: ignore[attr-defined]
    spent, answered = [], 0
    for number in range(ASKED):
        one = entries[number % min(tools, 20) * each + rng.randrange(each)]
        call = ToolCall(server="s", tool=one.tool, arguments={**one.arguments, "limit": 7})
        with backend.episode(tool_set) as episode:
            started = time.process_time()
            observation = episode.call(call)
            spent.append(time.process_time() - started)
        answered += observation.outcome != "miss"
    return statistics.median(spent[20:]), answered / ASKED


def arguments(rng: Random, number: int) -> dict[str, str | int]:
    """Return arguments as tools take them: a phrase and a few values."""
    return {
        "query": " ".join(rng.sample(WORDS, 4)) + f" {number}",
        "limit": rng.randrange(1, 6),
        "id": number,
    }


if __name__ == "__main__":
    main()
