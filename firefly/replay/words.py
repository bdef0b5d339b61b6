"""The words of answers and arguments: where each stands, and the same value with other words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .records import Observation, Step, digest

_TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"
_WORD = re.compile(rf"{_TIME}|\d+\.\d+(?![\w.])|\w+(?:-\w+)*")
_PASSING = re.compile(rf"{_TIME}|[0-9a-fA-F]{{8}}(?:-[0-9a-fA-F]{{4}}){{3}}-[0-9a-fA-F]{{12}}")
_DERIVABLE = re.compile(rf"{_TIME}|[\d.]+")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:\D.*)?|\d{1,2}-\d{1,2}-\d{4}|[12]\d{9}(?:\d{3})?(?:\.\d+)?", re.DOTALL)
_BEFORE = re.compile(r"(\w*)(\W*)$")

Slot = tuple[str, str]
"""Where a word stands: in the text or at a path of the structured content, and what precedes it there."""


@dataclass(frozen=True)
class Word:
    """One word of an answer or an argument: a run of letters and digits, a number, or a time."""

    slot: Slot
    text: str


def is_distinctive(word: str) -> bool:
    """Return whether a word hardly stands for anything else: long, or not so short and with a digit."""
    return len(word) >= 8 or (len(word) >= 6 and any(letter.isdigit() for letter in word))


def is_passing(word: str) -> bool:
    """Return whether a word is of one run by its form: a time to the second, or a UUID."""
    return _PASSING.fullmatch(word) is not None


def is_derivable(word: str) -> bool:
    """Return whether a server can reckon such a word from a value that it was given."""
    return _DERIVABLE.fullmatch(word) is not None


def is_date(word: str) -> bool:
    """Return whether a word is a day, a time with its day, or may be seconds since 1970."""
    return _DATE.fullmatch(word) is not None


def differing(one: Observation, other: Observation) -> list[tuple[Word, Word]]:
    """Return the words in which two answers differ; none where something else differs as well."""
    first, second = list(words_in(one)), list(words_in(other))
    if len(first) != len(second) or _frame(one) != _frame(other):
        return []
    return [(a, b) for a, b in zip(first, second, strict=True) if a.text != b.text]


def _frame(observation: Observation) -> str:
    return digest(renamed_answer(observation, lambda word: "").model_dump(mode="json"))


def words_in(observation: Observation) -> Iterator[Word]:
    """Yield the words of an answer, in their order."""
    yield from _words(observation.text, "text")
    yield from _words(observation.structured, "")


def words_of(value: Any) -> Iterator[str]:
    """Yield the words of arguments."""
    return (word.text for word in _words(value, ""))


def _words(value: Any, place: str) -> Iterator[Word]:
    if isinstance(value, dict):
        for key in sorted(value):
            yield from _words(key, f"{place}/")
            yield from _words(value[key], f"{place}/{key}")
    elif isinstance(value, list):
        for item in value:
            yield from _words(item, f"{place}/*")
    elif isinstance(value, str):
        for match in _WORD.finditer(value):
            yield Word((place, _before(value, match.start())), match[0])
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield Word((place, ""), repr(value))


def _before(text: str, start: int) -> str:
    match = _BEFORE.search(text[max(0, start - 48) : start])
    word, gap = match.groups() if match else ("", "")
    return ("#" if any(letter.isdigit() for letter in word) else word) + gap[-12:]


def renamed_step(step: Step, to: Mapping[str, str]) -> Step:
    """Return a step with other words in its arguments and its answer."""
    call = step.call.model_copy(update={"arguments": renamed(step.call.arguments, to.get)})
    observation = renamed_answer(step.observation, to.get)
    return step.model_copy(update={"call": call, "observation": observation})


def renamed_answer(observation: Observation, to: Callable[[str], str | None]) -> Observation:
    """Return an answer with other words in its text and its structured content."""
    update = {"text": renamed(observation.text, to), "structured": renamed(observation.structured, to)}
    return observation.model_copy(update=update)


def renamed(value: Any, to: Callable[[str], str | None]) -> Any:
    """Return ``value`` with every word that ``to`` gives another one for replaced by it.

    >>> renamed({"path": "/tmp/ab12cd34/a.txt"}, {"ab12cd34": "x"}.get)
    {'path': '/tmp/x/a.txt'}
    """
    if isinstance(value, dict):
        return {renamed(key, to): renamed(inner, to) for key, inner in value.items()}
    if isinstance(value, list):
        return [renamed(item, to) for item in value]
    if isinstance(value, str):
        return _WORD.sub(lambda match: match[0] if (found := to(match[0])) is None else found, value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        found = to(repr(value))
        return value if found in (None, repr(value)) else _number(str(found), type(value))
    return value


def _number(text: str, kind: type[int] | type[float]) -> int | float | str:
    try:
        return kind(text)
    except ValueError:
        return text
