"""Parameters of a tool, read off its input schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from weakref import ref

from pydantic import Field, JsonValue

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
    definition: dict[str, JsonValue] = Field(default_factory=dict)
    """Its JSON schema with local ``$ref`` resolved one level deep."""


_READ: dict[int, tuple[ref[Tool], tuple[Parameter, ...]]] = {}
"""``id`` of a tool -> the tool, which is not hashable, and its parameters."""
_KEPT = 4096


def parameters(tool: Tool) -> tuple[Parameter, ...]:
    """Return the tool's parameters in declared order, required ones first.

    Tolerates what real servers declare: no ``type``, type lists, ``anyOf`` with null, local
    ``$ref``, boolean schemas, defaults of another type.
    """
    known = _READ.get(id(tool))
    if known is None or known[0]() is not tool:
        if len(_READ) >= _KEPT:
            _READ.clear()
        known = _READ[id(tool)] = (ref(tool), _read(tool.input_schema))
    return known[1]


def _read(schema: Mapping[str, Any]) -> tuple[Parameter, ...]:
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
            key = part.replace("~1", "/").replace("~0", "~")
            target = target.get(key) if isinstance(target, Mapping) else None
        beside = {key: value for key, value in definition.items() if key != "$ref"}
        definition = {**target, **beside} if isinstance(target, Mapping) else {}
    return dict(definition) if isinstance(definition, Mapping) else {}


def item_parameter(parameter: Parameter, tool: Tool) -> Parameter:
    """Return what the items of an array parameter take, as a parameter of the same name."""
    spec = parameter.definition.get("items")
    if not isinstance(spec, Mapping):
        spec = next(
            (
                variant["items"]
                for key in ("anyOf", "oneOf")
                for one in _list(parameter.definition.get(key))
                if isinstance((variant := resolve(one, tool.input_schema)).get("items"), Mapping)
            ),
            {},
        )
    found = _parameter(parameter.name, spec, tool.input_schema, True)
    return found if found.description else found.model_copy(update={"description": parameter.description})


def inner_parameters(parameter: Parameter, tool: Tool) -> tuple[Parameter, ...]:
    """Return the properties of an object parameter, required ones first."""
    for one in [parameter.definition, *_list(parameter.definition.get("anyOf"))]:
        definition = resolve(one, tool.input_schema)
        declared = definition.get("properties")
        if isinstance(declared, Mapping):
            names = {str(name) for name in _list(definition.get("required"))}
            found = (
                _parameter(str(name), spec, tool.input_schema, str(name) in names)
                for name, spec in declared.items()
            )
            return tuple(sorted(found, key=lambda inner: not inner.required))
    return ()


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


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
