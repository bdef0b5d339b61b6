"""Servers made of Python functions, behind the project's own Backend protocol.

For tests whose subject is neither servers nor the live backend. A function returns what the tool
answers (data), or raises ValueError with the text of a failure.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self

from firefly.knowledge import Knowledge
from firefly.records import Listing, ServerHealth, ToolProfile
from firefly.replay.records import (
    Observation,
    Recording,
    State,
    Step,
    Tool,
    ToolCall,
    canonical_json,
    digest,
)
from firefly.replay.tool_set import ToolSet

Function = Callable[..., Any]
_TYPES = {"str": "string", "int": "integer", "float": "number", "list[str]": "array", "bool": "boolean"}


class FunctionServers:
    """A backend whose tools are functions: server -> functions, named as the tools are."""

    def __init__(self, servers: Mapping[str, Sequence[Function]]) -> None:
        self.functions = {(server, one.__name__): one for server, all_ in servers.items() for one in all_}
        self.calls: list[ToolCall] = []

    def episode(self, tool_set: ToolSet, seed: int = 0) -> FunctionEpisode:
        return FunctionEpisode(self, tool_set)

    def listings(self, launch_values: tuple[str, ...] = ()) -> list[Listing]:
        by_server: dict[str, list[Tool]] = {}
        for (server, name), function in self.functions.items():
            by_server.setdefault(server, []).append(
                Tool(
                    server=server,
                    name=name,
                    description=inspect.getdoc(function) or "",
                    input_schema=_schema(function),
                )
            )
        return [
            Listing(
                health=ServerHealth(server=server, status="ok", tool_count=len(tools)),
                tools=tuple(tools),
                launch_values=launch_values,
            )
            for server, tools in by_server.items()
        ]

    def knowledge(self, calls: Iterable[tuple[str, str, dict[str, Any]]], **profile: Any) -> Knowledge:
        """Return what is known after ``calls``, all tools being proven reads."""
        listings = self.listings()
        recordings = []
        for server, tool, arguments in calls:
            with self.episode(ToolSet.of(t for listing in listings for t in listing.tools)) as episode:
                episode.call(ToolCall(server=server, tool=tool, arguments=arguments))
                recordings.append(Recording(purpose="probing", servers=(server,), steps=tuple(episode.steps)))
        profiles = [
            ToolProfile(
                **{
                    "server": tool.server,
                    "tool": tool.name,
                    "schema_digest": tool.schema_digest,
                    "effect": "read",
                    "determinism": "deterministic",
                    "opaque": False,
                    "successes": 1,
                    **profile,
                }
            )
            for listing in listings
            for tool in listing.tools
        ]
        self.calls.clear()
        return Knowledge(listings, profiles, recordings)


class FunctionEpisode:
    """One episode; every call is answered by its function."""

    def __init__(self, backend: FunctionServers, tool_set: ToolSet) -> None:
        self._backend = backend
        self._tools = {tool.key: tool for tool in tool_set.tools}
        self._history = digest("fixture")
        self.steps: list[Step] = []

    def call(self, call: ToolCall) -> Observation:
        self._backend.calls.append(call)
        before = State(history=self._history)
        try:
            answer = self._backend.functions[call.key](**call.arguments)
            observation = Observation(text=canonical_json(answer))
        except (ValueError, TypeError) as error:
            observation = Observation(outcome="failure", reason="error text", text=str(error))
        self._history = digest([self._history, call.digest])
        self.steps.append(
            Step(
                call=call,
                observation=observation,
                schema_digest=self._tools[call.key].schema_digest,
                scope=f"own:{call.server}",
                before=before,
                after=State(history=self._history),
            )
        )
        return observation

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _schema(function: Function) -> dict[str, Any]:
    found = inspect.signature(function).parameters.values()
    return {
        "type": "object",
        "properties": {one.name: {"type": _TYPES[str(one.annotation)]} for one in found},
        "required": [one.name for one in found if one.default is one.empty],
    }
