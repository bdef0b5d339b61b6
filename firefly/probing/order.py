"""In which order tools are tried. Names and hints decide nothing else: they are no proof of an effect."""

from __future__ import annotations

from typing import Literal

from firefly.parameters import parameters
from firefly.replay.records import Tool
from firefly.values.semantic import words

__all__ = ["Presumption", "presumed", "read_order", "write_order"]

Presumption = Literal["read", "write", "unclear"]

_READS = frozenset(
    {
        "analyze",
        "calculate",
        "check",
        "classify",
        "compare",
        "compute",
        "convert",
        "count",
        "describe",
        "detect",
    }
    | {
        "diff",
        "directory",
        "echo",
        "evaluate",
        "explain",
        "extract",
        "fetch",
        "find",
        "get",
        "has",
        "health",
        "info",
    }
    | {
        "inspect",
        "is",
        "list",
        "log",
        "lookup",
        "ping",
        "preview",
        "query",
        "read",
        "search",
        "select",
        "show",
    }
    | {"solve", "status", "suggest", "summarize", "trace", "validate", "view"}
)
_CREATES = frozenset(
    {
        "add",
        "append",
        "book",
        "create",
        "define",
        "import",
        "init",
        "initialize",
        "insert",
        "load",
        "make",
        "new",
    }
    | {"open", "post", "put", "register", "request", "reserve", "send", "start", "upload", "write"}
)
_CHANGES = frozenset(
    {"apply", "approve", "assign", "build", "change", "checkout", "commit", "complete", "configure", "copy"}
    | {
        "disable",
        "download",
        "edit",
        "enable",
        "execute",
        "export",
        "fill",
        "finish",
        "format",
        "generate",
        "manage",
    }
    | {
        "mark",
        "merge",
        "modify",
        "move",
        "order",
        "pay",
        "populate",
        "protect",
        "push",
        "redo",
        "refresh",
        "rename",
    }
    | {
        "reorder",
        "replace",
        "restore",
        "return",
        "rotate",
        "run",
        "save",
        "set",
        "sort",
        "split",
        "stage",
        "switch",
    }
    | {"toggle", "transfer", "transform", "trigger", "undo", "unprotect", "update"}
)
_ENDS = frozenset(
    {"cancel", "clear", "close", "delete", "destroy", "drop", "kill", "purge", "remove", "reset", "stop"}
)
_LISTS = frozenset(
    {"all", "available", "list", "status", "summary", "info", "overview", "directory", "schema"}
)


def presumed(tool: Tool) -> Presumption:
    """Return what the declaration suggests: its hints, then the first telling word of its name."""
    hints = tool.annotations
    if hints.read_only:
        return "read"
    if hints.read_only is False or hints.destructive:
        return "write"
    for word in words(tool.name)[:3]:
        if word in _READS:
            return "read"
        if word in _CREATES | _CHANGES | _ENDS:
            return "write"
    return "unclear"


def read_order(tool: Tool) -> tuple[int, int, int, str]:
    """Return the sort key among reads: argument-free and list-like ones first, unclear ones last."""
    required = sum(parameter.required for parameter in parameters(tool))
    lists = bool(set(words(tool.name)) & _LISTS)
    return (presumed(tool) == "unclear", required and not lists, required, tool.name)


def write_order(tool: Tool) -> tuple[int, int, str]:
    """Return the sort key among writes: what makes something, what changes it, what ends it."""
    named = set(words(tool.name)[:3])
    stage = 2 if named & _ENDS else 0 if named & _CREATES else 1
    required = sum(parameter.required for parameter in parameters(tool))
    return (stage, required, tool.name)
