"""What a model says, apart from what it thinks aloud and from the words around its JSON.

Endpoints that were not told how a model marks its thoughts hand them out as text. They are no part of an
answer: a formula, a call or an ``Answer:`` in them is one that the model may have dropped again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dspy.lm15 import Response

__all__ = ["objects", "spoken", "without_thoughts"]

_THOUGHT = re.compile(r"\s*<(think|thinking|thought|reasoning)>.*?(?:</\1>\s*|\Z)", re.S | re.I)
_UNOPENED = re.compile(r"(?:(?!<think).)*?</think(?:ing)?>\s*", re.S | re.I)
"""Where the prompt's end opens the block, the answer has its end only."""


def without_thoughts(text: str) -> str:
    r"""Return a text without the blocks of thoughts that it begins with; one that does not end takes it all.

    >>> without_thoughts("<think>Is it 3? No.</think>\n\nAnswer: 4"), without_thoughts("hm</think>4")
    ('Answer: 4', '4')
    >>> without_thoughts("<think>Let me see"), without_thoughts("The tag <think> is 5")
    ('', 'The tag <think> is 5')
    """
    if "think" not in text and "thought" not in text and "reasoning" not in text:
        return text
    unopened = _UNOPENED.match(text)
    start = unopened.end() if unopened else 0
    while match := _THOUGHT.match(text, start):
        start = match.end()
    return text[start:]


def spoken(response: Response) -> Response:
    """Return an answer without thoughts in its text."""
    from dspy.lm15 import TextPart

    parts = tuple(
        replace(part, text=without_thoughts(part.text)) if isinstance(part, TextPart) else part
        for part in response.message.parts
    )
    return (
        response
        if parts == response.message.parts
        else replace(response, message=replace(response.message, parts=parts))
    )


def objects(text: str) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of a text that are inside no other, the last one first."""
    found = []
    place = 0
    while (start := text.find("{", place)) >= 0:
        try:
            value, place = json.JSONDecoder().raw_decode(text, start)
        except (ValueError, RecursionError):
            place = start + 1
            continue
        if isinstance(value, dict):
            found.append(value)
    yield from reversed(found)
