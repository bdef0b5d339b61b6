"""Writes tables as JSON lines that ``datasets`` loads with the right types.

Left to itself, Arrow merges the keys of all objects in a column: ``{"city": "Oslo"}`` next to
``{"n": 3}`` becomes ``{"city": "Oslo", "n": null}``. So the card declares a feature for every column,
and objects of free form are JSON columns. Those lose two things: a decimal number may come back with
another last digit (0.3 as 0.30000000000000004), and an integer beyond 64 bits can't be read at all.
A column that has to be exact is therefore a string that holds JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from firefly.replay.records import canonical_json

Feature = dict[str, Any]
"""One entry of ``features`` in the card's YAML."""

_INT64 = range(-(2**63), 2**63)

TEXT: Feature = {"dtype": "string"}
TEXTS: Feature = {"list": "string"}
FLAG: Feature = {"dtype": "bool"}
JSON: Feature = {"dtype": "json"}
JSONS: Feature = {"list": "json"}
CHAT: Feature = {"list": [{"name": "role", **TEXT}, {"name": "content", **TEXT}]}

CORE: dict[str, Feature] = {
    "id": TEXT,
    "question": TEXT,
    "phrasings": TEXTS,
    "answer_format": TEXT,
    "answer": JSON,
    "expression": JSON,
    "gold_calls": JSONS,
    "end_state": JSONS,
    "servers": TEXTS,
    "world": TEXT,
    "provenance": JSON,
    "rubric": TEXTS,
}
"""The columns that are a task's own fields."""

FEATURES: dict[str, dict[str, Feature]] = {
    "tasks": {
        **CORE,
        "prompt": CHAT,
        "tool_names": TEXTS,
        "environment": TEXT,
        "packages": TEXTS,
        "synthesis": TEXT,
        "split": TEXT,
        "checks": JSONS,
        "probes": JSONS,
        "record": TEXT,
    },
    "sft": {
        "id": TEXT,
        "messages": JSONS,
        "tools": JSONS,
        "environment": TEXT,
        "synthesis": TEXT,
        "split": TEXT,
    },
    "tools": {
        "server": TEXT,
        "name": TEXT,
        "agent_name": TEXT,
        "title": TEXT,
        "description": TEXT,
        "input_schema": JSON,
        "output_schema": JSON,
        "annotations": JSON,
        "schema_digest": TEXT,
        "sha256": TEXT,
        "package": TEXT,
        "allowed": FLAG,
        "refused": TEXT,
        "record": TEXT,
    },
    "adjudication": {
        "id": TEXT,
        "verified": FLAG,
        "check": TEXT,
        "suspected": TEXT,
        "prompt": TEXT,
        "answer": JSON,
        "pass_rate": {"dtype": "float64"},
        "attempts": JSONS,
        "decision": TEXT,
    },
    "rejected": {**CORE, "synthesis": TEXT, "failed": TEXTS, "checks": JSONS, "record": TEXT},
}
"""Config name -> column -> feature, for the tables of the built-in exporters."""


def write_table(path: Path, rows: Iterable[Mapping[str, JsonValue]]) -> Path:
    """Write ``rows`` as JSON lines, sorted keys, in the order given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(canonical_json(_loadable(dict(row))) + "\n")
    return path


def exact_text(value: JsonValue) -> str:
    """Return ``value`` as JSON text that every reader decodes to the same value.

    >>> exact_text({"b": 0.3, "a": "é"})
    '{"a":"é","b":0.3}'
    """
    text = canonical_json(value)
    if _encodable(text):
        return text
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _loadable(value: Any) -> Any:
    """Return ``value`` without what no table reader accepts: huge integers and lone surrogates."""
    if isinstance(value, dict):
        return {_loadable(key): _loadable(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_loadable(one) for one in value]
    if isinstance(value, str):
        return value if _encodable(value) else value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, int) and not isinstance(value, bool) and value not in _INT64:
        try:
            return float(value)
        except OverflowError:
            return str(value)
    return value


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
