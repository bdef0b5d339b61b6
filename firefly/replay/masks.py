"""Answers compared field by field: what changes by itself is blanked, everything else must agree.

A tool may say how long a call took, or when something was made, beside answers that never change.
Such *volatile fields* are general paths into its parsed output (``"*"`` is any index); two answers
that agree but for them count as equal wherever answers are compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic import JsonValue

from .parsers import parse
from .records import Expression, Observation, PathPart, digest

Path = tuple[PathPart, ...]

BLANK = None
"""What stands for a volatile field."""


def blanked(value: JsonValue, paths: Iterable[Sequence[PathPart]]) -> JsonValue:
    """Return ``value`` with whatever stands at one of the general ``paths`` blanked.

    >>> blanked({"rows": [{"id": 1, "at": 7}], "took": 3}, [("rows", "*", "at"), ("took",)])
    {'rows': [{'id': 1, 'at': None}], 'took': None}
    """
    for path in paths:
        value = _without(value, path)
    return value


def _without(value: JsonValue, path: Sequence[PathPart]) -> JsonValue:
    if not path:
        return BLANK
    head, rest = path[0], path[1:]
    if isinstance(value, list):
        if head == "*":
            return [_without(item, rest) for item in value]
        if isinstance(head, int) and 0 <= head < len(value):
            return [_without(item, rest) if place == head else item for place, item in enumerate(value)]
    elif isinstance(value, dict) and isinstance(head, str) and head in value:
        return {key: _without(inner, rest) if key == head else inner for key, inner in value.items()}
    return value


def answer_digest(observation: Observation, paths: Sequence[Sequence[PathPart]]) -> str:
    """Return a text that is equal for answers that agree but for the volatile fields at ``paths``."""
    parsed = parse(observation) if paths and observation.outcome == "success" else None
    if parsed is None:
        return observation.digest
    attachments = [attachment.digest for attachment in observation.attachments]
    return digest([observation.is_error, blanked(parsed.value, paths), attachments])


def agree(one: Observation, other: Observation | None, paths: Sequence[Sequence[PathPart]]) -> bool:
    """Return whether two answers agree but for the volatile fields at ``paths``."""
    if other is None:
        return False
    return one == other or (bool(paths) and answer_digest(one, paths) == answer_digest(other, paths))


def touches(expression: Expression, path: Sequence[PathPart]) -> bool:
    """Return whether ``expression`` reads what stands at, around or below a volatile field.

    A list whose items have such a field may be read for its other fields, and counted.
    """
    hidden = [part for part in path if part != "*" and not isinstance(part, int)]
    tails = [condition.field for condition in expression.where]
    if expression.op == "sort" or expression.by:
        tails.append(expression.by)
    if expression.op != "count":
        tails.append(expression.field)
    listed = [part for part in expression.path if not isinstance(part, int)]
    if listed[: len(hidden)] == hidden:
        return True
    for tail in tails:
        keys = [*listed, *(part for part in tail if not isinstance(part, int))]
        if keys[: len(hidden)] == hidden or hidden[: len(keys)] == keys:
            return True
    return False
