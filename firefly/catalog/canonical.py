"""The one form of a JSON schema, so that equal declarations give equal records.

Nothing that an agent reads or a validator uses is lost: only noise goes (``_meta``, ``$schema``, titles
that merely repeat the name), and what has no order is sorted (keys by the records themselves, ``required``
and type lists here). ``properties`` and ``enum`` keep their order: it is how their author explains them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import JsonValue

__all__ = ["canonical_schema", "remote_references"]

_NOISE = frozenset({"_meta", "$schema", "$id"})
_NAMED = frozenset({"properties", "$defs", "definitions", "patternProperties", "dependentSchemas"})
"""Keywords whose keys are names, not keywords."""
_VERBATIM = frozenset({"default", "examples", "enum", "const"})
"""Keywords that hold values, not schemas."""


def canonical_schema(schema: JsonValue) -> dict[str, JsonValue]:
    """Return ``schema`` in canonical form; an empty object schema where there is none.

    >>> canonical_schema({"title": "Args", "required": ["b", "a"], "properties": {"a": {"title": "A"}}})
    {'properties': {'a': {}}, 'required': ['a', 'b'], 'type': 'object'}
    """
    found = _canonical(schema if isinstance(schema, dict) else {}, "")
    if "type" not in found and not {"anyOf", "oneOf", "allOf", "$ref"} & found.keys():
        found["type"] = "object"
    return dict(sorted(found.items()))


def remote_references(schema: JsonValue) -> Iterator[str]:
    """Yield every ``$ref`` that leaves the schema: resolving one would fetch from the network or disk."""
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key in ("$ref", "$dynamicRef") and isinstance(value, str) and not value.startswith("#"):
                yield value
            elif key not in _VERBATIM:
                yield from remote_references(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from remote_references(item)


def _canonical(schema: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _NOISE or (key == "title" and isinstance(value, str) and _repeats(value, name)):
            continue
        if key == "required" and isinstance(value, list):
            if value:
                found[key] = sorted({str(one) for one in value})
        elif key == "type" and isinstance(value, list):
            found[key] = sorted(str(one) for one in value)
        elif key in _NAMED and isinstance(value, dict):
            found[key] = {inner: _inner(spec, inner) for inner, spec in value.items()}
        elif key in _VERBATIM:
            found[key] = value
        elif isinstance(value, list):
            found[key] = [_inner(item, name) for item in value]
        else:
            found[key] = _inner(value, name)
    return found


def _inner(value: Any, name: str) -> Any:
    return _canonical(value, name) if isinstance(value, dict) else value


def _repeats(title: str, name: str) -> bool:
    """Return whether a title says no more than the name (``Repo Path``, ``readArguments``)."""
    bare = "".join(letter for letter in title.lower() if letter.isalnum())
    return not name or bare == "".join(letter for letter in name.lower() if letter.isalnum())
