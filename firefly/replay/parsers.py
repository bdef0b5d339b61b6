"""Output parsers that lose nothing; where none applies, an output is *opaque*.

What "without loss" means, parser by parser, for the text with surrounding white space removed:

``json``
    One JSON document. Writing the value again gives the same document up to white space, the
    spelling of escapes, and the spelling of equal numbers. So repeated keys, NaN, lone surrogates,
    and numbers that a double can't hold exactly as written are refused.
``json_lines``
    Two or more JSON objects or arrays, one after the other, each as above (servers answer a list
    as one text block per item); the value is the list of them.
``python``
    One Python list, tuple or dict with ``repr(value) == text``; tuples become lists.
``csv``
    A header and at least one row, all of one width (two or more columns), separated by commas,
    tabs or semicolons; writing the cells again gives the same text up to line ends. A column whose
    every cell is written as a JSON number without exponent holds numbers, any other one holds text.
``key_value``
    Two or more lines ``key: value`` with distinct keys; joining them again gives the same text. A
    value written as a JSON number without exponent is a number, any other one is text.

Texts of other strict forms (Markdown tables, listings, blocks) are read by ``text_parsers.py``.

MCP ``structuredContent`` wins over the text, unless it merely wraps a text.

A table of lists beside the names of its columns (``{"columns": ["a", "b"], "rows": [[1, 2]]}``)
becomes a table of objects, ``{"columns": ["a", "b"], "rows": [{"a": 1, "b": 2}]}``, so that a value
is found by its column's name. So does a table whose first row is a header: texts of their own above
rows of one width, with a column that holds nothing but numbers.
"""

from __future__ import annotations

import ast
import csv
import io
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from threading import RLock
from typing import Any, NoReturn

from pydantic import JsonValue

from .named_rows import with_named_rows
from .records import Observation, canonical_json


@dataclass(frozen=True)
class Parsed:
    """The value of an output and the parser that read it."""

    value: JsonValue
    parser: str


class OpaqueError(ValueError):
    """Raised by a parser that can't read a text without loss."""


Parser = Callable[[str], JsonValue]
PARSERS: dict[str, Parser] = {}
"""Name -> parser, in the order in which they are tried."""

_LIMIT = 2_000_000
_COMMON = 20_000
"""Characters of a text whose value is kept."""
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_KEY = re.compile(r"[^\W\d][\w ./()%#-]{0,39}")
_LINE = re.compile(r"([^\W\d][\w ./()%#-]{0,39}): (\S.*)")
_REPR = re.compile(r"(?:[^\\]++|\\[\\'\"nrtxuU])*+")
"""Text with no escape but those that ``repr`` writes; others would make the compiler warn."""


def register(name: str) -> Callable[[Parser], Parser]:
    """Add a parser under ``name``; it raises `OpaqueError` for what it can't read without loss."""

    def add(parser: Parser) -> Parser:
        if name in PARSERS:
            raise ValueError(f"two parsers are called {name!r}")
        PARSERS[name] = parser
        return parser

    return add


def parse(observation: Observation) -> Parsed | None:
    """Return the output's value, or None where no parser reads it without loss."""
    if observation.truncation is not None:
        return None
    structured = observation.structured
    if structured is None:
        return parse_text(observation.text)
    wrapped = _wrapped(structured, observation.text)
    if wrapped is not None:
        return parse_text(wrapped)
    try:
        canonical_json(structured)
    except ValueError:
        return None
    return Parsed(with_named_rows(structured), "structured")


def parse_text(text: str, *, skip: str = "") -> Parsed | None:
    """Return the value of a text, or None where no parser, ``skip`` left out, reads it without loss.

    Texts of common length are read once: the value is shared and must not be changed.
    """
    text = text.strip()
    if not text or len(text) > _LIMIT:
        return None
    return _read_once(text, skip) if len(text) <= _COMMON else _read(text, skip)


def _read(text: str, skip: str) -> Parsed | None:
    for name, parser in PARSERS.items():
        if name == skip:
            continue
        try:
            return Parsed(with_named_rows(parser(text)), name)
        except OpaqueError:
            continue
    return None


_read_once = lru_cache(maxsize=4096)(_read)


def _wrapped(structured: JsonValue, text: str) -> str | None:
    """Return the text that ``structured`` merely wraps."""
    if isinstance(structured, str):
        return structured
    if isinstance(structured, dict) and len(structured) == 1:
        (key, value), *_ = structured.items()
        if isinstance(value, str) and (key == "result" or value.strip() == text.strip()):
            return value
    return None


def _exact_float(text: str) -> float:
    value = float(text)
    try:
        if Decimal(repr(value)) == Decimal(text):
            return value
    except InvalidOperation:
        pass
    raise OpaqueError("a number that a double can't hold as written")


def _no_constant(text: str) -> NoReturn:
    raise OpaqueError(text)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise OpaqueError("a key stands twice in one object")
    return found


_DECODER = json.JSONDecoder(
    parse_float=_exact_float, parse_constant=_no_constant, object_pairs_hook=_distinct
)


def _decode(text: str, start: int) -> tuple[Any, int]:
    try:
        value, end = _DECODER.raw_decode(text, start)
    except OpaqueError:
        raise
    except (ValueError, RecursionError) as error:
        raise OpaqueError(str(error)) from None
    return value, end


def _encodable(value: Any) -> Any:
    try:
        canonical_json(value).encode("utf-8")
    except (UnicodeEncodeError, RecursionError) as error:
        raise OpaqueError(str(error)) from None
    return value


@register("json")
def parse_json(text: str) -> JsonValue:
    """Read one JSON document."""
    value, end = _decode(text, 0)
    if end != len(text):
        raise OpaqueError("something follows the document")
    return _encodable(value)  # type: ignore[no-any-return]


@register("json_lines")
def parse_json_lines(text: str) -> JsonValue:
    """Read JSON objects or arrays that follow each other on lines of their own."""
    found: list[Any] = []
    position = 0
    while position < len(text):
        if text[position] not in "{[":
            raise OpaqueError("not an object or array")
        value, position = _decode(text, position)
        found.append(value)
        rest = text[position:].lstrip(" \t\r")
        if rest and not rest.startswith("\n"):
            raise OpaqueError("two documents on one line")
        position = len(text) - len(rest.lstrip())
    if len(found) < 2:
        raise OpaqueError("a single document")
    return _encodable(found)  # type: ignore[no-any-return]


AST_LOCK = RLock()
"""Held around ``ast``: up to Python 3.12, trees built in two threads at once end in a SystemError
(CPython issue 106905)."""


@register("python")
def parse_python(text: str) -> JsonValue:
    """Read the ``repr`` of a Python list, tuple or dict."""
    if text[0] + text[-1] not in ("[]", "()", "{}") or not _REPR.fullmatch(text):
        raise OpaqueError("not the repr of a container")
    try:
        with AST_LOCK:
            value = ast.literal_eval(text)
        same = repr(value) == text
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise OpaqueError(str(error)) from None
    if not same:
        raise OpaqueError("its repr differs")
    return _encodable(_plain(value))  # type: ignore[no-any-return]


def _plain(value: Any) -> JsonValue:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _plain(item) for key, item in value.items()}
    raise OpaqueError(f"a {type(value).__name__} has no JSON form")


@register("csv")
def parse_csv(text: str) -> JsonValue:
    """Read a table with a header."""
    text = text.replace("\r\n", "\n")
    first = text.split("\n", 1)[0]
    for delimiter in (",", "\t", ";"):
        if delimiter in first:
            rows = _rows(text, delimiter)
            if rows is not None:
                return table(rows)
    raise OpaqueError("not a table")


def _rows(text: str, delimiter: str) -> list[list[str]] | None:
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    if len(rows) < 2 or len(rows[0]) < 2 or len({len(row) for row in rows}) != 1:
        return None
    header = rows[0]
    if len(set(header)) != len(header) or not all(_KEY.fullmatch(cell) for cell in header):
        return None
    # "Hello, world": a space after the separator is how prose is written, not how tables are.
    if any(cell != cell.strip() for row in rows for cell in row):
        return None
    return rows if any(_written(rows, delimiter, quoting) == text for quoting in (0, 1)) else None


def _written(rows: Iterable[list[str]], delimiter: str, quoting: int) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(
        out,
        delimiter=delimiter,
        lineterminator="\n",
        quoting=csv.QUOTE_ALL if quoting else csv.QUOTE_MINIMAL,
    )
    writer.writerows(rows)
    return out.getvalue().rstrip("\n")


def table(rows: list[list[str]]) -> JsonValue:
    """Return rows, the first one the header, as records; columns of numbers hold numbers."""
    header, *body = rows
    columns = [_column([row[index] for row in body]) for index in range(len(header))]
    return [dict(zip(header, cells, strict=True)) for cells in zip(*columns, strict=True)]


def _column(cells: list[str]) -> list[JsonValue]:
    try:
        return [_number(cell) for cell in cells]
    except OpaqueError:
        return list(cells)


def _number(text: str) -> int | float:
    if not _NUMBER.fullmatch(text) or len(text) > 300:
        raise OpaqueError("not a number")
    return _exact_float(text) if "." in text else int(text)


@register("key_value")
def parse_key_value(text: str) -> JsonValue:
    """Read lines of the form ``key: value``."""
    lines = text.replace("\r\n", "\n").split("\n")
    if len(lines) < 2:
        raise OpaqueError("a single line")
    found: dict[str, JsonValue] = {}
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None or match[1] in found or match[2] != match[2].strip():
            raise OpaqueError("not a key and a value")
        try:
            found[match[1]] = _number(match[2])
        except OpaqueError:
            found[match[1]] = match[2]
    return found


from . import text_parsers as _text_parsers  # noqa: E402, F401 - registers further parsers, behind these
