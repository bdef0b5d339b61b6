"""Canonical arguments: the one form that equal calls share in a replay key.

Only what is safe for every tool happens by itself: keys are sorted, text is left as it is, arrays
keep their order, and an argument that was left out stays different from ``null``. ``25`` and
``25.0`` become one only where the schema says plain ``number``; a default is filled only for
parameters whose explicit and omitted form were seen to answer alike (``ToolRule.defaults``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

from pydantic import JsonValue

Fix = Callable[[Any], Any]
"""Rewrites one value; None in its place means that nothing below needs rewriting."""

_encode = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
).encode
_DEPTH = 12
_NUMBERLESS = frozenset({"string", "boolean", "null", "array", "object"})


class Canonicalizer:
    """Brings the arguments of one tool into canonical form. Built once per tool, then cheap."""

    def __init__(
        self, schema: Mapping[str, Any], *, defaults: Collection[str] = (), merge_numbers: bool = True
    ) -> None:
        """Prepare for ``schema``, the tool's input schema.

        Args:
            schema: the JSON Schema of the arguments; local ``$ref`` are followed.
            defaults: the parameters whose declared default is filled in when they are left out.
            merge_numbers: whether ``25.0`` becomes ``25`` where the schema says plain ``number``.
        """
        properties = schema.get("properties")
        declared = properties if isinstance(properties, Mapping) else {}
        self._defaults = tuple(
            (name, declared[name]["default"])
            for name in sorted(defaults)
            if isinstance(declared.get(name), Mapping) and "default" in declared[name]
        )
        self._fix = _fix_of(schema, schema, _DEPTH) if merge_numbers else None

    def arguments(self, arguments: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Return ``arguments`` in canonical form (keys not yet sorted)."""
        found: dict[str, JsonValue] = dict(arguments)
        for name, default in self._defaults:
            found.setdefault(name, default)
        return found if self._fix is None else self._fix(found)

    def text(self, arguments: Mapping[str, JsonValue]) -> str:
        """Return the canonical JSON text of ``arguments``.

        Raises:
            ValueError: an argument is NaN or infinite.
        """
        if self._fix is None and not self._defaults:
            return _encode(arguments)
        return _encode(self.arguments(arguments))


def letter(server: str, tool: str, schema_digest: str, arguments: str) -> str:
    """Return 32 hex digits that name one call; ``arguments`` is its canonical text."""
    text = f"{server}\0{tool}\0{schema_digest}\0{arguments}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _fix_of(schema: Any, root: Mapping[str, Any], depth: int) -> Fix | None:
    """Return what merges numbers below ``schema``; None where nothing may be merged."""
    schema = _resolved(schema, root)
    if schema is None or depth == 0:
        return None
    if {"allOf", "not", "if", "enum", "const", "patternProperties"} & schema.keys():
        return None
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return _fix_of_branches(schema[word], root, depth)
    kind = schema.get("type")
    kinds = set(kind) if isinstance(kind, list) else {kind}
    kinds.discard("null")
    found: Fix | None = None
    if kinds == {"number"}:
        found = _merge
    elif kinds == {"array"} and "prefixItems" not in schema:
        inner = _fix_of(schema.get("items"), root, depth - 1)
        found = None if inner is None else _over_items(inner)
    elif kinds == {"object"} or (kinds == {None} and depth == _DEPTH):
        # Some servers leave out the "type" of the whole input schema; it can only be an object.
        found = _fix_of_object(schema, root, depth)
    return found


def _fix_of_object(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> Fix | None:
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return None
    fixes = {
        str(name): fix
        for name, one in properties.items()
        if (fix := _fix_of(one, root, depth - 1)) is not None
    }
    return _over_properties(fixes) if fixes else None


def _fix_of_branches(branches: Any, root: Mapping[str, Any], depth: int) -> Fix | None:
    """Merge numbers only if one branch is plain ``number`` and no other branch takes numbers."""
    if not isinstance(branches, list):
        return None
    found: list[Fix] = []
    for branch in branches:
        resolved = _resolved(branch, root)
        if resolved is None or resolved.keys() & {"anyOf", "oneOf", "allOf", "not", "if", "enum", "const"}:
            return None
        kind = resolved.get("type")
        if kind == "number":
            found.append(_merge)
        elif kind in {"object", "array"}:
            # Which branch a nested value belongs to is not decided here; leave nested values alone.
            continue
        elif kind not in _NUMBERLESS:
            return None
    return found[0] if found else None


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


def _merge(value: Any) -> Any:
    if type(value) is float and value.is_integer():
        return int(value)
    return value


def _over_items(inner: Fix) -> Fix:
    def fix(value: Any) -> Any:
        return [inner(item) for item in value] if isinstance(value, list) else value

    return fix


def _over_properties(fixes: Mapping[str, Fix]) -> Fix:
    def fix(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: fixes[name](one) if name in fixes else one for name, one in value.items()}

    return fix
