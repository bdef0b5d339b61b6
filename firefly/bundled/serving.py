"""What the bundled servers share: tools as functions, arguments checked, served over stdio."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import anyio
import jsonschema
import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

Arguments = Mapping[str, Any]

_VERSION = "1.0.0"


class ToolError(Exception):
    """A call that can't be served; answered with the MCP error flag set."""


@dataclass(frozen=True)
class Reply:
    """An answer: a text, and structured content where the tool declares a schema for it."""

    text: str
    structured: dict[str, Any] | None = None


@dataclass(frozen=True)
class BundledTool:
    """One tool: what it declares, and the function that answers."""

    name: str
    description: str
    answer: Callable[[Arguments], Reply]
    properties: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    required: Sequence[str] = ()
    output: Mapping[str, Any] | None = None
    """Properties of the structured content."""
    hints: types.ToolAnnotations | None = None

    def declared(self) -> types.Tool:
        """Return the tool as ``tools/list`` shows it."""
        return types.Tool(
            name=self.name,
            description=self.description,
            input_schema={
                "type": "object",
                "properties": {name: dict(schema) for name, schema in self.properties.items()},
                "required": list(self.required),
            },
            output_schema=None
            if self.output is None
            else {"type": "object", "properties": dict(self.output), "required": list(self.output)},
            annotations=self.hints,
        )

    def call(self, arguments: Arguments) -> types.CallToolResult:
        """Return the answer to one call; wrong arguments and `ToolError` come back flagged."""
        try:
            jsonschema.validate(dict(arguments), self.declared().input_schema)
            reply = self.answer(arguments)
        except jsonschema.ValidationError as error:
            return _result(f"Input validation error: {error.message}", is_error=True)
        except ToolError as error:
            return _result(str(error), is_error=True)
        return _result(reply.text, structured=reply.structured)


DATE = {"type": "string", "format": "date", "description": "Date as YYYY-MM-DD"}
"""Schema of a parameter that `as_date` reads."""
READ_ONLY = types.ToolAnnotations(read_only_hint=True)
WRITES = types.ToolAnnotations(read_only_hint=False, destructive_hint=False)


def as_date(text: str) -> date:
    """Return the date that an argument names.

    Raises:
        ToolError: it is not of the form YYYY-MM-DD.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ToolError(f"{text!r} is no date of the form YYYY-MM-DD") from error


def as_json(value: dict[str, Any]) -> Reply:
    """Return an answer that is JSON, in text and in structure."""
    return Reply(json.dumps(value, indent=2), value)


def as_lines(value: Mapping[str, Any]) -> Reply:
    """Return an answer of ``key: value`` lines."""
    return Reply("\n".join(f"{key}: {item}" for key, item in value.items()))


def serve(name: str, tools: Sequence[BundledTool]) -> None:
    """Serve ``tools`` over stdio until the client goes away."""
    gc.freeze()  # else the collections at exit look at all that was imported: a fifth of a short life
    by_name = {tool.name: tool for tool in tools}

    async def list_tools(
        context: object, params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[tool.declared() for tool in tools])

    async def call_tool(context: object, params: types.CallToolRequestParams) -> types.CallToolResult:
        tool = by_name.get(params.name)
        if tool is None:
            return _result(f"Unknown tool: {params.name}", is_error=True)
        return tool.call(params.arguments or {})

    server = Server(name, version=_VERSION, on_list_tools=list_tools, on_call_tool=call_tool)

    async def run() -> None:
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())

    anyio.run(run)


def _result(
    text: str, *, structured: dict[str, Any] | None = None, is_error: bool = False
) -> types.CallToolResult:
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text)], structured_content=structured, is_error=is_error
    )
