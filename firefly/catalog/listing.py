"""Lists one server: what it declared, in canonical form and the same on every run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from firefly.catalog.canonical import canonical_schema, remote_references
from firefly.protocols import ServerProvider
from firefly.records import Listing
from firefly.replay.records import Tool

__all__ = ["list_server"]


def list_server(server: str, provider: ServerProvider) -> Listing:
    """Return the server's tools sorted by name, or its health with the true reason why there are none.

    A tool that can't be used as declared is left out with a warning in the health record, never
    silently and never with the whole server.
    """
    listing = provider.listing(server)
    warnings = list(listing.health.warnings)
    names = Counter(tool.name for tool in listing.tools)
    tools: dict[str, Tool] = {}
    for tool in sorted(listing.tools, key=lambda one: one.name):
        fault = _fault(tool, names)
        if fault:
            if fault not in warnings:
                warnings.append(fault)
            continue
        tools[tool.name] = tool.model_copy(
            update={
                "input_schema": canonical_schema(tool.input_schema),
                "output_schema": None if tool.output_schema is None else canonical_schema(tool.output_schema),
                "description": tool.description.strip(),
            }
        )
    health = listing.health.model_copy(update={"warnings": tuple(warnings), "tool_count": len(tools)})
    refused = {name: why for name, why in sorted(listing.refused.items()) if name in tools}
    return listing.model_copy(
        update={"health": health, "tools": tuple(tools[name] for name in sorted(tools)), "refused": refused}
    )


def _fault(tool: Tool, names: Mapping[str, int]) -> str:
    """Return why the tool can't be used as declared; "" when it can."""
    remote: Sequence[str] = sorted(
        {*remote_references(tool.input_schema), *remote_references(tool.output_schema)}
    )
    if remote:
        return f"tool {tool.name!r} is left out: its schema refers to {remote[0]!r} outside itself"
    if names[tool.name] > 1:
        return f"{names[tool.name]} tools are called {tool.name!r}; all of them are left out"
    if not tool.name:
        return "a tool without a name is left out"
    return ""
