"""How servers word errors, refusals, passing troubles and empty results in plain text.

Tables of phrases, matched by how a text begins or, for one short sentence, by what it says as a whole;
``firefly.outcomes`` decides what follows from a match. A blank in a phrase stands for any white space.
"""

from __future__ import annotations

import re

__all__ = ["error_line", "error_page", "failure_sentence", "is_nothing", "transient"]


def _any(*phrases: str) -> re.Pattern[str]:
    joined = "|".join(f"(?:{phrase})" for phrase in phrases)
    return re.compile(joined.replace(" ", r"\s+"), re.IGNORECASE)


_DECORATION = re.compile(r"^[\s*_#>`•\-❌⚠️✗✘🚫❗⛔\[\]]+")

_ERROR_LINE = _any(
    r"(?:fatal |internal |unexpected )?(?:error|exception|failure|failed|fatal)\s*"
    r"(?:\(.{0,40}\)|\d+|\[.{0,40}\]|code \S+)?\s*[:\-–—]",
    r"error:? (?:executing|calling|running|invoking|in)\s",
    r"error (?:while |when |occurred )?(?!handling|logging|reporting|tracking|correcting)"
    r"[a-z]+ing\b[^\n]{0,200}[:!]",
    r"an? (?:\w+ )?error (?:has )?occurred",
    r"""(?:[\w./'"-]+ ){1,4}(?:error|exception|failed|failure)\s*(?:\(.{0,40}\)|-?\d+)?\s*:\s""",
    r"[A-Za-z_.]*[a-z](?:Error|Exception)\b\s*[:(\[]",
    r"E(?:NOENT|ACCES|EXIST|ISDIR|NOTDIR|PERM|INVAL|NOTEMPTY)\b",
    r"traceback \(most recent call last\)",
    r"\d+ validation errors? for ",
    r"(?:mcp|json-?rpc) error\b",
)
"""How a text that announces an error begins."""

_STRONG = _any(
    r"traceback \(most recent call last\)",
    r"error (?:executing|calling) tool",
    r"\d+ validation errors? for ",
)
"""Beginnings that are errors even above lines that look like a log."""

_FIGURE = re.compile(r"^[\w\s]+:\s*[-+]?[\d.,]+%?\s*$")
"""``Mean absolute error: 0.12`` is a figure, not an error."""

_LOG_LINE = _any(
    r"^\W*\d{4}-\d\d-\d\d",
    r"^\W*\d\d:\d\d:\d\d",
    r"^\W*(?:debug|info|warn(?:ing)?|error|critical|fatal)\b",
)

_BEGINS = _any(
    r"failed (?:to|\w+ing)\b",
    r"unable to\b",
    r"could\s*n[o']t\b",
    r"could not\b",
    r"cannot\b|can not\b|can't\b",
    r"(?:access|permission) denied",
    r"(?:invalid|unknown|unsupported|unrecognized|illegal|malformed) (?!\w+s?\s*:\s*\d)[\w'\"]",
    r"missing (?:required|arguments?|parameters?|fields?|property|or invalid)\b",
    r"no such\s",
    r"no (?:\w+ ){1,3}(?:is|are) (?:currently |been )?\w+",
    r"not (?:found\b|a\s)",
    r"(?:unauthorized|forbidden)\s*(?:$|[:.!,(\-])",
    r"(?:tool|method|function) ['\"]?\w+['\"]? not\b",
)
"""How one sentence that says that something was not done begins."""

_SAYS = _any(
    r"\bdo(?:es)? not exist",
    r"\bdo(?:es)?n't exist",
    r"\b(?:was|were|is|be|are|could)?\s*not (?:be )?found",
    r"\bno such (?:file|table|column|directory|key|tool|option|function|path)",
    r"\bis (?:a )?required\b",
    r"\bis not (?:an? )?(?:valid|supported|allowed|defined|available|installed|initiali[sz]ed|loaded|"
    r"recognized|permitted|git repository|directory|file|accessible|configured|set|running|open)\b",
    r"\bnot (?:been )?(?:initiali[sz]ed|loaded|configured|permitted|allowed)\b",
    r"\balready exists",
    r"\b(?:access|permission) denied",
    r"\bout of (?:range|bounds)",
    r"\btimed out|\btime\s*out",
    r"\bhas failed|\bfailed to",
    r"\b(?:could|did|can) not (?:be \w+ed|resolve|match|exist|parse|load|open|read)\b",
    r"\bmust be (?:an?|one|between|at|less|greater|positive|set|provided|specified|in)\b",
    r"\bmust (?:provide|specify|not be)\b",
    r"\boutside (?:of )?(?:the )?allowed",
)
"""What such a sentence says anywhere."""

_RECORD = re.compile(
    r"^(?:[\w\x20]{1,20}:\s|\d+[.:)\s]|[-*|]\s|.*\s\|\s)(?!.*(?:does not exist|not found\W*$))"
)
"""``Message: fix error``, ``12: raise ...``, ``a | b``: a line of data, not a sentence."""

_STATUS_PAGE = _any(
    r"(?:https?(?:/\d(?:\.\d)?)?\s*(?:error|status)?[\s:]*|(?:status|error|response)\s*(?:code)?[\s:=]*)?[45]\d\d\s*[:\-–]?\s*"
    r"(?:not found|forbidden|unauthorized|bad request|internal server error|bad gateway|service unavailable|"
    r"gateway time|too many|method not allowed|client error|server error|gone|conflict|unprocessable)",
)
_PAGE_TITLE = re.compile(
    r"<(?:title|h1)[^>]*>\s*(?P<title>(?:[^<]{0,40}\b)?[45]\d\d\b[^<]{0,80}"
    r"|[^<]{0,40}(?:not found|forbidden|bad gateway)[^<]{0,40})",
    re.IGNORECASE,
)

_TRANSIENT = _any(
    r"\btimed?[\s-]*out\b(?! of)",
    r"\btimeout (?:error|exceeded|expired|reached|after)|\btimeouterror\b|(?:read|connect|request)\s*timeout",
    r"deadline exceeded",
    r"connection (?:was |has been )?(?:closed|reset|refused|aborted|lost|error|failed)",
    r"broken pipe|socket hang up",
    r"\bE(?:CONNREFUSED|CONNRESET|TIMEDOUT|NOTFOUND|AI_AGAIN|PIPE|HOSTUNREACH|NETUNREACH)\b",
    r"name or service not known|temporary failure in name resolution|getaddrinfo",
    r"network (?:is )?unreachable|no route to host|max retries exceeded|download error",
    r"failed to (?:resolve|establish a (?:new )?connection)",
    r"rate[\s-]?limit(?:ed)?\s*(?:exceeded|reached|hit|:|error)|rate limited",
    r"exceeded (?:the |your )?rate limit",
    r"too many requests|quota exceeded",
    r"(?:http(?:/\d(?:\.\d)?)?|status|code|error)\W{0,3}(?:error|status|code)?\W{0,3}(?:401|403|408|429|5\d\d)\b",
    r"\b(?:401|403|408|429|5\d\d)\W{1,3}"
    r"(?:unauthori[sz]ed|forbidden|request|too|internal|bad|service|gateway|client|server)",
    r"\bunauthori[sz]ed\b|\bnot authenticated\b|authentication (?:failed|required)",
    r"invalid (?:api key|access token|credentials)",
    r"service (?:temporarily )?unavailable|bad gateway|internal server error",
    r"database is locked|resource temporarily unavailable",
    r"(?:server|process) (?:has )?(?:crashed|died|exited|disconnected|terminated)",
)
"""Troubles that say nothing about the call: another time the same call may succeed."""

_NOTHING = _any(
    r"(?:there (?:is|are|were|was) )?(?:no|zero|0) (?:\S+ ){0,6}?"
    r"(?:found|match(?:es|ed|ing)?|results?|available|exist|returned|yet|entries|items|records|rows|files?|"
    r"changes?|data|output|content|to \w+|defined|present|registered|configured|stored|in .*|for .*)\b[^\n]*",
    r"(?:no|zero|0) \w+",
    r"nothing(?: \w+){0,4}",
    r"\(?(?:none|null|empty|no \w+)\)?",
    r"n/a|\[\]|\{\}",
    r"\S+ is empty",
)


def error_line(text: str) -> str | None:
    """Return the first line (and the last) where it announces an error and the text is no log."""
    bare = _DECORATION.sub("", text.replace("**", ""))
    if not _ERROR_LINE.match(bare):
        return None
    lines = [line for line in bare.splitlines() if line.strip()]
    if _FIGURE.match(lines[0]):
        return None
    if not _STRONG.match(bare) and sum(bool(_LOG_LINE.match(line)) for line in lines) >= 2:
        return None
    return lines[0] if len(lines) == 1 else f"{lines[0]} {lines[-1]}"


def failure_sentence(text: str) -> str | None:
    """Return the text where it is one short sentence that says that something was not done."""
    bare = _DECORATION.sub("", text).strip()
    lines = [line for line in bare.splitlines() if line.strip()]
    if not lines or len(lines) > 3 or len(bare) > 400 or is_nothing(lines[0]):
        return None
    first = lines[0]
    if len(lines) > 1 and any(_LOG_LINE.match(line) for line in lines):
        return None
    if _BEGINS.match(first) or (len(first) <= 250 and not _RECORD.match(first) and _SAYS.search(first)):
        return first
    return None


def error_page(text: str) -> str | None:
    """Return the title of an HTTP error page, HTML or one line."""
    if text[:200].lstrip().lower().startswith(("<!doctype html", "<html")):
        found = _PAGE_TITLE.search(text[:4000])
        return found.group("title") if found else None
    return text.splitlines()[0] if len(text) <= 400 and _STATUS_PAGE.match(text) else None


def transient(text: str) -> str | None:
    """Return the words that tell a passing trouble (network, limits, rights, crash)."""
    found = _TRANSIENT.search(text)
    return found.group() if found else None


def is_nothing(line: str) -> bool:
    """Return whether the line says no more than that there is nothing ("No tables found.")."""
    if re.fullmatch(r"[\w-]+", line):
        line = re.sub(r"[_-]+", " ", line).strip()  # a constant: NO_ITEMS_FOUND
    found = _NOTHING.match(line)
    return found is not None and not line[found.end() :].strip(" .!'\"`)]")
