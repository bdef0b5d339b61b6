"""Which pairs of tools are worth scoring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from firefly.parameters import parameters
from firefly.plugins import register
from firefly.records import ToolKey
from firefly.replay.records import Tool


@register("candidates", "all_pairs")
class AllPairs:
    """Every ordered pair whose target takes an argument; right up to about a thousand tools.

    The rule-based scorers cost microseconds a pair. Lexical pre-selection would lose about half of
    the pairs across servers: workflows join complementary tools, not similar ones.
    """

    def candidates(self, tools: Sequence[Tool]) -> Mapping[ToolKey, Sequence[ToolKey]]:
        """Return for every source all tools that take an argument, itself included."""
        targets = tuple(sorted(tool.key for tool in tools if parameters(tool)))
        return {tool.key: targets for tool in tools}
