"""The MCP server over standard input and output: one process, one episode unless clients name several."""

from __future__ import annotations

import os
from collections.abc import Callable

import anyio
from mcp.server.stdio import stdio_server

from firefly.serving.episodes import Episodes
from firefly.serving.server import make_server
from firefly.serving.stopping import PATIENCE, until_stopped

__all__ = ["serve_stdio"]

EPISODE = "stdio"
"""Name of the episode of requests that name none."""


async def serve_stdio(episodes: Episodes, at_end: Callable[[], None]) -> None:
    """Serve until the client goes, or SIGINT or SIGTERM.

    Args:
        episodes: makes the calls.
        at_end: called when every episode has ended; a signal ends the process right after.

    """
    server = make_server(episodes, otherwise=EPISODE)

    async def stop_at_signal() -> None:
        await until_stopped()
        await episodes.close(PATIENCE, "the server was stopped")
        at_end()
        os._exit(0)  # a thread waits for the next line of input, and nothing can call it off

    async with anyio.create_task_group() as group:
        group.start_soon(stop_at_signal)
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())
        await episodes.close(PATIENCE, "the client went away")
        at_end()
        group.cancel_scope.cancel()
