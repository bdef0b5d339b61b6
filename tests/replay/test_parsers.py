from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firefly.replay.expressions import same
from firefly.replay.parsers import parse, parse_text
from firefly.replay.records import Observation, Truncation

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4)
)
CONTAINERS = st.lists(VALUES, min_size=1, max_size=4) | st.dictionaries(TEXTS, VALUES, min_size=1, max_size=4)
CELLS = st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=1, max_size=6)


@given(VALUES, st.sampled_from([None, 2]), st.booleans())
def test_json_is_read_back_exactly(value: Any, indent: int | None, ascii_: bool) -> None:
    found = parse_text(json.dumps(value, indent=indent, ensure_ascii=ascii_))
    assert found is not None and found.parser == "json"
    assert repr(found.value) == repr(value)


@given(CONTAINERS)
def test_a_python_repr_is_read_back_exactly(value: Any) -> None:
    found = parse_text(repr(value))
    assert found is not None
    assert same(found.value, value)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=5))
def test_a_table_is_read_back_cell_by_cell(rows: list[list[str]]) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([["name", "amount"], *rows])
    found = parse_text(out.getvalue())
    if found is None:  # e.g. a row that starts or ends the text with what strip() removes
        return
    assert found.parser == "csv" and isinstance(found.value, list)
    for cells, row in zip(rows, found.value, strict=True):
        assert isinstance(row, dict)
        for cell, value in zip(cells, row.values(), strict=True):
            assert str(value) == cell or float(cell) == value


@given(st.text(max_size=60))
def test_whatever_is_parsed_can_be_told_apart_from_any_other_text(text: str) -> None:
    found = parse_text(text)
    if found is not None:
        again = parse_text(json.dumps(found.value))
        assert again is not None and same(again.value, found.value)


@pytest.mark.parametrize(
    ("text", "parser", "value"),
    [
        ("98", "json", 98),
        ("[{'name': 'x', 'total': 12, 'd': None}]", "python", [{"name": "x", "total": 12, "d": None}]),
        ("[('a', 1), ('b', 2)]", "python", [["a", 1], ["b", 2]]),
        ("id,price,zip\n1,2.50,01234\n2,3.00,98765\n", "csv", [
            {"id": 1, "price": 2.5, "zip": "01234"}, {"id": 2, "price": 3.0, "zip": "98765"}]),
        ("a\tb\n1\tx", "csv", [{"a": 1, "b": "x"}]),
        ("size: 141\nname: report.txt\nmade on: 2026-01-02", "key_value",
         {"size": 141, "name": "report.txt", "made on": "2026-01-02"}),
        ('{"a": 1}\n{"a": 2}', "json_lines", [{"a": 1}, {"a": 2}]),
        ('{\n  "a": 1\n}\n{\n  "a": 2\n}', "json_lines", [{"a": 1}, {"a": 2}]),
    ],
)  # fmt: skip
def test_what_servers_answer_is_read(text: str, parser: str, value: Any) -> None:
    found = parse_text(text)
    assert found is not None
    assert (found.parser, found.value) == (parser, value)


@pytest.mark.parametrize(
    "text",
    [
        "", "   ", "hello world", "Hello, world\nBye, moon", "first line\nsecond line",
        "Successfully wrote to a.txt",
        "Error: no such file", "Status: done", "NaN", "[NaN]", "Infinity", '{"a": 1, "a": 2}',
        '{"a": 1} trailing',
        "{'a': 1, 'a': 2}", "[1, 2, 3", "[1,2]extra", "1e400", "0.1000000000000000055511151231257827",
        '"\\ud800"', "datetime.datetime(2026, 1, 1)", "{1, 2}", "{1: 'a'}", "[b'x']", "[1, 2,]", "['\\d']",
        "a,b\n1,2,3", "a,a\n1,2", "a,b", "key: 1\nkey: 2", "a: 1\n\nb: 2", "a: 1\n  b: 2", "007", "+5", "5.",
        "Deleted 3 rows, 2 left\nDone, bye", "None", "True", "{'a': inf}",
    ],
)  # fmt: skip
def test_what_can_not_be_read_without_loss_is_opaque(text: str) -> None:
    assert parse_text(text) is None


def test_structured_content_wins_unless_it_merely_wraps_a_text() -> None:
    def value(text: str, structured: Any) -> Any:
        found = parse(Observation(text=text, structured=structured))
        return None if found is None else (found.value, found.parser)

    assert value("said otherwise", {"rows": [1]}) == ({"rows": [1]}, "structured")
    assert value("[1, 2]", {"result": "[1, 2]"}) == ([1, 2], "json")
    assert value("plain words", {"result": "plain words"}) is None
    assert value("plain words", {"content": "plain words"}) is None
    assert value('{"city": "Oslo"}', {"city": "Oslo"}) == ({"city": "Oslo"}, "structured")
    assert value("[1]", {"result": [1]}) == ({"result": [1]}, "structured")


def test_a_truncated_output_is_opaque() -> None:
    cut = Observation(text="[1, 2]", truncation=Truncation(size=10**6, sha256="0" * 64))
    assert parse(cut) is None


def test_deep_or_huge_outputs_are_opaque_and_do_not_crash() -> None:
    assert parse_text("[" * 100_000) is None
    assert parse_text("[" * 5_000 + "]" * 5_000) is None
    assert parse_text("9" * 5_000) is None
    assert parse_text("x" * 3_000_000) is None


@pytest.mark.parametrize(
    ("text", "value", "parser"),
    [
        (
            "| a | b |\n| --- | --- |\n| x | 3 |\n| y | 4 |",
            [{"a": "x", "b": 3}, {"a": "y", "b": 4}],
            "markdown_table",
        ),
        (
            "## S\n| a | b |\n| --- | --- |\n| x | 3 |\n\n## T\n| a | b |\n| --- | --- |\n| y | 4 |",
            {"S": [{"a": "x", "b": 3}], "T": [{"a": "y", "b": 4}]},
            "markdown_table",
        ),
        ("Id: 3\nBy: Ann\n\n\nId: 4\nBy: Bo", [{"Id": 3, "By": "Ann"}, {"Id": 4, "By": "Bo"}], "records"),
        (
            "History:\nId: 3\nBy: Ann\n\nId: 4\nBy: Bo",
            {"History": [{"Id": 3, "By": "Ann"}, {"Id": 4, "By": "Bo"}]},
            "headed",
        ),
        (
            "[DIR] books\n[FILE] a b.txt",
            [{"kind": "DIR", "name": "books"}, {"kind": "FILE", "name": "a b.txt"}],
            "marked",
        ),
        (
            "  fix/1\n* main",
            [{"name": "fix/1", "current": False}, {"name": "main", "current": True}],
            "current",
        ),
        ("- one thing\n- another", ["one thing", "another"], "bullets"),
        ("src/a.py\nsrc/b.py", ["src/a.py", "src/b.py"], "names"),
        (
            "---\nkind: saw\nyear: 2020\n---\n# Saw\ntext",
            {"kind": "saw", "year": 2020, "body": "# Saw\ntext"},
            "front_matter",
        ),
        ('tasks.json:\n{"a": 1}', {"tasks.json": {"a": 1}}, "headed"),
    ],
)
def test_texts_of_a_strict_form_are_data(text: str, value: object, parser: str) -> None:
    found = parse_text(text)
    assert found is not None and (found.value, found.parser) == (value, parser)


@pytest.mark.parametrize(
    "text",
    [
        "| a | b |\n| --- | --- |\n| x |",
        "| a | a |\n| --- | --- |\n| x | y |",
        "Id: 3\nBy: Ann\n\nId: x\nBy: Bo",
        "Id: 3\nBy: Ann\n\nId: 4\n\n\nId: 5\nBy: Bo",
        "[DIR] books\nand more",
        "  a\n  b",
        "- one\n* two",
        "It is in a.txt\nor in b.txt",
        "The 3 files found are:\n- a\n- b",
        "Note:\njust a sentence",
        "---\nno properties\n---\ntext",
    ],
)
def test_texts_that_only_look_like_one_stay_opaque(text: str) -> None:
    assert parse_text(text) is None


def test_rows_beside_the_names_of_their_columns_are_read_by_name() -> None:
    parsed = parse_text('{"columns": [{"name": "sku"}, {"name": "price"}], "rows": [["A", 2], ["B", 3]]}')
    assert parsed is not None
    assert isinstance(parsed.value, dict)
    assert parsed.value["rows"] == [{"sku": "A", "price": 2}, {"sku": "B", "price": 3}]


@pytest.mark.parametrize(
    "text",
    [
        '{"columns": ["sku", "sku"], "rows": [["A", 2]]}',
        '{"columns": ["sku"], "rows": [["A", 2]]}',
        '{"columns": ["sku", 1], "rows": [["A", 2]]}',
        '{"columns": ["sku", "price"], "rows": []}',
    ],
)
def test_rows_stay_lists_where_the_names_do_not_fit(text: str) -> None:
    parsed = parse_text(text)
    assert parsed is not None
    assert parsed.value == json.loads(text)
