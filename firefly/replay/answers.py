"""Typed answers: read one out of a message, and compare it with the reference.

**The convention.** What counts as an agent's answer is decided by the message alone, never by the
reference value, in this order:

1. what follows the last line that begins with ``Answer:`` (any case; leading ``*`` and ``#`` and a
   leading ``Final`` are ignored): for lists and objects all of it, for the others its first line;
2. else the whole message, if it reads as the type: a number with its unit, a date, a JSON list or
   a list separated by line ends or commas, a JSON object; for strings always;
3. else, for numbers (with their unit) and dates, the only such value in the message.

A message that lists candidates therefore has no answer. A fenced code block counts as its content.

**Comparison.** Numbers: within the tolerance; thousands separators (``1,234``) and the unit are
accepted. Strings: Unicode NFC, runs of white space made one space, surrounding quotes, backticks, ``*``
and final periods removed, case ignored. Dates: ISO 8601, or a day with the name of its month; one
without a time equals midnight; offsets count only if both sides have one. Lists: item by item, or as
multisets where the order doesn't count. Objects: the same keys, equal values. Inside lists and objects
a number may be written as text, and booleans are compared as such.

The patterns are those of ``patterns.py``; ``docs/format.md`` says the same in other words.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from datetime import datetime
from typing import Any

from pydantic import JsonValue

from .expressions import is_number
from .patterns import pattern, with_iso_dates
from .records import Answer, shown_json


class NoAnswerError(ValueError):
    """A message has no answer of the expected type; the text says what was looked for."""


_SLACK = 1e-12
"""Share of a value by which doubles may have moved a difference that equals the tolerance."""


def extract_answer(message: JsonValue, expected: Answer) -> JsonValue:
    """Return the answer in ``message``, by the convention above.

    Args:
        message: the last message of an agent, or a value that was extracted already.
        expected: its type and unit decide how the message is read; its value is not looked at.

    Raises:
        NoAnswerError: there is none.

    >>> extract_answer("It has 2 sheets and 25 rows.", Answer(type="number", value=25))
    Traceback (most recent call last):
    ...
    firefly.replay.answers.NoAnswerError: 2 values to choose from
    >>> extract_answer("It has 25 rows.", Answer(type="number", value=1))
    25
    """
    if not isinstance(message, str):
        return _typed(message, expected)
    text = _unfenced(unicodedata.normalize("NFC", message))
    if not text.strip():
        raise NoAnswerError("an empty message")
    if expected.type == "date":
        text = with_iso_dates(text)
    read = _READERS[expected.type]
    marked = pattern("marked").search(text)
    if marked:
        tail = _unfenced(marked[1])
        return read(tail if expected.type in ("list", "object") else tail.split("\n")[0], expected)
    try:
        return read(text, expected)
    except NoAnswerError:
        if expected.type not in ("number", "date"):
            raise
    for name in (
        ["dates"] if expected.type == "date" else ["beside", "alone"] if expected.unit else ["within"]
    ):
        found = [read(match[1], expected) for match in pattern(name, expected.unit).finditer(text)]
        if found:
            return _only(found, expected)
    raise NoAnswerError("no value")


def matches(given: JsonValue, expected: Answer) -> bool:
    """Return whether an extracted answer equals the reference."""
    if expected.type == "date":
        one, other = _moment(str(given)), _moment(str(expected.value))
        return one is not None and one == other
    if expected.type == "list" and not expected.ordered:
        return isinstance(given, list) and isinstance(expected.value, list) and _paired(given, expected)
    wanted = str(expected.value) if expected.type == "string" else expected.value
    return _same(given, wanted, expected.tolerance)


def answer_text(answer: Answer) -> str:
    """Return a last message that states ``answer`` by the convention, and so earns the reward."""
    value = answer.value
    if answer.type in ("list", "object"):
        text = json.dumps(value, ensure_ascii=False)
    elif answer.type == "number":
        text = f"{json.dumps(value)} {answer.unit}".strip()
    else:
        text = " ".join(str(value).split())
    return f"Answer: {text}"


def normal_text(text: str) -> str:
    """Return ``text`` in the form in which strings are compared."""
    # small letters of capital ones: "ß" is then "ss", and a sigma has one form
    return _bare(unicodedata.normalize("NFC", text)).lower().upper().lower()


# --- reading -------------------------------------------------------------------------------------


def _bare(text: str) -> str:
    return pattern("ends").sub("", _spaced(text))


def _spaced(text: str) -> str:
    return pattern("spaces").sub(" ", text)


def _unfenced(text: str) -> str:
    match = pattern("fence").search(text)
    return match[1] if match else text


def _number(text: str, unit: str = "") -> int | float:
    match = pattern("number", unit).search(_bare(text))
    if match is None:
        raise NoAnswerError("no number")
    plain = (match[1] or match[2]).replace(",", "").replace("−", "-")
    try:
        return int(plain) if plain.lstrip("+-").isdigit() else float(plain)
    except ValueError:  # Python reads no integers of thousands of digits
        return float(plain)


def _date(text: str, expected: Answer) -> JsonValue:
    if _moment(text) is None:
        raise NoAnswerError("no date")
    return _bare(text)


def _moment(text: str) -> datetime | None:
    match = pattern("date").search(_bare(text))
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = (part or "" for part in match.groups()[:8])
    zone = zone.upper().replace("UTC", "Z")
    time = f"{hour:0>2}:{minute:0>2}:{second:0>2}.{fraction:0<6}{zone}"
    try:
        return datetime.fromisoformat(f"{year}-{month:0>2}-{day:0>2}T{time}")
    except ValueError:
        return None


def _json(text: str) -> JsonValue:
    try:
        return json.loads(text, parse_constant=_no_constant)  # type: ignore[no-any-return]
    except (ValueError, RecursionError):
        return None


def _no_constant(text: str) -> Any:
    raise ValueError(text)


def _list(text: str, expected: Answer) -> JsonValue:
    value = _json(text)
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        raise NoAnswerError("an object, not a list")
    inner = pattern("brackets").search(text)
    lines = (inner[1] if inner else text).split("\n")
    lines = [pattern("bullet").sub("", _spaced(line)) for line in lines if _bare(line)]
    if not lines:
        raise NoAnswerError("no list")
    if len(lines) > 1:
        return list[JsonValue](lines)
    # "1,234, 5" holds two numbers: where a separator is followed by a space, only that one counts.
    separator = next((one for one in (";", ", ", ",") if one in lines[0]), "\n")
    return [match[1] for match in pattern("item", separator).finditer(lines[0])]


def _object(text: str, expected: Answer) -> JsonValue:
    value = _json(text)
    if not isinstance(value, dict):
        raise NoAnswerError("no JSON object")
    return value


def _string(text: str, expected: Answer) -> JsonValue:
    if not normal_text(text):
        raise NoAnswerError("an empty answer")
    return text.strip()


_READERS: dict[str, Callable[[str, Answer], JsonValue]] = {
    "number": lambda text, expected: _number(text, expected.unit),
    "string": _string,
    "date": _date,
    "list": _list,
    "object": _object,
}


def _typed(value: JsonValue, expected: Answer) -> JsonValue:
    """Return an answer that comes as a value instead of a message."""
    fits = {
        "number": is_number(value),
        "list": isinstance(value, list),
        "object": isinstance(value, dict),
        "string": is_number(value),
    }.get(expected.type, False)
    if not fits:
        raise NoAnswerError("no answer" if value is None else f"not a {expected.type}")
    return shown_json(value) if expected.type == "string" else value


def _only(found: list[JsonValue], expected: Answer) -> JsonValue:
    distinct = {one if isinstance(one, int | float) else _moment(str(one)) for one in found}
    if len(distinct) != 1:
        raise NoAnswerError(f"{len(distinct)} values to choose from")
    return found[0]


# --- comparing -----------------------------------------------------------------------------------


def _close(one: float, other: float, tolerance: float) -> bool:
    if one == other:
        return True
    try:
        apart = abs(float(one) - float(other)) - _SLACK * abs(float(other))
    except OverflowError:
        return False
    return tolerance > 0 and apart <= tolerance


def _same(given: JsonValue, wanted: JsonValue, tolerance: float) -> bool:
    text = normal_text(given) if isinstance(given, str) else None
    if isinstance(wanted, bool) or wanted is None:
        return given is wanted or text in {True: ("true",), False: ("false",), None: ("null", "none")}[wanted]
    if isinstance(wanted, int | float):
        try:
            value = _number(given) if isinstance(given, str) else given
        except NoAnswerError:
            return False
        return isinstance(value, int | float) and is_number(value) and _close(value, wanted, tolerance)
    if isinstance(wanted, str):
        return (shown_json(given) if is_number(given) else text) == normal_text(wanted)
    if isinstance(wanted, list):
        return (
            isinstance(given, list)
            and len(given) == len(wanted)
            and all(_same(one, other, tolerance) for one, other in zip(given, wanted, strict=True))
        )
    return (
        isinstance(given, dict)
        and given.keys() == wanted.keys()
        and all(_same(given[key], value, tolerance) for key, value in wanted.items())
    )


def _paired(given: list[JsonValue], expected: Answer) -> bool:
    """Return whether each item, in order, takes the first of the reference's items left that it equals."""
    left = list(expected.value) if isinstance(expected.value, list) else []
    if len(given) != len(left):
        return False
    for one in given:
        place = next((n for n, other in enumerate(left) if _same(one, other, expected.tolerance)), None)
        if place is None:
            return False
        del left[place]
    return True
