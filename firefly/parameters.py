"""Parameters of a tool, read off its input schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from firefly.replay.records import Record, Tool

_MISSING = object()


class Parameter(Record):
    """One top-level parameter of a tool, its schema resolved."""

    name: str
    types: tuple[str, ...] = ()
    """JSON types it accepts, ``null`` left out; empty when the schema does not say."""
    required: bool = False
    nullable: bool = False
    description: str = ""
    enum: tuple[JsonValue, ...] = ()
    examples: tuple[JsonValue, ...] = ()
    has_default: bool = False
    default: JsonValue = None
    format: str = ""
    definition: dict[str, JsonValue] = {}
    """Its JSON schema with local ``$ref`` resolved one level deep."""


def parameters(tool: Tool) -> tuple[Parameter, ...]:
    """Return the tool's parameters in declared order, required ones first.

    Tolerates what real servers declare: no ``type``, type lists, ``anyOf`` with null, local
    ``$ref``, boolean schemas, defaults of another type.
    """
    schema = tool.input_schema
    declared = schema.get("properties")
    if not isinstance(declared, Mapping):
        return ()
    required = schema.get("required")
    names = {str(name) for name in required} if isinstance(required, Sequence) else set()
    found = [_parameter(str(name), spec, schema, str(name) in names) for name, spec in declared.items()]
    return tuple(sorted(found, key=lambda parameter: not parameter.required))


def resolve(definition: Any, root: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``definition`` with a top-level local ``$ref`` replaced; {} for boolean schemas."""
    seen: set[str] = set()
    while isinstance(definition, Mapping) and isinstance(definition.get("$ref"), str):
        reference = str(definition["$ref"])
        if reference in seen or not reference.startswith("#/"):
            return {}
        seen.add(reference)
        target: Any = root
        for part in reference[2:].split("/"):
            target = target.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(target, Mapping) else None
        definition = {**target, **{k: v for k, v in definition.items() if k != "$ref"}} if isinstance(target, Mapping) else {}
    return dict(definition) if isinstance(definition, Mapping) else {}


def _parameter(name: str, spec: Any, root: Mapping[str, Any], required: bool) -> Parameter:
    definition = resolve(spec, root)
    types: list[str] = []
    enum: list[Any] = []
    nullable = False
    formats: list[str] = []
    variants = [resolve(variant, root) for key in ("anyOf", "oneOf") for variant in definition.get(key) or ()]
    for variant in [definition, *variants]:
        declared = variant.get("type")
        for one in declared if isinstance(declared, list) else [declared]:
            if one == "null":
                nullable = True
            elif isinstance(one, str) and one not in types:
                types.append(one)
        enum += [value for value in variant.get("enum") or () if value not in enum]
        if "const" in variant and variant["const"] not in enum:
            enum.append(variant["const"])
        if isinstance(variant.get("format"), str):
            formats.append(variant["format"])
    default = definition.get("default", _MISSING)
    examples = definition.get("examples")
    return Parameter(
        name=name,
        types=tuple(types),
        required=required,
        nullable=nullable,
        description=str(definition.get("description") or ""),
        enum=tuple(value for value in enum if value is not None),
        examples=tuple(examples) if isinstance(examples, list) else (),
        has_default=default is not _MISSING,
        default=None if default is _MISSING else default,
        format=formats[0] if formats else "",
        definition=definition,
    )
