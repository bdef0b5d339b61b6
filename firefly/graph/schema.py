"""Scores edges by what is declared: fields of an output schema against parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from firefly.graph.names import name_match
from firefly.knowledge import Knowledge
from firefly.outputs import ANY_INDEX, Path, expand, parsed_output
from firefly.parameters import Parameter, parameters, resolve
from firefly.plugins import register
from firefly.records import Edge
from firefly.replay.records import Tool
from firefly.values.semantic import declared_type

_DEPTH = 5


@register("scorer", "schema")
class Schema:
    """Compares names and types of declared output fields with those of parameters.

    Over half of the output schemas seen on published servers only wrap a text, and 38% of tools
    declare none, so this is a weak sign; it is all there is for a tool that was never called.
    """

    def score(self, source: Tool, targets: Sequence[Tool], *, evidence: Knowledge) -> list[Edge]:
        """Return the edges that names and types speak for; none without a declared output."""
        schema = source.output_schema
        if not schema:
            return []
        declared = list(_fields(schema, schema))
        if len(declared) == 1 and len(declared[0][0]) == 1:
            return []  # a wrapper round a text, which says nothing of the data
        outputs = [parsed_output(step.observation) for step in evidence.successes(source.key)]
        found = []
        for written, types, form in declared:
            path = _as_observed(written, outputs)
            if path is None:
                continue
            for target in targets:
                if target.key == source.key:
                    continue
                for parameter in parameters(target):
                    score = _score(path, types, form, source, target, parameter)
                    if score > 0:
                        found.append(
                            Edge(
                                source=source.key,
                                target=target.key,
                                parameter=parameter.name,
                                output_path=path,
                                score=score,
                                evidence={"schema": {"score": score, "field": ".".join(map(str, written))}},
                            )
                        )
        return found


def declared_fields(schema: Mapping[str, Any]) -> list[Path]:
    """Return the general paths of every scalar that an output schema declares; none of a mere wrapper."""
    found = [path for path, _, _ in _fields(schema, schema)]
    return [] if len(found) == 1 and len(found[0]) == 1 else found


def _score(
    path: Path, types: frozenset[str], form: str, source: Tool, target: Tool, parameter: Parameter
) -> float:
    if not _admits(types, parameter):
        return 0.0
    named = name_match(path, source, parameter.name, target)
    same_form = bool(form) and form == declared_type(parameter)
    return round(1 - (1 - 0.8 * named) * (0.5 if same_form else 1.0), 4)


def _admits(types: frozenset[str], parameter: Parameter) -> bool:
    if not types or not parameter.types:
        return not types <= {"boolean"} or not types
    taken = set(parameter.types) | ({"integer"} if "number" in parameter.types else set())
    if types & taken - {"boolean", "object", "array"}:
        return True
    items = parameter.definition.get("items")
    return "array" in taken and isinstance(items, Mapping) and items.get("type") in types


def _fields(
    definition: Any, root: Mapping[str, Any], path: Path = ()
) -> Iterator[tuple[Path, frozenset[str], str]]:
    """Yield (general path, JSON types, semantic form) of every scalar that the schema declares."""
    if len(path) > _DEPTH:
        return
    schema = resolve(definition, root)
    variants = [schema, *(resolve(one, root) for key in ("anyOf", "oneOf") for one in schema.get(key) or ())]
    scalars: set[str] = set()
    for variant in variants:
        properties = variant.get("properties")
        if isinstance(properties, Mapping):
            for name, inner in properties.items():
                yield from _fields(inner, root, (*path, str(name)))
        if isinstance(variant.get("items"), Mapping):
            yield from _fields(variant["items"], root, (*path, ANY_INDEX))
        declared = variant.get("type")
        scalars |= {
            one for one in (declared if isinstance(declared, list) else [declared]) if isinstance(one, str)
        }
    scalars -= {"null", "object", "array"}
    if scalars and path:
        yield (
            path,
            frozenset(scalars),
            declared_type(Parameter(name="", format=str(schema.get("format") or ""))),
        )


def _as_observed(path: Path, outputs: Sequence[Any]) -> Path | None:
    """Return the path as it stands in parsed outputs: a wrapper key may have been taken off.

    None when the tool did answer, and never with this field.
    """
    seen = [output for output in outputs if output is not None]
    if not seen:
        return path
    for candidate in (path, path[1:]):
        if candidate and any(next(expand(output, candidate), None) is not None for output in seen):
            return candidate
    return None
