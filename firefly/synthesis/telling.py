"""What a solver has to be told of a call, in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from pydantic import JsonValue

from firefly.english import vocabulary, words
from firefly.parameters import Parameter, parameters
from firefly.records import ExploredCall
from firefly.replay.records import Tool
from firefly.synthesis.columns import Column
from firefly.synthesis.phrases import SO_MANY, Phrase, phrase_of
from firefly.synthesis.sql import Statement, describe, is_statement
from firefly.values.description import described

_LITERAL_LIMIT = 80
"""Longest literal argument that a question quotes, in characters."""
_LIMITS = vocabulary("limit max maximum count size first top cells results page per offset start number n")
_PLAIN_HOMES = ("main", "public", "default", "master")
"""What a schema or branch is called where there is but one."""
_STATES = vocabulary("open ready active overdue urgent pending unread empty public private hidden")
_FILTERS = re.compile(r"\bfilter|\bonly\b", re.IGNORECASE)
_HOWS = vocabulary("mode format encoding order sort direction output verbose recursive detailed style")
"""Parameters that say how to answer; nobody would tell them in a question."""


@dataclass(frozen=True)
class Told:
    """How a call is told in a question."""

    phrase: Phrase
    literals: Mapping[str, JsonValue]
    """Arguments that a solver has to be told."""
    scalar: str = ""
    """Noun phrase of the only value that comes back, if so."""
    is_query: bool = False
    """The phrase says in words what a query asks for: rows of a table."""
    limited: bool = False
    """The phrase says itself how many items there are at most."""
    by: str = ""
    """The column that decides which items these are, where there may be more."""
    limit: int = 0
    item: str = ""
    """What one item is called, where the query says it."""
    column: str = ""
    """The column whose value all rows of the query share ..."""
    value: JsonValue = None
    """... and that value, unless an earlier call gave it."""
    passed: str = ""
    """The parameter that holds the value that an earlier call gave, where a query is built around it."""
    counted: str = ""
    """The column whose groups are counted."""
    switches: tuple[str, ...] = ()
    """What the listed things are by the switches that were set: ("completed",)."""


def told(
    call: ExploredCall,
    tool: Tool,
    launch_values: Collection[JsonValue],
    *,
    idle: Callable[[str], bool] = lambda _: False,
    item: str = "",
) -> Told | None:
    """Return how a call is told; None when one of its literal arguments can't be.

    A value of the launch line is plumbing that a solver finds out, unless it is one place of several.

    Args:
        call: the call.
        tool: its tool.
        launch_values: the values of its server's launch line.
        idle: whether the answer was seen to be the same without an argument.
        item: what the tool's items are called, if that is declared.
    """
    declared = {parameter.name: parameter for parameter in parameters(tool)}
    phrase = phrase_of(tool)
    found: dict[str, JsonValue] = {}
    statement: Statement | None = None
    passed = ""
    switches: tuple[str, ...] = ()
    for name, value in call.call.arguments.items():
        text = call.templates.get(name, value) if name in call.references else value
        if isinstance(text, str) and is_statement(text):
            if statement is not None:
                return None
            statement, passed = describe(text), name if name in call.references else ""
            if statement is None:
                return None
            continue
        if name in call.references or _goes_unsaid(name, value, declared.get(name), launch_values, phrase):
            continue
        if idle(name):
            continue
        if _narrows(phrase, name, value, tool):
            switches += (words(name)[0],)
            continue
        if not tellable(value) or isinstance(value, bool) or set(words(name)) & _HOWS:
            return None
        found[name] = value
    if statement is None:
        return Told(_switched(phrase, switches), found, item=item, switches=switches)
    return _of_statement(Told(Phrase(statement.rows or statement.scalar), found), statement, passed)


def premises(
    call: ExploredCall,
    tool: Tool,
    launch_values: Collection[JsonValue],
    *,
    idle: Callable[[str], bool] = lambda _: False,
) -> list[JsonValue] | None:
    """Return the values that any question about a call has to state; None where words could not tell them.

    Of a query these are the constants in it. What `told` leaves out is left out here, too.
    """
    declared = {parameter.name: parameter for parameter in parameters(tool)}
    phrase = phrase_of(tool)
    found: list[JsonValue] = []
    for name, value in call.call.arguments.items():
        text = call.templates.get(name, value) if name in call.references else value
        if isinstance(text, str) and is_statement(text):
            found += _constants(text)
            continue
        if name in call.references or _goes_unsaid(name, value, declared.get(name), launch_values, phrase):
            continue
        if idle(name):
            continue
        if not tellable(value) or isinstance(value, bool) or set(words(name)) & _HOWS:
            return None
        found.append(value)
    return found


def _constants(statement: str) -> Iterator[JsonValue]:
    rest = re.sub(r"'((?:[^']|'')*)'", " ", statement)
    for text in re.findall(r"'((?:[^']|'')*)'", statement):
        if stripped := text.replace("{}", "").strip("% "):
            yield stripped.replace("''", "'")
    for number in re.findall(
        r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])", re.sub(r"\bLIMIT\s+1\b", " ", rest, flags=re.I)
    ):
        yield float(number) if "." in number else int(number)


def _goes_unsaid(
    name: str,
    value: JsonValue,
    parameter: Parameter | None,
    launch_values: Collection[JsonValue],
    phrase: Phrase,
) -> bool:
    """Return whether an argument is plumbing: a default, a value of the launch line, a limit."""
    places = {one for one in launch_values if isinstance(one, str) and one.startswith("/")}
    return (
        value is None
        or (parameter is not None and parameter.has_default and parameter.default == value)
        or (value in launch_values and (places == {value} or value not in places))
        or is_plain_home(name, value)
        or (value is True and words(name) == ("all",))  # nothing is left out, and nothing need be said
        or (_is_limit(name, value) and not SO_MANY.search(phrase.text))
    )


def _narrows(phrase: Phrase, name: str, value: JsonValue, tool: Tool) -> bool:
    """Return whether an argument is a switch that can be told in front of what is listed: "completed tasks".

    What is shown *besides* ("include archived notes") narrows nothing, so the switch has to be described as
    one that filters.
    """
    named = words(name)
    parameter = next((one for one in parameters(tool) if one.name == name), None)
    if value is not True or parameter is None or len(named) != 1 or not phrase.head:
        return False
    if not (named[0].endswith("ed") or named[0] in _STATES) or named[0] in phrase.head:
        return False
    listed = f"the {' '.join(phrase.head)}"
    return bool(_FILTERS.search(described(parameter, tool))) and phrase.text.startswith(listed)


def _switched(phrase: Phrase, switches: tuple[str, ...]) -> Phrase:
    if not switches:
        return phrase
    text = f"the {' '.join(switches)}{phrase.text.removeprefix('the')}"
    return replace(phrase, text=text, head=(*switches, *phrase.head))


def _of_statement(said: Told, statement: Statement, passed: str) -> Told:
    rows = tuple(statement.rows.removeprefix("the ").split())
    return replace(
        said,
        phrase=Phrase(statement.rows or statement.scalar, head=rows),
        scalar=statement.scalar,
        is_query=True,
        limited=statement.limited,
        by=statement.by,
        limit=statement.limit,
        item=statement.item,
        column=statement.column,
        value=None if passed else statement.value,
        passed=passed,
        counted=statement.counted,
    )


def is_plain_home(name: str, value: JsonValue) -> bool:
    """Return whether a schema or branch is the one that is there anyway."""
    return value in _PLAIN_HOMES and bool({"schema", "branch", "namespace"} & set(words(name)))


def _is_limit(name: str, value: JsonValue) -> bool:
    """Return whether an argument only bounds the answer's size; lists that it cuts are known as such."""
    parts = words(name)
    return isinstance(value, int) and not isinstance(value, bool) and bool(parts) and set(parts) <= _LIMITS


def settled(told: Told, columns: Iterable[Column]) -> bool:
    """Return whether it is clear which rows "the first five" are: nothing can tie at the cut.

    >>> first = Told(Phrase("the first two rows"), {}, is_query=True, limited=True, by="code", limit=2)
    >>> settled(first, [Column(("code",), ("a1", "b2"))]), settled(first, [Column(("code",), ("a1", "a1"))])
    (True, False)
    """
    if not told.by:
        return True
    by = next((column for column in columns if column.name == told.by), None)
    if by is None:
        return False
    if len(by.values) < told.limit:
        return True
    distinct = len(set(by.normals)) == len(by.values)
    return distinct and by.kind in ("identifier", "text")


def tellable(value: JsonValue) -> bool:
    """Return whether a question can quote the value.

    >>> tellable("open"), tellable("*"), tellable(["a1", "b2"]), tellable({"a": 1})
    (True, False, True, False)
    """
    if isinstance(value, str):
        # "a" or "*" as a search term means: anything. No person asks so.
        telling = sum(one.isalnum() for one in value) >= 2
        return telling and len(value) <= _LITERAL_LIMIT and value.isprintable() and '"' not in value
    if isinstance(value, list):
        return 0 < len(value) <= 4 and all(tellable(one) and not isinstance(one, list) for one in value)
    return isinstance(value, bool | int | float)
