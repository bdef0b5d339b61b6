"""The bundled servers from end to end: real processes, real data set, judged once more from its files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from firefly.mentions import mention
from firefly.replay.answers import answer_text
from firefly.replay.cassette import Cassette
from firefly.replay.expressions import evaluate, resolve_references
from firefly.replay.grading import grade
from firefly.replay.parsers import parse
from firefly.replay.records import Rollout, Task
from firefly.replay.simulator import StrictSimulator
from tests.command_line import Run, printed

pytestmark = pytest.mark.slow

CHECKS = {
    "schema",
    "structured",
    "volatile",
    "closed_form",
    "provenance",
    "flow",
    "leakage",
    "safety",
    "uniqueness",
    "necessity",
    "replay",
    "preflight",
    "shortcuts",
    "sensitivity",
    "dedup",
    "caps",
    "re_execution",
}


@pytest.fixture
def dataset(smoke: tuple[Path, Run]) -> Path:
    return printed(smoke[1])["dataset"]


def rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def verified(dataset: Path) -> list[Task]:
    return [Task.model_validate_json(row["record"]) for row in rows(dataset / "tasks" / "train.jsonl")]


def test_every_verified_task_passed_every_check(dataset: Path) -> None:
    kept = rows(dataset / "tasks" / "train.jsonl")
    assert len(kept) >= 10
    for row in kept:
        results = {check["check"]: check["status"] for check in row["checks"]}
        required = {check["status"] for check in row["checks"] if check["required"]}
        assert set(results) == CHECKS and required <= {"pass", "not_applicable"}


def test_every_rejected_task_says_why(dataset: Path) -> None:
    for row in rows(dataset / "rejected.jsonl"):
        blamed = [check for check in row["checks"] if check["status"] in ("fail", "unknown")]
        assert row["failed"] and all(check["evidence"] for check in blamed)


def test_gold_earns_the_reward_offline_and_silence_does_not(dataset: Path) -> None:
    simulator = StrictSimulator(Cassette.load(dataset / "cassette"))
    for task in verified(dataset):
        outputs: dict[str, Any] = {}
        calls = []
        with simulator.episode(simulator.tool_set(task.servers)) as episode:
            for gold in task.gold_calls:
                calls.append(resolve_references(gold, outputs))
                parsed = parse(episode.call(calls[-1]))
                assert parsed is not None
                outputs[gold.id] = parsed.value
        value = evaluate(task.expression, outputs)
        said = answer_text(task.answer.model_copy(update={"value": value}))
        assert grade(task, Rollout(calls=tuple(calls), answer=said), simulator).reward == 1
        assert grade(task, Rollout(), simulator).reward == 0
        assert grade(task, Rollout(answer=""), simulator).reward == 0


def test_no_question_gives_its_answer_away(dataset: Path) -> None:
    for task in verified(dataset):
        assert mention(task.question, task.answer.value) is None
