from __future__ import annotations

import string
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firefly.replay.answers import NoAnswerError, answer_text, extract_answer, matches, normal_text
from firefly.replay.grading import grade
from firefly.replay.records import Answer, Observation, Rollout, Task, ToolCall
from firefly.replay.simulator import StrictSimulator
from tests.replay.datasets import ADD, AMOUNT, ROWS, cassette, tasks

READING, WRITING = tasks()
WORDS = st.text(string.ascii_letters + string.digits + " éß_-/.", min_size=1, max_size=12).filter(normal_text)
NUMBERS = st.integers(-(10**12), 10**12) | st.floats(-1e9, 1e9, allow_nan=False).map(
    lambda one: round(one, 4)
)
DATES = st.dates().map(str) | st.datetimes().map(lambda one: one.replace(microsecond=0).isoformat())
ITEMS = st.lists(
    NUMBERS | WORDS.filter(lambda one: not one[0].isdigit()) | st.booleans() | st.none(), max_size=5
)
KINDS = (
    st.builds(Answer, type=st.just("number"), value=NUMBERS, unit=st.sampled_from(["", "USD", "%", "rows"])),
    st.builds(Answer, type=st.just("string"), value=WORDS),
    st.builds(Answer, type=st.just("date"), value=DATES),
    # one kind each: in any order, a list matches one that is not ordered, but not the other way around
    st.builds(Answer, type=st.just("list"), value=ITEMS, ordered=st.just(True)),
    st.builds(Answer, type=st.just("list"), value=ITEMS, ordered=st.just(False)),
    st.builds(Answer, type=st.just("object"), value=st.dictionaries(WORDS, NUMBERS | WORDS, max_size=4)),
)


ANSWERS = st.one_of(KINDS)
PAIRS = st.sampled_from(KINDS).flatmap(lambda kind: st.tuples(kind, kind))


def right(message: Any, kind: str, value: Any, **fields: Any) -> bool:
    expected = Answer(type=kind, value=value, **fields)  # type: ignore[arg-type]
    try:
        return matches(extract_answer(message, expected), expected)
    except NoAnswerError:
        return False


@given(ANSWERS)
def test_a_reference_answer_written_out_is_right(answer: Answer) -> None:
    assert matches(extract_answer(answer_text(answer), answer), answer)
    assert matches(extract_answer(f"I looked it up, 3 of 7.\n\n{answer_text(answer)}", answer), answer)


@given(PAIRS)
def test_two_answers_match_in_both_directions_or_in_none(pair: tuple[Answer, Answer]) -> None:
    answer, other = pair
    given_ = extract_answer(answer_text(other), other)
    if matches(given_, answer):
        assert matches(extract_answer(answer_text(answer), answer), other) or other.unit != answer.unit


@given(st.integers(0, 10**9), st.integers(1, 30))
def test_listing_many_candidates_earns_nothing(value: int, count: int) -> None:
    message = "It is one of " + ", ".join(str(value + step) for step in range(count + 1)) + "."
    assert not right(message, "number", value)
    assert not right(f"Answer: {message}", "number", value)
    assert not right(message, "string", str(value))


@pytest.mark.parametrize(
    ("message", "value", "fields"),
    [
        ("25", 25, {}), ("25.0", 25, {}), ("1,234.50", 1234.5, {}), ("-3", -3, {}), ("−3", -3, {}),
        ("25 USD", 25, {"unit": "USD"}), ("$25", 25, {"unit": "$"}), ("12.5%", 12.5, {"unit": "%"}),
        ("There are 25 rows.", 25, {}), ("**Answer:** 25", 25, {}), ("Final answer: 25.", 25, {}),
        ("answer: `25`", 25, {}), ("2 tables, 9 rows\nAnswer: 25", 25, {}),
        ("3.14", 3.14159, {"tolerance": 0.01}), ("It has 2 tables and 25 rows.", 25, {"unit": "rows"}),
        ("There are 25.", 25, {"unit": "rows"}),
        ("Answer: 7\nAnswer: 25", 25, {}), ("Answer:\n25", 25, {}), ("```\n25\n```", 25, {}), (25, 25, {}),
        (25.0, 25, {}), ("1e3", 1000, {}), ("0.1", 0.1, {}), ("Answer: 25\nLet me know.", 25, {}),
    ],
)  # fmt: skip
def test_numbers_that_are_right(message: Any, value: float, fields: dict[str, Any]) -> None:
    assert right(message, "number", value, **fields)


@pytest.mark.parametrize(
    ("message", "value", "fields"),
    [
        ("", 25, {}), (None, 25, {}), ("none", 25, {}), ("24 or 25", 25, {}), ("25 EUR", 25, {"unit": "USD"}),
        ("Answer: 25 EUR", 25, {"unit": "USD"}), ("Answer: 25%", 25, {}), ("25%", 25, {}), ("1,23", 123, {}),
        ("3.2", 3.14159, {}), ("It is $25.", 25, {}), ("25 rows or 30 rows", 25, {"unit": "rows"}),
        ("Of 7 there are 25.", 25, {"unit": "rows"}), ("25 columns.", 25, {"unit": "rows"}),
        ("Answer: 25\nAnswer: 7", 25, {}), (True, 1, {}), ([25], 25, {}), ("Answer: about 25", 25, {}),
        ("c25", 25, {}), ("2025-01-25", 25, {}), ("Answer: NaN", 25, {}), ("1e9999999999", 25, {}),
    ],
)  # fmt: skip
def test_numbers_that_are_wrong(message: Any, value: float, fields: dict[str, Any]) -> None:
    assert not right(message, "number", value, **fields)


def test_strings_are_compared_without_wrapping_and_case() -> None:
    for message in ("Oslo", '"oslo".', "`Oslo`", "  OSLO  ", "Answer: **Oslo**", "Answer: “Oslo”"):
        assert right(message, "string", "Oslo"), message
    assert right("Answer: _private", "string", "_private")
    assert not right("Answer: private", "string", "_private")
    for message in ("Oslo or Bergen", "It is Oslo", "Answer: Oslo, Norway", "", "Osl", "Answer:", "..."):
        assert not right(message, "string", "Oslo"), message
    assert right("Answer: caf\u0065\u0301", "string", "caf\u00e9")
    assert right("Answer: a   b", "string", "a b")
    assert right("007", "string", "007")
    assert not right("7", "string", "007")


def test_dates_are_read_in_unambiguous_forms_only() -> None:
    good = (
        "2026-05-01", "2026/5/1", "May 1, 2026", "1 May 2026", "1st of May 2026", "It was on 2026-05-01.",
        "Answer: Friday\nAnswer: 1 May, 2026", "2026-05-01T00:00:00",
    )  # fmt: skip
    for message in good:
        assert right(message, "date", "2026-05-01"), message
    for message in ("05/01/2026", "2026-05-01 or 2026-05-02", "2026-05", "2026-02-30", "2026-05-01T10:00:00"):
        assert not right(message, "date", "2026-05-01"), message
    assert right("2026-05-01T12:00:00+02:00", "date", "2026-05-01T10:00:00Z")
    assert not right("2026-05-01T10:00:00", "date", "2026-05-01T10:00:00Z")


def test_lists_are_compared_as_asked() -> None:
    assert right("Answer: b, a", "list", ["a", "b"])
    assert not right("Answer: b, a", "list", ["a", "b"], ordered=True)
    assert right("- a\n- b", "list", ["a", "b"], ordered=True)
    assert right("Answer:\n1. a\n2. b", "list", ["a", "b"], ordered=True)
    assert right('["a", "b"]', "list", ["a", "b"])
    assert right("['a', 'b']", "list", ["a", "b"])
    assert right('```json\n["a"]\n```', "list", ["a"])
    assert right("Answer: 1, 2.0, 3", "list", [1, 2, 3])
    assert right("1,2,3", "list", [1, 2, 3])
    assert right("[true, null]", "list", [True, None])
    assert not right("[1, null]", "list", [True, None])
    assert not right("a, a, b", "list", ["a", "b", "b"])
    assert not right("a, b, c", "list", ["a", "b"])
    assert not right("a", "list", ["a", "b"])
    assert not right("", "list", [])
    assert right("[]", "list", [])
    assert right("Answer: 1.1, 2.2", "list", [2.15, 1.15], tolerance=0.1)


def test_objects_need_the_same_keys_and_values() -> None:
    assert right('Answer: {"a": 1.0, "b": "X"}', "object", {"a": 1, "b": "x"})
    assert not right('{"a": 1}', "object", {"a": 1, "b": "x"})
    assert not right('{"a": 1, "b": "x", "c": 2}', "object", {"a": 1, "b": "x"})
    assert not right("a is 1 and b is x", "object", {"a": 1, "b": "x"})


@pytest.mark.parametrize("kind", ["number", "date", "list"])
def test_a_long_message_is_read_in_time_that_grows_with_its_length(kind: str) -> None:
    """Patterns that look back and forth would take minutes."""
    values = {"number": 1, "date": "2026-05-01", "list": ["a"]}
    expected = Answer(type=kind, value=values[kind], unit="rows")  # type: ignore[arg-type]
    begun = time.process_time()
    for part in (" ", ".", "1", "1,", "', ", "[", "* ", "```\n", "Answer: ", "1 may "):
        message = f"a{part * (10**5 // len(part))}b"
        with suppress(NoAnswerError):
            assert not matches(extract_answer(message, expected), expected)
    assert time.process_time() - begun < 20


# --- rollouts --------------------------------------------------------------------------------


def gold(task: Task, **fields: Any) -> Rollout:
    calls = tuple(one.call for one in task.gold_calls)
    return Rollout(**{"calls": calls, "answer": answer_text(task.answer), **fields})


@pytest.fixture(scope="module")
def simulator() -> StrictSimulator:
    return StrictSimulator(cassette())


@pytest.mark.parametrize("task", [READING, WRITING])
def test_gold_earns_one_and_a_wrong_or_missing_answer_nothing(task: Task, simulator: StrictSimulator) -> None:
    assert grade(task, gold(task), simulator).reward == 1
    for answer in ("Answer: 1000", "", None, "   ", "I don't know"):
        assert grade(task, gold(task, answer=answer), simulator).reward == 0
        assert grade(task, Rollout(answer=answer)).reward == 0


def test_an_episode_that_broke_is_not_counted(simulator: StrictSimulator) -> None:
    for outcome in ("miss", "infra", "truncated"):
        assert grade(READING, gold(READING, outcome=outcome), simulator).reward is None
    assert grade(READING, gold(READING, outcome="failure"), simulator).reward == 0


def test_a_call_without_recorded_answer_makes_the_reward_unknown(simulator: StrictSimulator) -> None:
    unknown = ToolCall(server="table", tool="amount", arguments={"name": "zoe"})
    for answer in ("Answer: 29", "Answer: 1"):
        found = grade(READING, Rollout(calls=(unknown,), answer=answer), simulator)
        assert found.reward is None
        assert "table/amount" in found.reason


def test_other_orders_and_extra_reads_are_fine(simulator: StrictSimulator) -> None:
    assert grade(READING, gold(READING, calls=(AMOUNT, ROWS, AMOUNT)), simulator).reward == 1
    assert grade(READING, gold(READING, calls=()), simulator).reward == 1
    assert grade(READING, Rollout(answer="29")).reward == 1


def test_a_right_answer_without_the_write_earns_nothing(simulator: StrictSimulator) -> None:
    assert grade(WRITING, gold(WRITING, calls=()), simulator).reward == 0
    assert grade(WRITING, gold(WRITING, calls=(ROWS,)), simulator).reward == 0
    assert grade(WRITING, gold(WRITING, calls=(ADD,)), simulator).reward == 1


def test_an_end_state_that_can_not_be_looked_at_is_never_a_pass(simulator: StrictSimulator) -> None:
    assert grade(WRITING, Rollout(answer="Answer: 3"), simulator).reward is None
    assert grade(WRITING, gold(WRITING)).reward is None
    assert grade(WRITING, Rollout(answer="Answer: 4"), simulator).reward == 0


def test_a_backend_that_does_not_know_its_tools_is_told_them(simulator: StrictSimulator) -> None:
    class Bare:
        def episode(self, tool_set: Any, seed: int = 0) -> Any:
            return simulator.episode(tool_set, seed)

    with pytest.raises(TypeError, match="tool_set"):
        grade(READING, gold(READING), Bare())
    assert grade(READING, gold(READING), Bare(), tool_set=simulator.tool_set(["table"])).reward == 1


def test_a_live_call_that_broke_makes_the_reward_unknown(simulator: StrictSimulator) -> None:
    class Broken:
        def tool_set(self, servers: Any) -> Any:
            return simulator.tool_set(servers)

        def episode(self, tool_set: Any, seed: int = 0) -> Any:
            episode = simulator.episode(tool_set, seed)
            episode.call = lambda call: Observation(outcome="transient", reason="timed out")  # type: ignore[method-assign]
            return episode

    assert grade(READING, gold(READING), Broken()).reward is None
