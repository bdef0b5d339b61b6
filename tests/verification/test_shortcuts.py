"""Policies that do not do what is asked: what they call, what they copy, and which tasks they solve."""

from __future__ import annotations

from typing import Any

import pytest

from firefly.records import CheckResult, Verdict
from firefly.replay.records import Answer, Condition, Expression, GoldCall, Task
from firefly.verification.policies import POLICIES, Sight
from firefly.verification.shortcuts import Shortcuts, shortcut_rates
from tests.library_servers import EXPLORATION, explored, known, task
from tests.verification.test_checks import trial

LISTED = explored(("catalogue", "list_books", {}), ("readers", "get_reader", {"reader_id": "R-17"}))
KNOWN = known((EXPLORATION, LISTED))


def one_call(question: str, answer: Answer, expression: Expression, call: GoldCall) -> Task:
    return task(
        question=question,
        answer=answer,
        expression=expression,
        gold_calls=(call,),
        servers=(call.server,),
        answer_format="Answer with the value alone.",
    )


LOOK_UP = one_call(
    "In which town does the reader with the number R-17 live?",
    Answer(type="string", value="Lund"),
    Expression(op="value", call="c1", path=("town",)),
    GoldCall(id="c1", server="readers", tool="get_reader", arguments={"reader_id": "R-17"}),
)
ROW = one_call(
    "How many pages has the book with the title Moss and Lichen?",
    Answer(type="number", value=455),
    Expression(
        op="where",
        call="c1",
        path=("books",),
        field=("pages",),
        where=(Condition(field=("title",), value="Moss and Lichen"),),
    ),
    GoldCall(id="c1", server="catalogue", tool="list_books"),
)
EXTREME = one_call(
    "What is the title of the book with the most pages?",
    Answer(type="string", value="Slow Rivers"),
    Expression(
        op="sort", call="c1", path=("books",), field=("title",), by=("pages",), descending=True, limit=1
    ),
    GoldCall(id="c1", server="catalogue", tool="list_books"),
)


def judged(one: Task, **options: Any) -> CheckResult:
    return Shortcuts(**options).check(one, trial(knowledge=KNOWN))


def sight(one: Task) -> Sight:
    return Sight(one, KNOWN, trial(knowledge=KNOWN).simulator)


def test_what_takes_several_calls_is_no_shortcut() -> None:
    assert judged(task()).status == "pass"


def test_a_field_of_one_call_whose_argument_the_question_states_is_a_shortcut() -> None:
    result = judged(LOOK_UP)
    assert result.status == "fail" and "nearest_tool" in str(result.evidence["solved"])
    attempt = sight(LOOK_UP).attempt("nearest_tool")
    assert [call.tool for call in attempt.calls] == ["get_reader"] and attempt.answer == "Lund"


def test_a_row_that_the_question_tells_of_is_found_by_the_stronger_variants_alone() -> None:
    assert judged(ROW).evidence["solved"] == ["nearest_tool_row", "every_tool_row"]
    assert judged(ROW, policies=["nearest_tool", "every_tool"]).status == "pass"


def test_an_extreme_takes_more_than_copying() -> None:
    assert judged(EXTREME).status == "pass"
    assert sight(EXTREME).attempt("every_tool").answer == "Salt Roads"


def test_a_tool_that_needs_what_the_question_does_not_say_is_not_called() -> None:
    for policy in POLICIES:
        assert "list_branches" not in [call.tool for call in sight(task()).attempt(policy).calls]


def test_a_task_that_changes_something_is_not_solved_by_copying() -> None:
    from firefly.replay.records import StateProbe, ToolCall

    probe = StateProbe(
        call=ToolCall(server="catalogue", tool="list_books"),
        expression=Expression(op="count", call="c1", path=("books",)),
        expected=6,
    )
    changed = LOOK_UP.model_copy(update={"end_state": (probe,), "servers": ("catalogue", "readers")})
    assert judged(Task.model_validate({**changed.model_dump(), "id": ""})).status == "pass"


def test_every_policy_gives_one_answer_and_the_same_again() -> None:
    for one in (LOOK_UP, ROW, EXTREME, task()):
        for policy in POLICIES:
            assert sight(one).attempt(policy) == sight(one).attempt(policy)


def test_a_policy_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="no policy psychic"):
        Shortcuts(policies=["psychic"])


def test_the_rates_are_of_what_is_kept_and_of_what_the_check_keeps_out() -> None:
    tasks = [LOOK_UP, ROW, task()]
    verdicts = [
        Verdict(
            task=one.id,
            verified=(result := judged(one)).status == "pass",
            results=(result,),
        )
        for one in tasks
    ]
    rates: Any = shortcut_rates(tasks, verdicts)
    assert (
        rates["nearest_tool"]["verified"]["rate"] == 0.0 and rates["nearest_tool"]["verified"]["tasks"] == 1
    )
    assert rates["nearest_tool_row"]["before"]["solved"] == 2
    worst = rates["nearest_tool"]["before"]["largest_family_rate"]
    assert worst == {"family": "readers/get_reader value town", "tasks": 1, "solved": 1, "rate": 1.0}


def test_the_commonest_answer_of_a_family_is_that_of_its_other_tasks() -> None:
    tasks = [
        task(question=f"Question {number}?", answer=Answer(type="number", value=value))
        for number, value in enumerate((7, 7, 7, 8))
    ]
    verdicts = [Verdict(task=one.id, verified=True, results=()) for one in tasks]
    rates: Any = shortcut_rates(tasks, verdicts)
    assert rates["commonest_answer"]["verified"]["solved"] == 3
    alone = [Verdict(task=tasks[0].id, verified=True, results=())]
    rates = shortcut_rates(tasks, alone)
    assert rates["commonest_answer"]["verified"] == {"tasks": 1, "solved": 0, "rate": 0.0, "families": 1}
