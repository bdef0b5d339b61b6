"""An MCP server over streamable HTTP on loopback; prints its port. Standard library and the SDK only.

usage: python http_server.py PORT STATUS        with STATUS every POST is answered by that status
       python http_server.py PORT later:STATUS  only tools/call is
"""

from __future__ import annotations

import json
import socket
import sys
from typing import Any

import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp_types import ToolAnnotations

server = MCPServer("remote")
notes: list[str] = []


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def count() -> int:
    """Count the notes."""
    return len(notes)


@server.tool()
def add(note: str) -> str:
    """Add a note."""
    notes.append(note)
    return "added"


@server.tool()
def purge() -> str:
    """Forget all."""
    notes.clear()
    return "gone"


class Refusing:
    """Answers with a status instead; checks nothing else."""

    def __init__(self, app: Any, status: int, only: bytes) -> None:
        self.app, self.status, self.only = app, status, only

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        message = await receive()
        headers = dict(scope["headers"])
        wants = self.only in message.get("body", b"")
        if wants and headers.get(b"authorization") != b"Bearer right-token-123":
            await send({"type": "http.response.start", "status": self.status, "headers": []})
            await send({"type": "http.response.body", "body": json.dumps({"error": "no"}).encode()})
            return
        first = [message]

        async def again() -> Any:
            return first.pop() if first else await receive()

        await self.app(scope, again, send)


def main() -> None:
    app: Any = server.streamable_http_app()
    if sys.argv[2]:
        when, _, status = sys.argv[2].rpartition(":")
        app = Refusing(app, int(status), b'"tools/call"' if when else b"")
    listening = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    print(listening.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listening])


main()
