"""Which pairs of tools are worth scoring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from firefly.plugins import register
from firefly.records import ToolKey
from firefly.replay.records import Tool


@register("candidates", "all_pairs")
class AllPairs:
    """Every ordered pair; right up to about a thousand tools.

    The rule-based scorers cost microseconds a pair. Lexical pre-selection would lose about half of
    the pairs across servers: workflows join complementary tools, not similar ones.
    """

    def candidates(self, tools: Sequence[Tool]) -> Mapping[ToolKey, Sequence[ToolKey]]:
        """Return for every source all tools, itself included: a write may affect a read without arguments."""
        targets = tuple(sorted(tool.key for tool in tools))
        return {tool.key: targets for tool in tools}
