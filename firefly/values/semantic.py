"""What a value is by its form (a date, a commit hash, a path) and what a parameter's name asks for.

Names alone fail on real servers (parameters are called ``path`` and ``query``, outputs ``content``);
the semantic type of *observed* values is what tells which output fits which input.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from pydantic import JsonValue

from firefly import english
from firefly.parameters import Parameter

__all__ = ["SPECIFIC", "declared_type", "is_specific", "overlap", "semantic_type", "shape", "words"]

_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("uuid", r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
        ("email", r"[\w.+-]+@[\w-]+\.[\w.-]+"),
        ("url", r"[a-z][a-z0-9+.-]*://\S+"),
        ("datetime", r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z| ?[+-]\d\d:?\d\d)?"),
        ("date", r"\d{4}-\d\d-\d\d"),
        ("time", r"[0-2]?\d:[0-5]\d(?::[0-5]\d)?"),
        (
            "timezone",
            r"(?:Africa|America|Antarctica|Asia|Atlantic|Australia|Europe|Indian|Pacific|Etc)/[\w+/-]+|UTC",
        ),
        (
            "hash",
            r"(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])(?:[0-9a-f]{7,12}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})",
        ),
        ("path", r"(?:[A-Za-z]:)?[.~]?/(?:[\w .@+-]+/)*[\w .@+-]*"),
        ("path", r"(?:[\w.@+-]+/)+[\w.@+-]+"),
        ("file name", r"[\w][\w @+-]*\.(?:[A-Za-z][A-Za-z0-9]{1,5}|[chrR])"),
        ("colour", r"#(?:[0-9a-fA-F]{3}){1,2}"),
        ("cell range", r"\$?[A-Z]{1,3}\$?\d{1,6}(?::\$?[A-Z]{1,3}\$?\d{1,6})?"),
        ("sql", r"(?is)\s*(?:select|with|insert|update|delete|create|pragma)\s.+"),
        ("quantity", r"[+-]?\d+(?:\.\d+)? [A-Za-zµ°%][\w°/^%]{0,11}"),
        ("arithmetic", r"(?=.*[\d)] [-+*/] [\d(])[\d\s.()+*/-]+"),
        ("number text", r"[+-]?\d+(?:\.\d+)?"),
    )
)
_CODE = re.compile(r"([A-Za-z]{1,8})([-_/#]?)\d{1,10}")

_PARAMETER_WORDS: tuple[tuple[str, frozenset[str]], ...] = (
    ("timezone", frozenset({"timezone", "tz"})),
    (
        "path",
        frozenset(
            {
                "path",
                "file",
                "filepath",
                "filename",
                "directory",
                "folder",
                "dir",
                "repo",
                "repository",
                "uri",
            }
        ),
    ),
    ("hash", frozenset({"sha", "hash", "commit", "revision", "rev"})),
    ("datetime", frozenset({"datetime", "timestamp"})),
    ("date", frozenset({"date", "day"})),
    ("time", frozenset({"time"})),
    ("url", frozenset({"url", "link", "href"})),
    ("email", frozenset({"email", "mail"})),
    ("uuid", frozenset({"uuid", "guid"})),
    ("sql", frozenset({"sql"})),
    ("colour", frozenset({"color", "colour"})),
    ("cell range", frozenset({"cell", "range"})),
)

SPECIFIC = frozenset({name for name, _ in _PATTERNS} - {"number text", "file name"})
"""Types that two unrelated values seldom share; ``code:<prefix>`` is one too."""


MOMENTS = frozenset({"date", "datetime", "time", "timezone"})
"""Types of values that things have in common by chance: looked up, they lead to what is unrelated."""


@lru_cache(maxsize=65536)
def words(name: str) -> tuple[str, ...]:
    """Return the words of a name in lower case and singular.

    >>> words("listOpenOrders_byID")
    ('list', 'open', 'order', 'by', 'id')
    """
    return tuple(_singular(word) for word in english.words(name))


def semantic_type(value: JsonValue) -> str:
    """Return the semantic type of a scalar; "" for null and containers.

    >>> [semantic_type(v) for v in ("2026-01-05", "Europe/Paris", "ORD-1007", "a1b2c3d4", 7)]
    ['date', 'timezone', 'code:ord-', 'hash', 'number']
    """
    if isinstance(value, str):
        return _of_text(value.strip()) if value.strip() else ""
    if isinstance(value, bool):
        return "flag"
    return "number" if isinstance(value, int | float) else ""


def is_specific(kind: str) -> bool:
    """Return whether sharing ``kind`` says something about two values."""
    return kind in SPECIFIC or kind.startswith("code:")


def declared_type(parameter: Parameter) -> str:
    """Return the semantic type that a parameter's name and format announce; "" when they announce none."""
    by_format = {"date-time": "datetime", "uri": "url"}.get(parameter.format, parameter.format)
    if by_format in SPECIFIC:
        return by_format
    named = set(words(parameter.name))
    return next((kind for kind, hints in _PARAMETER_WORDS if named & hints), "")


def shape(value: JsonValue) -> str:
    """Return what a server may like or refuse about a value as such: its type, absolute or not, its ending.

    >>> [shape(v) for v in ("/workspace/a.csv", "a.csv", ["a.csv"], 3)]
    ['absolute path .csv', 'file name .csv', '[file name .csv]', 'number']
    """
    if isinstance(value, list):
        return f"[{shape(value[0])}]" if value else "[]"
    if isinstance(value, dict):
        return "{" + ",".join(sorted(value)) + "}"
    kind = semantic_type(value)
    if kind in ("path", "file name") and isinstance(value, str):
        name, dot, ending = value.rpartition("/")[2].rpartition(".")
        rooted = "absolute " if value.startswith("/") else ""
        return f"{rooted}{kind}" + (f" .{ending.lower()}" if dot and name else "")
    return kind


@lru_cache(maxsize=65536)
def _of_text(text: str) -> str:
    if len(text) > 300 or "\n" in text:
        return "sql" if len(text) < 2000 and _SQL.fullmatch(text) else "prose"
    for name, pattern in _PATTERNS:
        if pattern.fullmatch(text):
            return name
    code = _CODE.fullmatch(text)
    if code:
        return f"code:{code.group(1).lower()}{code.group(2)}"
    return "prose" if text.count(" ") >= 4 else "word"


_SQL = next(pattern for name, pattern in _PATTERNS if name == "sql")


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def overlap(part: Iterable[str], whole: Iterable[str]) -> float:
    """Return the share of ``part`` that stands in ``whole``; 0.0 for an empty part."""
    wanted = set(part)
    return len(wanted & set(whole)) / len(wanted) if wanted else 0.0
