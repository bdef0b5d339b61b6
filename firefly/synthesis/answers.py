"""From a pick to a typed answer and the sentence that fixes its form."""

from __future__ import annotations

import re
from decimal import Decimal

from pydantic import JsonValue

from firefly.english import number_word
from firefly.replay.records import Answer
from firefly.synthesis.columns import Column
from firefly.synthesis.picks import Pick

_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}$")
_DECIMALS = 6
"""Most decimal places asked for."""


def answer_of(pick: Pick) -> tuple[Answer, str] | None:  # noqa: PLR0911 - one return for each type
    """Return the answer and its format sentence; None where it can't be typed.

    A number that is reported beside its unit is asked for in that unit.

    >>> from firefly.replay.records import Expression
    >>> pick = Pick(Expression(op="sum", call="c1"), 12.5, "", "total", "total", None)
    >>> answer_of(pick)[1]
    'Answer with the number only, rounded to 2 decimal places.'
    """
    value = pick.value
    if isinstance(value, bool) or value is None or isinstance(value, dict):
        return None
    if isinstance(value, int | float):
        return _number(pick, value)
    if isinstance(value, list):
        if not value or not pick.order or any(not isinstance(one, str) for one in value):
            return None
        return (
            Answer(type="list", value=value, ordered=True),
            f"Answer with a JSON array of the {number_word(len(value))} {pick.label}, "
            f"exactly as recorded, {pick.order}.",
        )
    if _DATE.match(value):
        return Answer(type="date", value=value), "Answer with the date in the form YYYY-MM-DD."
    if pick.column is not None and pick.column.kind == "date":
        return (
            Answer(type="string", value=value),
            "Answer with the date and time exactly as recorded.",
        )
    label = _called(pick)
    return Answer(type="string", value=value), f"Answer with the {label} only, exactly as recorded."


def _called(pick: Pick) -> str:
    """Return what the answer is called: a label that only makes sense after its noun is no name."""
    label = pick.label.removeprefix('"').split('"')[0] if pick.label.startswith('"') else pick.label
    if pick.role == "person":
        return "name" if " " in str(pick.value) else "user name"
    return label


def _number(pick: Pick, value: int | float) -> tuple[Answer, str]:
    unit = f", in {pick.unit}" if pick.unit else ""
    if isinstance(value, int) and (pick.column is None or _whole(pick.column)):
        word = "whole number" if pick.template == "count" else "number"
        return Answer(
            type="number", value=value, unit=pick.unit
        ), f"Answer with the {word} only{unit}, in digits."
    places = min(max(2, _places(value)), _DECIMALS)
    rounded: JsonValue = round(float(value), places)
    tolerance = 0.5 * 10.0**-places
    return (
        Answer(type="number", value=rounded, tolerance=tolerance, unit=pick.unit),
        f"Answer with the number only{unit}, rounded to {places} decimal places.",
    )


def _whole(column: Column) -> bool:
    return all(isinstance(value, int) for value in column.values)


def _places(value: float) -> int:
    exponent = Decimal(repr(value)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
