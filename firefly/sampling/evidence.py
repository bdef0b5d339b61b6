"""What recorded calls say of passing values on: whether a value can, and whether the call is needed for it.

Nothing is recorded of tools that were never called: then nothing speaks against an edge.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from pydantic import JsonValue

from firefly.knowledge import Knowledge
from firefly.novelty import fields_beside, fits, names_answered, says_more, tells
from firefly.outputs import ANY_INDEX, Path, expand, leaves, useful_output
from firefly.records import Edge, ToolKey
from firefly.replay.records import canonical_json
from firefly.values.semantic import MOMENTS, semantic_type

_ENOUGH = 6
"""Values of one answer that give enough to ask about."""
_LONGEST = 80
"""Characters of a text that a person would say to tell an item from others."""


_CONSTANT = 3
"""Answers that all say one value make it a constant: nobody needs to find it out."""

Shape = tuple[tuple[str, str], ...]
"""Parameters that values are passed to, each with the text around the value, sorted."""


@dataclass(frozen=True)
class _Answer:
    """One answer that said something."""

    arguments: Mapping[str, JsonValue]
    given: frozenset[str]
    """Every value in the arguments, and every word of their texts."""
    output: JsonValue

    def was_given(self, leaf: JsonValue) -> bool:
        """Return whether the value stands in the arguments."""
        return _text(leaf) in self.given


class Evidence:
    """Looks up values in the recorded calls of a group of servers."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self._answers: dict[ToolKey, list[_Answer]] = {}
        self._leaves: dict[ToolKey, frozenset[str]] = {}
        self._passed: dict[tuple[ToolKey, Path, Shape], frozenset[str] | None] = {}
        self._singled: dict[tuple[ToolKey, Path], float] = {}
        self._adds: dict[tuple[str, Shape], bool] = {}
        self._chances: dict[tuple[ToolKey, frozenset[Path], Shape], float] = {}

    def chance(self, tool: ToolKey, paths: Iterable[Path], fed: Shape) -> float:
        """Return how likely an answer holds something at all of ``paths``, 0..1; 1.0 if nothing is known.

        Of a call that nothing is passed to, the arguments can be chosen so that it does, if ever one did.

        Args:
            tool: which tool.
            paths: general paths.
            fed: what is passed to the call; only calls with such arguments count.

        """
        wanted = frozenset(paths)
        found = self._chances.get((tool, wanted, fed))
        if found is None:
            seen = self._alike(tool, fed)
            holding = sum(
                all(next(expand(one.output, path), None) is not None for path in wanted) for one in seen
            )
            found = 1.0 if not seen else holding / len(seen) if fed else float(holding > 0)
            self._chances[tool, wanted, fed] = found
        return found

    def carries(self, edge: Edge, fed: Shape = ()) -> bool:
        """Return whether the edge passes anything on that was not given to the call that returned it."""
        passed = self.passed(edge, fed)
        return passed is None or bool(passed)

    def passed(self, edge: Edge, fed: Shape = ()) -> frozenset[str] | None:
        """Return the values that the edge was seen to offer and that need finding out; None: nothing seen.

        With ``fed``, of calls that such arguments were passed to: a row looked up by its code offers no code.
        """
        key = (edge.source, edge.output_path, fed)
        if key not in self._passed:
            self._passed[key] = self._find_passed(*key)
        return self._passed[key]

    def adds(self, edge: Edge, fed: Shape = ()) -> bool:
        """Return whether the target was seen to say more than what stands beside the value that it is given.

        Only of edges with a template: a row that is looked up by its code in the table that the code was
        read from, with other arguments in ``fed``, says nothing new. True where nothing is known.
        """
        if not edge.template:
            return True
        key = (edge.id, fed)
        if key not in self._adds:
            answers = [(one.arguments, one.output) for one in self._seen(edge.target)]
            names = names_answered(answers, edge.parameter, edge.template)
            beside = [
                names_beside
                for one in self._alike(edge.source, fed)
                for names_beside in fields_beside(one.output, edge.output_path)
            ]
            self._adds[key] = says_more(names, beside)
        return self._adds[key]

    def is_chance(self, edge: Edge) -> bool:
        """Return whether the edge passes only dates, times or time zones: things share them by chance."""
        values = [
            leaf
            for one in self._seen(edge.source)
            for _, value in expand(one.output, edge.output_path)
            for _, leaf in leaves(value)
        ]
        return bool(values) and all(semantic_type(leaf) in MOMENTS for leaf in values)

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
                if tells(leaf) and not one.was_given(leaf)
            )
        return self._leaves[tool]

    def answers(self, tool: ToolKey) -> float:
        """Return how much an answer of the tool has to ask about, 0..1; 1.0 if nothing is known."""
        seen = self._seen(tool)
        if not seen:
            return 1.0
        said = [
            {_text(leaf) for _, leaf in leaves(one.output) if tells(leaf) and not one.was_given(leaf)}
            for one in seen
        ]
        return min(1.0, sum(map(len, said)) / len(said) / _ENOUGH)

    def says_one_thing(self, tool: ToolKey) -> bool:
        """Return whether the tool was seen to answer every one of several different calls alike.

        "No files found" is what it says then, whatever it is asked.
        """
        seen = self._seen(tool)
        asked = {canonical_json(dict(one.arguments)) for one in seen}
        return len(asked) >= _CONSTANT and len({canonical_json(one.output) for one in seen}) == 1

    def new(self, values: frozenset[str] | None, others: Collection[ToolKey]) -> float:
        """Return the share of ``values`` that none of ``others`` was seen to return; 1.0: nothing known."""
        if values is None:
            return 1.0
        if not values:
            return 0.0
        known = frozenset(chain.from_iterable(self.said(tool) or () for tool in others))
        return len(values - known) / len(values)

    def _find_passed(self, tool: ToolKey, path: Path, fed: Shape) -> frozenset[str] | None:
        listing = self._knowledge.listings.get(tool[0])
        constant = {_text(value) for value in (listing.launch_values if listing else ())}
        found: set[str] = set()
        reaching = new = 0
        for one in self._alike(tool, fed):
            values = [leaf for _, value in expand(one.output, path) for _, leaf in leaves(value)]
            telling = {
                _text(leaf)
                for leaf in values
                if tells(leaf) and not one.was_given(leaf) and _text(leaf) not in constant
            }
            reaching += bool(values)
            new += bool(telling)
            found |= telling
        if (fed and 2 * new < reaching) or (len(found) == 1 and reaching >= _CONSTANT):
            return frozenset()
        return frozenset(found) if reaching else None

    def _alike(self, tool: ToolKey, fed: Shape) -> list[_Answer]:
        return [one for one in self._seen(tool) if all(fits(one.arguments, *shape) for shape in fed)]

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
                _Answer(call.arguments, frozenset(_given(call.arguments)), output)
                for call, output in read
                if output is not None
            ]
        return self._answers[tool]


def _given(arguments: Mapping[str, JsonValue]) -> Iterator[str]:
    for _, leaf in leaves(dict(arguments)):
        text = _text(leaf)
        yield text
        yield from re.split(r"[\s'\"`(),;=]+", text)


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


def _text(leaf: JsonValue) -> str:
    return str(leaf).casefold()
