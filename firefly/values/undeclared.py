r"""Parameters that a schema does not declare and that the tool's own errors ask for.

Some servers list a schema without properties, or leave out one that they insist on; their validators
say so in the form of their library: ``"path": ["paths"], "expected": "array"``, ``paths\n  Field
required``, ``'paths' is a required property``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from firefly.knowledge import Knowledge
from firefly.parameters import Parameter, parameters
from firefly.replay.records import Tool

__all__ = ["all_parameters", "missing_keys"]

_TYPES = {
    "array": "array", "list": "array", "boolean": "boolean", "bool": "boolean", "integer": "integer",
    "int": "integer", "number": "number", "float": "number", "object": "object", "dict": "object",
    "string": "string", "str": "string",
}  # fmt: skip
_FIELD_REQUIRED = re.compile(
    r"^(?P<path>[A-Za-z_][\w.]*)\n\s+(?:Field required|Missing required)", re.MULTILINE
)
_PROPERTY = re.compile(
    r"['\"`](?P<name>[A-Za-z_]\w*)['\"`] is a required property"
    r"|must have required property ['\"`](?P<other>[A-Za-z_]\w*)['\"`]"
    r"|missing (?:\d+ )?required (?:\w+ ){0,2}(?:argument|parameter|property|field)s?:? "
    r"['\"`]?(?P<third>[A-Za-z_]\w*)",
    re.IGNORECASE,
)
_HAVE = re.compile(
    r"(?:must|should) (?:have|contain|include|provide)\s+(?P<names>[^.\n]{1,120})\bfields?", re.IGNORECASE
)
_QUOTED = re.compile(r"['\"`]([A-Za-z_]\w*)['\"`]")


def all_parameters(tool: Tool, knowledge: Knowledge) -> tuple[Parameter, ...]:
    """Return the declared parameters, and those that errors asked for although nothing declares them."""
    declared = parameters(tool)
    names = {one.name for one in declared}
    if tool.input_schema.get("additionalProperties") is False:
        return declared
    found: dict[str, Parameter] = {}
    for step in knowledge.steps.get(tool.key, ()):
        if step.observation.outcome == "failure":
            for path, kind in _asked(step.observation.visible[:6000]):
                if len(path) == 1 and path[0] not in names and path[0] not in found:
                    found[path[0]] = _parameter(path[0], kind)
    return declared + tuple(found[name] for name in sorted(found))


def missing_keys(tool: Tool, parameter: str, knowledge: Knowledge) -> tuple[str, ...]:
    """Return the keys that errors missed in the objects given to ``parameter``, in the order met."""
    found: dict[str, None] = {}
    for step in knowledge.steps.get(tool.key, ()):
        if step.observation.outcome != "failure" or parameter not in step.call.arguments:
            continue
        text = step.observation.visible[:6000]
        for path, _ in _asked(text):
            if len(path) >= 2 and path[0] == parameter:
                found.setdefault(path[-1])
        objects = [name for name, value in step.call.arguments.items() if _holds_objects(value)]
        if objects == [parameter]:
            for path, _ in _asked(text):
                if len(path) == 1 and path[0] not in step.call.arguments:
                    found.setdefault(path[0])
            for match in _HAVE.finditer(text):
                found.update(dict.fromkeys(_QUOTED.findall(match["names"])))
    return tuple(found)


def _holds_objects(value: Any) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(one, dict) for one in value)
    )


def _asked(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield (path without indexes, expected type or "") of everything that an error text misses."""
    yield from _issues(text)
    for match in _FIELD_REQUIRED.finditer(text):
        path = tuple(part for part in match["path"].split(".") if not part.isdigit())
        if path:
            yield path, ""
    for match in _PROPERTY.finditer(text):
        yield (match["name"] or match["other"] or match["third"],), ""


def _issues(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Read a list of issues as JavaScript validators print it."""
    start = text.find("[")
    while start >= 0:
        try:
            issues, _ = json.JSONDecoder().raw_decode(text, start)
        except (json.JSONDecodeError, RecursionError):
            start = text.find("[", start + 1)
            continue
        for issue in issues if isinstance(issues, list) else ():
            if not isinstance(issue, dict) or not isinstance(issue.get("path"), list):
                continue
            missing = issue.get("received") == "undefined" or "undefined" in str(issue.get("message"))
            path = tuple(str(part) for part in issue["path"] if isinstance(part, str))
            if path and (missing or str(issue.get("message")) == "Required"):
                yield path, str(issue.get("expected") or "")
        return


def _parameter(name: str, kind: str) -> Parameter:
    known = _TYPES.get(kind.lower(), "")
    definition: dict[str, Any] = {"type": known} if known else {}
    if known == "array":
        definition["items"] = {"type": "string"}
    return Parameter(name=name, types=(known,) if known else (), required=True, definition=definition)
