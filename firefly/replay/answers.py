"""Typed answers: read one out of a message, and compare it with the reference.

**The convention.** What counts as an agent's answer is decided by the message alone, never by the
reference value, in this order:

1. the text after the last line that begins with ``Answer:`` (any case; leading ``*`` and ``#`` and a
   leading ``Final`` are ignored): for numbers, strings and dates the rest of that line, or the next
   line that isn't empty; for lists and objects everything that follows;
2. else the whole message, if it reads as the type: a number with its unit, a date, a JSON list or
   a list separated by line ends or commas, a JSON object; for strings always;
3. else, for numbers (with their unit) and dates, the only such value in the message.

A message that lists candidates therefore has no answer. A fenced code block counts as its content.

**Comparison.** Numbers: decimal value within the tolerance; thousands separators (``1,234``) and the
unit are accepted. Strings: Unicode NFC, runs of white space made one space, surrounding quotes,
backticks, ``*`` and a final period removed, case ignored. Dates: ISO 8601 and forms that name the
month; one without a time equals midnight; offsets count only if both sides have one. Lists: item by
item, or as multisets where the order doesn't count. Objects: the same keys, equal values. Inside
lists and objects a number may be written as text, and booleans are compared as such.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from pydantic import JsonValue

from .expressions import is_number
from .parsers import OpaqueError, parse_json, parse_python
from .records import Answer


class NoAnswerError(ValueError):
    """A message has no answer of the expected type; the text says what was looked for."""


_ANSWER = re.compile(r"^[\s*_#>`]*(?:final\s+)?answer\**\s*:\**[ \t]*(.*)$", re.IGNORECASE)
_FENCE = re.compile(r"\A```[\w-]*[ \t]*\n(.*?)\n?```\Z", re.DOTALL)
_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,3}[.)])\s+")
_DIGITS = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][+-]?\d{1,3})?"
_NUMBER = re.compile(rf"[-+−]?{_DIGITS}|[-+−]?\.\d+")
_WITHIN = rf"(?<![\w.,$€£¥])[-+−]?(?:{_DIGITS}|\.\d+)(?!\w|[.,]\d)"
_ISO = re.compile(
    r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})"
    r"(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?\s*(Z|UTC|[+-]\d{2}:?\d{2})?)?",
    re.IGNORECASE,
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    "|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
_DAY_FIRST = re.compile(rf"(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? ({_MONTH})\.?,? (\d{{4}})", re.IGNORECASE)
_MONTH_FIRST = re.compile(rf"({_MONTH})\.? (\d{{1,2}})(?:st|nd|rd|th)?,? (\d{{4}})", re.IGNORECASE)
_WRAPPING = "\"'`*“”‘’«»"


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
    if not text:
        raise NoAnswerError("an empty message")
    marked = _marked(text, expected.type)
    if marked is not None:
        return _READERS[expected.type](_unfenced(marked), expected)
    try:
        return _READERS[expected.type](text, expected)
    except NoAnswerError:
        if expected.type == "number":
            return _only(_numbers_within(text, expected.unit), lambda one: _number(one, expected))
        if expected.type == "date":
            found = [match[0] for form in (_ISO, _DAY_FIRST, _MONTH_FIRST) for match in form.finditer(text)]
            return _only(found, lambda one: _date(one, expected))
        raise


def matches(given: JsonValue, expected: Answer) -> bool:
    """Return whether an extracted answer equals the reference."""
    if expected.type == "number":
        return is_number(given) and _close(given, expected.value, expected.tolerance)
    if expected.type == "string":
        return isinstance(given, str) and normal_text(given) == normal_text(str(expected.value))
    if expected.type == "date":
        return _same_moment(str(given), str(expected.value))
    if expected.type == "list":
        return (
            isinstance(given, list)
            and isinstance(expected.value, list)
            and _same_list(given, expected.value, expected)
        )
    return isinstance(expected.value, dict) and _same(given, expected.value, expected.tolerance)


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
    text = " ".join(unicodedata.normalize("NFC", text).split())
    before = None
    while text != before:
        before = text
        text = text.strip(_WRAPPING).strip()
        text = text.removesuffix(".").strip()
    return unicodedata.normalize("NFC", text.casefold())


# --- reading -------------------------------------------------------------------------------------


def _unfenced(text: str) -> str:
    text = text.strip()
    match = _FENCE.match(text)
    return match[1].strip() if match else text


def _marked(text: str, kind: str) -> str | None:
    lines = text.splitlines()
    for number in range(len(lines) - 1, -1, -1):
        match = _ANSWER.match(lines[number])
        if match is None:
            continue
        following = lines[number + 1 :]
        if kind in ("list", "object"):
            return "\n".join([match[1], *following])
        rest = match[1].strip().removesuffix("**").strip()
        return rest or next((line for line in following if line.strip()), "")
    return None


def _number(text: str, expected: Answer) -> JsonValue:
    plain = " ".join(text.split()).strip(_WRAPPING).strip().removesuffix(".").strip()
    unit = " ".join(expected.unit.split())
    if unit:
        if plain.casefold().endswith(unit.casefold()):
            plain = plain[: -len(unit)].strip()
        elif plain.casefold().startswith(unit.casefold()):
            plain = plain[len(unit) :].strip()
    if not _NUMBER.fullmatch(plain):
        raise NoAnswerError("no number")
    plain = plain.replace(",", "").replace("−", "-")
    value = Decimal(plain)
    return int(value) if value == value.to_integral_value() else float(value)


def _numbers_within(text: str, unit: str) -> list[str]:
    if not unit:
        return re.findall(rf"{_WITHIN}(?!\s?[%‰°€$£¥])", text)
    name = re.escape(unit)
    after = rf"{_WITHIN}\s*{name}(?!\w)"
    before = rf"(?<!\w){name}\s*[-+−]?(?:{_DIGITS}|\.\d+)(?!\w|[.,]\d)"
    found = re.findall(f"{after}|{before}", text, re.IGNORECASE)
    if found:
        return found
    # Without any unit, a number may stand alone at the end of a phrase, if it is the only one.
    every = re.findall(_WITHIN, text)
    alone = re.findall(rf"{_WITHIN}(?=\s*(?:[.!?;)]|$))", text)
    return alone if len(every) == 1 else every


def _string(text: str, expected: Answer) -> JsonValue:
    if not normal_text(text):
        raise NoAnswerError("an empty answer")
    return text.strip()


def _date(text: str, expected: Answer) -> JsonValue:
    plain = " ".join(text.split()).strip(_WRAPPING).strip().removesuffix(".").strip()
    if _moment(plain) is None:
        raise NoAnswerError("no date")
    return plain


def _list(text: str, expected: Answer) -> JsonValue:
    for parser in (parse_json, parse_python):
        try:
            value = parser(text)
        except (OpaqueError, IndexError):
            continue
        if isinstance(value, list):
            return value
        if isinstance(value, dict):
            raise NoAnswerError("an object, not a list")
    lines = [_BULLET.sub("", line).strip() for line in text.splitlines() if line.strip()]
    if len(lines) == 1:
        # "1,234, 5" holds two numbers: where a separator is followed by a space, only that one counts.
        separator = next((one for one in ("; ", ";", ", ", ",") if one in lines[0]), None)
        lines = [item.strip() for item in lines[0].split(separator)] if separator else lines
    if not lines or not all(lines):
        raise NoAnswerError("no list")
    return list(lines)


def _object(text: str, expected: Answer) -> JsonValue:
    try:
        value = parse_json(text)
    except OpaqueError:
        raise NoAnswerError("no JSON object") from None
    if not isinstance(value, dict):
        raise NoAnswerError("no JSON object")
    return value


_READERS: dict[str, Callable[[str, Answer], JsonValue]] = {
    "number": _number,
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
    }.get(expected.type, False)
    if fits:
        return value
    if expected.type == "string" and is_number(value):
        return json.dumps(value)
    raise NoAnswerError("no answer" if value is None else f"not a {expected.type}")


def _only(found: Sequence[str], reader: Callable[[str], JsonValue]) -> JsonValue:
    values = [reader(one) for one in found]
    distinct = {json.dumps(value): value for value in values}
    if len(distinct) != 1:
        raise NoAnswerError("no value" if not distinct else f"{len(distinct)} values to choose from")
    return next(iter(distinct.values()))


# --- comparing -----------------------------------------------------------------------------------


def _close(one: Any, other: Any, tolerance: float) -> bool:
    if not is_number(other):
        return False
    try:
        return abs(Decimal(repr(one)) - Decimal(repr(other))) <= Decimal(repr(tolerance))
    except (InvalidOperation, OverflowError):
        return False


def _same(given: JsonValue, wanted: JsonValue, tolerance: float) -> bool:
    """Compare values inside lists and objects."""
    if isinstance(wanted, bool) or wanted is None:
        spelt = {True: "true", False: "false", None: "null"}[wanted]
        return given is wanted or (isinstance(given, str) and normal_text(given) == spelt)
    if is_number(wanted):
        if isinstance(given, str):
            try:
                given = _number(given, Answer(type="number", value=0))
            except NoAnswerError:
                return False
        return is_number(given) and _close(given, wanted, tolerance)
    if isinstance(wanted, str):
        if is_number(given):
            given = json.dumps(given)
        return isinstance(given, str) and normal_text(given) == normal_text(wanted)
    if isinstance(wanted, list):
        return (
            isinstance(given, list)
            and len(given) == len(wanted)
            and all(_same(one, other, tolerance) for one, other in zip(given, wanted, strict=True))
        )
    return (
        isinstance(given, dict)
        and isinstance(wanted, dict)
        and given.keys() == wanted.keys()
        and all(_same(given[key], value, tolerance) for key, value in wanted.items())
    )


def _same_list(given: list[Any], wanted: list[Any], expected: Answer) -> bool:
    if len(given) != len(wanted):
        return False
    if expected.ordered:
        return _same(given, wanted, expected.tolerance)
    partner: dict[int, int] = {}

    def place(index: int, tried: set[int]) -> bool:
        for other, value in enumerate(wanted):
            if other not in tried and _same(given[index], value, expected.tolerance):
                tried.add(other)
                if other not in partner or place(partner[other], tried):
                    partner[other] = index
                    return True
        return False

    return all(place(index, set()) for index in range(len(given)))


def _same_moment(one: str, other: str) -> bool:
    first, second = _moment(one), _moment(other)
    if first is None or second is None:
        return False
    if (first.tzinfo is None) != (second.tzinfo is None):
        return False
    return first == second


def _moment(text: str) -> datetime | None:
    text = text.strip()
    if match := _ISO.fullmatch(text):
        *parts, fraction, zone = match.groups()
        numbers = [int(part or 0) for part in parts]
        micro = int((fraction or "0").ljust(6, "0"))
    elif match := _DAY_FIRST.fullmatch(text):
        numbers, micro, zone = [int(match[3]), _month(match[2]), int(match[1]), 0, 0, 0], 0, None
    elif match := _MONTH_FIRST.fullmatch(text):
        numbers, micro, zone = [int(match[3]), _month(match[1]), int(match[2]), 0, 0, 0], 0, None
    else:
        return None
    try:
        year, month, day, hour, minute, second = numbers
        found = datetime(year, month, day, hour, minute, second, micro)
    except ValueError:
        return None
    return found if zone is None else _in_utc(found, zone)


def _in_utc(found: datetime, zone: str) -> datetime | None:
    text = "+0000" if zone.upper() in ("Z", "UTC") else zone.replace(":", "")
    try:
        return datetime.strptime(found.isoformat() + text, _format(found) + "%z").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _format(found: datetime) -> str:
    return "%Y-%m-%dT%H:%M:%S" + (".%f" if found.microsecond else "")


def _month(name: str) -> int:
    return _MONTHS.index(name[:3].lower()) + 1
