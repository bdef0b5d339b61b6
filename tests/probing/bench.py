"""In-process servers made of plain functions, behind the Backend protocol, for tests of probing."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Self

from firefly.errors import ServerError
from firefly.outcomes import classify
from firefly.records import Listing, ServerHealth
from firefly.replay.records import Annotations, Observation, State, Step, Tool, ToolCall, digest
from firefly.replay.tool_set import ToolSet

Work = Callable[..., Any]


def tool(
    name: str, /, *required: str, description: str = "", read_only: bool | None = None, **properties: Any
) -> Tool:
    return Tool(
        server="toy",
        name=name,
        description=description,
        input_schema={"type": "object", "properties": properties, "required": list(required)},
        annotations=Annotations(read_only=read_only),
    )


def listing(
    tools: Sequence[Tool], *, scope: str = "own:toy", disposable: bool = True, **more: Any
) -> Listing:
    health = ServerHealth(server="toy", status="ok", tool_count=len(tools))
    return Listing(health=health, tools=tuple(tools), scope=scope, disposable=disposable, **more)


class Toy:
    """A server: ``start`` makes its state, each function gets it and the arguments."""

    def __init__(
        self,
        functions: dict[str, Work],
        *,
        start: Callable[[], dict[str, Any]] = dict,
        shown: bool = False,
        dies_at: int | None = None,
        refuses_to_start: bool = False,
    ) -> None:
        self.functions = functions
        self.start = start
        self.shown = shown
        """Whether a fingerprint shows the state."""
        self.dies_at = dies_at
        self.refuses_to_start = refuses_to_start
        self.episodes: list[ToyEpisode] = []

    def episode(self, tool_set: ToolSet, seed: int = 0) -> ToyEpisode:
        if self.refuses_to_start:
            raise ServerError("it does not start")
        self.episodes.append(ToyEpisode(self))
        return self.episodes[-1]

    @property
    def calls(self) -> int:
        return sum(len(episode.steps) for episode in self.episodes)


class ToyEpisode:
    def __init__(self, toy: Toy) -> None:
        self._toy = toy
        self._state = toy.start()
        self.steps: list[Step] = []
        self.closed = False

    def call(self, call: ToolCall) -> Observation:
        before = self._seen()
        if self._toy.dies_at is not None and self._toy.calls >= self._toy.dies_at:
            observation = Observation(outcome="transient", reason="connection closed")
        else:
            try:
                value = self._toy.functions[call.tool](self._state, **call.arguments)
                text = value if isinstance(value, str) else json.dumps(value)
                observation = classify(Observation(text=text))
            except (ValueError, TypeError, KeyError) as error:
                observation = classify(Observation(text=f"Error: {error}", is_error=True))
        step = Step(
            call=call,
            observation=observation,
            schema_digest="",
            scope="own:toy",
            before=before,
            after=self._seen(),
        )
        self.steps.append(step)
        return observation

    def _seen(self) -> State:
        fingerprint = digest(json.loads(json.dumps(self._state))) if self._toy.shown else None
        return State(history=digest(len(self.steps)), fingerprint=fingerprint)

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
