from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firefly.exploration.references import holds, references
from firefly.replay.records import Condition, Expression

PEOPLE = {
    "people": [
        {"id": "P-1", "name": "Ana", "age": 31, "team": "red", "city": "Rome"},
        {"id": "P-2", "name": "Bo", "age": 45, "team": "red", "city": "Oslo"},
        {"id": "P-3", "name": "Chi", "age": 28, "team": "blue", "city": "Rome"},
    ]
}
IDS = ("people", "*", "id")


def found(output: object, path: tuple[str | int, ...], **options: object) -> list[tuple[Expression, object]]:
    made = references(output, path, call="c1", rng=Random(0), **options)  # type: ignore[arg-type]
    return [(one.expression, one.value) for one in made]


def test_an_item_is_named_by_a_property_that_no_other_item_has() -> None:
    wheres = [(e.where, value) for e, value in found(PEOPLE, IDS) if e.op == "where"]
    assert ((Condition(field=("name",), value="Bo"),), "P-2") in wheres
    assert ((Condition(field=("team",), value="blue"),), "P-3") in wheres
    assert not any(where == (Condition(field=("team",), value="red"),) for where, _ in wheres)


def test_two_shared_properties_together_name_an_item() -> None:
    wheres = [{c.field[0]: c.value for c in e.where} for e, _ in found(PEOPLE, IDS) if e.op == "where"]
    assert {"team": "red", "city": "Rome"} in wheres


def test_an_item_is_named_by_the_greatest_and_least_number() -> None:
    sorts = {(e.by, e.descending): value for e, value in found(PEOPLE, IDS) if e.op == "sort"}
    assert sorts == {(("age",), True): "P-2", (("age",), False): "P-3"}


def test_position_in_a_listing_never_names_an_item() -> None:
    assert all(not any(isinstance(part, int) for part in e.path) for e, _ in found(PEOPLE, IDS))
    nested = {"groups": [PEOPLE, PEOPLE]}
    assert found(nested, ("groups", "*", *IDS)) == []


def test_the_only_item_needs_no_property() -> None:
    assert (Expression(op="value", call="c1", path=(0, "v")), 5) in found([{"v": 5}], ("*", "v"))


def test_bare_names_are_taken_from_the_ends_of_the_alphabet() -> None:
    values = sorted(str(value) for _, value in found(["orders", "people", "items"], ("*",)))
    assert values == ["items", "people"]


def test_a_tie_names_nobody() -> None:
    tied = [{"id": "a", "n": 3, "m": 1}, {"id": "b", "n": 3, "m": 1}]
    assert found(tied, ("*", "id")) == []


def test_what_has_hardly_another_property_is_named_by_the_alphabet() -> None:
    sheets = [{"name": "Prices", "used": "A1:B2"}, {"name": "Costs", "used": "A1:B2"}]
    values = {e.by: value for e, value in found(sheets, ("*", "name")) if e.op == "sort" and not e.descending}
    assert values == {("name",): "Costs"}


def test_a_volatile_property_is_no_condition() -> None:
    hidden = frozenset({("people", "*", "name"), ("people", "*", "age")})
    fields = {c.field for e, _ in found(PEOPLE, IDS, volatile=hidden) for c in e.where}
    fields |= {e.by for e, _ in found(PEOPLE, IDS, volatile=hidden) if e.op == "sort"}
    assert fields == {("team",), ("city",)}


def test_a_list_argument_takes_several_values() -> None:
    values = [value for _, value in found(PEOPLE, IDS, as_list=True)]
    assert ["P-1", "P-2", "P-3"] in values
    assert ["P-3", "P-2"] in values


ROWS = st.lists(
    st.fixed_dictionaries(
        {"id": st.text(min_size=1, max_size=4)}, optional={"n": st.integers(), "t": st.sampled_from("ab")}
    ),
    max_size=6,
)


@given(ROWS, st.integers(0, 3))
def test_every_reference_evaluates_to_the_value_it_promises(rows: list[dict[str, object]], seed: int) -> None:
    for one in references(rows, ("*", "id"), call="c1", rng=Random(seed)):  # type: ignore[arg-type]
        assert holds(one.expression, {"c1": rows}, one.value)  # type: ignore[dict-item]


@pytest.mark.parametrize("argument", ["P-2", None])
def test_a_reference_that_gives_another_value_does_not_hold(argument: str | None) -> None:
    blue = Expression(
        op="where",
        call="c1",
        path=("people",),
        field=("id",),
        where=(Condition(field=("team",), value="blue"),),
    )
    assert not holds(blue, {"c1": PEOPLE}, argument)  # type: ignore[dict-item]
    assert not holds(blue, {}, "P-3")
