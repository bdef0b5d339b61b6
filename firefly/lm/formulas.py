"""Answer expressions as models write them, and what calls returned as models read it.

A model says where the answer stands; the value is computed from what was observed. What it says is
checked against the outputs: a formula that has no single value over them is refused with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from firefly.replay.expressions import ExpressionError, evaluate, read
from firefly.replay.records import Condition, Expression, PathPart, ToolCall

__all__ = [
    "FORMULAS",
    "Formula",
    "FormulaError",
    "call_text",
    "expression_of",
    "expression_text",
    "shortened",
]

FORMULAS = (
    "A formula computes the answer from what one call returned. op=value reads `path`. The others take "
    "the list at `path` and keep the items that meet every condition of `where`; then op=where reads "
    "`field` of the only item left, op=count counts, op=min, max and sum fold `field`, and op=sort orders "
    "by `by` (`descending`), keeps the first `limit` and lists their `field` (limit 1: that field "
    "itself). Paths are lists of keys; never pick an item of a longer list by its position."
)
"""How formulas work, for instructions."""

_ITEMS, _TEXT, _WIDTH = 30, 400, 6000
"""Items of a list, letters of a text and of a whole output that a model is shown."""


class FormulaError(ValueError):
    """A formula has no single value over these outputs; the message says why."""


class Having(BaseModel):
    """A condition on the items of a list."""

    model_config = ConfigDict(extra="forbid")
    field: list[str | int] = Field(description="keys within an item")
    compare: Literal["equals", "above", "below", "contains"] = "equals"
    value: str | int | float | bool


class Formula(BaseModel):
    """How the answer is computed from what one call returned."""

    model_config = ConfigDict(extra="forbid")
    op: Literal["value", "where", "count", "min", "max", "sum", "sort"]
    call: str = Field(description="c1, c2, ...")
    path: list[str | int] = []
    field: list[str | int] = []
    where: list[Having] = []
    by: list[str | int] = []
    descending: bool = False
    limit: int | None = None


def expression_of(formula: Formula, outputs: Mapping[str, JsonValue]) -> tuple[Expression, JsonValue]:
    """Return the expression that a model means, and its value over ``outputs``.

    Raises:
        FormulaError: there is no such call, path or single value.
    """
    if formula.call not in outputs:
        raise FormulaError(f"there is no call {formula.call!r} with an output")
    path = _path(outputs[formula.call], formula.path)
    found = _at(outputs[formula.call], path)
    item = found[0] if isinstance(found, list) and found else None
    expression = Expression(
        op=formula.op,
        call=formula.call,
        path=path,
        field=_path(item, formula.field) if formula.op not in ("value", "count") else (),
        where=tuple(
            Condition(field=_path(item, one.field), value=one.value, compare=one.compare)
            for one in (formula.where if formula.op != "value" else ())
        ),
        by=_path(item, formula.by) if formula.op == "sort" else (),
        descending=formula.descending and formula.op == "sort",
        limit=formula.limit if formula.op == "sort" else None,
    )
    try:
        return expression, evaluate(expression, outputs)
    except ExpressionError as error:
        raise FormulaError(str(error)) from error


def _path(value: JsonValue, path: Sequence[str | int]) -> tuple[PathPart, ...]:
    """Return the path as it fits ``value``: models write indices as texts."""
    found: list[PathPart] = []
    for part in path:
        step: PathPart = part
        if isinstance(value, list) and isinstance(part, str) and part.isdecimal():
            step = int(part)
        elif isinstance(value, dict) and isinstance(part, int) and str(part) in value:
            step = str(part)
        found.append(step)
        value = _at(value, (step,))
    return tuple(found)


def _at(value: JsonValue, path: Sequence[PathPart]) -> JsonValue:
    try:
        return read(value, path)
    except ExpressionError:
        return None


# --- what models read ---------------------------------------------------------------------------


def call_text(
    name: str,
    call: ToolCall,
    output: JsonValue,
    *,
    told: str = "",
    passed: Mapping[str, Expression] | None = None,
) -> str:
    """Return one call with its result as a model reads it.

    Args:
        name: ``c1``, ``c2``, ...
        call: what was called.
        output: what came back, parsed.
        told: the tool's description.
        passed: parameter -> how its value was computed from an earlier call.

    """
    head = f"{name}: {call.tool}({json.dumps(call.arguments, ensure_ascii=False, sort_keys=True)})"
    lines = [f"{head}  # {told}" if told else head]
    lines += [f"  {name} is {expression_text(one)}" for name, one in sorted((passed or {}).items())]
    return "\n".join([*lines, f"  returned: {shortened(output)}"])


def expression_text(expression: Expression) -> str:
    """Return an expression in words.

    >>> expression_text(Expression(op="sum", call="c1", path=("rows",), field=("total",)))
    "the sum of total in c1's rows"
    """
    whole = ".".join(map(str, expression.path))
    place = f"{expression.call}'s {whole}" if whole else f"what {expression.call} returned"
    said = {"equals": "=", "above": ">", "below": "<", "contains": "containing"}
    kept = " and ".join(
        f"{'.'.join(map(str, one.field))} {said[one.compare]} "
        + (
            expression_text(one.reference)
            if one.reference is not None
            else json.dumps(one.value, ensure_ascii=False)
        )
        for one in expression.where
    )
    items = f"in {place}{f' whose {kept}' if kept else ''}"
    field = ".".join(map(str, expression.field)) or "value"
    if expression.op == "value":
        return place
    if expression.op == "count":
        return f"the number of items {items}"
    if expression.op == "where":
        return f"the {field} of the only item {items}"
    if expression.op == "sort":
        end = "highest" if expression.descending else "lowest"
        by = ".".join(map(str, expression.by)) or "value"
        if expression.limit == 1:
            return f"the {field} of the item with the {end} {by} {items}"
        first = f"first {expression.limit} " if expression.limit else ""
        return f"the {first}{field} by {by}, {end} first, {items}"
    return f"the {expression.op} of {field} {items}"


def shortened(value: JsonValue, width: int = _WIDTH) -> str:
    """Return an output as JSON for a prompt; what is left out is said."""
    items = _ITEMS
    while True:
        text = json.dumps(_cut(value, items), ensure_ascii=False)
        if len(text) <= width or items == 1:
            return text if len(text) <= width else f"{text[:width]}… ({len(text) - width} more letters)"
        items = max(1, items // 2)


def _cut(value: JsonValue, items: int) -> Any:
    if isinstance(value, dict):
        return {key: _cut(one, items) for key, one in value.items()}
    if isinstance(value, list):
        kept: list[Any] = [_cut(one, items) for one in value[:items]]
        return kept if len(value) <= items else [*kept, f"… ({len(value) - items} more items)"]
    if isinstance(value, str) and len(value) > _TEXT:
        return f"{value[:_TEXT]}… ({len(value) - _TEXT} more letters)"
    return value
