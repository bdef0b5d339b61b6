"""The tools an agent sees: agent-visible names mapped to (server, tool)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property

from .records import Record, Tool, ToolCall

_NAME = re.compile(r"[^A-Za-z0-9_-]")
_LIMIT = 64


class ToolSet(Record):
    """Tools in canonical order (by server, name). Its digest names an environment."""

    tools: tuple[Tool, ...]

    @classmethod
    def of(cls, tools: Iterable[Tool]) -> ToolSet:
        """Return the tool set of ``tools``, whatever their order."""
        return cls(tools=tuple(sorted(tools, key=lambda tool: tool.key)))

    @property
    def servers(self) -> tuple[str, ...]:
        """Return the servers involved, sorted."""
        return tuple(sorted({tool.server for tool in self.tools}))

    @cached_property
    def names(self) -> Mapping[str, Tool]:
        """Return agent-visible name -> tool.

        The bare tool name, or ``<server>-<tool>`` where two servers share it; always valid for
        ``^[A-Za-z0-9_-]{1,64}$`` and unique.
        """
        bare = Counter(_clean(tool.name) for tool in self.tools)
        found: dict[str, Tool] = {}
        for tool in self.tools:
            name = _clean(tool.name)
            if bare[name] > 1:
                name = _clean(f"{tool.server}-{tool.name}")
            name = name[:_LIMIT]
            number = 2
            unique = name
            while unique in found:
                suffix = f"-{number}"
                unique = name[: _LIMIT - len(suffix)] + suffix
                number += 1
            found[unique] = tool
        return found

    def name_of(self, server: str, tool: str) -> str:
        """Return the agent-visible name of a tool.

        Raises:
            KeyError: the tool is not in the set.
        """
        return self._by_key[(server, tool)]

    @cached_property
    def _by_key(self) -> Mapping[tuple[str, str], str]:
        return {tool.key: name for name, tool in self.names.items()}

    def call(self, name: str, arguments: dict[str, object]) -> ToolCall | None:
        """Return the call that an agent means by ``name``; None when there is no such tool."""
        tool = self.names.get(name)
        if tool is None:
            return None
        return ToolCall.model_validate({"server": tool.server, "tool": tool.name, "arguments": arguments})


def _clean(name: str) -> str:
    return _NAME.sub("_", name) or "tool"
