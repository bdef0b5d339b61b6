"""The MCP server over streamable HTTP, and beside it, on a port of its own, the trainer's route."""

from __future__ import annotations

import hmac
import logging
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import anyio
import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from firefly.errors import RunError
from firefly.serving.admin import admin_app
from firefly.serving.config import ServeConfig, is_loopback
from firefly.serving.episodes import Episodes
from firefly.serving.server import make_server
from firefly.serving.stopping import PATIENCE, until_stopped

__all__ = ["WithToken", "serve_http"]

_IDLE = 75
"""Seconds that a connection stays open unused: longer than clients keep theirs, so that none sends a call
into one that is just being closed (httpx gives them up after 5 seconds, agents think about as long)."""


class WithToken:
    """Lets a request through only with the right bearer token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        """Guard ``app``."""
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 or pass the request on."""
        if scope["type"] == "http":
            given = dict(scope["headers"]).get(b"authorization", b"")
            if not hmac.compare_digest(given, self._expected):
                headers = [(b"www-authenticate", b"Bearer"), (b"content-type", b"text/plain")]
                await send({"type": "http.response.start", "status": 401, "headers": headers})
                await send({"type": "http.response.body", "body": b"A bearer token is needed.\n"})
                return
        await self._app(scope, receive, send)


class _OneLine(logging.Formatter):
    """What the SDK says of clients' mistakes, without the stack that it adds."""

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        return f"firefly serve: {record.getMessage()}" + (f" ({error})" if error else "")


class _WhileThere:
    """Takes a client that goes before it has sent its request for what it is: no error of the server's."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(ClientDisconnect):
            await self._app(scope, receive, send)


class _Listener(uvicorn.Server):
    """Leaves signals to whoever runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing."""
        yield


async def serve_http(episodes: Episodes, config: ServeConfig) -> None:
    """Serve until SIGINT or SIGTERM; answer what was asked by then, and end every episode.

    Raises:
        RunError: a port can't be listened on.
    """
    said = logging.StreamHandler()
    said.setFormatter(_OneLine())
    logging.getLogger("mcp").addHandler(said)
    logging.getLogger("mcp").propagate = False
    server = make_server(episodes)
    http = config.http
    # A foreign page in the user's browser must not reach a loopback server by a name of its own; on other
    # hosts, whose names are not known here, the token stands in for that.
    security = (
        None if is_loopback(http.host) else TransportSecuritySettings(enable_dns_rebinding_protection=False)
    )
    answering = server.streamable_http_app(
        streamable_http_path=http.path,
        json_response=True,
        max_request_body_size=http.body,
        max_sessions=config.episodes.most,
        transport_security=security,
        host="127.0.0.1" if is_loopback(http.host) else http.host,
    )
    app: ASGIApp = _WhileThere(answering)
    if http.token:
        app = WithToken(app, http.token)
    listeners = [_listener(app, http.host, http.port, "http", http.path)]
    if config.admin.port is not None:
        admin = WithToken(_WhileThere(admin_app(episodes)), config.admin.token)
        listeners.append(_listener(admin, "127.0.0.1", config.admin.port, "admin", "/"))
    async with anyio.create_task_group() as group:
        for listener, bound in listeners:
            group.start_soon(_run, listener, bound)
        await until_stopped()
        for listener, _ in listeners:
            listener.handle_exit(signal.SIGTERM, None)  # also ends the streams that clients keep open
    await episodes.close(PATIENCE, "the server was stopped")


def _listener(app: ASGIApp, host: str, port: int, key: str, path: str) -> tuple[_Listener, socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = None
    try:
        # with the protocol named: asyncio sends without delay (TCP_NODELAY) on such sockets only
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host.strip("[]"), port))
        bound.listen()
    except OSError as error:
        if bound is not None:
            bound.close()
        raise RunError(
            f"{key}.port={port} on {host} can't be listened on: {error.strerror or error}. Choose another, "
            f"or {key}.port=0 for a free one."
        ) from error
    shown = f"[{host}]" if ":" in host else host
    print(f"firefly serve: {key} http://{shown}:{bound.getsockname()[1]}{path}", file=sys.stderr, flush=True)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=int(PATIENCE),
        timeout_keep_alive=_IDLE,
        lifespan="on",
    )
    return _Listener(config), bound


async def _run(listener: _Listener, bound: socket.socket) -> None:
    await listener.serve(sockets=[bound])
