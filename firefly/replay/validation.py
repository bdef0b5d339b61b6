"""Which required arguments a call lacks, where that is all that is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from pydantic import JsonValue

from .records import Tool, canonical_json


def missing_arguments(tool: Tool, arguments: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """Return the missing required arguments, sorted; () if there are none or other faults as well."""
    required = tool.input_schema.get("required")
    names = {str(name) for name in required} if isinstance(required, list) else set()
    missing = tuple(sorted(names - arguments.keys()))
    if not missing:
        return ()
    validator = validator_of(canonical_json({**tool.input_schema, "required": []}))
    if validator is None:
        return ()
    declared = tool.input_schema.get("properties")
    unknown = arguments.keys() - (declared.keys() if isinstance(declared, dict) else set())
    return () if unknown or not validator.is_valid(dict(arguments)) else missing


@lru_cache(maxsize=1024)
def validator_of(schema: str) -> Any:
    """Return the validator of a schema, given as canonical JSON; None where it is no schema."""
    found = json.loads(schema)
    try:
        Draft202012Validator.check_schema(found)
    except SchemaError:
        return None
    return Draft202012Validator(found)
