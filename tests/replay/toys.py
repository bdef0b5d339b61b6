"""Small state machines that act as servers, and recordings of random episodes on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from firefly.replay.records import Observation, Recording, State, Step, Tool, ToolCall, digest
from firefly.replay.tool_set import ToolSet

Json = Any
_SCHEMA = digest({"type": "object", "properties": {}})


class Machine:
    """A world of servers that share one scope: ``files`` are seen by fingerprints, ``memory`` is not."""

    def __init__(self) -> None:
        self.files: dict[str, Json] = {}
        self.memory: dict[str, Json] = {}


Behaviour = Callable[[Machine, dict[str, Json]], Json]


@dataclass(frozen=True)
class Toy:
    """Tools by (server, name), each with its behaviour and the calls that random episodes make."""

    tools: dict[tuple[str, str], Behaviour]
    calls: Sequence[ToolCall]
    reads: frozenset[tuple[str, str]]
    independent: frozenset[tuple[str, str]] = frozenset()
    scope: str = "workspace"
    setup: Callable[[Machine], None] = field(default=lambda machine: None)

    @property
    def tool_set(self) -> ToolSet:
        return ToolSet.of(
            Tool(server=server, name=name, input_schema={"type": "object", "properties": {}})
            for server, name in self.tools
        )

    def run(self, calls: Sequence[ToolCall]) -> list[Step]:
        """Make ``calls`` on a fresh machine, from the fixture's state on."""
        machine = Machine()
        self.setup(machine)
        steps: list[Step] = []
        for one in calls:
            steps.append(self.step(machine, one, steps[-1].after if steps else None))
        return steps

    def step(self, machine: Machine, call: ToolCall, before: State | None) -> Step:
        """Make one call on ``machine``; ``before``: the state after the last one."""
        before = before or State(history="fixture", fingerprint=digest(machine.files))
        try:
            found = self.tools[call.key](machine, dict(call.arguments))
            observation = Observation(text=str(found))
        except ValueError as error:
            observation = Observation(outcome="failure", reason="raised", text=f"Error: {error}")
        return Step(
            call=call,
            observation=observation,
            schema_digest=_SCHEMA,
            scope=self.scope,
            before=before,
            after=State(
                history=digest([before.history, call.model_dump(mode="json")]),
                fingerprint=digest(machine.files),
            ),
        )

    def recording(self, calls: Sequence[ToolCall]) -> Recording:
        servers = tuple(sorted({server for server, _ in self.tools}))
        return Recording(purpose="exploration", servers=servers, steps=tuple(self.run(calls)))

    def episodes(self, rng: Random, count: int, length: int = 8) -> list[list[ToolCall]]:
        return [[rng.choice(self.calls) for _ in range(length)] for _ in range(count)]


def call(server: str, tool: str, **arguments: Json) -> ToolCall:
    return ToolCall(server=server, tool=tool, arguments=arguments)
