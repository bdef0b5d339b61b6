"""Typed values made from the schema alone: the last resort, and the only source for free text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random
from typing import Any

from firefly.knowledge import Knowledge
from firefly.parameters import Parameter
from firefly.plugins import register
from firefly.protocols import Proposal
from firefly.replay.records import Tool
from firefly.values.description import described
from firefly.values.fitting import admissible
from firefly.values.observed import searches
from firefly.values.paths import wants_path
from firefly.values.semantic import declared_type, words

__all__ = ["Schema", "formatted"]

_FORMATS: tuple[tuple[str, str], ...] = (
    (r"HH:MM:SS", "14:30:00"),
    (r"HH:MM|24-hour", "14:30"),
    (r"YYYY-MM-DD[T ]", "2026-03-02T14:30:00"),
    (r"YYYY-MM-DD|ISO (?:8601 )?date\b", "2026-03-02"),
    (r"ISO[- ]?8601|RFC[- ]?3339", "2026-03-02T14:30:00Z"),
    (r"YYYY-MM\b", "2026-03"),
    (r"#RRGGBB|#[0-9A-F]{6}|hex (?:colou?r|code)", "#336699"),
    (r"\bRRGGBB\b", "336699"),
    (r"IANA|time ?zone", "Europe/Paris"),
    (
        r"(?i:(?:single|(?:top|upper)-left|first|start(?:ing)?|anchor|target|destination) cell\b"
        r"|cell (?:reference|address))",
        "B2",
    ),
    (r"\b[A-Z]{1,2}\d{1,3}:[A-Z]{1,2}\d{1,3}\b|cell range", "A1:C5"),
    (r"\bFEN\b", "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1"),
)
"""What descriptions call a format -> a value of it."""

_BY_TYPE = {
    "date": "2026-03-02",
    "datetime": "2026-03-02T14:30:00",
    "time": "14:30",
    "timezone": "Europe/Paris",
    "email": "ada@example.org",
    "url": "https://example.org/",
    "uuid": "123e4567-e89b-12d3-a456-426614174000",
    "colour": "#336699",
    "cell range": "A1",
}
_TEXTS: tuple[tuple[frozenset[str], tuple[str, ...], float], ...] = tuple(
    (frozenset(hints.split()), values, weight)
    for hints, values, weight in (
        ("title heading headline subject", ("Sample heading", "Second heading"), 0.7),
        (
            "content text body paragraph message comment note description prompt summary observation thought"
            " topic answer input string document",
            ("Sample text.", "Another line of text."),
            0.68,
        ),
        ("question request", ("Which items are open?", "What comes next?"), 0.6),
        ("currency", ("EUR", "USD"), 0.6),
        ("country", ("FR", "DE"), 0.5),
        ("city location place", ("Paris", "Oslo"), 0.5),
        ("language lang locale", ("en", "fr"), 0.6),
        ("unit", ("m", "kg"), 0.45),
        ("author user owner person assignee", ("Ada", "Bob"), 0.55),
        ("label tag category type group role relation", ("sample", "other"), 0.45),
        ("name username key identifier alias", ("sample", "sample_2"), 0.4),
    )
)
_NUMBERS: tuple[tuple[frozenset[str], tuple[float, ...], float], ...] = tuple(
    (frozenset(hints.split()), values, weight)
    for hints, values, weight in (
        ("index idx offset skip start position depot", (0, 1), 0.7),
        ("page level line row column col version", (1, 2), 0.65),
        ("limit count max top n k size amount lines num number total end", (5, 3, 10), 0.65),
        ("lat latitude", (48.85, 52.5), 0.7),
        ("lon lng longitude", (2.35, 13.4), 0.7),
        ("year", (2026, 2025), 0.7),
        ("month day", (3, 12), 0.7),
        ("hour minute second", (10, 30), 0.65),
        ("width height length radius", (4, 6), 0.65),
        ("a b x y z value", (7, 12, 3), 0.7),
        ("id", (1, 2, 3), 0.5),
    )
)


@register("values", "schema")
class Schema:
    """A plain value of the declared type that honours bounds, length, pattern and format."""

    def propose(
        self, tool: Tool, parameter: Parameter, *, knowledge: Knowledge, rng: Random
    ) -> Iterator[Proposal]:
        """Yield a few values of each declared type."""
        types = parameter.types or ("string",)
        for kind in types:
            for value, weight in _VALUES.get(kind, _nothing)(tool, parameter):
                fixed = _within(value, parameter)
                if admissible(fixed, parameter):
                    yield Proposal(value=fixed, source="schema", detail=f"a plain {kind}", weight=weight)


def formatted(text: str) -> str | None:
    """Return a value of the format that ``text`` names; None when it names none.

    >>> formatted("Time to convert in 24-hour format (HH:MM)")
    '14:30'
    """
    return next((value for pattern, value in _FORMATS if re.search(pattern, text)), None)


def _strings(tool: Tool, parameter: Parameter) -> Iterator[tuple[Any, float]]:
    said = described(parameter, tool)
    by_format = formatted(said)
    if by_format is not None:
        yield by_format, 0.75
    declared = declared_type(parameter)
    if declared in _BY_TYPE:
        yield _BY_TYPE[declared], 0.6 if declared != "url" else 0.35
    named = words(parameter.name)
    for hints, values, weight in _TEXTS:
        if named and (named[-1] in hints or set(named) & hints):
            sure = (1.0 if named[-1] in hints else 0.8) * (0.5 if searches(tool) else 1.0)
            yield from ((value, weight * sure) for value in values)
            break
    if wants_path(parameter):
        yield "/workspace", 0.3
        return
    yield "sample", 0.25


def _numbers(tool: Tool, parameter: Parameter) -> Iterator[tuple[Any, float]]:
    named = set(words(parameter.name))
    for hints, values, weight in _NUMBERS:
        if named & hints:
            yield from ((value, weight) for value in values)
            return
    yield from ((value, 0.5) for value in (2, 5, 10))


def _booleans(tool: Tool, parameter: Parameter) -> Iterator[tuple[Any, float]]:
    yield from ((False, 0.8), (True, 0.8))


def _objects(tool: Tool, parameter: Parameter) -> Iterator[tuple[Any, float]]:
    if not parameter.definition.get("properties"):
        yield {}, 0.35


def _arrays(tool: Tool, parameter: Parameter) -> Iterator[tuple[Any, float]]:
    if not parameter.definition.get("minItems"):
        yield [], 0.2


def _nothing(tool: Tool, parameter: Parameter) -> Iterator[tuple[Any, float]]:
    yield from ()


_VALUES = {
    "string": _strings,
    "integer": _numbers,
    "number": _numbers,
    "boolean": _booleans,
    "object": _objects,
    "array": _arrays,
}


def _within(value: Any, parameter: Parameter) -> Any:
    """Return ``value`` moved inside the schema's bounds and length."""
    limits = parameter.definition
    if isinstance(value, str):
        shortest, longest = limits.get("minLength"), limits.get("maxLength")
        if isinstance(shortest, int) and len(value) < shortest:
            value = (value + "x" * shortest)[:shortest]
        return value[:longest] if isinstance(longest, int) else value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    whole = "integer" in parameter.types or float(value).is_integer()
    low, high = limits.get("minimum"), limits.get("maximum")
    above, below = limits.get("exclusiveMinimum"), limits.get("exclusiveMaximum")
    step = limits.get("multipleOf")
    if isinstance(step, int | float) and step:
        value = step * max(1, round(value / step))
    if isinstance(low, int | float):
        value = max(value, low)
    if isinstance(above, int | float) and not isinstance(above, bool) and value <= above:
        value = above + 1
    if isinstance(high, int | float):
        value = min(value, high)
    if isinstance(below, int | float) and not isinstance(below, bool) and value >= below:
        floor = low if isinstance(low, int | float) else 0
        value = below - 1 if whole else (below + floor) / 2
    return int(value) if whole and float(value).is_integer() else value
