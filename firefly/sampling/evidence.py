"""What recorded calls say of passing values on: whether a value can, and whether the call is needed for it.

Nothing is recorded of tools that were never called: then nothing speaks against an edge.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import chain

from pydantic import JsonValue

from firefly.knowledge import Knowledge
from firefly.outputs import Path, expand, leaves, useful_output
from firefly.records import Edge, ToolKey

_GUESSED = 12
"""Whole numbers up to this are told rather than passed on: anybody would guess them."""
_ENOUGH = 6
"""Values of one answer that give enough to ask about."""


class Evidence:
    """Looks up values in the recorded calls of a group of servers."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self._outputs: dict[ToolKey, list[tuple[frozenset[str], JsonValue]]] = {}
        self._leaves: dict[ToolKey, frozenset[str]] = {}
        self._passed: dict[tuple[ToolKey, Path], frozenset[str] | None] = {}
        self._together: dict[tuple[ToolKey, frozenset[Path]], bool] = {}

    def together(self, tool: ToolKey, paths: Iterable[Path]) -> bool:
        """Return whether one answer was seen to hold something at all of ``paths``."""
        wanted = frozenset(paths)
        found = self._together.get((tool, wanted))
        if found is None:
            seen = self._seen(tool)
            found = not seen or any(
                all(next(expand(output, path), None) is not None for path in wanted) for _, output in seen
            )
            self._together[tool, wanted] = found
        return found

    def carries(self, edge: Edge) -> bool:
        """Return whether the edge passes anything on that was not given to the call that returned it."""
        passed = self.passed(edge)
        return passed is None or bool(passed)

    def passed(self, edge: Edge) -> frozenset[str] | None:
        """Return the values that the edge was seen to offer and that need finding out; None: nothing seen."""
        key = (edge.source, edge.output_path)
        if key not in self._passed:
            self._passed[key] = self._find_passed(*key)
        return self._passed[key]

    def said(self, tool: ToolKey) -> frozenset[str] | None:
        """Return every value that the tool was seen to return and not to be given; None: nothing seen."""
        if not self._seen(tool):
            return None
        if tool not in self._leaves:
            self._leaves[tool] = frozenset(
                _text(leaf)
                for given, output in self._seen(tool)
                for _, leaf in leaves(output)
                if _tells(leaf) and _text(leaf) not in given
            )
        return self._leaves[tool]

    def answers(self, tool: ToolKey) -> float:
        """Return how much an answer of the tool has to ask about, 0..1; 1.0 if nothing is known."""
        seen = self._seen(tool)
        if not seen:
            return 1.0
        said = [
            {_text(leaf) for _, leaf in leaves(output) if _tells(leaf) and _text(leaf) not in given}
            for given, output in seen
        ]
        return min(1.0, sum(map(len, said)) / len(said) / _ENOUGH)

    def new(self, values: frozenset[str] | None, others: Collection[ToolKey]) -> float:
        """Return which share of ``values`` none of the ``others`` was seen to return; 1.0 if nothing is known."""
        if values is None:
            return 1.0
        if not values:
            return 0.0
        known = frozenset(chain.from_iterable(self.said(tool) or () for tool in others))
        return len(values - known) / len(values)

    def _find_passed(self, tool: ToolKey, path: Path) -> frozenset[str] | None:
        listing = self._knowledge.listings.get(tool[0])
        constant = {_text(value) for value in (listing.launch_values if listing else ())}
        found: set[str] = set()
        seen = False
        for given, output in self._seen(tool):
            for _, value in expand(output, path):
                seen = True
                found |= {
                    _text(leaf)
                    for _, leaf in leaves(value)
                    if _tells(leaf) and _text(leaf) not in given and _text(leaf) not in constant
                }
        return frozenset(found) if seen else None

    def _seen(self, tool: ToolKey) -> list[tuple[frozenset[str], JsonValue]]:
        """Return the answers that said something, each with the arguments' values."""
        if tool not in self._outputs:
            read = (
                (step.call, useful_output(step.call, step.observation))
                for step in self._knowledge.successes(tool)
            )
            self._outputs[tool] = [
                (frozenset(_text(leaf) for _, leaf in leaves(dict(call.arguments))), output)
                for call, output in read
                if output is not None
            ]
        return self._outputs[tool]


def _tells(leaf: JsonValue) -> bool:
    """Return whether nobody would guess the value."""
    if leaf is None or isinstance(leaf, bool):
        return False
    if isinstance(leaf, int | float):
        return not (abs(leaf) <= _GUESSED and float(leaf).is_integer())
    return len(str(leaf)) > 1


def _text(leaf: JsonValue) -> str:
    return str(leaf).casefold()
