"""What is usual, for estimates before anything is known of what tools return and models say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from firefly.lm.ledger import Estimate, tokens_of
from firefly.replay.records import Tool

__all__ = ["ANSWER", "CALL", "CALLS", "QUESTION", "RESULT", "asking", "per_server", "trajectory", "working"]

CALLS = 4
"""Calls of one exploration, or of one piece of work."""
CALL = 120
"""Tokens of an answer with a call."""
RESULT = 400
"""Tokens of a tool's result."""
QUESTION = 60
"""Tokens of a question with its answer format."""
ANSWER = 60
"""Tokens of a short structured answer, such as a formula."""
_FRAME = 1200
"""Letters of a request besides what it says: DSPy's frame."""


def trajectory() -> int:
    """Return the tokens of calls with their results, as writers and judges are shown them."""
    return CALLS * (CALL + RESULT)


def per_server(tools: Sequence[Tool]) -> int:
    """Return how many tools a server has, in the mean."""
    return -(-len(tools) // max(1, len({tool.server for tool in tools})))


def asking(role: str, calls: int, *, fixed: str, kinds: Sequence[Any], given: int, said: int) -> Estimate:
    """Return what ``calls`` requests would take that fill the fields of a prompt.

    Args:
        role: who is asked.
        calls: how many requests.
        fixed: instructions and descriptions.
        kinds: types of the fields that are wanted; their schemas are sent, once in words and once as such.
        given: tokens of what is given in one request.
        said: tokens of one answer.

    """
    from pydantic import TypeAdapter

    schemas = sum(len(json.dumps(TypeAdapter(kind).json_schema())) for kind in kinds)
    each = (len(fixed) + _FRAME + 2 * schemas) // 4 + given
    return Estimate(role, calls, calls * each, calls * said)


def working(
    role: str, count: int, tools: Sequence[Tool], *, offered: int, instructions: str, given: int, turns: int
) -> Estimate:
    """Return what ``count`` pieces of work with tools would take, of a call for each turn but the last.

    Args:
        role: who works.
        count: how many.
        tools: all tools; those offered have the mean size.
        offered: how many are offered.
        instructions: what the model is told.
        given: tokens of the task.
        turns: requests for one piece of work.

    """
    sizes = [tokens_of(json.dumps(dict(tool.input_schema)) + tool.description) for tool in tools]
    fixed = offered * sum(sizes) / max(1, len(sizes)) + tokens_of(instructions) + given
    grown = (CALL + RESULT) * turns * (turns - 1) / 2
    said = count * ((turns - 1) * CALL + ANSWER)
    return Estimate(role, count * turns, round(count * (turns * fixed + grown)), said)
