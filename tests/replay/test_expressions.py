from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firefly.replay.expressions import (
    ExpressionError,
    MissingPathError,
    NotUniqueError,
    UnknownCallError,
    ValueTypeError,
    evaluate,
    resolve_references,
    same,
)
from firefly.replay.masks import touches
from firefly.replay.records import Condition, Expression, GoldCall

ROWS = [{"n": "a", "v": 3, "k": "x"}, {"n": "b", "v": 1, "k": "y"}, {"n": "c", "v": 2, "k": "x"}]


def value_of(op: str, rows: Any = ROWS, **fields: Any) -> Any:
    return evaluate(Expression(op=op, call="c1", path=("rows",), **fields), {"c1": {"rows": rows}})  # type: ignore[arg-type]


def test_a_field_that_changes_by_itself_spoils_only_what_reads_it() -> None:
    def read_of(op: str, **fields: Any) -> bool:
        return touches(Expression(op=op, call="c1", **fields), ("*", "made"))  # type: ignore[arg-type]

    north = (Condition(field=("name",), value="north"),)
    assert not read_of("where", where=north, field=("price",)) and not read_of("count", where=north)
    assert not read_of("sort", by=("price",), field=("name",)) and not read_of("max", field=("price",))
    assert read_of("where", where=north, field=("made",)) and read_of("sort", by=("made",), field=("name",))
    assert read_of("where", where=north) and read_of("value"), "the whole row or list holds it"
    assert read_of("count", where=(Condition(field=("made",), value="2031"),))


def test_each_operation_computes_its_value() -> None:
    x = (Condition(field=("k",), value="x"),)
    assert value_of("value") == ROWS
    assert value_of("where", where=(Condition(field=("v",), value=1.0),), field=("n",)) == "b"
    assert value_of("count") == 3
    assert value_of("count", where=x) == 2
    assert value_of("min", field=("v",)) == 1
    assert value_of("max", field=("v",), where=x) == 3
    assert value_of("sum", field=("v",)) == 6
    assert value_of("sort", by=("v",), field=("n",)) == ["b", "c", "a"]
    assert value_of("sort", by=("v",), field=("n",), descending=True, limit=2) == ["a", "c"]
    assert value_of("sort", by=("v",), field=("n",), limit=1) == "b"
    assert value_of("max", rows=["2026-01-02", "2026-02-01"]) == "2026-02-01"


def test_nothing_counts_as_nought_and_has_no_extreme() -> None:
    assert value_of("count", rows=[]) == 0
    assert value_of("sum", rows=[], field=("v",)) == 0
    assert value_of("sort", rows=[], field=("v",)) == []
    for op in ("min", "max", "where"):
        with pytest.raises(NotUniqueError):
            value_of(op, rows=[], field=("v",))
    with pytest.raises(NotUniqueError):
        value_of("sort", rows=[], limit=1)


@pytest.mark.parametrize(
    ("error", "op", "rows", "fields"),
    [
        (NotUniqueError, "where", ROWS, {"where": (Condition(field=("k",), value="x"),), "field": ("n",)}),
        (MissingPathError, "where", ROWS, {"where": (Condition(field=("z",), value=1),)}),
        (MissingPathError, "sum", ROWS, {"field": ("z",)}),
        (ValueTypeError, "sum", [{"v": True}], {"field": ("v",)}),
        (ValueTypeError, "max", [{"v": 1}, {"v": "2"}], {"field": ("v",)}),
        (ValueTypeError, "min", [{"v": None}], {"field": ("v",)}),
        (ValueTypeError, "sort", [{"v": 1}, {"v": False}], {"by": ("v",)}),
        (ValueTypeError, "count", {"not": "a list"}, {}),
        (ValueTypeError, "sort", ROWS, {"by": ("v",), "limit": 0}),
    ],
)
def test_what_has_no_single_value_is_a_typed_error(
    error: type[ExpressionError], op: str, rows: Any, fields: dict[str, Any]
) -> None:
    with pytest.raises(error):
        value_of(op, rows=rows, **fields)


def test_an_unparsed_call_is_an_error() -> None:
    with pytest.raises(UnknownCallError):
        evaluate(Expression(op="value", call="c2"), {"c1": 1})


def test_a_tie_that_decides_the_answer_is_an_error_wherever_it_ends() -> None:
    tied = [{"n": "a", "v": 1}, {"n": "a", "v": 1}, {"n": "b", "v": 1}]
    with pytest.raises(NotUniqueError):
        value_of("sort", rows=tied, by=("v",), field=("n",), limit=1)
    with pytest.raises(NotUniqueError):
        value_of("sort", rows=tied, by=("v",), field=("n",))
    assert value_of("sort", rows=tied[:2], by=("v",), field=("n",), limit=1) == "a"
    late = [{"n": "z", "v": 0}, *tied]
    assert value_of("sort", rows=late, by=("v",), field=("n",), limit=1) == "z"


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=6), st.integers(1, 4), st.randoms())
def test_a_sort_does_not_depend_on_the_order_of_the_rows(
    pairs: list[tuple[int, int]], limit: int, random: Any
) -> None:
    def result(rows: list[Any]) -> Any:
        try:
            return value_of("sort", rows=rows, by=("k",), field=("v",), limit=limit)
        except NotUniqueError:
            return "error"

    rows = [{"k": k, "v": v} for k, v in pairs]
    shuffled = rows.copy()
    random.shuffle(shuffled)
    assert result(rows) == result(shuffled)


@given(st.lists(st.decimals(-1000, 1000, places=2), min_size=1))
def test_sums_of_decimals_are_exact(values: list[Decimal]) -> None:
    found = value_of("sum", rows=[{"v": float(value)} for value in values], field=("v",))
    assert Decimal(repr(found)) == sum(values)


def test_booleans_are_not_numbers() -> None:
    assert not same(True, 1)
    assert not same([0], [False])
    assert same({"a": [25, None]}, {"a": [25.0, None]})


def test_references_are_computed_anew() -> None:
    first = Expression(op="sort", call="c1", path=("rows",), by=("v",), field=("n",), limit=1)
    gold = GoldCall(
        id="c2", server="s", tool="t", arguments={"name": "stale", "x": 1}, references={"name": first}
    )
    assert resolve_references(gold, {"c1": {"rows": ROWS}}).arguments == {"name": "b", "x": 1}
