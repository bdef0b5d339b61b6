"""The stdio connection to one server process: messages in, messages out, and a certain end.

Differs from the SDK's own stdio client where published servers need it: lines of any length up to a
hard limit, noise on stdout skipped quietly, a bounded tail of stderr kept for messages, one process
group per server that is waited for until it is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import re
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage

from firefly.servers.process import EOF_GRACE, exited, stop
from firefly.servers.reaper import Reaper

__all__ = ["OVERSIZED", "Connection", "Launch", "Streams", "stdio_connection"]

Streams = tuple[MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]]

LINE_LIMIT = 96 * 1024 * 1024
"""Bytes of one message; a longer one is dropped while it is read, so memory stays bounded."""

OVERSIZED = "answer over the size limit"
"""Begins the message of the error that stands for a dropped answer."""

_CHUNK = 256 * 1024
_STDERR_TAIL = 16 * 1024
_POLL = 0.1
_ID = re.compile(rb'"id"\s*:\s*(\d+|"[^"\\]*")')
_METHOD = re.compile(rb'"method"\s*:')


@dataclass(frozen=True)
class Launch:
    """A direct command line, ready to run."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    """The whole environment."""
    cwd: Path | None = None


@dataclass
class Connection:
    """What is known of a live connection besides its messages."""

    closed: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once `ending` says how it ended, a little after `closed`."""
    pid: int | None = None
    """The server's process, where it is one of this machine."""
    ending: str = ""
    """How it ended, in words."""
    stderr: bytearray = field(default_factory=bytearray)
    noise: int = 0
    """Lines on stdout that were no messages."""
    first_noise: str = ""
    statuses: dict[str, int] = field(default_factory=dict)
    """Request id -> HTTP status >= 400 (streamable HTTP only)."""

    def tail(self) -> str:
        """Return the end of what the server wrote to stderr."""
        return self.stderr.decode("utf-8", "replace").strip()


@asynccontextmanager
async def stdio_connection(
    launch: Launch, connection: Connection, *, reaper: Reaper, line_limit: int = LINE_LIMIT
) -> AsyncIterator[Streams]:
    """Run a server and yield its message streams; on exit the whole process group is gone.

    Raises:
        OSError: the process can't be started.
    """
    process = await asyncio.create_subprocess_exec(
        *launch.argv,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(launch.env),
        cwd=launch.cwd,
        start_new_session=True,
        limit=4 * _CHUNK,
    )
    reaper.watch_group(process.pid)
    connection.pid = process.pid
    read_send, read_receive = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write_send, write_receive = anyio.create_memory_object_stream[SessionMessage](0)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_read, process, read_send, connection, line_limit)
            tasks.start_soon(_write, process, write_receive)
            tasks.start_soon(_keep_tail, process, connection)
            tasks.start_soon(_watch, process, read_send, connection)
            try:
                yield read_receive, write_send
            finally:
                # Every wait inside is bounded, so a cancelled owner still leaves no process behind.
                with anyio.CancelScope(shield=True):
                    read_receive.close()  # turns the reader into a drain, which lets the server go on
                    write_send.close()
                    await stop(process)
                    _note_end(process, connection)
                tasks.cancel_scope.cancel()
    finally:
        for stream in (read_send, read_receive, write_send, write_receive):
            stream.close()
        transport = getattr(process, "_transport", None)
        if transport is not None:
            # A survivor in another group can hold a pipe open; nothing public closes our end of it.
            with contextlib.suppress(PermissionError, ProcessLookupError):
                transport.close()
        reaper.forget_group(process.pid)


async def _read(
    process: asyncio.subprocess.Process,
    send: MemoryObjectSendStream[SessionMessage | Exception],
    connection: Connection,
    limit: int,
) -> None:
    assert process.stdout is not None
    lines = _Lines(limit)
    delivering = True
    async with send:
        while chunk := await process.stdout.read(_CHUNK):
            for line in lines.feed(chunk):
                message = _message(line, connection) if isinstance(line, bytes) else line.replacement()
                if message is None or not delivering:
                    continue
                try:
                    await send.send(SessionMessage(message))
                except (anyio.ClosedResourceError, anyio.BrokenResourceError):
                    delivering = False  # the session is gone: drain, or the server blocks on a full pipe
    connection.closed.set()


@dataclass
class _Oversized:
    """A line that was dropped while it was read."""

    head: bytes
    tail: bytes
    size: int

    def replacement(self) -> types.JSONRPCMessage | None:
        """Return an error for the request that the line answered, if its id can be seen."""
        found = None if _METHOD.search(self.head) else _ID.search(self.head)
        found = found or _ID.search(self.tail[-200:])
        if found is None:
            return None
        return types.JSONRPCError(
            jsonrpc="2.0",
            id=json.loads(found.group(1)),
            error=types.ErrorData(code=types.INTERNAL_ERROR, message=f"{OVERSIZED}: {self.size} bytes"),
        )


class _Lines:
    """Splits chunks into lines of at most ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._dropped: _Oversized | None = None

    def feed(self, chunk: bytes) -> list[bytes | _Oversized]:
        """Return the lines that ``chunk`` completes."""
        found: list[bytes | _Oversized] = []
        *complete, rest = chunk.split(b"\n")
        for part in complete:
            self._append(part)
            if self._dropped is not None:
                found.append(self._dropped)
                self._dropped = None
            elif self._buffer:
                found.append(bytes(self._buffer))
            self._buffer = bytearray()
        self._append(rest)
        return found

    def _append(self, part: bytes) -> None:
        if self._dropped is not None:
            self._dropped.size += len(part)
            self._dropped.tail = (self._dropped.tail + part)[-400:]
            return
        self._buffer += part
        if len(self._buffer) > self._limit:
            seen = self._buffer
            self._dropped = _Oversized(bytes(seen[:400]), bytes(seen[-400:]), len(seen))
            self._buffer = bytearray()


def _message(line: bytes, connection: Connection) -> types.JSONRPCMessage | None:
    try:
        return types.jsonrpc_message_adapter.validate_json(line, by_name=False)
    except ValueError:
        pass
    try:  # the SDK's parser is stricter than Python servers are: lone surrogates, bytes that are no UTF-8
        value = _encodable(json.loads(line.decode("utf-8", "replace")))
        return types.jsonrpc_message_adapter.validate_python(value, by_name=False)
    except (ValueError, RecursionError):
        if line.strip():
            connection.noise += 1
            if not connection.first_noise:
                connection.first_noise = line[:200].decode("utf-8", "replace").strip()
        return None


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    return value


async def _write(
    process: asyncio.subprocess.Process, messages: MemoryObjectReceiveStream[SessionMessage]
) -> None:
    assert process.stdin is not None
    async with messages:
        async for item in messages:
            line = item.message.model_dump_json(by_alias=True, exclude_unset=True)
            try:
                process.stdin.write(line.encode("utf-8", "replace") + b"\n")
                await process.stdin.drain()
            except (OSError, RuntimeError):
                break  # the process is going; _watch reports it


async def _keep_tail(process: asyncio.subprocess.Process, connection: Connection) -> None:
    assert process.stderr is not None
    while chunk := await process.stderr.read(_CHUNK):
        connection.stderr += chunk
        del connection.stderr[:-_STDERR_TAIL]


async def _watch(
    process: asyncio.subprocess.Process,
    send: MemoryObjectSendStream[SessionMessage | Exception],
    connection: Connection,
) -> None:
    """Notice the end of the process even while a descendant holds its stdout open."""
    while process.returncode is None:
        with anyio.move_on_after(_POLL):
            await connection.closed.wait()
            break
    if process.returncode is None:
        await exited(process, EOF_GRACE)
    with anyio.move_on_after(_POLL):  # what it wrote last may still be in the pipe
        await connection.closed.wait()
    _note_end(process, connection)
    connection.closed.set()
    connection.ended.set()
    send.close()


def _note_end(process: asyncio.subprocess.Process, connection: Connection) -> None:
    if connection.ending:
        return
    code = process.returncode
    if code is None:
        connection.ending = "its stdout was closed"
    elif code < 0:
        connection.ending = f"its process was ended by {_signal_name(-code)}"
    else:
        connection.ending = f"its process ended with exit code {code}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
