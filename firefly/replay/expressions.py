"""Answers as expressions: a closed set of operations over parsed outputs.

Whatever could be answered in two ways is an error, not a guess: a ``where`` that leaves no item or
several, values of mixed types (booleans are not numbers), a missing path, a tie that decides what a
``sort`` returns. Sums are exact: floats are added as the decimals they print as, so
``0.1 + 0.2`` is ``0.3``, and the sum is an ``int`` only if every term is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Context, Decimal
from typing import Any

from pydantic import JsonValue

from .errors import ReplayError
from .records import Condition, Expression, GoldCall, PathPart, ToolCall

_EXACT = Context(prec=2000, Emax=999_999, Emin=-999_999)


class ExpressionError(ReplayError):
    """An expression has no single value over these outputs."""


class UnknownCallError(ExpressionError):
    """It reads a call that has no parsed output."""


class MissingPathError(ExpressionError):
    """A path leads nowhere."""


class NotUniqueError(ExpressionError):
    """Not exactly one item is left, or a tie leaves the answer open."""


class ValueTypeError(ExpressionError):
    """A value is of a type that the operation doesn't take."""


def evaluate(expression: Expression, outputs: Mapping[str, JsonValue]) -> JsonValue:
    """Return the value of ``expression``.

    Args:
        expression: what to compute.
        outputs: call id -> parsed output of that call.

    Raises:
        ExpressionError: there is no single value; the subclass says why.

    >>> rows = [{"n": "a", "v": 2}, {"n": "b", "v": 3}]
    >>> evaluate(Expression(op="sum", call="c1", path=(), field=("v",)), {"c1": rows})
    5
    """
    if expression.call not in outputs:
        raise UnknownCallError(f"call {expression.call!r} has no parsed output")
    if expression.op == "value":
        return read(outputs[expression.call], expression.path)
    items = selected(expression, outputs)
    if expression.op == "where":
        if len(items) != 1:
            raise NotUniqueError(f"{len(items)} items of {_shown(expression.path)} satisfy the condition")
        return read(items[0], expression.field)
    if expression.op == "count":
        return len(items)
    if expression.op == "sort":
        return _sorted(items, expression)
    return _folded([read(item, expression.field) for item in items], expression.op)


def selected(expression: Expression, outputs: Mapping[str, JsonValue]) -> list[JsonValue]:
    """Return the items of the expression's list that satisfy all of its conditions.

    Raises:
        ExpressionError: there is no such list, or an item can't be compared.
    """
    if expression.call not in outputs:
        raise UnknownCallError(f"call {expression.call!r} has no parsed output")
    found = read(outputs[expression.call], expression.path)
    if not isinstance(found, list):
        raise ValueTypeError(f"{_shown(expression.path)} is {_kind(found)}, not a list")
    wanted = [(one, wanted_value(one, outputs)) for one in expression.where]
    return [item for item in found if all(_satisfies(item, one, value) for one, value in wanted)]


def wanted_value(condition: Condition, outputs: Mapping[str, JsonValue]) -> JsonValue:
    """Return what a condition compares with: its literal value, or the one computed from another call.

    Raises:
        ExpressionError: the other call gives no single value.
    """
    return condition.value if condition.reference is None else evaluate(condition.reference, outputs)


def read(value: JsonValue, path: Sequence[PathPart]) -> JsonValue:
    """Return what stands at ``path`` in ``value``.

    Raises:
        MissingPathError: nothing stands there.
    """
    for position, part in enumerate(path):
        index = isinstance(part, int) and not isinstance(part, bool)
        try:
            if isinstance(value, dict) and isinstance(part, str):
                value = value[part]
                continue
            if isinstance(value, list) and index and int(part) >= 0:
                value = value[int(part)]
                continue
        except (KeyError, IndexError):
            pass
        raise MissingPathError(f"nothing at {_shown(path[: position + 1])}")
    return value


def same(one: JsonValue, other: JsonValue) -> bool:
    """Return whether two JSON values are equal: ``25 == 25.0``, but ``True != 1``."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def resolve_references(gold_call: GoldCall, outputs: Mapping[str, JsonValue]) -> ToolCall:
    """Return the call with every referenced argument computed anew from ``outputs``.

    Raises:
        ExpressionError: a reference has no single value.
    """
    arguments = dict(gold_call.arguments)
    for name, reference in sorted(gold_call.references.items()):
        value = evaluate(reference, outputs)
        template = gold_call.templates.get(name)
        arguments[name] = value if template is None else fill(template, value)
    return ToolCall(server=gold_call.server, tool=gold_call.tool, arguments=arguments)


def is_number(value: Any) -> bool:
    """Return whether ``value`` is a number; booleans are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def fill(template: str, value: JsonValue) -> str:
    """Return ``template`` with ``value`` in place of its ``{}``.

    Raises:
        ValueTypeError: the value is no text or number, or holds a character that ends a quotation.

    >>> fill("SELECT * FROM orders WHERE code = '{}'", "A-1")
    "SELECT * FROM orders WHERE code = 'A-1'"
    """
    if not (isinstance(value, str) or is_number(value)):
        raise ValueTypeError(f"{_kind(value)} can't stand in a text")
    text = str(value)
    if any(one in text for one in "'\"`\\\n"):
        raise ValueTypeError(f"{text!r} can't be quoted safely")
    return template.replace("{}", text)


def _satisfies(item: JsonValue, condition: Condition, value: JsonValue) -> bool:
    found = read(item, condition.field)
    if condition.compare == "equals":
        return same(found, value)
    if condition.compare == "contains":
        if not isinstance(found, str) or not isinstance(value, str):
            raise ValueTypeError(f"{_kind(found)} does not contain {_kind(value)}")
        return value in found
    _require_comparable([found, value])
    higher: bool = found > value  # type: ignore[operator]
    return not same(found, value) and higher == (condition.compare == "above")


def _folded(values: list[JsonValue], op: str) -> JsonValue:
    if op == "sum":
        if not all(is_number(value) for value in values):
            raise ValueTypeError("sum takes numbers only")
        return _sum(values)
    if not values:
        raise NotUniqueError(f"{op} of nothing")
    _require_comparable(values)
    chosen: JsonValue = min(values) if op == "min" else max(values)  # type: ignore[type-var]
    return chosen


def _sum(values: Sequence[Any]) -> int | float:
    if all(isinstance(value, int) for value in values):
        return int(sum(values))
    total = Decimal(0)
    for value in values:
        total = _EXACT.add(total, Decimal(repr(value)))
    return float(total)


def _sorted(items: list[JsonValue], expression: Expression) -> JsonValue:
    limit = expression.limit
    if limit is not None and limit < 1:
        raise ValueTypeError(f"a limit of {limit}")
    keys = [read(item, expression.by) for item in items]
    fields = [read(item, expression.field) for item in items]
    _require_comparable(keys)
    order = sorted(range(len(items)), key=lambda index: keys[index], reverse=expression.descending)  # type: ignore[arg-type,return-value]
    kept = len(order) if limit is None else min(limit, len(order))
    first = 0
    for position in range(1, len(order)):
        if keys[order[position]] != keys[order[first]]:
            first = position
        # A run of equals that begins among the kept ones decides the answer, wherever it ends.
        elif first < kept and not same(fields[order[position]], fields[order[first]]):
            raise NotUniqueError(f"two items tie at {keys[order[first]]!r}")
    chosen = [fields[index] for index in order[:kept]]
    if limit == 1:
        if not chosen:
            raise NotUniqueError("the first of nothing")
        return chosen[0]
    return chosen


def _require_comparable(values: Sequence[JsonValue]) -> None:
    if not (all(is_number(value) for value in values) or all(isinstance(value, str) for value in values)):
        kinds = sorted({_kind(value) for value in values})
        raise ValueTypeError(f"can't compare {', '.join(kinds)}")


def _kind(value: JsonValue) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    return {str: "a string", list: "a list", dict: "an object"}[type(value)]


def _shown(path: Sequence[PathPart]) -> str:
    return "/" + "/".join(str(part) for part in path)
