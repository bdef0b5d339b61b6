"""Whether a text gives a value away, in the value's own form or a near one.

Near forms: other case, punctuation or spacing, singular and plural, other number and date formats,
number words, a file's name without its folder or ending. Synthesis uses it to avoid leaks, the
checks to find them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from functools import lru_cache

from pydantic import JsonValue

from firefly.english import number_word, singular

_TOKEN = re.compile(r"[^\W_]+", re.UNICODE)
_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![\w]|\.\d)")
_ISO_DATE = re.compile(r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)")
_MONTHS = tuple(
    str.split("january february march april may june july august september october november december")
)
_FILE = re.compile(r"^(?:.*[/\\])?([^/\\]+?)(\.[A-Za-z0-9]{1,5})?$")


@lru_cache(maxsize=65536)
def tokens(text: str) -> tuple[str, ...]:
    """Return the words and digit groups of ``text``, case folded.

    >>> tokens("Order_Items, (2024)!")
    ('order', 'items', '2024')
    """
    return tuple(_TOKEN.findall(text.casefold()))


@lru_cache(maxsize=65536)
def normal(text: str) -> str:
    """Return ``text`` without case, punctuation and plural endings: equal for near-duplicates.

    >>> normal("Blue  Widgets") == normal("blue-widget")
    True
    """
    return " ".join(singular(token) for token in tokens(text))


def numbers(text: str) -> set[float]:
    """Return the numbers written in ``text``, thousands separators and small number words understood.

    >>> sorted(numbers("1,250 of 3.50 for two"))
    [2.0, 3.5, 1250.0]
    """
    found = {float(match.group().replace(",", "")) for match in _NUMBER.finditer(text)}
    spoken = set(tokens(text))
    return found | {float(number) for number in range(13) if number_word(number) in spoken}


def dates(text: str) -> set[str]:
    """Return the ISO dates in ``text``, whatever follows them.

    >>> dates("from 2026-03-01T10:00:00Z")
    {'2026-03-01'}
    """
    return {"-".join(match.groups()) for match in _ISO_DATE.finditer(text)}


def mention(text: str, value: JsonValue) -> str | None:
    """Return the form in which ``text`` gives ``value`` away; None when it does not.

    Booleans, null and empty texts are never given away: no question can avoid them.

    >>> mention("How many blue-widgets?", "Blue Widget")
    'blue widget'
    >>> mention("with 1,250 items", 1250)
    '1250'
    >>> mention("placed on 3 March 2026", "2026-03-03T08:00:00")
    '3 march 2026'
    """
    if value is None or isinstance(value, bool) or value == "":
        return None
    if isinstance(value, int | float):
        return str(value) if float(value) in numbers(text) else None
    if isinstance(value, str):
        return _mention_of_text(text, value)
    inner: Sequence[JsonValue] = list(value.values()) if isinstance(value, dict) else value
    found = [mention(text, one) for one in inner]
    texts = [
        form for form, one in zip(found, inner, strict=True) if form and not isinstance(one, int | float)
    ]
    if texts:
        return texts[0]
    return found[0] if found and all(found) else None


def _mention_of_text(text: str, value: str) -> str | None:
    plain = f" {normal(text)} "
    for form in forms(value):
        if f" {form} " in plain:
            return form
    squashed, wanted = "".join(tokens(text)), "".join(tokens(value))
    if len(wanted) >= 8 and wanted in squashed:
        return wanted
    try:
        number = float(value.replace(",", ""))
    except ValueError:
        return None
    return value if number in numbers(text) else None


@lru_cache(maxsize=65536)
def forms(value: str) -> tuple[str, ...]:
    """Return the normal forms under which a text may be known.

    >>> forms("reports/sales_2024.csv")
    ('report sale 2024 csv', 'sale 2024 csv', 'sale 2024')
    """
    return tuple(dict.fromkeys(form for form in _forms(value) if form))


def _forms(value: str) -> Iterator[str]:
    yield normal(value)
    found = _FILE.match(value)
    if found and (found.group(2) or "/" in value) and "\n" not in value and " " not in value.strip():
        yield normal(found.group(1) + (found.group(2) or ""))
        if len(found.group(1)) >= 4:
            yield normal(found.group(1))
    for day in sorted(dates(value)):
        yield from _date_forms(day)


def _date_forms(day: str) -> Iterator[str]:
    try:
        parsed = date.fromisoformat(day)
    except ValueError:
        return
    month = _MONTHS[parsed.month - 1]
    for name in (month, month[:3]):
        yield normal(f"{parsed.day} {name} {parsed.year}")
        yield normal(f"{name} {parsed.day} {parsed.year}")
    for order in (
        (parsed.year, parsed.month, parsed.day),
        (parsed.day, parsed.month, parsed.year),
        (parsed.month, parsed.day, parsed.year),
    ):
        yield " ".join(str(part) for part in order)
        yield " ".join(f"{part:02d}" for part in order)


def same(left: JsonValue, right: JsonValue) -> bool:
    """Return whether two scalars are the same to a reader: near forms of text, equal numbers.

    >>> same("Oslo", "oslo"), same(25, 25.0), same("25", 25), same(True, 1)
    (True, True, True, False)
    """
    if isinstance(left, bool) or isinstance(right, bool) or left is None or right is None:
        return left is right
    if isinstance(left, int | float) and isinstance(right, int | float):
        return float(left) == float(right)
    if isinstance(left, list | dict) or isinstance(right, list | dict):
        return left == right
    one, other = normal(str(left)), normal(str(right))
    return one == other if one or other else str(left) == str(right)


def identifier(text: str, name: str) -> str | None:
    """Return how ``text`` names the tool, server or parameter ``name``; None when it does not.

    A name of several words must not stand there as an identifier in any spelling, and one of three or
    more not even in plain words. A single plain word is part of the language ("time", "memory"): it
    counts only where it is set off as a name, in backticks or before "tool", "server", "function" or
    brackets.

    >>> identifier("Use list_orders now", "list_orders")
    'list_orders'
    >>> identifier("What is the time in Oslo?", "time") is None
    True
    """
    parts = tokens(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name))
    if not parts:
        return None
    if len(parts) == 1:
        shown = re.escape(parts[0])
        pattern = rf"`{shown}`|\b{shown}\(|\b{shown}\s+(?:tool|server|function|api)\b"
    else:
        gap = r"[\s_./-]*" if len(parts) >= 3 else r"[_./-]*"
        pattern = r"(?<![^\W_])" + gap.join(re.escape(part) for part in parts) + r"(?![^\W_])"
    found = re.search(pattern, text, re.IGNORECASE)
    return found.group() if found else None
