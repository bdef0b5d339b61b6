"""Usage: foreign_client.py http URL | stdio COMMAND ARGUMENT...  Prints what a client of mcp 1.x gets."""

import asyncio
import json
import sys

from mcp import ClientSession, McpError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client


async def main(how: str, target: str, *rest: str) -> None:
    connection = (
        streamablehttp_client(target)
        if how == "http"
        else stdio_client(StdioServerParameters(command=target, args=list(rest)))
    )
    async with connection as streams, ClientSession(*streams[:2]) as session:
        await session.initialize()
        found = {"tools": [tool.name for tool in (await session.list_tools()).tools]}
        failed = await session.call_tool("read", {"name": "none"})
        found["failed"] = [failed.isError, failed.content[0].text]
        await session.call_tool("write", {"name": "c", "text": "hello"})
        found["names"] = (await session.call_tool("list", {})).structuredContent["names"]
        try:
            await session.call_tool("nope", {})
        except McpError as error:
            found["unknown"] = error.error.code
        print(json.dumps(found))


asyncio.run(main(*sys.argv[1:]))
