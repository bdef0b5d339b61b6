from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from firefly.contents import is_empty
from firefly.outcomes import classify
from firefly.replay.records import Observation, Tool

ANSWERS: list[dict[str, Any]] = [
    {"text": "", **json.loads(line)}
    for line in (Path(__file__).parent / "answers.jsonl").read_text(encoding="utf-8").splitlines()
]


def _tool(name: str) -> Tool:
    return Tool(server="some", name=name)


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: f"{case['outcome']}: {case['text'][:50]!r}")
def test_the_outcome_is_judged_by_what_came_back(case: dict[str, Any]) -> None:
    observation = Observation(text=case["text"], is_error=case.get("is_error", False))
    judged = classify(observation, _tool(case["tool"]) if "tool" in case else None)
    assert (judged.outcome, judged.reason) == (case["outcome"], judged.reason)
    assert bool(judged.reason) == (case["outcome"] != "success")
    if "empty" in case:
        assert is_empty(judged) == case["empty"]


def test_failures_are_found_without_the_servers_flag() -> None:
    failures = [case for case in ANSWERS if case.get("is_error")]
    assert len(failures) >= 7
    assert all(classify(Observation(text=case["text"])).outcome != "success" for case in failures)


def test_the_reason_names_the_rule_and_what_it_fired_on() -> None:
    judged = classify(Observation(text='{"error": "Invalid algebraic notation: Qxf7"}'))
    assert judged.reason == 'error field: "error": Invalid algebraic notation: Qxf7'


def test_structured_content_is_judged_where_the_text_is_only_a_summary() -> None:
    observation = Observation(text="Done.", structured={"success": False, "error": "no data loaded"})
    assert classify(observation).outcome == "failure"


def test_a_text_wrapped_in_structured_content_is_judged_as_text() -> None:
    text = "Database error: no such table: nope"
    assert classify(Observation(structured={"result": text})).outcome == "failure"
    assert classify(Observation(text="ok", structured={"result": '{"success": false}'})).outcome == "failure"


def test_several_json_blocks_are_one_list() -> None:
    text = '{"name": "a"}\n{"name": "b", "error": "not found"}'
    assert classify(Observation(text='{"name": "a"}\n{"name": "b"}')).outcome == "success"
    assert classify(Observation(text=text)).reason.startswith("failed items: 1 of 2")


def test_a_protocol_error_is_a_failure() -> None:
    assert classify(Observation(text="Unknown", error_code=-32602)).outcome == "failure"


@pytest.mark.parametrize("outcome", ["transient", "refused", "miss"])
def test_what_whoever_called_knows_better_is_kept(outcome: Any) -> None:
    observation = Observation(outcome=outcome, reason="because", text="[]")
    assert classify(observation) is observation


def test_a_validators_verdict_is_an_answer_and_another_tools_is_a_failure() -> None:
    observation = Observation(text='{"valid": false}')
    assert classify(observation, _tool("validate_formula")).outcome == "success"
    assert classify(observation, _tool("add_chart")).outcome == "failure"


def test_an_image_without_text_is_not_empty() -> None:
    observation = Observation.model_validate({"attachments": [{"kind": "image", "mime_type": "image/png"}]})
    assert not is_empty(observation)


def test_a_text_in_which_all_that_was_asked_for_failed_is_a_failure() -> None:
    one = "notes/a.md: Error - ENOENT: no such file or directory"
    assert classify(Observation(text=one)).outcome == "failure"
    assert classify(Observation(text=f"{one}\n---\nb.md: Error - not allowed")).outcome == "failure"
    assert classify(Observation(text=f"{one}\n---\nb.md:\n# Title\ntext")).outcome == "success"
