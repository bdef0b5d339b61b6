"""The effect guard: says before any call whether a tool may be called at all."""

from __future__ import annotations

from collections.abc import Sequence

from firefly.errors import nearest
from firefly.replay.records import Tool
from firefly.servers.spec import ServerSpec

__all__ = ["refusals", "unknown_names"]


def refusals(spec: ServerSpec, tools: Sequence[Tool]) -> dict[str, str]:
    """Return for every tool that must not be called the reason and the line that would admit it."""
    found: dict[str, str] = {}
    for tool in sorted(tools, key=lambda one: one.name):
        reason = _refusal(spec, tool)
        if reason:
            found[tool.name] = reason
    return found


def _refusal(spec: ServerSpec, tool: Tool) -> str:
    if tool.name in spec.deny:
        return f"on the deny list; to admit it, take {tool.name!r} out of {spec.where}.deny"
    if spec.disposable or tool.name in spec.allow:
        return ""
    if tool.annotations.read_only and not tool.annotations.destructive:
        return ""
    why = (
        "it does not declare readOnlyHint"
        if tool.annotations.read_only is None
        else "it declares that it changes something"
    )
    return f"{why}, and the server is not disposable; to admit it: {spec.where}.allow: [{tool.name}]"


def unknown_names(spec: ServerSpec, tools: Sequence[Tool]) -> list[str]:
    """Return a warning for every entry of the allow and deny lists that names no tool."""
    names = {tool.name for tool in tools}
    return [
        f"{spec.where}.{key}: the server has no tool {name!r}. {nearest(name, names)}"
        for key, listed in (("allow", spec.allow), ("deny", spec.deny))
        for name in listed
        if name not in names
    ]
