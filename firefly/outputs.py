"""What a call returned, as data: its parsed output, the values in it, and whether it says nothing.

Graph, exploration and synthesis all read outputs through this page, so that they mean the same by
"a value at a path".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from firefly.contents import is_empty
from firefly.replay.parsers import parse
from firefly.replay.records import Observation, PathPart, ToolCall

ANY_INDEX = "*"
"""Stands for any index of an array in a general path."""

Path = tuple[PathPart, ...]


def parsed_output(observation: Observation) -> JsonValue:
    """Return the output as data; None when it failed, is opaque text, or says nothing."""
    if observation.outcome != "success":
        return None
    parsed = parse(observation)
    return None if parsed is None else parsed.value


def useful_output(call: ToolCall, observation: Observation) -> JsonValue:
    """Return the output as data if it says something that the call did not; else None."""
    output = parsed_output(observation)
    if output is None or is_empty(observation) or says_nothing(output, call.arguments):
        return None
    return output


def leaves(value: JsonValue) -> Iterator[tuple[Path, JsonValue]]:
    """Yield every scalar in ``value`` with its exact path, in order.

    >>> list(leaves({"a": [1, {"b": None}]}))
    [(('a', 0), 1), (('a', 1, 'b'), None)]
    """
    if isinstance(value, dict | list):
        yield from _leaves_below((), value)
    else:
        yield (), value


def _leaves_below(
    path: Path, value: dict[str, JsonValue] | list[JsonValue]
) -> Iterator[tuple[Path, JsonValue]]:
    inner: Iterable[tuple[PathPart, JsonValue]] = (
        value.items() if isinstance(value, dict) else enumerate(value)
    )
    for part, item in inner:
        if isinstance(item, dict | list):
            yield from _leaves_below((*path, part), item)
        else:
            yield (*path, part), item


def general(path: Path) -> Path:
    """Return ``path`` with every array index replaced by ``"*"``.

    >>> general(("rows", 3, "id"))
    ('rows', '*', 'id')
    """
    return tuple(ANY_INDEX if isinstance(part, int) else part for part in path)


def expand(value: JsonValue, path: Path) -> Iterator[tuple[Path, JsonValue]]:
    """Yield every value that the general ``path`` reaches in ``value``, with its exact path.

    >>> list(expand({"rows": [{"id": 1}, {"id": 2}, {}]}, ("rows", "*", "id")))
    [(('rows', 0, 'id'), 1), (('rows', 1, 'id'), 2)]
    """
    if not path:
        yield (), value
        return
    head, rest = path[0], path[1:]
    if head == ANY_INDEX and isinstance(value, list):
        steps: Sequence[tuple[PathPart, JsonValue]] = list(enumerate(value))
    elif isinstance(value, dict) and head in value:
        steps = [(head, value[str(head)])]
    elif isinstance(value, list) and isinstance(head, int) and 0 <= head < len(value):
        steps = [(head, value[head])]
    else:
        return
    for part, inner in steps:
        yield from (((part, *tail), found) for tail, found in expand(inner, rest))


def says_nothing(value: JsonValue, arguments: Mapping[str, Any]) -> bool:
    """Return whether an output holds nothing but what was asked, flags, zeros and empty containers.

    An empty result counts as a success of its server, yet nothing can be asked about it. Where every
    list is empty and some figure is zero, other figures (a page size, say) don't count either.

    >>> says_nothing({"table": "orders", "rows": [], "row_count": 0}, {"table": "orders"})
    True
    >>> says_nothing({"hits": [], "page": {"total": 0, "size": 10}}, {})
    True
    >>> says_nothing({"issues": [], "lines": 120}, {})
    False
    """
    asked = {leaf for _, leaf in leaves(dict(arguments)) if not isinstance(leaf, bool)}
    new = [
        leaf
        for _, leaf in leaves(value)
        if leaf is not None and not isinstance(leaf, bool) and leaf not in ("", 0) and leaf not in asked
    ]
    if not new:
        return True
    figures = all(isinstance(leaf, (int, float)) for leaf in new)
    return figures and _only_empty_lists(value) and any(_is_zero(leaf) for _, leaf in leaves(value))


def _is_zero(leaf: JsonValue) -> bool:
    return leaf == 0 and not isinstance(leaf, bool)


def _only_empty_lists(value: JsonValue) -> bool:
    """Return whether there are lists, and all of them are empty."""
    lists = list(_lists(value))
    return bool(lists) and not any(lists)


def _lists(value: JsonValue) -> Iterator[list[JsonValue]]:
    if isinstance(value, list):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        yield from _lists(one)
