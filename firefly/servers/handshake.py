"""How a session begins: a protocol both sides speak, and the server's own account of itself."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

import mcp_types as types
from mcp import ClientSession, MCPError
from pydantic import ValidationError

from firefly.servers.raw import Exchange, current

log = logging.getLogger("firefly.servers")

PAGE_CAP = 200
"""Pages of ``tools/list``; a server with more lists for ever."""
TOOL_CAP = 10_000


class CallEnded(Exception):  # noqa: N818 - no error of ours: it says how a call ended without an answer
    """A call got no answer of the server: it timed out, crashed, or was turned away."""


@dataclass
class Listed:
    """A server's own account of itself, raw."""

    tools: list[dict[str, Any]] = field(default_factory=list)
    protocol_version: str = ""
    server_version: str = ""


async def shake_hands(client: ClientSession, mode: str) -> tuple[str, str]:
    """Agree on a protocol; return its version and the server's own.

    Args:
        client: the session, not yet initialized.
        mode: ``auto`` asks for the newest protocol first, ``legacy`` does not.

    """
    if mode == "auto":
        try:
            await client.discover()
        except (MCPError, ValidationError, RuntimeError):
            await client.initialize()
    else:
        await client.initialize()
    info = client.server_info
    return client.protocol_version or "", info.version if info else ""


async def list_tools(client: ClientSession, server: str) -> list[dict[str, Any]]:
    """Return every page of the server's tools, raw.

    Raises:
        CallEnded: the list does not end.
        MCPError: it answers with an error.
    """
    tools: list[dict[str, Any]] = []
    capabilities = client.server_capabilities
    cursor: str | None = None
    seen: set[str] = set()
    pages, why = 0, ""
    while pages < PAGE_CAP and len(tools) <= TOOL_CAP and not why:
        exchange = Exchange()
        token = current.set(exchange)
        try:
            params = types.PaginatedRequestParams(cursor=cursor) if cursor is not None else None
            await client.list_tools(params=params)
        except MCPError as error:
            if error.error.code == types.METHOD_NOT_FOUND and not (capabilities and capabilities.tools):
                return tools  # it has none
            raise
        except ValidationError as error:
            if exchange.result is None or not isinstance(exchange.result.get("tools"), list):
                raise
            log.debug("%s: the list of tools is not valid: %s", server, error)
        finally:
            current.reset(token)
        pages += 1
        page = exchange.result or {}
        tools += page.get("tools") or []
        cursor = page.get("nextCursor")
        if cursor is None:
            return tools
        why = ", and a cursor came twice" if cursor in seen else ""
        seen.add(cursor)
    raise CallEnded(f"tools/list does not end: {pages} pages and {len(tools)} tools so far{why}")
