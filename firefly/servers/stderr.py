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
_CLOCK = re.compile(r"^[\[(]?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[\d.,:+Z-]*[\])]?[\s|:-]*")
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def essence(text: str) -> str:
    """Return the most telling line of ``text``, without colours and leading clock times; "" for none."""
    lines = [_CLOCK.sub("", _ANSI.sub("", line)).strip(" │╭╰─|") for line in text.splitlines()]
    lines = [line for line in lines if line]
    for wanted in (_TELLING, _HINTS):
        found = [line for line in lines if wanted.search(line)]
        if found:
            return found[-1][:_LONGEST]
    return lines[-1][:_LONGEST] if lines else ""
