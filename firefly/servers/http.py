"""The streamable HTTP connection to a server reached by URL: status codes kept, sizes bounded."""

from __future__ import annotations

import ipaddress
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx2
from mcp.client.streamable_http import streamable_http_client

from firefly.servers.spec import ServerSpec
from firefly.servers.transport import LINE_LIMIT, OVERSIZED, Connection, Streams

__all__ = ["http_connection"]

_CONNECT_SECONDS = 20.0

logging.getLogger("httpx2").setLevel(logging.WARNING)  # it would log every URL, keys in queries included


@asynccontextmanager
async def http_connection(spec: ServerSpec, connection: Connection) -> AsyncIterator[Streams]:
    """Connect to ``spec.url`` and yield its message streams."""
    assert spec.url is not None

    async def look_at(response: httpx2.Response) -> None:
        if response.status_code >= 400 and response.request.method == "POST":
            connection.statuses[_request_id(response.request)] = response.status_code
        if isinstance(response.stream, httpx2.AsyncByteStream) and not _is_stream(response):
            response.stream = _Bounded(response.stream)

    client = httpx2.AsyncClient(
        headers=spec.headers,
        timeout=httpx2.Timeout(_CONNECT_SECONDS, read=spec.call_timeout + 30.0),
        event_hooks={"response": [look_at]},
        trust_env=not _is_loopback(spec.url),  # a proxy for the world does not know this machine's own ports
    )
    async with client:
        try:
            async with streamable_http_client(
                spec.url, http_client=client, max_sse_event_size=LINE_LIMIT
            ) as (read, write):
                yield read, write  # type: ignore[misc]
        finally:
            connection.closed.set()


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_stream(response: httpx2.Response) -> bool:
    kind: str = response.headers.get("content-type", "")
    return kind.startswith("text/event-stream")


def _request_id(request: httpx2.Request) -> str:
    try:
        return str(json.loads(request.content).get("id"))
    except (ValueError, AttributeError, httpx2.RequestNotRead):
        return ""


class _Bounded(httpx2.AsyncByteStream):
    """Breaks off a body that is over the size limit."""

    def __init__(self, inner: httpx2.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> Any:
        size = 0
        async for chunk in self._inner:
            size += len(chunk)
            if size > LINE_LIMIT:
                raise httpx2.ReadError(f"{OVERSIZED}: more than {LINE_LIMIT} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()
