"""How a value is written in a question: bare where it speaks for itself, else in quotes."""

from __future__ import annotations

import json
import re
from collections.abc import Collection

from pydantic import JsonValue

__all__ = ["FILE", "base_name", "is_code", "is_drawn", "is_file", "is_proper", "quoted", "shown"]

FILE = re.compile(r"^(?:[\w .@+~-]*/)*[\w@+-][\w .@+-]*\.[A-Za-z][A-Za-z0-9]{0,5}$")
_CODE = re.compile(r"^(?=[\w.:/#-]*\d)(?=[\w.:/#-]*[A-Za-z])[\w#][\w.:/#-]*$")
_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}([T ][\d:.+Z-]+)?$")
_PROPER = re.compile(r"^[^\W\d_a-z][\w'’.&-]*(?: (?:(?:and|of|the|de|van|von|for) )?[^\W\d_a-z][\w'’.&-]*)*$")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ZONE = re.compile(r"^[A-Z][A-Za-z]+(?:/[A-Z][\w+-]+)+$")


def quoted(value: JsonValue) -> str:
    """Return a value as it is written in a question.

    >>> quoted("Oslo"), quoted(2.5), quoted(["a", 1])
    ('"Oslo"', '2.5', '"a" and 1')
    """
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list) and value and all(not isinstance(one, list | dict) for one in value):
        parts = [quoted(one) for one in value]
        return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def shown(value: JsonValue, *, word: bool = False) -> str:
    """Return a value bare where nothing else could be meant: a code, a date, a file, a name.

    Args:
        value: what is shown.
        word: whether a single plain word may stand bare, too ("with status open").

    >>> shown("ORD-1"), shown("Ada Holm"), shown("brass valve"), shown("2026-01-02"), shown("open", word=True)
    ('ORD-1', 'Ada Holm', '"brass valve"', '2026-01-02', 'open')
    """
    if not isinstance(value, str):
        return quoted(value)
    bare = is_code(value) or is_file(value) or is_proper(value) or _DATE.match(value) or _ZONE.match(value)
    return value if bare or (word and value.isalpha() and value.islower()) else f'"{value}"'


def is_code(value: JsonValue) -> bool:
    """Return whether the value is a code of letters and digits, or a handle such as ``holm.a``.

    >>> is_code("ORD-1215"), is_code("aafab9c"), is_code("rinaldi.s"), is_code("Oslo")
    (True, True, True, False)
    """
    if not isinstance(value, str) or " " in value:
        return False
    if re.match(r"^\d{2,}(?:-\d+)+$", value) and not _DATE.match(value):
        return True  # "978-0-11"
    return bool(_CODE.match(value)) or bool(re.match(r"^[a-z]+[._][a-z]+$", value) and not is_file(value))


def is_drawn(value: JsonValue) -> bool:
    """Return whether a machine drew the value to tell things apart: nobody calls a thing by it.

    >>> is_drawn("70a321da-7ec4-4a3d-b8af-33110f33cc7e"), is_drawn("ORD-1215"), is_drawn([])
    (True, False, False)
    """
    if isinstance(value, list):
        return bool(value) and all(map(is_drawn, value))
    return isinstance(value, str) and bool(_UUID.fullmatch(value))


def is_file(value: JsonValue) -> bool:
    """Return whether the value is the name or path of a file.

    >>> is_file("plan.xlsx"), is_file("/workspace/a b/plan.csv"), is_file("e.g. this"), is_file("holm.a")
    (True, True, False, False)
    """
    if not isinstance(value, str) or not FILE.match(value):
        return False
    ending = value.rpartition(".")[2]
    return len(ending) > 1 or ending in "chr"


def is_proper(value: JsonValue) -> bool:
    """Return whether the value is a proper name: "Garnet Textiles", "Oslo"."""
    return isinstance(value, str) and bool(_PROPER.match(value)) and not value.isupper()


def base_name(value: str, files: Collection[str]) -> str:
    """Return how a file is called: by its name alone where no other known file has that name.

    >>> base_name("/workspace/books/plan.xlsx", ["/workspace/books/plan.xlsx"])
    'plan.xlsx'
    >>> base_name("/workspace/a/plan.xlsx", ["/workspace/a/plan.xlsx", "/workspace/b/plan.xlsx"])
    'a/plan.xlsx'
    """
    name = value.rstrip("/").rpartition("/")[2]
    alike = {one for one in files if one == name or one.endswith(f"/{name}")}
    if len(alike) <= 1:
        return name
    return value.removeprefix("/workspace/") or value
