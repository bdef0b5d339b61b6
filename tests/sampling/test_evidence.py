"""What recorded calls say against a link."""

from __future__ import annotations

from typing import Any

from firefly.knowledge import Knowledge
from firefly.records import Edge, ToolKey
from firefly.sampling.evidence import Evidence
from tests.function_servers import FunctionServers

ROWS = {
    "books": [{"isbn": "B-104", "title": "Salt Roads", "shelf": "S-77", "bought": "2021-04-02"}],
    "shelves": [{"shelf": "S-77", "room": "North gallery", "keeper": "Ada Holm"}],
}


def read_query(query: str) -> Any:
    """Answer a query."""
    table = query.split(" FROM ")[1].split(maxsplit=1)[0]
    return {"rows": ROWS[table], "row_count": len(ROWS[table])}


def find_notes(word: str) -> Any:
    """Find notes."""
    return {"message": "No notes, but the folder is there."}


def list_fairs(day: str) -> Any:
    """List the fairs of a day."""
    return {"fairs": [{"name": f"Fair of {day}", "visitors": 4200}]}


def known() -> Knowledge:
    servers = FunctionServers({"library": [read_query, find_notes], "town": [list_fairs]})
    return servers.knowledge(
        [
            ("library", "read_query", {"query": "SELECT * FROM books"}),
            ("library", "read_query", {"query": "SELECT * FROM books WHERE isbn = 'B-104'"}),
            ("library", "read_query", {"query": "SELECT * FROM shelves WHERE shelf = 'S-77'"}),
            *(("library", "find_notes", {"word": word}) for word in ("salt", "road", "north")),
            ("town", "list_fairs", {"day": "2021-04-02"}),
        ]
    )


def link(field: str, template: str, target: ToolKey = ("library", "read_query"), **changes: Any) -> Edge:
    fields: dict[str, Any] = {
        "source": ("library", "read_query"),
        "target": target,
        "parameter": "query",
        "output_path": ("rows", "*", field),
        "template": template,
        "score": 0.8,
        **changes,
    }
    return Edge(**fields)


def test_a_row_looked_up_by_its_own_code_adds_nothing() -> None:
    evidence = Evidence(known())
    assert not evidence.adds(link("isbn", "SELECT * FROM books WHERE isbn = '{}'"))
    assert evidence.adds(link("shelf", "SELECT * FROM shelves WHERE shelf = '{}'"))


def test_nothing_is_said_against_a_look_up_that_was_never_seen() -> None:
    assert Evidence(known()).adds(link("isbn", "SELECT * FROM loans WHERE isbn = '{}'"))


def test_a_tool_that_answers_different_calls_alike_says_one_thing() -> None:
    evidence = Evidence(known())
    assert evidence.says_one_thing(("library", "find_notes"))
    assert not evidence.says_one_thing(("library", "read_query"))
    assert not evidence.says_one_thing(("town", "list_fairs"))  # one call is no evidence


def test_a_date_is_shared_by_chance_and_a_code_is_not() -> None:
    evidence = Evidence(known())
    assert evidence.is_chance(link("bought", "", ("town", "list_fairs"), parameter="day"))
    assert not evidence.is_chance(link("shelf", "", ("town", "list_fairs"), parameter="day"))


def test_a_condition_never_seen_is_judged_by_other_queries_of_its_table() -> None:
    assert not Evidence(known()).adds(link("isbn", "SELECT * FROM books WHERE title = '{}'"))
