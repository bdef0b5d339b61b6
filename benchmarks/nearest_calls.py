"""What an answer of the nearest recorded call costs, by the tool's recorded calls and by the cassette's.

The whole call is timed: the strict simulator's miss, its nearest calls, and the tier's answer. CPU time.

    python benchmarks/nearest_calls.py
"""

from __future__ import annotations

import statistics
import time
from contextlib import ExitStack
from random import Random

from firefly.replay.cassette import Cassette, CassetteTool, Entry, Scope, Start, ToolRule
from firefly.replay.records import Observation, Tool, ToolCall
from firefly.simulation.lenient import Lenient
from firefly.simulation.nearest import Nearest

AT_ONCE = 20
"""Calls that are timed together: asking for the time takes long on some systems."""
ROUNDS = 22
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
    print("tools  calls of a tool  cassette  mean ms a call  answered")
    for tools, each in ((10, 100), (100, 100), (993, 100), (10, 1000), (100, 1000), (20, 5000)):
        median, answered = measure(tools, each)
        print(f"{tools:5}  {each:15}  {tools * each:8}  {1000 * median:14.3f}  {answered:8.0%}")


def measure(tools: int, each: int) -> tuple[float, float]:
    """Return the CPU seconds of a call (median of the rounds' means), and the share that was answered."""
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
    for _ in range(ROUNDS):
        with ExitStack() as stack:
            asked = []
            for number in range(AT_ONCE):
                one = entries[number % min(tools, 20) * each + rng.randrange(each)]
                call = ToolCall(server="s", tool=one.tool, arguments={**one.arguments, "limit": 7})
                asked.append((stack.enter_context(backend.episode(tool_set)), call))
            started = time.process_time()
            observations = [episode.call(call) for episode, call in asked]
            spent.append((time.process_time() - started) / AT_ONCE)
        answered += sum(observation.outcome != "miss" for observation in observations)
    return statistics.median(spent[2:]), answered / (ROUNDS * AT_ONCE)  # the first prepare the tools


def arguments(rng: Random, number: int) -> dict[str, str | int]:
    """Return arguments as tools take them: a phrase and a few values."""
    return {
        "query": " ".join(rng.sample(WORDS, 4)) + f" {number}",
        "limit": rng.randrange(1, 6),
        "id": number,
    }


if __name__ == "__main__":
    main()
