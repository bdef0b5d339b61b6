"""Drift: a server that changed, seen through a data set of its first version."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from firefly.drift_command import run
from firefly.replay.dataset import Simulators, load_dataset_tasks
from firefly.replay.grading import grade
from firefly.replay.records import Rollout
from tests.command_line import content_of
from tests.fidelity.shop import BOLT, DEARER, NUT, PASSED, TASKS, WASHER, configuration, rows

EXPORTERS = {
    name: {"_target_": f"firefly.export.{target}"}
    for name, target in {
        "tasks": "tasks.Tasks",
        "cassette": "cassette.CassetteFolder",
        "recordings": "recordings.Recordings",
        "rejected": "rejected.Rejected",
        "manifest": "manifest.Manifest",
    }.items()
}


def looked(dataset: Path, folder: Path, version: int, **more: Any) -> dict[str, Any]:
    folder.mkdir()
    given = {"exporters": EXPORTERS, "episodes": None, "refreshed": str(folder / "dataset"), **more}
    run(configuration(dataset, folder, version, **given), folder)
    found: dict[str, Any] = json.loads((folder / "drift.json").read_text(encoding="utf-8"))
    return found


def test_what_did_not_change_is_written_again_byte_for_byte(dataset: Path, tmp_path: Path) -> None:
    drift = looked(dataset, tmp_path / "same", 1)
    assert (drift["changes"], drift["versions"], drift["labels"]) == ({}, {}, {"kept": len(TASKS)})
    old, new = content_of(dataset), content_of(tmp_path / "same" / "dataset")
    assert {name for name in old if old[name] != new.get(name)} == {"manifest.json"}


def test_changes_are_told_apart_and_the_tasks_that_they_touch_leave_the_new_data_set(
    dataset: Path, tmp_path: Path
) -> None:
    drift = looked(dataset, tmp_path / "new", 2)
    assert drift["versions"] == {"prices": "1.0 -> 2.0"}
    assert drift["per_tool"]["prices"]["weight"]["schema"] == 1
    changes = rows(tmp_path / "new" / "changes.jsonl")
    kinds = {(one["kind"], one["tool"]) for one in changes}
    assert {("version", ""), ("schema", "weight"), ("value", "price"), ("error", "price")} <= kinds
    assert ("error", "weight") in kinds and ("value", "total") in kinds
    assert not [one for one in changes if one["kind"] == "unanswered" or one["steady"] is False]
    assert any(one["follows"] for one in changes) and drift["varying"] == 0
    labels = {one["task"]: one for one in rows(tmp_path / "new" / "labels.jsonl")}
    assert {name: one["status"] for name, one in labels.items()} == {
        BOLT.id: "lost", NUT.id: "lost", WASHER.id: "kept", DEARER.id: "kept", PASSED.id: "lost",
    }  # fmt: skip
    assert "comes out as 5" in labels[BOLT.id]["why"] and "c1: failure" in labels[NUT.id]["why"]
    assert labels[PASSED.id]["why"] == "c2: price comes out as 5 and was 4"

    new = tmp_path / "new" / "dataset"
    assert set(load_dataset_tasks(new)) == {WASHER.id, DEARER.id}
    simulators = Simulators(new)
    for task in (WASHER, DEARER):
        calls = tuple(gold.call for gold in task.gold_calls)
        rollout = Rollout(calls=calls, answer=task.answer.value)
        assert grade(task, rollout, simulators.of(task)).reward == 1
    with simulators.of(BOLT).episode(simulators.of(BOLT).tool_set(("prices",))) as episode:  # type: ignore[union-attr]
        assert '"price": 5' in episode.call(BOLT.gold_calls[0].call).text
    rejected = {one["id"]: one["failed"] for one in rows(new / "rejected.jsonl")}
    assert rejected == {BOLT.id: ["drift"], NUT.id: ["drift"], PASSED.id: ["drift"]}
    manifest = json.loads((new / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["run"]["refreshed"]["tasks_lost"] == 3 and manifest["counts"]["tasks"] == 2


def test_a_part_of_the_episodes_tells_what_changed_but_makes_no_new_data_set(
    dataset: Path, tmp_path: Path
) -> None:
    drift = looked(dataset, tmp_path / "part", 2, episodes=3)
    assert (drift["episodes"], drift["refreshed"]) == (3, False)
    assert "were not made again" in drift["why_not_refreshed"]
    assert not (tmp_path / "part" / "dataset").exists()
    assert Counter(one["status"] for one in rows(tmp_path / "part" / "labels.jsonl"))["lost"] == 3
