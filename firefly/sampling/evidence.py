"""What recorded calls say of passing values on: whether a value can, and whether the call is needed for it.

Nothing is recorded of tools that were never called: then nothing speaks against an edge.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from pydantic import JsonValue

from firefly.knowledge import Knowledge
from firefly.outputs import ANY_INDEX, Path, expand, leaves, useful_output
from firefly.records import Edge, ToolKey

_GUESSED = 12
"""Whole numbers up to this are told rather than passed on: anybody would guess them."""
_ENOUGH = 6
"""Values of one answer that give enough to ask about."""
_LONGEST = 80
"""Characters of a text that a person would say to tell an item from others."""


@dataclass(frozen=True)
class _Answer:
    """One answer that said something."""

    arguments: Mapping[str, JsonValue]
    given: frozenset[str]
    """Every value in the arguments."""
    output: JsonValue


class Evidence:
    """Looks up values in the recorded calls of a group of servers."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self._answers: dict[ToolKey, list[_Answer]] = {}
        self._leaves: dict[ToolKey, frozenset[str]] = {}
        self._passed: dict[tuple[ToolKey, Path], frozenset[str] | None] = {}
        self._singled: dict[tuple[ToolKey, Path], float] = {}
        self._together: dict[tuple[ToolKey, frozenset[Path], tuple[tuple[str, str], ...]], bool] = {}

    def together(self, tool: ToolKey, paths: Iterable[Path], templates: Mapping[str, str]) -> bool:
        """Return whether one answer was seen to hold something at all of ``paths``.

        Args:
            tool: which tool.
            paths: general paths.
            templates: parameter -> the text around its value; only calls whose arguments fit them count.

        """
        wanted, shapes = frozenset(paths), tuple(sorted(templates.items()))
        found = self._together.get((tool, wanted, shapes))
        if found is None:
            seen = [one for one in self._seen(tool) if all(_fits(one.arguments, *shape) for shape in shapes)]
            found = not seen or any(
                all(next(expand(one.output, path), None) is not None for path in wanted) for one in seen
            )
            self._together[tool, wanted, shapes] = found
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

    def singled_out(self, edge: Edge) -> float:
        """Return how often one item of the list that the value stands in can be told from the others.

        By a figure, a date, or words that only it has, other than the value itself: a person says which
        item is meant by nothing else. 1.0 where there is no list, or nothing is known.
        """
        key = (edge.source, edge.output_path)
        if key not in self._singled:
            self._singled[key] = self._find_singled(*key)
        return self._singled[key]

    def said(self, tool: ToolKey) -> frozenset[str] | None:
        """Return every value that the tool was seen to return and not to be given; None: nothing seen."""
        if not self._seen(tool):
            return None
        if tool not in self._leaves:
            self._leaves[tool] = frozenset(
                _text(leaf)
                for one in self._seen(tool)
                for _, leaf in leaves(one.output)
                if _tells(leaf) and _text(leaf) not in one.given
            )
        return self._leaves[tool]

    def answers(self, tool: ToolKey) -> float:
        """Return how much an answer of the tool has to ask about, 0..1; 1.0 if nothing is known."""
        seen = self._seen(tool)
        if not seen:
            return 1.0
        said = [
            {_text(leaf) for _, leaf in leaves(one.output) if _tells(leaf) and _text(leaf) not in one.given}
            for one in seen
        ]
        return min(1.0, sum(map(len, said)) / len(said) / _ENOUGH)

    def new(self, values: frozenset[str] | None, others: Collection[ToolKey]) -> float:
        """Return the share of ``values`` that none of ``others`` was seen to return; 1.0: nothing known."""
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
        reached = False
        for one in self._seen(tool):
            for _, value in expand(one.output, path):
                reached = True
                found |= {
                    _text(leaf)
                    for _, leaf in leaves(value)
                    if _tells(leaf) and _text(leaf) not in one.given and _text(leaf) not in constant
                }
        return frozenset(found) if reached else None

    def _find_singled(self, tool: ToolKey, path: Path) -> float:
        stars = [index for index, part in enumerate(path) if part == ANY_INDEX]
        if not stars:
            return 1.0
        head, field = path[: stars[-1]], path[stars[-1] + 1 :]
        lists = [
            items
            for one in self._seen(tool)
            for _, items in expand(one.output, head)
            if isinstance(items, list) and items
        ]
        return sum(_tells_apart(items, field) for items in lists) / len(lists) if lists else 1.0

    def _seen(self, tool: ToolKey) -> list[_Answer]:
        """Return the answers that said something."""
        if tool not in self._answers:
            read = (
                (step.call, useful_output(step.call, step.observation))
                for step in self._knowledge.successes(tool)
            )
            self._answers[tool] = [
                _Answer(
                    call.arguments, frozenset(_text(leaf) for _, leaf in leaves(dict(call.arguments))), output
                )
                for call, output in read
                if output is not None
            ]
        return self._answers[tool]


def _fits(arguments: Mapping[str, JsonValue], parameter: str, template: str) -> bool:
    before, _, after = template.partition("{}")
    given = arguments.get(parameter)
    return (
        isinstance(given, str)
        and len(given) > len(before) + len(after)
        and given.startswith(before)
        and given.endswith(after)
    )


def _tells_apart(items: Sequence[JsonValue], field: Path) -> bool:
    """Return whether something besides ``field`` tells the items apart: a figure, or words of one's own."""
    if len(items) == 1:
        return True
    columns: dict[Path, list[JsonValue]] = defaultdict(list)
    for item in items:
        for path, leaf in leaves(item):
            if path != field and not any(isinstance(part, int) for part in path):
                columns[path].append(leaf)
    return any(
        len(values) == len(items) and len({_text(value) for value in values}) > 1 and _is_said(values)
        for values in columns.values()
    )


def _is_said(values: Sequence[JsonValue]) -> bool:
    """Return whether people say such values: figures, or texts that are mostly letters or dates."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return True
    texts = [value for value in values if isinstance(value, str)]
    spoken = [one for one in texts if len(one) <= _LONGEST and (_is_worded(one) or one[:4].isdigit())]
    return len(texts) == len(values) and 2 * len(spoken) > len(texts)


def _is_worded(text: str) -> bool:
    return sum(one.isalpha() for one in text) > sum(one.isdigit() for one in text) or "-" in text


def _tells(leaf: JsonValue) -> bool:
    """Return whether nobody would guess the value."""
    if leaf is None or isinstance(leaf, bool):
        return False
    if isinstance(leaf, int | float):
        return not (abs(leaf) <= _GUESSED and float(leaf).is_integer())
    return len(str(leaf)) > 1


def _text(leaf: JsonValue) -> str:
    return str(leaf).casefold()
