"""Whether a value may stand in a parameter, by JSON type and the plain limits of the schema."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pydantic import JsonValue

from firefly.parameters import Parameter

__all__ = ["admissible", "coerced"]


def admissible(value: JsonValue, parameter: Parameter) -> bool:
    """Return whether the schema's type, enum, bounds, length and pattern allow ``value``."""
    if value is None:
        return parameter.nullable
    if parameter.types and not _types_of(value) & set(parameter.types):
        return False
    if parameter.enum and value not in parameter.enum:
        return False
    definition = parameter.definition
    if isinstance(value, int | float) and not isinstance(value, bool):
        return all(
            test(value, limit)
            for name, test in _BOUNDS
            if isinstance(limit := definition.get(name), int | float) and not isinstance(limit, bool)
        )
    if isinstance(value, str):
        return _text_fits(value, definition)
    return True


def coerced(text: str, parameter: Parameter) -> JsonValue:
    """Return ``text`` as the type that the parameter takes; None when it can't be.

    >>> coerced("5", Parameter(name="n", types=("integer",)))
    5
    """
    value: JsonValue = text
    types = set(parameter.types) or {"string"}
    if "string" not in types:
        if types & {"integer", "number"} and re.fullmatch(r"-?\d+", text):
            value = int(text)
        elif "number" in types and re.fullmatch(r"-?\d*\.\d+", text):
            value = float(text)
        elif "boolean" in types and text.lower() in ("true", "false"):
            value = text.lower() == "true"
        else:
            return None
    return value if admissible(value, parameter) else None


def _types_of(value: JsonValue) -> set[str]:
    if isinstance(value, bool):
        return {"boolean"}
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return {"integer", "number"}
    if isinstance(value, float):
        return {"number"}
    if isinstance(value, str):
        return {"string"}
    return {"array"} if isinstance(value, list) else {"object"}


def _text_fits(value: str, definition: dict[str, Any]) -> bool:
    shortest, longest, pattern = (definition.get(name) for name in ("minLength", "maxLength", "pattern"))
    if isinstance(shortest, int) and len(value) < shortest:
        return False
    if isinstance(longest, int) and len(value) > longest:
        return False
    if isinstance(pattern, str):
        try:
            return re.search(pattern, value) is not None
        except re.error:  # another dialect than Python's
            return True
    return True


_Number = int | float
_BOUNDS: tuple[tuple[str, Callable[[_Number, _Number], bool]], ...] = (
    ("minimum", lambda value, limit: value >= limit),
    ("maximum", lambda value, limit: value <= limit),
    ("exclusiveMinimum", lambda value, limit: value > limit),
    ("exclusiveMaximum", lambda value, limit: value < limit),
    ("multipleOf", lambda value, limit: not limit or value % limit == 0),
)
