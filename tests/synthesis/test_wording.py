"""Words for tools, fields and statements: from declarations and observed kinds alone."""

from __future__ import annotations

from typing import Any

import pytest

from firefly.mentions import identifier, mention, same
from firefly.replay.records import Tool
from firefly.synthesis.columns import Column, collections, fields, is_machine_field, kind_of
from firefly.synthesis.labels import label_of, labels
from firefly.synthesis.phrases import Phrase, inside, item_noun, phrase_of, place_of, pool, subject_of
from firefly.synthesis.sql import describe
from firefly.synthesis.told import Told, literal
from firefly.synthesis.weaving import weave


@pytest.mark.parametrize(
    ("name", "description", "phrase"),
    [
        ("list_tables", "List all tables in the SQLite database", "the tables in the SQLite database"),
        ("git_log", "Shows the commit logs", "the commit logs"),
        ("get_info", "Get information about a Word document.", "the details of a Word document"),
        ("find_units", "Search for units by name", "the units"),
        (
            "calculate",
            "Calculates/evaluates the given expression.",
            "the result of calculating the given expression",
        ),
        ("describe_sheet", "Describe a sheet: used range, panes.", "the details of the sheet"),
        ("read_range", "Read cell values as rows (dates ISO 8601).", "the cell values"),
        ("list_open_orders", "", "the open orders"),
        ("get_events", "Returns a list of events, newest first.", "the events"),
        ("list_bays", "List all existing bays with basic stats (boxes, weight)", "the bays"),
        ("list_lent", "List everything that a branch lends", "everything that a branch lends"),
    ],
)
def test_descriptions_become_noun_phrases(name: str, description: str, phrase: str) -> None:
    assert phrase_of(Tool(server="s", name=name, description=description)).text == phrase


@pytest.mark.parametrize(
    ("description", "arguments", "said"),
    [
        (
            "Get the schema of a specific table",
            {"table_name": "orders"},
            'the schema of the table "orders"',
        ),
        ("Get one customer", {"customer_id": "CUS-1"}, "customer CUS-1"),
        ("Get the reader with a given number", {"reader_id": "R-1"}, "reader R-1"),
        (
            "Get text from a specific paragraph",
            {"paragraph_index": 6},
            "the text from the paragraph at index 6",
        ),
        ("List columns of a table or view", {"table": "t1"}, "the columns of table t1"),
        (
            "Describe a sheet",
            {"path": "/workspace/books/plan.xlsx", "sheet": "Suppliers"},
            "the details of the sheet Suppliers in the workbook plan.xlsx",
        ),
        (
            "Read cell values as rows (dates ISO 8601).",
            {"path": "plan.xlsx", "sheet": "Suppliers"},
            "the cell values in the sheet Suppliers of the workbook plan.xlsx",
        ),
        (
            "Extract all comments from a Word document.",
            {"filename": "a.docx"},
            "the comments from the Word document a.docx",
        ),
        (
            "Shows the contents of a commit, or of a file",
            {"revision": "aafab9c"},
            "the contents of commit aafab9c",
        ),
        (
            "Extract comments from a specific author in a Word document.",
            {"author": "Ada Holm", "filename": "a.docx"},
            "the comments by Ada Holm in the Word document a.docx",
        ),
        ("Multiply two numbers.", {"first": 2, "second": 3.5}, "the result of multiplying 2 and 3.5"),
        ("Search for notes", {"query": "budget"}, 'the notes matching "budget"'),
        ("List the branches in a specific town.", {"town": "Leeds"}, "the branches in Leeds"),
        ("List tables in a database", {}, "the tables in the database"),
    ],
)
def test_arguments_are_woven_in(description: str, arguments: dict[str, Any], said: str) -> None:
    phrase = phrase_of(Tool(server="s", name="x", description=description))
    assert weave(phrase, [literal(phrase, name, value) for name, value in arguments.items()]) == said


def test_values_found_before_are_pointed_at() -> None:
    told = [Told("town", "", referenced=True, title="town")]
    assert weave(Phrase("the branches in a specific town"), told, that=True) == "the branches in that town"


def test_items_are_named_by_the_key_the_phrase_or_the_tool() -> None:
    tables = phrase_of(Tool(server="s", name="x", description="List all tables and views in a database"))
    assert item_noun(tables, ()) == "tables and view"
    assert (
        pool(tables, "table", "the tables and views in the database")
        == "the tables and views in the database"
    )
    schema = Phrase("the schema of the table")
    assert pool(schema, "column", schema.text) == "the columns of the table"
    assert item_noun(Phrase("the result", name=("search", "items")), ("items",)) == "item"
    assert item_noun(Phrase("the report"), ("results",)) == "entry"
    assert inside("the schema of the table") == "of the table"
    assert subject_of("the details of the workbook plan.xlsx") == "the workbook plan.xlsx"
    assert place_of(tables, "table", tables.text, plain=True) == ""


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("total", [1.5, 2.0], "quantity"),
        ("order_id", [12, 40], "identifier"),
        ("position", [1, 5, 9], "opaque"),
        ("year", [1999, 2001], "year"),
        ("built", [1999, 2001, 2020], "year"),
        ("number", [3, 4, 5], "identifier"),
        ("n", [3, 4, 5], "identifier"),
        ("active", [True, False], "flag"),
        ("status", ["open", "paid", "open", "open"], "category"),
        ("name", ["Ann", "Bob"], "text"),
        ("placed_on", ["2026-01-02", "2026-01-03"], "date"),
        ("commit", ["0a1b2c3d", "9f8e7d6c"], "identifier"),
        ("notes", ["x" * 200], "opaque"),
        ("price", ["1.5", "2.5"], "text"),
        ("line", ["1", "2"], "opaque"),
        ("phone", ["5550101", "5550102"], "identifier"),
        ("mixed", [1, "a"], "opaque"),
        ("gap", [1, None], "opaque"),
        ("created_at", ["2026-01-02"], "opaque"),
    ],
)
def test_fields_have_kinds(name: str, values: list[Any], kind: str) -> None:
    assert kind_of(name, values) == kind


def test_sums_are_only_for_amounts_that_add_up() -> None:
    assert Column(("total",), (1.5, 2.0)).may_be_added
    assert not Column(("unit_price",), (1.5, 2.0)).may_be_added
    assert not Column(("order_id",), (10, 20)).may_be_added


def test_two_fields_with_the_same_words_have_no_label() -> None:
    columns = [Column(("unit_price",), (1.5,)), Column(("unitPrice",), (1.5,)), Column(("city",), ("Oslo",))]
    assert labels(columns) == {("city",): "city"}
    assert label_of(Column(("due",), ("2026-01-02",))) == "due date"
    facts = Column(("document_properties", "title"), ("Plans",))
    assert label_of(facts) == "title"
    named = labels([facts, Column(("title",), ("plans.xlsx",))])
    assert named == {("document_properties", "title"): "document properties' title", ("title",): "title"}


def test_fields_that_describe_the_answer_itself_are_left_out() -> None:
    assert all(is_machine_field((key,)) for key in ("success", "cid", "pk", "has_more", "limit"))
    assert not any(is_machine_field((key,)) for key in ("type", "age", "url", "name"))


def test_lists_are_found_below_field_names_only() -> None:
    rows: Any = [{"pages": 1}, {"pages": 2}]
    assert [one.path for one in collections("c1", {"rows": rows, "by_file": {"x.csv": rows}})] == [("rows",)]
    assert collections("c1", {"rows": rows[:1]}) == []


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("SELECT * FROM orders", "the orders"),
        ("SELECT * FROM orders ORDER BY order_id LIMIT 5", "the orders"),
        ("SELECT * FROM order_lines WHERE line_id = 7", "the order lines"),
        ("select name, city from people", "the people"),
        ("SELECT * FROM stock", "the stock entries"),
        ("SELECT city, COUNT(*) AS n FROM people GROUP BY city", "the people"),
    ],
)
def test_simple_statements_are_said_in_words(statement: str, words: str) -> None:
    found = describe(statement)
    assert found is not None and found.rows == words


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM orders LIMIT 5",
        "SELECT * FROM a JOIN b ON a.x = b.x",
        "SELECT name FROM sqlite_master WHERE type = 'table'",
        "SELECT COUNT(city) FROM people",
        "SELECT * FROM orders WHERE total > 5",
    ],
)
def test_statements_that_words_would_blur_are_refused(statement: str) -> None:
    assert describe(statement) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("the BLUE-widgets", "Blue Widget"),
        ("1,250 pieces", 1250),
        ("two of them", 2),
        ("3 March 2026", "2026-03-03"),
        ("03/03/2026", "2026-03-03"),
        ("the sales 2024 file", "reports/sales_2024.csv"),
        ("costs 12.50", 12.5),
        ("id ABC12345X", "abc-12345-x"),
        ("Oslo and Rome", ["Rome", "Bergen"]),
    ],
)
def test_near_forms_are_mentions(text: str, value: Any) -> None:
    assert mention(text, value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("the widgets", "Blue Widget"),
        ("1250 pieces", 125),
        ("order 12", 2),
        ("true", True),
        ("", ""),
        ("Rome", "Ro"),
    ],
)
def test_other_texts_are_not(text: str, value: Any) -> None:
    assert mention(text, value) is None


def test_names_of_one_word_are_part_of_the_language() -> None:
    assert identifier("what time is it", "time") is None
    assert identifier("ask the time server", "time") and identifier("call `time`", "time")
    assert identifier("the list orders page", "list_orders") is None
    assert identifier("get current time now", "get_current_time")
    assert same("25", 25) and not same(True, 1)


def test_tables_without_keys_are_read_by_their_heading() -> None:
    rows: Any = [["A1", 3, "x"], ["B2", 5, "y"]]
    (beside,) = [
        one
        for one in collections("c1", {"columns": ["code", "pieces", "bin"], "rows": rows})
        if one.path == ("rows",)
    ]
    assert [column.title for column in beside.columns] == ["code", "pieces", "bin"]
    assert [column.values for column in beside.columns][1] == (3, 5)
    assert labels(beside.columns)[(1,)] == "number of pieces"
    assert collections("c1", {"values": [["a", "b"], ["c", "d"], ["e", "f"]]}) == []


def test_the_file_that_an_answer_is_about_is_no_part_of_a_fields_name() -> None:
    output: Any = {"/notes/Holm.md": {"city": "Oslo", "grade": 16}}
    (city, _) = [Column(path, (value,)) for path, value in fields(output)]
    assert city.path == ("/notes/Holm.md", "city")
    assert label_of(city, full=True) == "city"
