"""The line of a server's stderr that says why it failed."""

from __future__ import annotations

import re

__all__ = ["essence"]

_LONGEST = 300
_TELLING = re.compile(
    r"^\s*(?:[\w.]+(?:Error|Exception|Exit)\b|(?:fatal|error|panic|abort\w*)\b[^a-z]|Error:)", re.IGNORECASE
)
_HINTS = re.compile(
    r"error|exception|fatal|cannot|can't|could not|failed|not found|no module|missing|required|denied",
    re.IGNORECASE,
)
_EXPLAINS = re.compile(r"(?:problem|reason|cause|details?|message)\s*:\s*\S", re.IGNORECASE)
"""A line that says what the title above it means."""
_CLOCK = re.compile(r"^[\[(]?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[\d.,:+Z-]*[\])]?[\s|:-]*")
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def essence(text: str) -> str:
    """Return the most telling line of ``text``, without colours and leading clock times; "" for none."""
    lines = [_CLOCK.sub("", _ANSI.sub("", line)).strip(" │╭╰─|") for line in text.splitlines()]
    lines = [line for line in lines if line]
    for wanted in (_TELLING, _HINTS):
        found = [place for place, line in enumerate(lines) if wanted.search(line)]
        if found:
            told = lines[found[-1] : found[-1] + 2]
            if len(told) == 2 and not _EXPLAINS.match(told[1]):
                told.pop()
            return " ".join(told)[:_LONGEST]
    return lines[-1][:_LONGEST] if lines else ""
