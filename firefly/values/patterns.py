"""Globs of the files that are there, and arithmetic over numbers that were seen."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from firefly.knowledge import Knowledge
from firefly.parameters import Parameter
from firefly.replay.records import Tool
from firefly.values.harvest import harvest
from firefly.values.semantic import words

__all__ = ["expressions", "globs", "takes_expression"]

_PLAIN = ("(17 + 5) * 3", "144 / 12 - 7", "2 * 3 + 4")


def globs(tool: Tool, knowledge: Knowledge) -> list[tuple[str, float]]:
    """Return (glob, weight): everything, and the commonest endings of the server's files."""
    listing = knowledge.listings.get(tool.server)
    names = [posixpath.basename(path) for path in listing.files] if listing is not None else []
    endings = Counter(name.rpartition(".")[2] for name in names if "." in name.lstrip("."))
    common = sorted(endings, key=lambda ending: (-endings[ending], ending))[:3]
    found = [("**/*", 0.8), ("*", 0.75)]
    return [
        *found,
        *((f"**/*.{ending}", 0.7) for ending in common),
        *((f"*.{ending}", 0.6) for ending in common),
    ]


def takes_expression(tool: Tool, parameter: Parameter) -> bool:
    """Return whether the parameter takes arithmetic."""
    said = f"{tool.name} {tool.description} {parameter.description}".lower()
    arithmetic = any(word in said for word in ("calculat", "math", "arithmetic", "evaluat"))
    return arithmetic and bool(set(words(parameter.name)) & {"expression", "expr", "formula"})


def expressions(knowledge: Knowledge) -> Iterator[tuple[str, str]]:
    """Yield (expression, where its numbers come from): two seen numbers joined, then plain ones."""
    seen: dict[float, str] = {}
    for found in harvest(knowledge):
        value = found.value
        if isinstance(value, bool) or not isinstance(value, int | float) or found.given:
            continue
        if 1 < abs(value) < 1_000_000:
            seen.setdefault(float(value), f"{found.tool[0]}.{found.tool[1]}")
    numbers = list(seen)[:4]
    for one, other in pairwise(numbers):
        yield f"{one:g} + {other:g}", f"numbers of {seen[one]}"
    for text in _PLAIN:
        yield text, "an arithmetic expression"
