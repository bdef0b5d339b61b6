"""Requests through the SDK whose raw results are kept, whatever its validation says of them."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from mcp.shared.jsonrpc_dispatcher import JSONRPCDispatcher
from pydantic import RootModel

__all__ = ["Exchange", "Raw", "RawDispatcher", "current"]


class Raw(RootModel[dict[str, Any]]):
    """Any result."""


@dataclass
class Exchange:
    """What one request sent and got, before validation."""

    request_id: int = 0
    result: dict[str, Any] | None = None


current: ContextVar[Exchange | None] = ContextVar("current", default=None)


class RawDispatcher(JSONRPCDispatcher[Any]):
    """Keeps the raw result of the current request for `Session`."""

    _mine = 1_000_000
    """Ids from here on, apart from those that the SDK gives."""

    async def send_raw_request(
        self, method: str, params: Mapping[str, Any] | None, opts: Any = None, **more: Any
    ) -> dict[str, Any]:
        """Send a request; remember its id and its raw result for whoever set `current`."""
        exchange = current.get()
        if exchange is None:
            return await super().send_raw_request(method, params, opts, **more)
        self._mine += 1
        exchange.request_id = self._mine
        options = {**(opts or {}), "request_id": exchange.request_id}
        result = await super().send_raw_request(method, params, options, **more)  # type: ignore[arg-type]
        exchange.result = result
        return result
