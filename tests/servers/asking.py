"""An MCP server of the newest protocol whose only tool asks the client back before it answers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import mcp_types as types
from mcp.server import Server
from mcp.server.stdio import stdio_server


async def tools(context: Any, params: Any) -> types.ListToolsResult:
    return types.ListToolsResult(tools=[types.Tool(name="ask", input_schema={"type": "object"})])


async def call(context: Any, params: types.CallToolRequestParams) -> Any:
    if params.input_responses is None:
        form = types.ElicitRequestFormParams(
            message="name?", requested_schema={"type": "object", "properties": {}}
        )
        asked = {"form": types.ElicitRequest(params=form), "roots": types.ListRootsRequest()}
        return types.InputRequiredResult(input_requests=asked, request_state="half-way")
    said = {key: answer.model_dump(mode="json") for key, answer in params.input_responses.items()}
    text = json.dumps({**said, "state": params.request_state})
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)])


async def main() -> None:
    server = Server("asking", on_list_tools=tools, on_call_tool=call)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


asyncio.run(main())
