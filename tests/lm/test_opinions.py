"""Checks that ask language models: solved blind or from memory, judged, read again; labelled opinions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from firefly.export.adjudication import Adjudication
from firefly.lm import Models
from firefly.protocols import AsksModels, DatasetContent
from firefly.records import CheckResult, Verdict
from firefly.replay.cassette import Cassette
from firefly.verification import verify
from firefly.verification.judge import RUBRIC, Ambiguity, Judge
from firefly.verification.opinion import Opinion
from firefly.verification.reexecution import Reexecuted
from firefly.verification.solvers import BlindSolver, ClosedBook, disagreement
from tests.library_servers import EXPLORATION, known, library, task
from tests.lm.agent import Agent, history
from tests.lm.competent import competent
from tests.lm.endpoint import Chat, Personality, Reply, ToolUse, endpoint
from tests.lm.fixtures import make, models
from tests.lm.personalities import ALL_BAD, says
from tests.verification.test_checks import trial

TASK = task()
RIGHT = (
    ("list_books", {}),
    ("get_reader", {"reader_id": "R-29"}),
    ("list_branches", {"town": "Leeds"}),
)


def calling(*calls: tuple[str, Mapping[str, Any]], answer: str = "332") -> Personality:
    """Makes these calls, one after the other, and says this."""

    def act(chat: Chat) -> Reply:
        done = sum(1 for _ in history(chat))
        if done < len(calls):
            return Reply("", (ToolUse(*calls[done]),))
        return Reply(f"So it is.\nAnswer: {answer}")

    return act


def asked(
    check: type[Opinion], personality: Personality, keys: Mapping[str, Any] | None = None, **more: Any
) -> CheckResult:
    with endpoint(personality) as there:
        one = models(there.url, **(keys or {}))
        made = check(models=one, **more)
        assert isinstance(made, AsksModels)
        looked_at = trial(TASK)
        said = make(one, "task", lambda: made.ask(TASK, looked_at, live=library()))
        return made.check(TASK, replace(looked_at, said=said))


def test_a_blind_solver_sees_question_and_tools_alone_and_its_pass_rate_is_the_difficulty() -> None:
    with endpoint(calling(*RIGHT)) as there:
        one = models(there.url)
        made = BlindSolver(models=one, attempts=2)
        said = make(one, "task", lambda: made.ask(TASK, trial(TASK), live=library()))
        result = made.check(TASK, replace(trial(TASK), said=said))
        first = there.requests[0]
    assert (result.status, result.required, result.evidence["pass_rate"]) == ("pass", False, 1.0)
    assert (result.evidence["by"], result.evidence["model"]) == ("a language model", "test-model")
    assert first.said_by("user") == [TASK.prompt]
    assert {tool["name"] for tool in first.tools} == {"list_books", "get_reader", "list_branches"}
    assert first.tools[0]["parameters"]["type"] == "object"


def test_a_model_without_tool_calls_of_its_own_works_in_text() -> None:
    said = [json.dumps({"calls": [{"tool": name, "arguments": given}]}) for name, given in RIGHT]

    def act(chat: Chat) -> Reply:
        assert not chat.tools and "list_branches" in chat.said_by("system")[0]
        done = len(chat.said_by("assistant"))
        return Reply(said[done] if done < len(said) else "Answer: 332")

    result = asked(BlindSolver, act, {"tools": False, "json_schema": False}, attempts=1)
    assert result.evidence["pass_rate"] == 1.0


def test_the_servers_themselves_answer_a_live_solver() -> None:
    other = (("get_reader", {"reader_id": "R-42"}), ("list_branches", {"town": "Cadiz"}))
    live = asked(BlindSolver, calling(*other, *RIGHT), where="live", attempts=1)
    assert (live.check, live.evidence["pass_rate"]) == ("blind_solver_live", 1.0)
    offline = asked(BlindSolver, calling(*other, *RIGHT), attempts=1)
    assert (offline.check, offline.status) == ("blind_solver", "unknown")  # a miss counts for nothing
    assert "pass_rate" not in offline.evidence


def test_attempts_outside_the_limits_fail_the_check() -> None:
    never = asked(BlindSolver, says("Answer: 7"), attempts=2, least=0.5, required=True)
    assert (never.status, never.required, never.evidence["pass_rate"]) == ("fail", True, 0.0)
    always = asked(BlindSolver, calling(*RIGHT), attempts=1, most=0.9)
    assert always.status == "fail"
    endless = asked(BlindSolver, lambda chat: Reply("", (ToolUse("list_books"),)), attempts=1, turns=3)
    assert endless.status == "unknown"


@pytest.mark.parametrize(
    ("answers", "suspected"),
    [
        ([("332", 1)] * 3, None),
        ([("7", 0)] * 3, "wrong label"),
        ([("7", 0), ("7", 0), ("332", 1)], "ambiguous"),
        ([("7", 0), ("7", 0), ("8", 0), ("8", 0)], "ambiguous"),
        ([("7", 0), ("8", 0), ("9", 0)], "solver error"),
        ([("7", 0), ("332", 1)], "solver error"),
        ([("", 0)] * 3, "solver error"),
    ],
)
def test_what_solvers_disagree_about_hints_at_its_reason(
    answers: list[tuple[str, int]], suspected: str | None
) -> None:
    attempts = [{"answer": answer, "reward": reward} for answer, reward in answers]
    assert disagreement(TASK, attempts) == suspected


def test_disagreements_are_listed_for_adjudication(tmp_path: Path) -> None:
    result = asked(BlindSolver, says("Answer: 7"), attempts=3)
    verdict = Verdict(task=TASK.id, verified=True, results=(result,))
    content = DatasetContent("x", {"train": [TASK]}, [], {TASK.id: verdict}, {}, [], Cassette(), {})
    [path] = Adjudication().export(content, tmp_path)
    row = path.read_text()
    assert '"suspected":"wrong label"' in row and '"decision":""' in row and TASK.id in row
    agreeing = Verdict(task=TASK.id, verified=True, results=())
    assert Adjudication().export(replace(content, verdicts={TASK.id: agreeing}), tmp_path) == []


def test_a_task_that_is_known_by_heart_is_rejected() -> None:
    known_by_heart = asked(ClosedBook, says("Answer: 332"))
    assert (known_by_heart.status, known_by_heart.required) == ("fail", True)
    with endpoint(says("I can't know that.")) as there:
        one = models(there.url)
        made = ClosedBook(models=one, attempts=1)
        said = make(one, "task", lambda: made.ask(TASK, trial(TASK), live=library()))
        assert made.check(TASK, replace(trial(TASK), said=said)).status == "pass"
        assert there.requests[0].tools == []


def test_a_judge_gives_marks_by_the_rubric() -> None:
    def marks(**low: int) -> Agent:
        given = [{"criterion": name, "mark": low.get(name, 5), "why": ""} for name in RUBRIC]
        return Agent({"marks": lambda chat: given})

    assert asked(Judge, marks()).status == "pass"
    strict = asked(Judge, marks(natural=2), required=True)
    assert (strict.status, strict.evidence["faults"]) == ("fail", ["natural: 2 of 5"])
    assert asked(Judge, marks(), rubric={"fair": "it is"}).status == "unknown"


def test_readings_that_come_to_another_answer_show_that_a_question_is_ambiguous() -> None:
    total = {"op": "sum", "call": "c3", "path": ["branches"], "field": ["loans"]}
    assert asked(Ambiguity, Agent({"formula": lambda chat: total})).status == "pass"
    most = {**total, "op": "max"}
    found = asked(Ambiguity, Agent({"formula": lambda chat: most if chat.number else total}))
    assert found.status == "fail" and "210" in str(found.evidence["faults"])
    nowhere = {**total, "path": ["libraries"]}
    assert asked(Ambiguity, Agent({"formula": lambda chat: nowhere})).status == "unknown"


@pytest.mark.parametrize("check", [BlindSolver, ClosedBook, Judge, Ambiguity])
@pytest.mark.parametrize("name", sorted(ALL_BAD))
def test_no_bad_model_crashes_a_check(
    name: str, check: type[Opinion], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firefly.lm.engine.backoff", lambda attempt, asked: 0.0)
    import dspy

    try:
        result = asked(check, ALL_BAD[name](competent()))
    except dspy.LMError:  # the item fails and is counted
        return
    if name in ("empty", "refuses", "refuses formally"):
        passes = {BlindSolver: 0.0, Judge: "unknown", Ambiguity: "unknown", ClosedBook: "pass"}
        assert passes[check] in (result.status, result.evidence.get("pass_rate", 0.0))


def verified(consulted: bool, *, required: bool, asking: Models) -> Verdict:
    """The verdict where a judge is the only check; a consultation that fails says nothing."""
    [verdict] = verify(
        [TASK],
        checks=[Judge(models=asking, required=required)],
        simulator=trial(TASK).simulator,
        knowledge=known((EXPLORATION,)),
        explorations={EXPLORATION.id: EXPLORATION},
        reexecute=lambda tasks, days: Reexecuted(),
        consult=lambda check, trials, tasks: {TASK.id: {"marks": []}} if consulted else {},
    )
    return verdict


def test_where_nobody_could_be_asked_nothing_passes() -> None:
    asking = models("http://127.0.0.1:1/v1")
    for consulted in (True, False):
        verdict = verified(consulted, required=True, asking=asking)
        assert (verdict.verified, verdict.results[0].status) == (False, "unknown")
    assert verified(False, required=False, asking=asking).verified
