"""Fields that were only ever seen to hold a few values."""

from __future__ import annotations

from typing import Any

from firefly.domains import few_values
from firefly.knowledge import Knowledge
from firefly.replay.records import Expression, Recording
from tests.library_servers import explored, library

TOOL = ("catalogue", "describe_shelf")


def recorded(*answers: Any) -> tuple[Knowledge, list[Any]]:
    """Return what is known after one call for each answer."""
    servers = library()

    def describe_shelf(shelf: int) -> Any:
        """Describe a shelf."""
        return answers[shelf]

    servers.functions[TOOL] = describe_shelf
    recordings: list[Recording] = [
        explored((*TOOL, {"shelf": number}), servers=servers).recording for number in range(len(answers))
    ]
    return Knowledge(servers.listings(), (), recordings), list(answers)


def columns(*pairs: tuple[str, str]) -> dict[str, Any]:
    return {"columns": [{"name": name, "type": kind} for name, kind in pairs]}


def found(knowledge: Knowledge, output: Any, path: tuple[str | int, ...], field: str = "") -> tuple[str, ...]:
    if not field:
        return few_values(knowledge, TOOL, output, Expression(op="value", call="c1", path=path))
    where = ({"field": ("name",), "value": "a"},)
    return few_values(
        knowledge, TOOL, output, Expression(op="where", call="c1", path=path, field=(field,), where=where)
    )


def test_values_that_repeat_over_many_items_are_few() -> None:
    knowledge, outputs = recorded(
        columns(("a", "text"), ("b", "whole"), ("c", "text")), columns(("d", "whole"), ("e", "text"))
    )
    assert found(knowledge, outputs[0], ("columns",), "type") == ('"text"', '"whole"')
    assert found(knowledge, outputs[0], ("columns",), "name") == ()


def test_an_item_met_twice_counts_once() -> None:
    one = {"title": "Salt Roads", "author": "Lena Okafor"}
    knowledge, outputs = recorded(one, one, one, {"title": "Fog", "author": "Ivo Brandt"})
    assert found(knowledge, outputs[0], ("author",)) == ()


def test_what_was_asked_makes_no_other_item() -> None:
    answers = [{"shelf": number, "title": f"Plans {number // 3}"} for number in range(6)]
    knowledge, outputs = recorded(*answers)
    assert found(knowledge, outputs[0], ("title",)) == ()


def test_two_or_three_items_show_nothing() -> None:
    knowledge, outputs = recorded(columns(("a", "text"), ("b", "text"), ("c", "text")))
    assert found(knowledge, outputs[0], ("columns",), "type") == ()


def test_rows_of_another_table_are_another_field() -> None:
    def rows(heading: str, *values: str) -> dict[str, Any]:
        return {"head": ["name", heading], "rows": [[f"{heading}{n}", one] for n, one in enumerate(values)]}

    knowledge, outputs = recorded(
        rows("kind", "old", "new", "old", "new"), rows("place", "Oslo", "Rome", "Lund", "Leeds")
    )
    expression = Expression(
        op="where", call="c1", path=("rows",), field=(1,), where=({"field": (0,), "value": "kind0"},)
    )
    assert few_values(knowledge, TOOL, outputs[0], expression) == ('"new"', '"old"')
    assert few_values(knowledge, TOOL, outputs[1], expression) == ()


def test_what_is_computed_is_never_one_of_few() -> None:
    knowledge, outputs = recorded(columns(*((name, "text") for name in "abcdef")))
    assert few_values(knowledge, TOOL, outputs[0], Expression(op="count", call="c1", path=("columns",))) == ()
