"""Whether a call says more than the one that its arguments came from.

Looking a row up by its own code in the table that it was read from says nothing new: no question needs
both calls.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pydantic import JsonValue

from firefly.outputs import ANY_INDEX, Path, expand, leaves

_GUESSED = 12
"""Whole numbers up to this anybody would guess."""


def fits(arguments: Mapping[str, JsonValue], parameter: str, template: str) -> bool:
    """Return whether the argument is ``template`` around some value; any value where there is none.

    >>> fits({"query": "SELECT * FROM t WHERE id = '7'"}, "query", "SELECT * FROM t WHERE id = '{}'")
    True
    """
    given = arguments.get(parameter)
    if not template:
        return given is not None
    before, _, after = template.partition("{}")
    return (
        isinstance(given, str)
        and len(given) > len(before) + len(after)
        and given.startswith(before)
        and given.endswith(after)
    )


def stem(template: str) -> str:
    """Return a template that every query of the same table fits, whatever its condition.

    >>> stem("SELECT * FROM t WHERE id = '{}'")
    'SELECT * FROM t{}'
    """
    before, found, _ = template.partition(" WHERE ")
    return f"{before}{{}}" if found and "{}" not in before else template


def field_names(output: JsonValue) -> frozenset[str]:
    """Return the names of the fields that hold a scalar: of the items of lists, where there are any.

    What stands beside a list mostly counts or describes it.

    >>> sorted(field_names({"rows": [{"id": 1, "size": 2}], "columns": ["id", "size"], "count": 1}))
    ['id', 'size']
    """
    paths = [path for path, _ in leaves(output)]
    listed = [path for path in paths if _in_item(path)] or [
        path for path in paths if any(isinstance(part, int) for part in path)
    ]
    return frozenset(name for path in listed or paths if (name := _name(path)))


def names_answered(
    answers: Collection[tuple[Mapping[str, JsonValue], JsonValue]], parameter: str, template: str
) -> frozenset[str]:
    """Return the names of the fields in (arguments, output) pairs whose argument is as in ``template``.

    Where none is, those of the same table; empty where there is none either.
    """
    for form in (template, stem(template)):
        names = frozenset(
            name
            for arguments, output in answers
            if fits(arguments, parameter, form)
            for name in field_names(output)
        )
        if names:
            return names
    return frozenset()


def fields_beside(output: JsonValue, path: Path) -> list[frozenset[str]]:
    """Return, for each item that holds something at the general ``path``, the names of its fields.

    The item is that of the innermost list on the way; without one, the whole output.

    >>> [sorted(one) for one in fields_beside({"rows": [{"id": 1, "to": 2}], "n": 1}, ("rows", "*", "id"))]
    [['id', 'to']]
    """
    stars = [index for index, part in enumerate(path) if part == ANY_INDEX]
    depth = stars[-1] + 1 if stars else 0
    return [
        field_names(item)
        for _, item in expand(output, path[:depth])
        if next(expand(item, path[depth:]), None) is not None
    ]


def says_more(names: frozenset[str], beside: Collection[frozenset[str]]) -> bool:
    """Return whether an answer with fields ``names`` says more than the items ``beside`` its given value.

    True where nothing is known of the one or the others.
    """
    return not names or not beside or any(not names <= one for one in beside)


def tells(leaf: JsonValue) -> bool:
    """Return whether nobody would guess the value: no flag, no small whole number, no single letter."""
    if leaf is None or isinstance(leaf, bool):
        return False
    if isinstance(leaf, int | float):
        return not (abs(leaf) <= _GUESSED and float(leaf).is_integer())
    return len(str(leaf)) > 1


def _in_item(path: Path) -> bool:
    """Return whether the path leads to a named field of an item of a list."""
    places = [index for index, part in enumerate(path) if isinstance(part, int)]
    return bool(places) and any(isinstance(part, str) for part in path[places[0] :])


def _name(path: Path) -> str:
    return next((part for part in reversed(path) if isinstance(part, str)), "")
