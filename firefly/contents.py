"""What an answer of a tool holds: its text and data, wrappers taken off, and whether that is nothing."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from firefly.replay.parsers import AST_LOCK
from firefly.replay.records import Observation
from firefly.wording import is_nothing

__all__ = ["MESSAGE", "SUCCESS", "content", "is_empty"]

SUCCESS = {"success", "succeeded", "successful", "ok", "is_success", "issuccess"}
"""Fields that say whether a call succeeded."""
MESSAGE = {"message", "msg", "detail", "details", "reason", "description", "hint", "suggestion"}
"""Fields that speak to the reader."""
_WRAPPERS = {"result", "output", "content", "text", "response", "message", "data", "value", "answer"}
_NOTHING = object()
_COUNT = re.compile(
    r"(?:count|total|n|num|matches|hits|size|length|rows?_?count|total_\w+|\w+_count|\w+count)$",
    re.IGNORECASE,
)
"""Fields that count what is beside them."""


def is_empty(observation: Observation) -> bool:
    """Return whether a successful answer holds nothing ("[]", "No results found", a lone heading)."""
    if observation.attachments:
        return False
    text, data = content(observation)
    if data:
        return all(_is_empty_value(value) for value in data)
    return _is_empty_text(text)


def content(observation: Observation) -> tuple[str, tuple[Any, ...]]:
    """Return (plain text, decoded values), wrappers such as ``{"result": ...}`` taken off."""
    data: list[Any] = []
    text = observation.text.strip()
    decoded = _decode(text)
    if decoded is not _NOTHING:
        text = ""
        data.append(decoded)
    if observation.structured is not None:
        data.append(observation.structured)
    values: list[Any] = []
    for value in data:
        inner = _unwrapped(value)
        if isinstance(inner, str):
            again = _decode(inner)
            if again is _NOTHING or isinstance(again, str):
                text = text or inner.strip()
                continue
            inner = _unwrapped(again)
        if not any(inner is known or inner == known for known in values):
            values.append(inner)
    return text, tuple(values)


def _unwrapped(value: Any) -> Any:
    while isinstance(value, Mapping) and len(value) == 1:
        key, inner = next(iter(value.items()))
        if str(key).lower() not in _WRAPPERS:
            return value
        value = inner
    return value


def _decode(text: str) -> JsonValue | object:
    """Return the JSON document, sequence of JSON documents (as a list) or Python literal in ``text``.

    Only objects, arrays and quoted strings count as data: a bare number or word is text. The sentinel
    ``_NOTHING`` stands for "not data".
    """
    text = text.strip()
    if not text or text[0] not in "[{\"'(":
        return _NOTHING
    documents = _json_documents(text)
    if documents is not None:
        return documents[0] if len(documents) == 1 else documents
    if len(text) > 200_000:
        return _NOTHING
    try:
        with AST_LOCK:
            value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return _NOTHING
    return value if isinstance(value, dict | list | tuple | str) else _NOTHING


def _json_documents(text: str) -> list[Any] | None:
    decoder = json.JSONDecoder()
    documents: list[Any] = []
    position = 0
    try:
        while position < len(text):
            value, position = decoder.raw_decode(text, position)
            documents.append(value)
            while position < len(text) and text[position] in " \t\r\n":
                position += 1
    except (json.JSONDecodeError, RecursionError):
        return None
    if len(documents) > 1 and not all(isinstance(document, dict | list) for document in documents):
        return None
    return documents


def _is_empty_value(value: Any) -> bool:
    if value is None or (isinstance(value, str | list | tuple | Mapping) and not value):
        return True
    if isinstance(value, str):
        return _is_empty_text(value)
    if isinstance(value, list | tuple):
        return all(_is_empty_value(item) for item in value)
    if not isinstance(value, Mapping):
        return False
    lists = [inner for inner in value.values() if isinstance(inner, list | Mapping)]
    zero = any(
        inner == 0 and not isinstance(inner, bool) and _COUNT.match(str(key)) for key, inner in value.items()
    )
    figures = any(
        isinstance(inner, int | float) and inner and not isinstance(inner, bool) for inner in value.values()
    )
    if lists:
        blank = [not inner for inner in lists]
        return (any(blank) and zero) or (all(blank) and not figures)
    rest = [
        inner
        for key, inner in value.items()
        if str(key).lower() not in SUCCESS | MESSAGE | {"query", "status"} and not (zero and inner == 0)
    ]
    return all(inner is None or inner == "" for inner in rest) and (zero or bool(rest))


def _is_empty_text(text: str) -> bool:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return True
    return len(lines) == 1 and (lines[0].endswith(":") or is_nothing(lines[0]))
