"""The card says what is so, with figures."""

from __future__ import annotations

from pathlib import Path

import yaml

from firefly.export import write_dataset
from firefly.export.card import Card
from firefly.export.manifest import Manifest
from firefly.export.rejected import Rejected
from firefly.export.sft import Sft
from firefly.export.tasks import Tasks
from firefly.export.tools import Tools
from firefly.protocols import DatasetContent
from tests.export.content import TASKS, content

TABLES = (Tasks(), Sft(), Tools(), Rejected())


def card(tmp_path: Path, made: DatasetContent, exporter: Card | None = None) -> str:
    folder = write_dataset(made, tmp_path / "dataset", [exporter or Card(), *TABLES, Manifest()])
    return (folder / "README.md").read_text(encoding="utf-8")


def test_the_front_matter_has_what_the_hub_reads(tmp_path: Path) -> None:
    text = card(tmp_path, content(), Card(license="cc-by-4.0", language=["en", "de"], tags=["shop"]))
    front = yaml.safe_load(text.split("---\n")[1])
    assert front["license"] == "cc-by-4.0"
    assert front["language"] == ["en", "de"]
    assert front["pretty_name"] == "Hand Made"
    assert front["size_categories"] == ["n<1K"]
    assert front["task_categories"] == ["text-generation"]
    assert {"mcp", "tool-calling", "shop"} <= set(front["tags"])
    tasks = front["configs"][0]
    assert (tasks["config_name"], tasks["default"]) == ("tasks", True)
    assert tasks["data_files"] == [
        {"split": "train", "path": "tasks/train.jsonl"},
        {"split": "test", "path": "tasks/test.jsonl"},
    ]
    assert "&id" not in text.split("---\n")[1]


def test_servers_are_named_with_their_packages_and_the_reason_of_those_that_failed(tmp_path: Path) -> None:
    text = card(tmp_path, content())
    assert "| weather | ok | mcp-weather==1.0 | 2025-11-25 | 2 | 0 |" in text
    assert "| files | ok | mcp-files==1.0 |  | 3 | 1 |" in text
    assert r"failed: exit code 1 \| no such module" in text


def test_the_funnel_counts_every_check_over_all_candidates(tmp_path: Path) -> None:
    text = card(tmp_path, content())
    assert "7 candidates, 6 verified, 1 rejected" in text
    assert "| `leakage` | required | 6 | 1 | 0 | 0 | 0 |" in text
    assert "| `clock` | advisory | 0 | 0 | 7 | 0 | 0 |" in text


def test_reproducible_and_correct_are_two_figures(tmp_path: Path) -> None:
    text = card(tmp_path, content())
    rows = [line for line in text.splitlines() if line.startswith("| Do")]
    assert rows[0].endswith("| `replay` passed on 6 of 6 verified tasks |")
    assert rows[1].endswith("| not measured for this data set |")
    measured = content(facts={"correctness": {"blind_solvers": "31 of 40"}})
    assert "| blind_solvers 31 of 40 |" in card(tmp_path, measured)


def test_what_splits_share_is_counted(tmp_path: Path) -> None:
    text = card(tmp_path, content())
    assert "Tasks per split: train 3, test 3." in text
    assert "| train, test | 1 | 2 | 2 | 0 |" in text
    assert "Nothing is held out." in card(tmp_path, content(tasks={"train": TASKS}))


def test_synthesis_is_labelled_and_its_limits_are_named(tmp_path: Path) -> None:
    text = card(tmp_path, content())
    assert "**Task synthesis:** template 6." in text
    assert "Template questions are plain" in text
    assert "2 tasks with decimal numbers in gold arguments" not in text
    assert "1 task with decimal numbers in gold arguments" in text


def test_a_data_set_without_tasks_has_a_card_too(tmp_path: Path) -> None:
    text = card(tmp_path, content(tasks={}, rejected=[], verdicts={}, facts={}))
    assert "0 tasks for tool-calling agents over 0 MCP servers" in text
    assert "No facts of the run were recorded." in text
