from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from firefly.probing.volatility import is_passing, measured_paths, now_paths
from firefly.replay.records import Observation

NOW = datetime(2031, 5, 17, 9, 30, 20, tzinfo=UTC)


def answer(value: Any) -> Observation:
    return Observation(text=value if isinstance(value, str) else json.dumps(value))


@pytest.mark.parametrize(
    "text",
    [
        "2031-05-17T09:30:00Z",
        "2031-05-17 09:30:00,126",
        "Sat May 17 2031 09:30:20 GMT+0000 (Coordinated Universal Time)",
        "Sat, 17 May 2031 09:30:20 GMT",
        "May 17, 2031, 9:30 AM",
        "17-May-2031",
        "5/17/2031, 9:30:20 AM",
        "17/05/2031",
    ],
)
def test_the_present_is_known_in_every_usual_form(text: str) -> None:
    assert now_paths(answer({"accessed": text, "size": 3}), {}, NOW) == (("accessed",),)
    assert now_paths(answer(f"It was read on {text}"), {}, NOW) == ((),)


@pytest.mark.parametrize("text", ["May 17, 2030", "2 May 2031", "3/4/2031", "May 2031", "17 of 2031", "9:30"])
def test_other_days_are_data(text: str) -> None:
    assert now_paths(answer({"signed": text}), {}, NOW) == ()


def test_a_measured_duration_is_no_data_even_when_it_was_rounded_alike() -> None:
    assert measured_paths(answer({"rows": 3, "execution_time": 0.0})) == (("execution_time",),)
    assert measured_paths(answer({"stats": {"elapsedMs": 2, "took": 1}})) == (
        ("stats", "elapsedMs"),
        ("stats", "took"),
    )


@pytest.mark.parametrize(
    "value",
    [
        {"duration": 212},
        {"time": 3},
        {"query_time": "2031-05-01"},
        {"jobs": [{"processing_time": 4}]},
        {"total_time": 40},
    ],
)
def test_durations_of_things_are_data(value: Any) -> None:
    assert measured_paths(answer(value)) == ()


def test_marks_of_the_moment_pass_and_everything_else_does_not() -> None:
    first, later = "created at 9:30:18 AM", "created at 9:30:20 AM"
    assert is_passing(answer(first), answer(later), NOW)
    assert is_passing(answer({"n": 1, "search_time": 0.01}), answer({"n": 1, "search_time": 0.02}), NOW)
    assert not is_passing(answer({"n": 1, "search_time": 0.01}), answer({"n": 2, "search_time": 0.02}), NOW)
    assert not is_passing(answer("opens at 4:30:00"), answer("opens at 5:30:00"), NOW)
    day = NOW.date().isoformat()
    assert not is_passing(answer({"last": f"Ada, {day}"}), answer({"last": f"Bob, {day}"}), NOW)
