"""How many different values a field was seen to hold: where they are few, a guess may do.

"INTEGER" as a column's type, "Heading 1" as a style: nobody has to look these up.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from pydantic import JsonValue

from firefly.knowledge import Knowledge
from firefly.mentions import same
from firefly.outputs import leaves
from firefly.records import ToolKey
from firefly.replay.expressions import ExpressionError, read
from firefly.replay.parsers import parse
from firefly.replay.records import Expression, PathPart, ToolCall, canonical_json

FEW = 8
"""Fewer different values than this are few."""
_ITEMS = 4
"""Fewer items than this show nothing."""
_REPEATS = 1.5
"""Items for each different value from which on the values repeat."""

Path = tuple[PathPart, ...]


def few_values(
    knowledge: Knowledge, tool: ToolKey, output: JsonValue, expression: Expression, few: int = FEW
) -> tuple[str, ...]:
    """Return the values that the field read by ``expression`` ever held, where they are few and repeat.

    All recorded outputs of ``tool`` count that are like ``output``, each item once. Empty where the values
    are many, where too little was seen, or where the expression computes something new.

    Args:
        knowledge: the recordings.
        tool: (server, name).
        output: the parsed output that the expression reads.
        expression: what is read.
        few: how many different values are no longer few.
    """
    place = _place(expression)
    if place is None:
        return ()
    path, field = place
    items, values = _held(knowledge, tool, path, field, _shape(output, path))
    repeated = items >= _ITEMS and items >= _REPEATS * len(values)
    return values if repeated and len(values) < few else ()


@lru_cache(maxsize=65536)
def _held(
    knowledge: Knowledge, tool: ToolKey, path: Path | None, field: Path, shape: str
) -> tuple[int, tuple[str, ...]]:
    """Return how many items were seen, and the different values of the field, sorted."""
    found: dict[str, str] = {}
    for name, item in _all_items(knowledge, tool, path, shape):
        try:
            found[name] = canonical_json(read(item, field))
        except ExpressionError:
            continue
    return len(found), tuple(sorted(set(found.values())))


@lru_cache(maxsize=4096)
def _all_items(
    knowledge: Knowledge, tool: ToolKey, path: Path | None, shape: str
) -> tuple[tuple[str, JsonValue], ...]:
    return tuple(
        (_identity(call, item), item)
        for call, output in outputs_of(knowledge, tool)
        if _shape(output, path) == shape
        for item in _items(output, path)
    )


def _place(expression: Expression) -> tuple[Path | None, Path] | None:
    """Return the path of the list and the field of its items; no list for a field of the whole output."""
    if expression.op == "where" or (expression.op == "sort" and expression.limit == 1):
        return expression.path, expression.field
    if expression.op != "value":
        return None
    indexes = [position for position, part in enumerate(expression.path) if isinstance(part, int)]
    if not indexes:
        return None, expression.path
    return expression.path[: indexes[-1]], expression.path[indexes[-1] + 1 :]


@lru_cache(maxsize=4096)
def outputs_of(knowledge: Knowledge, tool: ToolKey) -> tuple[tuple[ToolCall, JsonValue], ...]:
    """Return each successful call of a tool with its output, of those that parse; parsed once."""
    parsed = [(step.call, parse(step.observation)) for step in knowledge.successes(tool)]
    return tuple((call, one.value) for call, one in parsed if one is not None)


def _items(output: JsonValue, path: Path | None) -> Iterator[JsonValue]:
    if path is None:
        yield output
        return
    try:
        items = read(output, path)
    except ExpressionError:
        return
    yield from items if isinstance(items, list) else ()


def _shape(output: JsonValue, path: Path | None) -> str:
    """Return what tells tables of different columns apart: the items' keys, or the heading of rows."""
    first = next(_items(output, path), None)
    if isinstance(first, dict):
        return canonical_json(sorted(first))
    if not isinstance(first, list) or not path:
        return type(first).__name__
    try:
        beside = read(output, path[:-1])
    except ExpressionError:
        return ""
    lists = (
        [value for key, value in sorted(beside.items()) if key != path[-1]]
        if isinstance(beside, dict)
        else []
    )
    heading = [value for value in lists if isinstance(value, list) and len(value) == len(first)]
    return canonical_json(heading[0] if heading else first)


def _identity(call: ToolCall, item: JsonValue) -> str:
    """Return what makes an item one of its own: all it says but what was asked."""
    asked = [leaf for _, leaf in leaves(dict(call.arguments))]
    return canonical_json(
        [
            [list(path), leaf]
            for path, leaf in leaves(item)
            if not any(same(leaf, one) for one in asked) and not _place_of(leaf, asked)
        ]
    )


def _place_of(leaf: JsonValue, asked: list[JsonValue]) -> bool:
    """Return whether the leaf is an asked file or folder, spelled in another way."""
    return isinstance(leaf, str) and any(
        isinstance(one, str) and (leaf.endswith(f"/{one}") or one.endswith(f"/{leaf}")) for one in asked
    )
