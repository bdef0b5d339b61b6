from __future__ import annotations

from firefly.graph import prune
from firefly.graph.seen import seen_of
from firefly.graph.templates import Templates, slots
from firefly.knowledge import Knowledge
from tests.graph.scoring import graph_of
from tests.graph.test_scorers import TEXT, known, tool

TOOLS = [tool("list_stock"), tool("query", text=TEXT), tool("list_tables")]
STOCK = '[{"sku": "SKU-11", "bin": "north"}, {"sku": "SKU-12", "bin": "south"}]'
BY_SKU = "find goods where sku = '{}' only"


def asked(*texts: str) -> Knowledge:
    calls = [("query", {"text": text}, '[{"name": "bolt", "price": 3}]') for text in texts]
    tables = ("list_tables", {}, '[{"name": "goods"}, {"name": "bills"}, {"name": "staff"}]')
    return known(TOOLS, [("list_stock", {}, STOCK), tables, *calls])


def edges(knowledge: Knowledge) -> set[tuple[str, tuple[object, ...], str, str]]:
    kept = prune(graph_of(knowledge, Templates()))
    return {(edge.source[1], edge.output_path, edge.template, edge.kind) for edge in kept}


def test_a_quoted_literal_is_a_slot_for_values_listed_where_it_is_and_for_fields_of_its_name() -> None:
    found = edges(asked(BY_SKU.format("SKU-11")))
    assert ("list_stock", ("*", "sku"), BY_SKU, "produces") in found
    assert not any(path == ("*", "bin") for _, path, _, _ in found)
    by_name = edges(asked(BY_SKU.format("SKU-99")))
    assert ("list_stock", ("*", "sku"), BY_SKU, "produces") in by_name


def test_a_literal_that_is_most_of_the_text_or_one_letter_is_no_slot() -> None:
    for text in ("'SKU-11-and-more' ok", "where bin is 'n' or nothing at all"):
        knowledge = asked(text)
        found = slots(TOOLS[1], knowledge, seen_of(knowledge)).get("text", [])
        assert not [slot for slot in found if slot.quoted]


def test_a_listed_word_is_a_slot_to_be_filled_once_two_stood_there() -> None:
    once = edges(asked("count the goods please, all of them"))
    template = "count the {} please, all of them"
    twice = edges(asked("count the goods please, all of them", "count the bills please, all of them"))
    assert ("list_tables", ("*", "name"), template, "refers_to") in once
    assert ("list_tables", ("*", "name"), template, "produces") in twice


def test_texts_of_calls_that_failed_or_said_nothing_give_no_slot() -> None:
    failing = ("query", {"text": BY_SKU.format("SKU-11")}, "!syntax error")
    empty = ("query", {"text": BY_SKU.format("SKU-12")}, "[]")
    knowledge = known(TOOLS, [("list_stock", {}, STOCK), failing, empty])
    assert edges(knowledge) == set()


def test_each_template_is_a_place_of_its_own_and_one_parameter_has_so_many() -> None:
    texts = [f"find goods of year {year} where sku = 'SKU-11' only" for year in range(2000, 2050)]
    knowledge = asked(*texts)
    kept = prune(graph_of(knowledge, Templates(limit=5)), per_parameter=1)
    assert len({edge.template for edge in kept}) == 5
