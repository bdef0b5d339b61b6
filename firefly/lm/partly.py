"""What can be read of an answer of which some can't: entries that fit, without keys that nobody asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from firefly.lm.spoken import objects

__all__ = ["readable"]

_SECTION = re.compile(r"\[\[ ## (\w+) ## \]\][ \t]*\n?(.*?)(?=\[\[ ## \w+ ## \]\]|\Z)", re.S)


def readable(said: str, fields: Mapping[str, Any]) -> tuple[dict[str, Any], int] | None:
    """Return the fields of an answer and how many of their entries were left out; None: nothing can be read.

    Args:
        said: the answer: an object with the fields, or sections of DSPy's.
        fields: name -> type.

    >>> readable('{"counts": [1, "two", 3]}', {"counts": list[int]})
    ({'counts': [1, 3]}, 1)
    >>> readable('{"counts": ["two"]}', {"counts": list[int]}) is None
    True
    """
    for one in (*objects(said), _sections(said)):
        if not one.keys() >= fields.keys():
            continue
        found: dict[str, Any] = {}
        left_out = 0
        for name, kind in fields.items():
            read = _list(one[name], kind) if get_origin(kind) is list else _one(one[name], kind)
            if read is None:
                break
            found[name] = read
            left_out += len(one[name]) - len(read) if get_origin(kind) is list else 0
        else:
            return found, left_out
    return None


def _sections(said: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, text in _SECTION.findall(said):
        try:
            found[name] = json.loads(text)
        except (ValueError, RecursionError):
            found[name] = text.strip()
    return found


def _list(value: Any, kind: Any) -> list[Any] | None:
    if not isinstance(value, list):
        return None
    (inner,) = get_args(kind)
    found = [read for read in (_one(entry, inner) for entry in value) if read is not None]
    return found if found or not value else None


def _one(value: Any, kind: Any) -> Any:
    """Return the value as its type, keys that this has not left out; None where it is no such thing."""
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        unknown = [one["loc"] for one in error.errors() if one["type"] == "extra_forbidden"]
        if len(unknown) < error.error_count():
            return None
    less = deepcopy(value)
    for *path, name in unknown:
        holder = less
        for part in path:
            holder = holder[part]
        del holder[name]
    try:
        return adapter.validate_python(less)
    except ValidationError:
        return None
