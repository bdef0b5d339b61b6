"""Reference expressions: how a value in one call's output can be named so that it becomes an argument.

A reference picks an item by what it says (``where``), by an extreme, or because it is the only one;
never by its position, since the order of a listing is no contract.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from random import Random

from pydantic import JsonValue

from firefly.outputs import ANY_INDEX, Path, expand, leaves
from firefly.replay.expressions import ExpressionError, evaluate, fill, is_number, same
from firefly.replay.records import Condition, Expression
from firefly.values.semantic import semantic_type

_TELLING = {
    "word": 4.0,
    "prose": 1.0,
    "email": 3.0,
    "date": 3.0,
    "number": 1.5,
    "number text": 1.0,
    "hash": 0.3,
}
"""How well a property of each semantic type tells an item apart to a person; 2.0 for others."""
_ORDERED = frozenset({"date", "datetime", "time"})
_LONGEST = 80
"""Characters of a condition's value."""
_PAIRS = 40
_LISTED = (2, 3)
_FEW = 2


@dataclass(frozen=True)
class Reference:
    """An expression with its value, and how well it reads: the greater, the better."""

    expression: Expression
    value: JsonValue
    weight: float
    selector: str = ""
    """Which item of the list it picks, in one word; references with equal selectors pick the same item."""


def references(
    output: JsonValue,
    path: Path,
    *,
    call: str,
    volatile: frozenset[Path] = frozenset(),
    as_list: bool = False,
    rng: Random,
) -> list[Reference]:
    """Return the ways to name a value at the general ``path`` of ``output``.

    Args:
        output: the parsed output.
        path: where the value stands; ``"*"`` is any index.
        call: id of the call that returned the output.
        volatile: general paths of fields that differ between equal calls; no condition uses them.
        as_list: the argument is a list; several values are named together.
        rng: draws which pairs of properties are looked at.

    """
    stars = [index for index, part in enumerate(path) if part == ANY_INDEX]
    if not stars:
        return [
            Reference(Expression(op="value", call=call, path=exact), value, 2.0)
            for exact, value in expand(output, path)
        ]
    head, field = path[: stars[-1]], path[stars[-1] + 1 :]
    found: list[Reference] = []
    lists = list(expand(output, head))
    if len(lists) != 1:
        return []  # which of several lists is meant could be said by position only
    exact, items = lists[0]
    if not isinstance(items, list) or not items:
        return []
    candidates = (
        _whole_lists(items, exact, field, call)
        if as_list
        else [
            *_only(items, exact, field, call),
            *_by_property(items, exact, field, call, _hidden(path, stars[-1], volatile), rng),
            *_by_extreme(items, exact, field, call, _hidden(path, stars[-1], volatile)),
        ]
    )
    for expression, weight in candidates:
        value = _value(expression, output)
        if value is not None:
            found.append(Reference(expression, value, weight, _selector(expression, len(exact))))
    return found


def list_of(path: Path) -> Path | None:
    """Return the general path of the innermost list on the way to a value; None when there is none."""
    stars = [index for index, part in enumerate(path) if part == ANY_INDEX]
    return path[: stars[-1]] if stars else None


def holds(
    reference: Expression, outputs: Mapping[str, JsonValue], argument: JsonValue, *, template: str = ""
) -> bool:
    """Return whether the reference, evaluated over ``outputs``, gives exactly ``argument``."""
    try:
        value = evaluate(reference, outputs)
        return same(fill(template, value) if template else value, argument)
    except ExpressionError:
        return False


def _value(expression: Expression, output: JsonValue) -> JsonValue:
    try:
        return evaluate(expression, {expression.call: output})
    except ExpressionError:
        return None


def _selector(expression: Expression, depth: int) -> str:
    where = sorted((repr(one.field), repr(one.value)) for one in expression.where)
    picked = expression.path[: depth + 1] if expression.op == "value" else expression.path
    ordering = (expression.by, expression.descending, expression.limit) if expression.op == "sort" else ()
    return repr((expression.op, picked, where, ordering))


def _hidden(path: Path, star: int, volatile: frozenset[Path]) -> frozenset[Path]:
    """Return the volatile fields of the items of the list, relative to an item."""
    prefix = (*path[:star], ANY_INDEX)
    return frozenset(one[len(prefix) :] for one in volatile if one[: len(prefix)] == prefix)


def _only(
    items: Sequence[JsonValue], path: Path, field: Path, call: str
) -> Iterator[tuple[Expression, float]]:
    if len(items) == 1:
        yield Expression(op="value", call=call, path=(*path, 0, *field)), 2.0


def _by_property(
    items: Sequence[JsonValue], path: Path, field: Path, call: str, hidden: frozenset[Path], rng: Random
) -> Iterator[tuple[Expression, float]]:
    """Yield selections by one property that only one item has, or by two that only one has together."""
    rows = [_properties(item, hidden) for item in items]
    shared = [
        name for name in sorted(rows[0], key=repr) if name != field and all(name in row for row in rows)
    ]
    counts = {name: Counter(repr(row[name]) for row in rows) for name in shared}
    for name in shared:
        for row in rows:
            if counts[name][repr(row[name])] == 1 and _is_condition(row, name, field):
                condition = Condition(field=name, value=row[name])
                yield (
                    Expression(op="where", call=call, path=path, field=field, where=(condition,)),
                    _TELLING.get(semantic_type(row[name]), 2.0),
                )
    groups = [name for name in shared if 1 < len(counts[name]) < len(rows)]
    pairs = [(row, pair) for pair in combinations(groups, 2) for row in rows]
    for row, pair in rng.sample(pairs, min(_PAIRS, len(pairs))):
        if all(counts[name][repr(row[name])] > 1 and _is_condition(row, name, field) for name in pair):
            where = tuple(Condition(field=name, value=row[name]) for name in pair)
            yield Expression(op="where", call=call, path=path, field=field, where=where), 1.5


def _by_extreme(
    items: Sequence[JsonValue], path: Path, field: Path, call: str, hidden: frozenset[Path]
) -> Iterator[tuple[Expression, float]]:
    """Yield the item with the greatest or least number or date; of plain texts, the alphabetical ends."""
    if len(items) < 2:
        return
    rows = [_properties(item, hidden) for item in items]
    shared = [name for name in sorted(rows[0], key=repr) if all(name in row for row in rows)]
    for name in shared:
        column = [row[name] for row in rows]
        ordered = all(map(is_number, column)) or all(semantic_type(value) in _ORDERED for value in column)
        itself = name == field
        # The ends of the alphabet, or of the values themselves, name only what has little else to it.
        if (not ordered or itself) and len(shared) > _FEW:
            continue
        for descending in (False, True):
            yield (
                Expression(
                    op="sort", call=call, path=path, field=field, by=name, descending=descending, limit=1
                ),
                2.5 if ordered and not itself else 0.8 if len(shared) == 1 else 0.3,
            )


def _whole_lists(
    items: Sequence[JsonValue], path: Path, field: Path, call: str
) -> Iterator[tuple[Expression, float]]:
    yield Expression(op="sort", call=call, path=path, field=field, by=field), 2.0
    for limit in _LISTED:
        if limit < len(items):
            for descending in (False, True):
                yield (
                    Expression(
                        op="sort",
                        call=call,
                        path=path,
                        field=field,
                        by=field,
                        descending=descending,
                        limit=limit,
                    ),
                    1.0,
                )


def _properties(item: JsonValue, hidden: frozenset[Path]) -> dict[Path, JsonValue]:
    """Return the scalars of an item by exact path, those inside lists left out."""
    return {
        path: value
        for path, value in leaves(item)
        if value is not None and path not in hidden and not any(isinstance(part, int) for part in path)
    }


def _is_condition(row: Mapping[Path, JsonValue], name: Path, field: Path) -> bool:
    """Return whether the property may stand in a condition: short text or a number, not the value itself."""
    value = row[name]
    if isinstance(value, bool) or value == "" or same(value, row.get(field)):
        return False
    return not isinstance(value, str) or (len(value) <= _LONGEST and "\n" not in value)
