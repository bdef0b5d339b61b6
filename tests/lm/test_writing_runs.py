"""Whole runs over a model's writing and opinions: books, labels, adjudication, and the same bytes again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.command_line import content_of, firefly, printed, summary_of
from tests.lm.competent import competent
from tests.lm.endpoint import endpoint
from tests.lm.test_runs import model

SMALL = ("+experiment=smoke", "~servers.almanac", "sampler.count=1")
ARGUMENTS = (
    *SMALL,
    "synthesizer=backward",
    "synthesizer.tasks=1",
    "+checks=[blind_solver,closed_book,judge,ambiguity]",
    "checks.blind_solver.attempts=1",
    "checks.closed_book.attempts=1",
    "checks.ambiguity.readings=1",
    "checks.re_execution=null",
    "synthesis.distractors=1",
)


@pytest.mark.slow
def test_a_run_with_a_writer_solvers_and_judges_keeps_its_books_and_repeats_itself(going_on: Path) -> None:
    with endpoint(competent()) as there:
        done = firefly(*ARGUMENTS, *model(there.url), cwd=going_on, anew=True)
        sent = len(there.requests)
    dataset = printed(done)["dataset"]
    books = summary_of(done)["lm"]
    stages = {(row["stage"], row["role"]) for row in books["used"]["rows"]}
    assert {
        ("synthesis", "writer"),
        ("synthesis", "judge"),
        ("verification-blind_solver", "solver"),
    } <= stages
    assert {("verification-closed_book", "solver"), ("verification-judge", "judge")} <= stages
    assert books["used"]["total"]["calls"] == books["sent"]["total"]["calls"] == sent
    rows = [json.loads(line) for line in (dataset / "tasks" / "train.jsonl").read_text().splitlines()]
    assert rows and {row["synthesis"] for row in rows} == {"backward"}
    opinions = [check for row in rows for check in row["checks"] if check["evidence"].get("by")]
    assert {check["check"] for check in opinions} == {"blind_solver", "closed_book", "judge", "ambiguity"}
    assert {tuple(row["servers"]) for row in rows} == {("catalogue", "desk")}  # one of them is a distractor
    assert {len({call["server"] for call in row["gold_calls"]}) for row in rows} == {1, 2}
    reused = firefly(*ARGUMENTS, *model(there.url), "lm.mode=replay", cwd=going_on)
    assert summary_of(reused)["lm"]["used"] == books["used"]  # though the verification as a whole was done
    assert content_of(printed(reused)["dataset"]) == content_of(dataset)
    card = (dataset / "README.md").read_text()
    assert "`ambiguity`, `blind_solver`, `closed_book`, `judge` ask a language model" in card
    for stage in ("synthesis", "verification"):
        for folder in (going_on / "multirun" / "store").glob(f"{stage}*"):
            shutil.rmtree(folder)
    replayed = (
        "lm=openai_compatible",
        "lm.base_url=http://127.0.0.1:9/v1",
        "lm.model=agent",
        "lm.mode=replay",
    )
    again = firefly(*ARGUMENTS, *replayed, cwd=going_on)
    assert content_of(printed(again)["dataset"]) == content_of(dataset)


@pytest.mark.slow
def test_the_baselines_are_one_word_each(going_on: Path) -> None:
    with endpoint(competent()) as there:
        few = ("~servers.desk", "sampling.writes=0")
        arguments = (*SMALL, *few, "checks=judge_only", "synthesizer=forward", *model(there.url))
        done = firefly(*arguments, cwd=going_on)
    card = (printed(done)["dataset"] / "README.md").read_text()
    assert "No rule decided here" in card
    lines = (printed(done)["dataset"] / "tasks" / "train.jsonl").read_text().splitlines()
    assert lines and {json.loads(line)["synthesis"] for line in lines} == {"forward"}
