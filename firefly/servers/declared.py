"""From a raw ``tools/list`` to `Tool` records: lenient with one bad tool, strict with what it would break."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from pydantic import ValidationError

from firefly.replay.records import Annotations, Tool

__all__ = ["declared_tools"]


def declared_tools(server: str, raw: Sequence[Any]) -> tuple[tuple[Tool, ...], tuple[str, ...]]:
    """Return the usable tools, sorted by name, and a warning for everything mended or left out.

    Two tools of one name are both left out: nothing says which of them a call would reach.
    """
    warnings: list[str] = []
    tools: list[Tool] = []
    names = Counter(
        item.get("name") for item in raw if isinstance(item, Mapping) and _is_name(item.get("name"))
    )
    for name, count in sorted(names.items()):
        if count > 1:
            warnings.append(f"{count} tools are called {name!r}; all of them are left out")
    for position, item in enumerate(raw):
        if not isinstance(item, Mapping) or not _is_name(item.get("name")):
            warnings.append(f"entry {position} of tools/list has no name; left out")
        elif names[item["name"]] == 1:
            tool = _tool(server, item, warnings)
            if tool is not None:
                tools.append(tool)
    return tuple(sorted(tools, key=lambda tool: tool.name)), tuple(warnings)


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and bool(name)


def _tool(server: str, item: Mapping[str, Any], warnings: list[str]) -> Tool | None:
    name = item["name"]
    schema = item.get("inputSchema")
    if not isinstance(schema, dict):
        warnings.append(f"{name}: no inputSchema; taken as one without parameters")
        schema = {"type": "object", "properties": {}}
    elif "type" not in schema:
        warnings.append(f"{name}: inputSchema lacks type; taken as object")
        schema = {**schema, "type": "object"}
    fault = _schema_fault(schema)
    if fault:
        warnings.append(f"{name}: left out: inputSchema {fault}")
        return None
    output = item.get("outputSchema")
    if output is not None:
        fault = _schema_fault(output)
        if fault:
            warnings.append(f"{name}: outputSchema ignored: it {fault}")
            output = None
    hints = item.get("annotations")
    hints = hints if isinstance(hints, Mapping) else {}
    try:
        return Tool(
            server=server,
            name=name,
            title=str(item.get("title") or hints.get("title") or ""),
            description=str(item.get("description") or ""),
            input_schema=schema,
            output_schema=output,
            annotations=Annotations(
                read_only=_flag(hints.get("readOnlyHint")),
                destructive=_flag(hints.get("destructiveHint")),
                idempotent=_flag(hints.get("idempotentHint")),
                open_world=_flag(hints.get("openWorldHint")),
            ),
        )
    except ValidationError as error:
        warnings.append(f"{name}: left out: {error.errors(include_url=False, include_input=False)[0]['msg']}")
        return None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _schema_fault(schema: Any) -> str:
    if not isinstance(schema, dict):
        return f"is no object but {type(schema).__name__}"
    if schema.get("type") != "object" and "type" in schema:
        return f"is of type {schema['type']!r}, not object"
    for reference in _references(schema):
        if not reference.startswith("#"):
            return f"refers to another document ({reference}), which is never fetched"
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        where = "/".join(str(part) for part in error.absolute_path)
        return f"is no JSON Schema: at {where or 'the top'}: {error.message[:120]}"
    except RecursionError:
        return "is nested too deep"
    return ""


def _references(value: Any) -> Iterator[str]:
    """Yield every ``$ref``; names of properties that are called so are not references."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key in ("$ref", "$dynamicRef") and isinstance(item, str):
                yield item
            elif key in ("default", "const", "enum", "examples"):
                continue
            elif key in ("properties", "patternProperties", "$defs", "definitions") and isinstance(
                item, Mapping
            ):
                for inner in item.values():
                    yield from _references(inner)
            else:
                yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)
