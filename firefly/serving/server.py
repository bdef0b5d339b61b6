"""The MCP server: recorded tools with their schemas and names, calls made in episodes. Nothing else.

Rewards, reference answers, prompts, tiers and counts are not here: an agent that reads all that this
server sends learns no more than from the live servers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mcp_types as types
from mcp import MCPError
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server

from firefly.errors import FireflyError
from firefly.replay.records import Attachment, Observation, Tool
from firefly.serving.dataset import Offer
from firefly.serving.episodes import Asked, Episodes
from firefly.serving.log import LogError

__all__ = ["asked_of", "make_server"]

_VERSION = "1.0.0"

Context = ServerRequestContext[Any, Any]


def make_server(episodes: Episodes, *, otherwise: str = "") -> Server[Any]:
    """Return the MCP server of ``episodes``.

    Args:
        episodes: makes the calls.
        otherwise: name of the episode for requests that name none.

    """
    lists: dict[int, tuple[Offer, types.ListToolsResult]] = {}

    async def list_tools(
        context: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        try:
            offer = episodes.offer(asked_of(context, otherwise))
        except FireflyError as error:
            raise MCPError(types.INVALID_PARAMS, str(error)) from None
        known = lists.get(id(offer.tool_set))
        if known is None:
            tools = [
                _declared(name, tool, structured=tool.key not in offer.unstructured)
                for name, tool in offer.tool_set.names.items()
            ]
            known = lists.setdefault(id(offer.tool_set), (offer, types.ListToolsResult(tools=tools)))
        return known[1]

    async def call_tool(context: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        try:
            observation = await episodes.call(asked_of(context, otherwise), params.name, params.arguments)
        except LogError as error:
            raise MCPError(types.INTERNAL_ERROR, str(error)) from None
        except FireflyError as error:
            raise MCPError(types.INVALID_PARAMS, str(error)) from None
        if observation.error_code is not None:
            raise MCPError(observation.error_code, observation.text)
        return _result(observation)

    return Server("tools", version=_VERSION, on_list_tools=list_tools, on_call_tool=call_tool)


def asked_of(context: Context, otherwise: str = "") -> Asked:
    """Return which episode a request is for: by its ``_meta``, else its headers, else its URL.

    Clients of the protocol's older versions have a session of their own, which stands for an episode
    where they name none.
    """
    meta: Mapping[str, Any] = context.meta or {}
    request = context.request
    headers: Mapping[str, str] = getattr(request, "headers", {})
    query: Mapping[str, str] = getattr(request, "query_params", {})

    def named(what: str) -> str:
        found = meta.get(f"firefly/{what}") or headers.get(f"x-firefly-{what}") or query.get(what)
        return str(found) if found else ""

    session = headers.get("mcp-session-id", "")
    return Asked(
        episode=named("episode") or (f"session {session}" if session else otherwise),
        task=named("task"),
        servers=tuple(part.strip() for part in named("servers").split(",") if part.strip()),
    )


def _declared(name: str, tool: Tool, *, structured: bool) -> types.Tool:
    hints = tool.annotations
    known = any(value is not None for value in hints.model_dump().values())
    return types.Tool(
        name=name,
        title=tool.title or None,
        description=tool.description,
        input_schema=tool.input_schema,
        output_schema=tool.output_schema if structured else None,
        annotations=types.ToolAnnotations(
            read_only_hint=hints.read_only,
            destructive_hint=hints.destructive,
            idempotent_hint=hints.idempotent,
            open_world_hint=hints.open_world,
        )
        if known
        else None,
    )


def _result(observation: Observation) -> types.CallToolResult:
    content: list[types.ContentBlock] = []
    if observation.text or (observation.structured is None and not observation.attachments):
        content.append(types.TextContent(type="text", text=observation.text))
    for attachment in observation.attachments:
        if attachment.kind != "resource" or not observation.text:  # a resource's text is in the text already
            content += _attached(attachment)
    return types.CallToolResult(
        content=content, structured_content=observation.structured, is_error=observation.is_error
    )


def _attached(attachment: Attachment) -> list[types.ContentBlock]:
    """Return what can be sent of a block whose content was not kept: that it was there."""
    if attachment.kind == "resource_link":
        name = attachment.uri.rsplit("/", 1)[-1] or attachment.uri
        link = {"type": "resource_link", "uri": attachment.uri, "name": name}
        if attachment.mime_type:
            link["mimeType"] = attachment.mime_type
        return [types.ResourceLink.model_validate(link)]
    kind = attachment.mime_type or attachment.kind
    return [types.TextContent(type="text", text=f"[{kind}, {attachment.size} bytes]")]
