"""Servers as nobody wants them: the run ends, says what it could not use and why, keeps nothing doubtful."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.command_line import Run, firefly, once, printed, summary_of

ODD = Path(__file__).parent / "servers" / "odd.py"
KINDS = ("undescribed", "lying", "single", "many", "prose", "failing", "fickle")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Run:
    _, said = once(tmp_path_factory, "odd", run_on_odd_servers)
    return Run(*said)


def run_on_odd_servers(folder: Path) -> Any:
    (folder / "conf" / "servers").mkdir(parents=True)
    servers: dict[str, Any] = {"defaults": [{"/world@_global_.world": "empty"}]}
    for kind in KINDS:
        servers[kind] = {"command": sys.executable, "args": [str(ODD), kind], "disposable": True}
    (folder / "conf" / "servers" / "odd.yaml").write_text(yaml.safe_dump(servers), encoding="utf-8")
    done = firefly("--config-dir", "conf", "servers=odd", "probing.budget=40", "sampler.count=4", cwd=folder)
    return done.args, done.returncode, done.stdout, done.stderr


def verified(done: Run) -> list[dict[str, Any]]:
    lines = (printed(done)["dataset"] / "tasks" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_the_run_ends_with_tasks_of_those_that_can_be_used(done: Run) -> None:
    found = summary_of(done)
    assert found["failures"] == 0
    assert {"undescribed", "lying", "many"} <= set(found["verified_servers"])
    assert not {"prose", "failing", "fickle"} & set(found["verified_servers"])


@pytest.mark.parametrize(
    ("server", "why"),
    [
        ("prose", "prose that no parser reads"),
        ("failing", "the greenhouse is locked"),
        ("fickle", "the answer changes by itself"),
    ],
)
def test_every_other_one_gets_its_true_reason(done: Run, server: str, why: str) -> None:
    assert why in summary_of(done)["without_task"][server]
    assert any(line.startswith(server) and why in line for line in done.stdout.splitlines())


def test_reasons_are_given_for_exactly_the_servers_without_a_task(done: Run) -> None:
    found = summary_of(done)
    assert set(found["without_task"]) | set(found["verified_servers"]) == set(KINDS)
    assert not set(found["without_task"]) & set(found["verified_servers"])


def test_nothing_doubtful_is_kept(done: Run) -> None:
    tasks = verified(done)
    assert tasks
    for task in tasks:
        assert not {"prose", "failing", "fickle"} & set(task["servers"])
        assert all(not call["tool"].startswith("set_option") for call in task["gold_calls"])
