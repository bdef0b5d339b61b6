"""Does what is found on the way matter to the answer? Told from recorded variants; else not known."""

from __future__ import annotations

from typing import Any

import pytest

from firefly.knowledge import Knowledge
from firefly.records import CheckResult, Exploration
from firefly.replay.records import Answer, Condition, Expression, Task
from firefly.verification.sensitivity import Sensitivity
from tests.library_servers import BOOKS, EXPLORATION, LOANS, TASK, explored, gold, known, library, task
from tests.verification.test_checks import trial

OTHER_WAY = explored(
    ("catalogue", "list_books", {}),
    ("readers", "get_reader", {"reader_id": "R-17"}),
    ("readers", "list_branches", {"town": "Lund"}),
)
OTHER_TOWN = explored(
    ("catalogue", "list_books", {}),
    ("readers", "get_reader", {"reader_id": "R-29"}),
    ("readers", "list_branches", {"town": "Lund"}),
)


def bare(*explorations: Exploration) -> Knowledge:
    """What is known from these explorations alone."""
    base = known()
    return Knowledge(
        library().listings(), base.profiles.values(), [one.recording for one in (EXPLORATION, *explorations)]
    )


def judged(one: Task, *explorations: Exploration) -> CheckResult:
    return Sensitivity().check(one, trial(knowledge=bare(*explorations)))


def test_it_passes_where_other_recorded_values_change_the_answer() -> None:
    result = judged(task(), OTHER_WAY, OTHER_TOWN)
    assert result.status == "pass", result.evidence
    tried: Any = result.evidence["tried"]
    assert tried["c2.reader_id"] == tried["c3.town"] == "another value changes the answer"


def test_it_knows_nothing_where_no_other_value_was_recorded() -> None:
    result = judged(task())
    assert result.status == "unknown" and not result.required
    assert "c3.town: no other value was recorded" in str(result.evidence["why"])


def test_it_fails_where_another_value_leads_to_the_same_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LOANS, "Lund", [("Oak Street", 330), ("Quay", 2)])
    same = explored(
        ("catalogue", "list_books", {}),
        ("readers", "get_reader", {"reader_id": "R-29"}),
        ("readers", "list_branches", {"town": "Lund"}),
    )
    result = judged(task(), same)
    assert result.status == "fail"
    assert "c3.town: none of 1 other values changes the answer" in str(result.evidence["faults"])


def test_a_joined_value_is_changed_to_others_of_its_field() -> None:
    longest = TASK["gold_calls"][1].references["reader_id"]
    condition = Condition(field=("lent_to",), value="R-29", reference=longest)
    joined = task(
        expression=Expression(op="where", call="c1", path=("books",), field=("title",), where=(condition,)),
        answer=Answer(type="string", value="Slow Rivers"),
        gold_calls=gold(1)[:1],
        servers=("catalogue",),
    )
    result = judged(joined)
    assert result.status == "pass", result.evidence


def test_the_choice_among_items_that_all_say_the_same_does_not_matter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for book in BOOKS:
        monkeypatch.setitem(book, "genre", "novel")
    exploration = explored(("catalogue", "list_books", {}))
    listed = task(
        expression=Expression(
            op="sort", call="c1", path=("books",), field=("genre",), by=("pages",), descending=True, limit=1
        ),
        answer=Answer(type="string", value="novel"),
        gold_calls=gold(1)[:1],
        servers=("catalogue",),
    )
    found = Sensitivity().check(listed, trial(knowledge=bare(exploration), exploration=exploration))
    assert found.status == "fail" and "every item has the same value" in str(found.evidence)


def test_a_scalar_is_compared_with_what_other_calls_say_there() -> None:
    town = task(
        expression=Expression(op="value", call="c2", path=("town",)),
        answer=Answer(type="string", value="Leeds"),
        gold_calls=gold(1)[:2],
    )
    assert judged(town, OTHER_WAY).status == "pass"
    assert "no other call of the tool says anything there" in str(judged(town).evidence)
