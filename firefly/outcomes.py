"""What became of a call, judged by what came back and not by the server's own flag.

Nearly half of the failures of published MCP servers carry no ``isError`` (``Database error: ...``,
``{"success": false}``, ``{"error": ...}``), and good results contain the word "error" all the time.
So: data dominates. Where the answer is JSON or a Python literal, its top-level fields decide and its
prose is never searched; only plain text is matched, and only by how it begins or, when it is one short
sentence, by what it says as a whole. Every verdict names the rule that fired and on what.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from firefly.contents import MESSAGE, SUCCESS, content
from firefly.replay.records import Observation, Tool
from firefly.wording import error_line, error_page, failure_sentence, transient

__all__ = ["RULES", "Rule", "classify"]

_QUOTED = 120


@dataclass(frozen=True)
class Answer:
    """One answer as the rules see it."""

    text: str
    """Plain text, stripped; "" where the answer is data."""
    data: tuple[Any, ...]
    """The values that the text and the structured content decode to."""
    flagged: bool
    error_code: int | None
    judges: bool
    """The tool's subject is faults themselves (a validator, linter, log search)."""


@dataclass(frozen=True)
class Rule:
    """A named sign of failure: ``find`` returns what it fired on, or None."""

    name: str
    find: Callable[[Answer], str | None]


def classify(observation: Observation, tool: Tool | None = None) -> Observation:
    """Return ``observation`` with ``outcome`` and ``reason`` as the rules judge it.

    ``transient``, ``refused`` and ``miss`` come from whoever made the call and are kept. ``tool`` lets
    the rules tell a validator's "invalid" (an answer) from a refusal to work (a failure).
    """
    if observation.outcome in ("transient", "refused", "miss"):
        return observation
    text, data = content(observation)
    answer = Answer(
        text=text,
        data=data,
        flagged=observation.is_error,
        error_code=observation.error_code,
        judges=tool is not None and bool(_JUDGE.search(f"{tool.name} {tool.title}".replace("_", " "))),
    )
    for rule in RULES:
        found = rule.find(answer)
        if found is None:
            continue
        passing = transient(found)
        if passing:
            reason = f"{rule.name}, transient: {_quote(passing)}"
            return observation.model_copy(update={"outcome": "transient", "reason": reason})
        reason = f"{rule.name}: {_quote(found)}"
        return observation.model_copy(update={"outcome": "failure", "reason": reason})
    return observation.model_copy(update={"outcome": "success", "reason": ""})


# --- data ------------------------------------------------------------------------------------

_FLAGS = {"iserror", "is_error", "haserror", "has_error", "failed"}
_ERROR = {"error", "error_message", "errormessage", "err", "exception", "traceback", "error_msg"}
_STATUS = {"status", "state", "result", "outcome"}
_BAD_STATUS = {"error", "failed", "failure", "fail", "exception", "not_found", "invalid"}
_CODE = {"status", "code", "statuscode", "status_code", "http_status", "httpstatus"}
_ENVELOPE = (
    SUCCESS
    | _FLAGS
    | _ERROR
    | _STATUS
    | _CODE
    | MESSAGE
    | {"type", "title", "path", "timestamp", "instance", "name", "request_id", "requestid", "help", "errors"}
)
_JUDGE = re.compile(r"valid|lint|check|verif|diagnos|inspect|error|log|test|compile|parse", re.IGNORECASE)


def _lower(value: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(key).lower(): inner for key, inner in value.items()}


def _claims_success(fields: Mapping[str, Any]) -> bool:
    return any(fields.get(name) is True for name in SUCCESS) or str(fields.get("status", "")).lower() in (
        "ok",
        "success",
        "succeeded",
        "completed",
        "done",
    )


def _carries_data(fields: Mapping[str, Any], beside: set[str]) -> bool:
    """Return whether the object holds more than an envelope around its message."""
    return any(
        value not in (None, "", [], {}, 0, False)
        for name, value in fields.items()
        if name not in beside | _ENVELOPE
    )


def _objects(answer: Answer) -> list[dict[str, Any]]:
    return [_lower(value) for value in answer.data if isinstance(value, Mapping)]


def _says_no_success(answer: Answer) -> str | None:
    for fields in _objects(answer):
        for name in sorted(SUCCESS & fields.keys()):
            if fields[name] is False or str(fields[name]).lower() == "false":
                return f'"{name}": false {_message(fields)}'
        for name in sorted(_FLAGS & fields.keys()):
            if fields[name] is True:
                return f'"{name}": true {_message(fields)}'
        if fields.get("valid") is False and not answer.judges:
            return f'"valid": false {_message(fields)}'
    return None


def _error_field(answer: Answer) -> str | None:
    for fields in _objects(answer):
        if _claims_success(fields):
            continue
        for name in sorted(_ERROR & fields.keys()):
            value = fields[name]
            if (
                value is True
                or (isinstance(value, str) and value.strip())
                or (isinstance(value, Mapping) and value)
            ):
                if answer.judges and _carries_data(fields, {name}):
                    continue
                return f'"{name}": {value if isinstance(value, str) else json.dumps(value, default=str)}'
        errors = fields.get("errors")
        if (
            errors
            and isinstance(errors, list | str)
            and not answer.judges
            and not _carries_data(fields, {"errors"})
        ):
            return f'"errors": {json.dumps(errors, default=str)}'
    return None


def _bad_status(answer: Answer) -> str | None:
    for fields in _objects(answer):
        bare = not _carries_data(fields, set())
        for name in sorted(_STATUS & fields.keys()):
            value = fields[name]
            if not isinstance(value, str) or not _is_bad(value):
                continue
            message = _message(fields)
            if bare or (value.lower() == "error" and message) or failure_sentence(message):
                return f'"{name}": "{value}" {message}'
        for name in sorted(_CODE & fields.keys()):
            value = fields[name]
            if isinstance(value, int) and not isinstance(value, bool) and 400 <= value < 600 and bare:
                return f'"{name}": {value} {_message(fields)}'
    return None


def _is_bad(status: str) -> bool:
    """Return whether a status says no: ``error``, ``task_not_found``."""
    said = re.sub(r"[\s-]+", "_", status.strip().lower())
    return said in _BAD_STATUS or said.endswith("_not_found")


def _message_only(answer: Answer) -> str | None:
    for fields in _objects(answer):
        message = _message(fields)
        if message and not _claims_success(fields) and not _carries_data(fields, set()):
            found = error_line(message) or failure_sentence(message)
            if found:
                return message
    return None


def _failed_items(answer: Answer) -> str | None:
    for value in answer.data:
        if isinstance(value, list | tuple):
            lists, trusting = [value], False
        elif isinstance(value, Mapping):
            lists = [inner for inner in value.values() if isinstance(inner, list)]
            trusting = _claims_success(_lower(value))
        else:
            continue
        for items in lists:
            failed = [found for found in map(_failed_item, items) if found]
            if failed and (len(failed) == len(items) or not trusting) and not answer.judges:
                return f"{len(failed)} of {len(items)} items failed, the first: {failed[0]}"
    return None


def _failed_item(item: Any) -> str | None:
    if isinstance(item, str):
        return error_line(item)
    if not isinstance(item, Mapping):
        return None
    fields = _lower(item)
    if any(fields.get(name) is False for name in SUCCESS):
        return f"success false {_message(fields)}"
    error = fields.get("error")
    if isinstance(error, str) and error.strip():
        others = [
            name
            for name, value in fields.items()
            if name not in _ERROR | _STATUS | _CODE and value not in (None, "", [], {})
        ]
        if len(others) <= 1:
            return f'"error": {error}'
    return None


def _message(fields: Mapping[str, Any]) -> str:
    for name in (
        "error",
        "message",
        "error_message",
        "errormessage",
        "msg",
        "detail",
        "details",
        "reason",
        "errors",
    ):
        if isinstance(fields.get(name), str) and fields[name].strip():
            return str(fields[name]).strip()
    return ""


# --- text ------------------------------------------------------------------------------------


def _announces_error(answer: Answer) -> str | None:
    return error_line(answer.text) if answer.text else None


def _is_sentence(answer: Answer) -> str | None:
    return failure_sentence(answer.text) if answer.text else None


_NAMED = re.compile(r"(?P<name>\S[^\n]{0,200}?): (?P<error>Error\b[ :-].{0,400})", re.DOTALL)


def _named_failures(answer: Answer) -> str | None:
    """Several things were asked about, and every one of them failed: ``a.txt: Error - no such file``."""
    blocks = [block.strip() for block in re.split(r"\n-{3,}\n|\n\n", answer.text) if block.strip()]
    found = [_NAMED.fullmatch(block) for block in blocks]
    if not blocks or answer.judges or not all(found):
        return None
    return f"{len(blocks)} of {len(blocks)} failed, the first: {blocks[0]}"


def _http_page(answer: Answer) -> str | None:
    return error_page(answer.text) if answer.text else None


def _flagged(answer: Answer) -> str | None:
    if not answer.flagged:
        return None
    return answer.text or json.dumps(answer.data[0] if answer.data else "no text", default=str)


def _protocol_error(answer: Answer) -> str | None:
    return None if answer.error_code is None else f"{answer.error_code} {answer.text}"


RULES: Sequence[Rule] = (
    Rule("protocol error", _protocol_error),
    Rule("flagged by the server", _flagged),
    Rule("the data says no success", _says_no_success),
    Rule("error field", _error_field),
    Rule("status field", _bad_status),
    Rule("message field", _message_only),
    Rule("failed items", _failed_items),
    Rule("error page", _http_page),
    Rule("error text", _announces_error),
    Rule("failure sentence", _is_sentence),
    Rule("named failures", _named_failures),
)
"""Tried in this order; the first that fires decides."""


def _quote(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _QUOTED else flat[: _QUOTED - 1] + "…"
