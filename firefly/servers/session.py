"""One live session with one server: a single owner task enters and leaves it, anybody may call.

The task that opens an SDK session must also close it, so `Session` keeps that task and hands it a
stop signal. Results are taken raw, before the SDK validates them: one bad schema or one answer that
does not match its output schema is no reason to lose a server or an answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import anyio
import mcp_types as types
from mcp import ClientSession, MCPError
from pydantic import FileUrl, ValidationError

from firefly.servers.handshake import CallEnded, Listed, list_tools, shake_hands
from firefly.servers.rate import RateLimit
from firefly.servers.raw import Exchange, Raw, RawDispatcher, current
from firefly.servers.stderr import essence
from firefly.servers.transport import OVERSIZED, Connection, Streams

__all__ = ["CAPABILITIES", "ServerAnswer", "Session"]

log = logging.getLogger("firefly.servers")

CAPABILITIES = ("elicitation", "roots", "sampling")
"""What this client says that it can do; servers list other tools for other clients."""

logging.getLogger("mcp").setLevel(logging.CRITICAL)  # what it has to say comes as the reason of a failure

_ROUNDS = 4
"""How often a call may ask back (MCP 2026-07-28: input required)."""
_SETTLING_SECONDS = 0.05
_PING_SECONDS = 2.0
_END_SECONDS = 2.0
"""How long to wait for the reason of a broken connection."""


@dataclass(frozen=True)
class ServerAnswer:
    """What a server answered: a result, or a JSON-RPC error."""

    result: dict[str, Any] | None = None
    code: int | None = None
    message: str = ""


class Session:
    """A live session. All methods run in the event loop."""

    def __init__(
        self,
        server: str,
        connect: Callable[[Connection], AbstractAsyncContextManager[Streams]],
        *,
        mode: str = "legacy",
        start_timeout: float = 120.0,
        concurrency: int = 1,
        rate: RateLimit | None = None,
        roots: Sequence[str] = (),
    ) -> None:
        self.server = server
        self.connection = Connection()
        self.listed = Listed()
        self._connect = connect
        self._mode = mode
        self._start_timeout = start_timeout
        self._slots = asyncio.Semaphore(concurrency)
        self._rate = rate
        self._roots = tuple(roots)
        self._told_roots = False
        self._stop = asyncio.Event()
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None
        self._client: ClientSession | None = None
        self._in_flight = 0

    @property
    def alive(self) -> bool:
        """Return whether calls can be made."""
        return self._client is not None and not self.connection.closed.is_set()

    @property
    def busy(self) -> bool:
        """Return whether a call is under way."""
        return self._in_flight > 0

    async def start(self) -> None:
        """Connect, shake hands and list the tools.

        Raises:
            CallEnded: with the true reason in words.
        """
        self._task = asyncio.create_task(self._own(), name=f"session {self.server}")
        done, _ = await asyncio.wait({self._ready}, timeout=self._start_timeout)
        if not done:
            await self.stop()
            if self._ready.done() and not self._ready.cancelled():
                self._ready.exception()  # whatever it was, it came too late
            said = essence(self.connection.tail())
            raise CallEnded(
                f"it did not answer within {self._start_timeout:g} s{self._noise()}"
                + (f"; the last of its stderr: {said}" if said else "")
            )
        error = self._ready.exception()
        if error is not None:
            await self.stop()
            raise error

    async def stop(self) -> None:
        """End the session and its process; idempotent."""
        self._stop.set()
        if self._task is not None:
            if not self._ready.done():
                self._task.cancel()
            await asyncio.wait({self._task})

    async def call(self, tool: str, arguments: dict[str, Any], timeout: float) -> ServerAnswer:
        """Call a tool.

        Raises:
            CallEnded: the server gave no answer; says why.
        """
        self._in_flight += 1
        try:
            async with self._slots:
                if self._rate is not None:
                    await self._rate.wait()
                return await self._timed(tool, arguments, timeout)
        finally:
            self._in_flight -= 1

    async def _timed(self, tool: str, arguments: dict[str, Any], timeout: float) -> ServerAnswer:
        try:
            with anyio.fail_after(timeout):
                return await self._call(tool, arguments)
        except TimeoutError:
            if not self.connection.closed.is_set() and not await self._responds():
                self._stop.set()  # hung for good: whoever needs it next starts it anew
                self.connection.closed.set()
            raise CallEnded(f"no answer within {timeout:g} s") from None

    async def _call(self, tool: str, arguments: dict[str, Any]) -> ServerAnswer:
        responses: Any = None
        state: str | None = None
        for _ in range(_ROUNDS):
            params = types.CallToolRequestParams(
                name=tool, arguments=arguments, input_responses=responses, request_state=state
            )
            answer = await self._request(types.CallToolRequest(params=params))
            result = answer.result
            if result is None or result.get("resultType") != "input_required":
                return answer
            try:
                asked = types.InputRequiredResult.model_validate(result)
                responses, state = await self._answer_back(asked), asked.request_state
            except (ValidationError, MCPError) as error:
                return ServerAnswer(code=types.INVALID_REQUEST, message=f"it asked for input: {error}")
        return ServerAnswer(code=types.INVALID_REQUEST, message="it kept asking for input")

    async def _answer_back(self, asked: types.InputRequiredResult) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, request in (asked.input_requests or {}).items():
            if isinstance(request, types.ListRootsRequest):
                found[key] = self._root_list()
            elif isinstance(request, types.ElicitRequest):
                found[key] = types.ElicitResult(action="decline")
            else:
                raise MCPError(code=types.INVALID_REQUEST, message=_NO_SAMPLING)
        return found

    async def _request(self, request: types.Request[Any, Any]) -> ServerAnswer:
        client = self._client
        if client is None or self.connection.closed.is_set():
            raise CallEnded(self.why_ended)
        exchange = Exchange()
        token = current.set(exchange)
        try:
            await client.send_request(request, Raw)
        except MCPError as error:
            return await self._error(error, exchange)
        except ValidationError:
            if exchange.result is None:
                raise
        finally:
            current.reset(token)
        return ServerAnswer(result=exchange.result if exchange.result is not None else {})

    async def _error(self, error: MCPError, exchange: Exchange) -> ServerAnswer:
        code, message = error.error.code, error.error.message
        status = self.connection.statuses.pop(str(exchange.request_id), None)
        if status is not None and (status in (401, 403, 404, 407, 408, 425, 429) or status >= 500):
            if status == 404:  # the server forgot this session; the next call begins another
                self._stop.set()
                self.connection.closed.set()
            raise CallEnded(f"HTTP {status}{_STATUS.get(status, '')}")
        if message.startswith(OVERSIZED):
            raise CallEnded(message)
        if code == types.CONNECTION_CLOSED and message == "Connection closed":
            with anyio.move_on_after(_END_SECONDS):
                await self.connection.ended.wait()
            raise CallEnded(self.why_ended)
        return ServerAnswer(code=code, message=message)

    async def _responds(self) -> bool:
        try:
            with anyio.fail_after(_PING_SECONDS):
                await self._request(types.PingRequest())
        except (TimeoutError, CallEnded):
            return False
        return True

    @property
    def why_ended(self) -> str:
        """Return how the connection ended, in words."""
        why = self.connection.ending or "the connection is closed"
        said = essence(self.connection.tail())
        return f"{why}: {said}" if said else why

    def _noise(self) -> str:
        shown = self.connection.first_noise
        return f"; it wrote to stdout what is no MCP message: {shown!r}" if shown else ""

    # --- the owner task ----------------------------------------------------------------------

    async def _own(self) -> None:
        try:
            async with self._connect(self.connection) as (read, write):
                dispatcher = RawDispatcher(read, write)
                async with ClientSession(
                    dispatcher=dispatcher,
                    sampling_callback=_decline_sampling,
                    elicitation_callback=_decline_elicitation,
                    list_roots_callback=self._list_roots,
                    message_handler=self._on_message,
                    client_info=types.Implementation(name="firefly", version="1"),
                ) as client:
                    self.listed.protocol_version, self.listed.server_version = await shake_hands(
                        client, self._mode
                    )
                    self._client = client
                    self.listed.tools = await list_tools(client, self.server)
                    if self._told_roots:
                        await self._settle()
                    if not self._ready.done():
                        self._ready.set_result(None)
                    await self._stop.wait()
        except asyncio.CancelledError:
            if not self._ready.done():
                self._ready.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - the one boundary between the SDK and Firefly
            reason = self._start_reason(error)
            if self._ready.done():
                self.connection.ending = self.connection.ending or reason
            else:
                self._ready.set_exception(CallEnded(reason))
        finally:
            self._client = None
            self.connection.closed.set()
            self.connection.ended.set()

    def _start_reason(self, error: BaseException) -> str:
        leaf = _leaf(error)
        if isinstance(leaf, CallEnded):
            return str(leaf)
        status = next(iter(self.connection.statuses.values()), None)
        if status is not None:
            return f"HTTP {status}{_STATUS.get(status, '')}"
        if isinstance(leaf, MCPError):
            if leaf.error.message == "Connection closed":
                return self.why_ended + self._noise()
            return f"it answered the handshake with error {leaf.error.code}: {leaf.error.message}"
        if isinstance(leaf, ValidationError):
            first = leaf.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            return f"it does not speak MCP as specified: {leaf.title} {where}: {first['msg']}"
        return f"{type(leaf).__name__}: {leaf}" if str(leaf) else type(leaf).__name__

    # --- what a server may ask ---------------------------------------------------------------

    def _root_list(self) -> types.ListRootsResult:
        return types.ListRootsResult(
            roots=[types.Root(uri=FileUrl(uri), name="workspace") for uri in self._roots]
        )

    async def _list_roots(self, context: Any) -> types.ListRootsResult:
        self._told_roots = True
        return self._root_list()

    async def _settle(self) -> None:
        """Wait until a server that asked for the roots has them: before, it may turn paths away."""
        await asyncio.sleep(_SETTLING_SECONDS)
        await self._responds()

    async def _on_message(self, message: Any) -> None:
        if isinstance(message, types.ToolListChangedNotification) and self._ready.done():
            log.info("%s says that its list of tools changed; the one in use stays", self.server)


_NO_SAMPLING = "This client has no language model to sample from."
_STATUS = {
    401: " (unauthorized: the server wants credentials)",
    403: " (forbidden)",
    404: " (not found)",
    429: " (too many requests)",
}


async def _decline_sampling(context: Any, params: Any) -> types.ErrorData:
    return types.ErrorData(code=types.INVALID_REQUEST, message=_NO_SAMPLING)


async def _decline_elicitation(context: Any, params: Any) -> types.ElicitResult:
    return types.ElicitResult(action="decline")


def _leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
