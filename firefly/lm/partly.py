"""What can be read of an answer of which some can't: entries that fit, without keys that nobody asked for."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
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
    >>> readable("{'counts': [1]}", {"counts": list[int]})
    ({'counts': [1]}, 0)
    >>> readable('{"counts": ["two"]}', {"counts": list[int]}) is None
    True
    """
    for one in (*objects(said), *_printed(said), _sections(said)):
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


def _printed(said: str) -> Iterator[dict[str, Any]]:
    """Yield the object that a text holds as Python would print it: single quotes, ``None``, ``True``."""
    start, end = said.find("{"), said.rfind("}")
    try:
        found = ast.literal_eval(said[start : end + 1]) if 0 <= start < end else None
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return
    if isinstance(found, dict):
        yield found


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
    found = [read for entry in value if (read := _one(entry, inner, entry=True)) is not None]
    return found if found or not value else None


def _one(value: Any, kind: Any, *, entry: bool = False) -> Any:
    """Return the value as its type, None where it is no such thing.

    Of an ``entry`` its own unknown keys are left out; within it, in a formula say, one may have a meaning.
    """
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        unknown = {one["loc"][0] for one in error.errors() if one["type"] == "extra_forbidden" if entry}
        own = all(len(one["loc"]) == 1 for one in error.errors())
        if not own or len(unknown) < error.error_count():
            return None
    try:
        return adapter.validate_python({key: one for key, one in value.items() if key not in unknown})
    except ValidationError:
        return None
