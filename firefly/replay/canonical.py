"""Canonical arguments: the one form that equal calls share in a replay key.

Only what is safe for every tool happens by itself: keys are sorted, text is left as it is, arrays
keep their order, and an argument that was left out stays different from ``null``. ``25`` and
``25.0`` become one only in parameters whose schema says plain ``number`` (``ToolRule.numbers``); a
default is filled only for parameters whose explicit and omitted form were seen to answer alike
(``ToolRule.defaults``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import JsonValue

_encode = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
).encode
_DEEPEST = 12
_NUMBERLESS = frozenset({"string", "boolean", "null", "array", "object"})
_UNCLEAR = frozenset({"allOf", "not", "if", "enum", "const"})


class Canonicalizer:
    """Brings the arguments of one tool into canonical form. Built once per tool, then cheap."""

    def __init__(
        self,
        *,
        numbers: Mapping[str, int] | None = None,
        defaults: Mapping[str, JsonValue] | None = None,
    ) -> None:
        """Take what a tool's rule says.

        Args:
            numbers: parameters in which ``25.0`` becomes ``25`` -> within how many arrays.
            defaults: parameter -> what is filled in when it is left out.
        """
        self._numbers = dict(numbers or {})
        self._defaults = dict(defaults or {})

    def arguments(self, arguments: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Return ``arguments`` in canonical form (keys not yet sorted)."""
        found = {**self._defaults, **arguments}
        for name, depth in self._numbers.items():
            if name in found:
                found[name] = _merged(found[name], depth)
        return found

    def text(self, arguments: Mapping[str, JsonValue]) -> str:
        """Return the canonical JSON text of ``arguments``.

        Raises:
            ValueError: an argument is NaN, infinite or too long an integer.
        """
        if not self._numbers and not self._defaults:
            return _encode(arguments)
        return _encode(self.arguments(arguments))


def letter(server: str, tool: str, schema_digest: str, arguments: str) -> str:
    """Return 32 hex digits that name one call; ``arguments`` is its canonical text."""
    text = f"{server}\0{tool}\0{schema_digest}\0{arguments}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def number_parameters(schema: Mapping[str, Any]) -> dict[str, int]:
    """Return the parameters that hold plain numbers (0), arrays of them (1), arrays of arrays (2), ...

    >>> number_parameters({"properties": {"x": {"type": "number"}, "n": {"type": "integer"}}})
    {'x': 0}
    """
    declared = schema.get("properties")
    if not isinstance(declared, Mapping) or schema.keys() & (
        _UNCLEAR | {"patternProperties", "anyOf", "oneOf"}
    ):
        return {}
    depths = {str(name): _depth(one, schema) for name, one in sorted(declared.items())}
    return {name: depth for name, depth in depths.items() if depth is not None}


def declared_defaults(schema: Mapping[str, Any], names: Collection[str]) -> dict[str, JsonValue]:
    """Return the defaults that an input schema declares for some of its parameters."""
    properties = schema.get("properties")
    declared = properties if isinstance(properties, Mapping) else {}
    return {
        name: declared[name]["default"]
        for name in sorted(names)
        if isinstance(declared.get(name), Mapping) and "default" in declared[name]
    }


def _depth(schema: Any, root: Mapping[str, Any], depth: int = 0) -> int | None:
    """Return within how many arrays a value holds plain numbers; None where it may hold anything else."""
    schema = _resolved(schema, root)
    if schema is None or depth > _DEEPEST or schema.keys() & _UNCLEAR:
        return None
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return depth if _is_plain_in_branches(schema[word], root) else None
    kind = schema.get("type")
    kinds = set(kind) if isinstance(kind, list) else {kind}
    kinds.discard("null")
    if kinds == {"array"} and "prefixItems" not in schema:
        return _depth(schema.get("items"), root, depth + 1)
    return depth if kinds == {"number"} else None


def _is_plain_in_branches(branches: Any, root: Mapping[str, Any]) -> bool:
    """Return whether one branch is plain ``number`` and no other takes numbers, not even inside."""
    resolved = [_resolved(branch, root) or {} for branch in branches] if isinstance(branches, list) else []
    if any(one.keys() & (_UNCLEAR | {"anyOf", "oneOf"}) for one in resolved):
        return False
    kinds = [one.get("type") for one in resolved]
    return "number" in kinds and all(
        kind == "number" or (isinstance(kind, str) and kind in _NUMBERLESS - {"array"}) for kind in kinds
    )


def _resolved(schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return ``schema`` with a local ``$ref`` followed; None when that isn't clear-cut."""
    for _ in range(8):
        if not isinstance(schema, Mapping):
            return None
        reference = schema.get("$ref")
        if reference is None:
            return schema
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return None
        if schema.keys() - {"$ref", "title", "description", "default", "examples"}:
            return None
        target: Any = root
        for part in reference[2:].split("/"):
            name = part.replace("~1", "/").replace("~0", "~")
            target = target.get(name) if isinstance(target, Mapping) else None
        schema = target
    return None


def _merged(value: Any, depth: int) -> Any:
    if depth:
        return [_merged(one, depth - 1) for one in value] if isinstance(value, list) else value
    return int(value) if type(value) is float and value.is_integer() else value
