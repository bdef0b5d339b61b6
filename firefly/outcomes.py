"""What became of a call, judged by what came back and not by the server's own flag.

Nearly half of the failures of published MCP servers carry no ``isError`` (``Database error: ...``,
``{"success": false}``, ``{"error": ...}``), and good results contain the word "error" all the time.
So: data dominates. Where the answer is JSON or a Python literal, its top-level fields decide and its
prose is never searched; only plain text is matched, and only by how it begins or, when it is one short
sentence, by what it says as a whole. Every verdict names the rule that fired and on what.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from firefly.replay.records import Observation, Tool

__all__ = ["RULES", "Rule", "classify", "decode", "is_empty"]

_NOTHING = object()
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
    text, data = _content(observation)
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
        passing = _TRANSIENT.search(found)
        if passing:
            reason = f"{rule.name}, transient: {_quote(passing.group())}"
            return observation.model_copy(update={"outcome": "transient", "reason": reason})
        reason = f"{rule.name}: {_quote(found)}"
        return observation.model_copy(update={"outcome": "failure", "reason": reason})
    return observation.model_copy(update={"outcome": "success", "reason": ""})


def decode(text: str) -> JsonValue | object:
    """Return the JSON document, sequence of JSON documents (as a list) or Python literal in ``text``.

    Only objects, arrays and quoted strings count as data: a bare number or word is text. The sentinel
    ``decode("")`` stands for "not data".
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
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return _NOTHING
    return value if isinstance(value, dict | list | tuple | str) else _NOTHING


def is_empty(observation: Observation) -> bool:
    """Return whether a successful answer holds nothing ("[]", "No results found", a lone heading)."""
    if observation.attachments:
        return False
    text, data = _content(observation)
    if data:
        return all(_is_empty_value(value) for value in data)
    return _is_empty_text(text)


# --- data ------------------------------------------------------------------------------------

_SUCCESS = {"success", "succeeded", "successful", "ok", "is_success", "issuccess"}
_FLAGS = {"iserror", "is_error", "haserror", "has_error", "failed"}
_ERROR = {"error", "error_message", "errormessage", "err", "exception", "traceback", "error_msg"}
_STATUS = {"status", "state", "result", "outcome"}
_BAD_STATUS = {"error", "failed", "failure", "fail", "exception", "not_found", "invalid"}
_CODE = {"status", "code", "statuscode", "status_code", "http_status", "httpstatus"}
_MESSAGE = {"message", "msg", "detail", "details", "reason", "description", "hint", "suggestion"}
_ENVELOPE = (
    _SUCCESS
    | _FLAGS
    | _ERROR
    | _STATUS
    | _CODE
    | _MESSAGE
    | {"type", "title", "path", "timestamp", "instance", "name", "request_id", "requestid", "help", "errors"}
)
_WRAPPERS = {"result", "output", "content", "text", "response", "message", "data", "value", "answer"}
_JUDGE = re.compile(r"valid|lint|check|verif|diagnos|inspect|error|log|test|compile|parse", re.IGNORECASE)


def _content(observation: Observation) -> tuple[str, tuple[Any, ...]]:
    """Return (plain text, decoded values), wrappers such as ``{"result": ...}`` taken off."""
    data: list[Any] = []
    text = observation.text.strip()
    decoded = decode(text)
    if decoded is not _NOTHING:
        text = ""
        data.append(decoded)
    if observation.structured is not None:
        data.append(observation.structured)
    values: list[Any] = []
    for value in data:
        inner = _unwrapped(value)
        if isinstance(inner, str):
            again = decode(inner)
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


def _lower(value: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(key).lower(): inner for key, inner in value.items()}


def _claims_success(fields: Mapping[str, Any]) -> bool:
    return any(fields.get(name) is True for name in _SUCCESS) or str(fields.get("status", "")).lower() in (
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
        for name in sorted(_SUCCESS & fields.keys()):
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
            if not isinstance(value, str) or value.lower() not in _BAD_STATUS:
                continue
            message = _message(fields)
            if bare or (value.lower() == "error" and message) or _sentence(message):
                return f'"{name}": "{value}" {message}'
        for name in sorted(_CODE & fields.keys()):
            value = fields[name]
            if isinstance(value, int) and not isinstance(value, bool) and 400 <= value < 600 and bare:
                return f'"{name}": {value} {_message(fields)}'
    return None


def _message_only(answer: Answer) -> str | None:
    for fields in _objects(answer):
        message = _message(fields)
        if message and not _claims_success(fields) and not _carries_data(fields, set()):
            found = _error_line(message) or _sentence(message)
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
        return item if _ITEM_ERROR.match(item) else None
    if not isinstance(item, Mapping):
        return None
    fields = _lower(item)
    if any(fields.get(name) is False for name in _SUCCESS):
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

_DECORATION = re.compile(r"^[\s*_#>`•\-❌⚠️✗✘🚫❗⛔\[\]]+")
_ERROR_LINE = re.compile(
    r"""(?:
      (?:fatal\s+|internal\s+|unexpected\s+)?(?:error|exception|failure|failed|fatal)\s*(?:\(.{0,40}\)|\d+|\[.{0,40}\]|code\s\S+)?\s*[:\-–—]
    | error:?\s+(?:executing|calling|running|invoking|in)\s
    | error\s+(?:while\s+|when\s+|occurred\s+)?(?!handling|logging|reporting|tracking|correcting)[a-z]+ing\b[^\n]{0,200}[:!]
    | an?\s+(?:\w+\s+)?error\s+(?:has\s+)?occurred
    | (?:[\w./'"-]+\s+){1,4}(?:error|exception|failed|failure)\s*(?:\(.{0,40}\)|-?\d+)?\s*:\s
    | [A-Za-z_.]*[a-z](?:Error|Exception|Warning:\sError)\b\s*[:(\[]
    | E(?:NOENT|ACCES|EXIST|ISDIR|NOTDIR|PERM|INVAL|NOTEMPTY)\b
    | traceback\s\(most\srecent\scall\slast\)
    | \d+\s+validation\s+errors?\s+for\s
    | (?:mcp|json-?rpc)\s+error\b
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_LOG_LINE = re.compile(
    r"^\W*(?:\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d|(?:debug|info|warn(?:ing)?|error|critical|fatal)\b)",
    re.IGNORECASE,
)
_ITEM_ERROR = re.compile(
    r"^\W*(?:error\b\s*[:\-]|failed to |error\s+[a-z]+ing\b[^:]{0,120}:|[A-Za-z]+(?:Error|Exception):)",
    re.IGNORECASE,
)
_STRONG = re.compile(
    r"traceback \(most recent call last\)|error (?:executing|calling) tool|\d+ validation errors? for ",
    re.IGNORECASE,
)
_BEGINS = re.compile(
    r"(?:failed\s+to|failed\s+\w+ing|unable\s+to|could\s*n[o']t|could\s+not|cannot|can\s*not|can't|access\s+denied|permission\s+denied|"
    r"(?:invalid|unknown|unsupported|unrecognized|illegal|malformed)\s+(?!\w+s?\s*:\s*\d)[\w'\"]|"
    r"missing\s+(?:required|argument|parameter|field|property|or\s+invalid)|"
    r"no\s+such\s|no\s+(?:\w+\s+){1,3}(?:is|are)\s+(?:currently\s+|been\s+)?(?:\w+)|not\s+found\b|not\s+a\s|(?:unauthorized|forbidden)\s*(?:$|[:.!,(\-])|"
    r"(?:tool|method|function)\s+['\"]?\w+['\"]?\s+not\b)",
    re.IGNORECASE,
)
_SAYS = re.compile(
    r"\b(?:do(?:es)?\s+not\s+exist|do(?:es)?n't\s+exist|(?:was|were|is|be|are|could)?\s*not\s+(?:be\s+)?found|"
    r"no\s+such\s+(?:file|table|column|directory|key|tool|option|function|path)|"
    r"is\s+(?:a\s+)?required\b|is\s+not\s+(?:an?\s+)?(?:valid|supported|allowed|defined|available|installed|initiali[sz]ed|loaded|"
    r"recognized|permitted|git\s+repository|directory|file|accessible|configured|set|running|open)\b|"
    r"not\s+(?:been\s+)?(?:initiali[sz]ed|loaded|configured)\b|already\s+exists|not\s+permitted|not\s+allowed|access\s+denied|"
    r"permission\s+denied|out\s+of\s+(?:range|bounds)|timed\s+out|time\s*out|has\s+failed|failed\s+to|(?:could|did|can)\s+not\s+(?:be\s+\w+ed|resolve|match|exist|parse|load|open|read)\b|must\s+be\s+(?:a|an|one|between|"
    r"at|less|greater|positive|set|provided|specified|in)\b|must\s+(?:provide|specify|not\s+be)|outside\s+(?:of\s+)?(?:the\s+)?allowed)",
    re.IGNORECASE,
)
_HTTP = re.compile(
    r"(?:https?(?:/\d(?:\.\d)?)?\s*(?:error|status)?[\s:]*|(?:status|error|response)\s*(?:code)?[\s:=]*)?(?P<code>[45]\d\d)\s*[:\-–]?\s*"
    r"(?:not found|forbidden|unauthorized|bad request|internal server error|bad gateway|service unavailable|gateway time|too many|"
    r"method not allowed|client error|server error|gone|conflict|unprocessable)",
    re.IGNORECASE,
)
_HTML_TITLE = re.compile(
    r"<(?:title|h1)[^>]*>\s*(?:[^<]{0,40}\b)?(?P<title>[45]\d\d\b[^<]{0,80}|[^<]{0,40}(?:not found|forbidden|bad gateway)[^<]{0,40})",
    re.IGNORECASE,
)
_TRANSIENT = re.compile(
    r"""(?:
      \btimed?[\s-]*out\b(?!\s+of) | \btimeout\s*(?:error|exceeded|expired|reached|after)|(?:read|connect|request)\s*timeout | deadline\s+exceeded
    | connection\s+(?:was\s+|has\s+been\s+)?(?:closed|reset|refused|aborted|lost|error|failed) | broken\s+pipe | socket\s+hang\s+up
    | \bE(?:CONNREFUSED|CONNRESET|TIMEDOUT|NOTFOUND|AI_AGAIN|PIPE|HOSTUNREACH|NETUNREACH)\b
    | name\s+or\s+service\s+not\s+known | (?:temporary\s+failure\s+in\s+)name\s+resolution | getaddrinfo | network\s+(?:is\s+)?unreachable
    | failed\s+to\s+(?:resolve|establish\s+a\s+(?:new\s+)?connection) | download\s+error | max\s+retries\s+exceeded | no\s+route\s+to\s+host
    | rate[\s-]?limit(?:ed)?\s*(?:exceeded|reached|hit|:|error)|exceeded\s+(?:the\s+|your\s+)?rate\s+limit|rate\s+limited|too\s+many\s+requests|quota\s+exceeded
    | (?:http(?:/\d(?:\.\d)?)?|status|code|error)\W{0,3}(?:error|status|code)?\W{0,3}(?:401|403|408|429|5\d\d)\b
    | \b(?:401|403|408|429|5\d\d)\W{1,3}(?:unauthori[sz]ed|forbidden|request|too|internal|bad|service|gateway|client|server)
    | \bunauthori[sz]ed\b | \bnot\s+authenticated\b | authentication\s+(?:failed|required) | invalid\s+(?:api\s+key|access\s+token|credentials)
    | service\s+(?:temporarily\s+)?unavailable | bad\s+gateway | internal\s+server\s+error | database\s+is\s+locked | resource\s+temporarily\s+unavailable
    | (?:server|process)\s+(?:has\s+)?(?:crashed|died|exited|disconnected|terminated)
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_NOTHING_FOUND = re.compile(
    r"(?:there\s+(?:is|are|were|was)\s+)?(?:no|zero|0)\s+(?:\S+\s+){0,6}?(?:found|match(?:es|ed|ing)?|results?|available|exist|returned|yet|"
    r"entries|items|records|rows|files?|changes?|data|output|content|to\s+\w+|defined|present|registered|configured|stored|in\s+.*|for\s+.*)\b[^\n]*|"
    r"(?:no|zero|0)\s+\w+|nothing(?:\s+\w+){0,4}|none|null|empty|\(?(?:empty|none|no\s+\w+)\)?|n/a|\[\]|\{\}|\S+\s+is\s+empty",
    re.IGNORECASE,
)


def _error_line(text: str) -> str | None:
    """Return the first line where it announces an error and the text is no log."""
    bare = _DECORATION.sub("", text.replace("**", ""))
    if not _ERROR_LINE.match(bare):
        return None
    if _NUMBER_ONLY.match(bare.splitlines()[0]):
        return None
    lines = [line for line in bare.splitlines() if line.strip()]
    if not _STRONG.match(bare) and sum(bool(_LOG_LINE.match(line)) for line in lines) >= 2:
        return None
    return lines[0] if len(lines) == 1 else f"{lines[0]} {lines[-1]}"


_NUMBER_ONLY = re.compile(r"^[\w\s]+:\s*[-+]?[\d.,]+%?\s*$")
"""``Mean absolute error: 0.12`` is a figure, not an error."""


def _sentence(text: str) -> str | None:
    """Return the text where it is one short sentence that says that something was not done."""
    bare = _DECORATION.sub("", text).strip()
    lines = [line for line in bare.splitlines() if line.strip()]
    if not lines or len(lines) > 3 or len(bare) > 400 or _nothing_found(lines[0]):
        return None
    first = lines[0]
    if len(lines) > 1 and any(_LOG_LINE.match(line) for line in lines):
        return None
    if _BEGINS.match(first) or (len(first) <= 250 and not _RECORD.match(first) and _SAYS.search(first)):
        return first
    return None


_RECORD = re.compile(r"^(?:[\w ]{1,20}:\s|\d+[.:)\s]|[-*|]\s|.*\s\|\s)(?!.*(?:does not exist|not found\W*$))")
"""``Message: fix error``, ``12: raise ...``, ``a | b``: a line of data, not a sentence."""


def _announces_error(answer: Answer) -> str | None:
    return _error_line(answer.text) if answer.text else None


def _is_sentence(answer: Answer) -> str | None:
    return _sentence(answer.text) if answer.text else None


def _http_page(answer: Answer) -> str | None:
    text = answer.text
    if text[:200].lstrip().lower().startswith(("<!doctype html", "<html")):
        found = _HTML_TITLE.search(text[:4000])
        return found.group("title") if found else None
    match = _HTTP.match(text)
    return text.splitlines()[0] if match and len(text) <= 400 else None


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
)
"""Tried in this order; the first that fires decides."""


# --- empty -----------------------------------------------------------------------------------

_COUNT = re.compile(
    r"(?:count|total|n|num|matches|hits|size|length|rows?_?count|total_\w+|\w+_count|\w+count)$",
    re.IGNORECASE,
)


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
        if str(key).lower() not in _SUCCESS | _MESSAGE | {"query", "status"} and not (zero and inner == 0)
    ]
    return all(inner is None or inner == "" for inner in rest) and (zero or bool(rest))


def _is_empty_text(text: str) -> bool:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return True
    return len(lines) == 1 and (lines[0].endswith(":") or _nothing_found(lines[0]))


def _nothing_found(line: str) -> bool:
    match = _NOTHING_FOUND.match(line)
    return bool(match) and not line[match.end() :].strip(" .!'\"`)]") if match else False


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


def _quote(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _QUOTED else flat[: _QUOTED - 1] + "…"
