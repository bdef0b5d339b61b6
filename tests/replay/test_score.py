from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from firefly.replay.errors import DatasetError
from firefly.replay.records import Task
from firefly.replay.score import load_dataset_tasks, main, score
from tests.replay.datasets import write_dataset


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_dataset(tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def tasks(folder: Path) -> list[Task]:
    return sorted(load_dataset_tasks(folder).values(), key=lambda task: len(task.gold_calls))


def answers(folder: Path, *rows: Any) -> Path:
    path = folder.parent / "answers.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def gold(task: Task, **fields: Any) -> dict[str, Any]:
    calls = [one.call.model_dump() for one in task.gold_calls]
    return {"id": task.id, "answer": f"Answer: {task.answer.value}", "calls": calls, **fields}


def test_gold_answers_earn_everything(
    folder: Path, tasks: list[Task], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(folder), str(answers(folder, *map(gold, tasks)))]) == 0
    *rows, totals = map(json.loads, capsys.readouterr().out.splitlines())
    assert rows == [{"id": task.id, "reward": 1, "reason": "the answer is right"} for task in tasks]
    assert totals == {
        "tasks": 2, "answered": 2, "right": 2, "wrong": 0, "not_counted": 0, "without_answer": 0, "faults": 0,
        "mean_reward": 1.0,
    }  # fmt: skip


def test_calls_may_be_named_as_agents_see_them(folder: Path, tasks: list[Task]) -> None:
    calls = [
        {"name": "add", "arguments": json.dumps(tasks[1].gold_calls[0].arguments)},
        {"name": "rows", "arguments": {}},
    ]
    assert score(folder, answers(folder, gold(tasks[1], calls=calls))).results[0].reward == 1
    calls[0]["name"] = "no_such_tool"
    assert score(folder, answers(folder, gold(tasks[1], calls=calls))).results[0].reward is None


def test_every_fault_is_named_with_its_line_and_the_good_lines_are_graded(
    folder: Path, tasks: list[Task], capsys: pytest.CaptureFixture[str]
) -> None:
    one = tasks[0]
    path = answers(
        folder,
        "{not json",
        gold(one),
        {"id": "unknown", "answer": 1},
        gold(one, answer="again"),
        {"answer": 1},
        {"id": one.id},
        "[1]",
        gold(tasks[1], calls=[{"arguments": {}}]),
        gold(tasks[1], calls="none"),
        gold(tasks[1], outcome="great"),
        "",
    )
    assert main([str(folder), str(path)]) == 1
    out, err = capsys.readouterr()
    *rows, totals = map(json.loads, out.splitlines())
    assert [(row["id"], row["reward"]) for row in rows] == [(one.id, 1)]
    assert (totals["faults"], totals["without_answer"], totals["right"]) == (9, 1, 1)
    for text in (
        "line 1: not JSON", "line 3: no task has the id 'unknown'", f"line 4: a second answer to {one.id}",
        "line 5: it has no id", 'line 6: it has no "answer"', "line 7: not a JSON object",
        "line 8: call 1 names neither", 'line 9: "calls" is not a list', "line 10: outcome",
        f"1 task(s) without an answer: {tasks[1].id}",
    ):  # fmt: skip
        assert text in err


def test_answers_without_calls_are_graded_by_their_message_alone(folder: Path, tasks: list[Task]) -> None:
    rows = [{"id": task.id, "answer": task.answer.value} for task in tasks]
    assert [one.reward for one in score(folder, answers(folder, *rows)).results] == [1, None]


def test_what_can_not_be_graded_at_all_is_one_message(
    folder: Path, tasks: list[Task], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = answers(folder, gold(tasks[0]))
    for arguments, text in (
        ([str(tmp_path / "no"), str(path)], "no such folder"),
        ([str(tmp_path), str(path)], "no tasks"),
        ([str(folder), str(tmp_path / "no.jsonl")], "No such file"),
        ([str(folder)], "usage: "),
    ):
        assert main(arguments) == 2
        assert text in capsys.readouterr().err
    content = (folder / "cassette" / "entries.jsonl").read_bytes()
    (folder / "cassette" / "entries.jsonl").write_bytes(content.replace(b"added", b"aDded"))
    assert main([str(folder), str(path)]) == 2
    assert "entries.jsonl is damaged" in capsys.readouterr().err


def test_a_row_that_is_no_task_is_named(folder: Path) -> None:
    path = folder / "tasks" / "train.jsonl"
    lines = path.read_text().splitlines()
    changed = {**json.loads(lines[1]), "question": "another", "record": None}
    path.write_text(lines[0] + "\n" + json.dumps(changed) + "\n")
    with pytest.raises(DatasetError, match=r"train\.jsonl, line 2 .*does not match the content"):
        load_dataset_tasks(folder)


def test_help_goes_to_the_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "ANSWERS.jsonl" in capsys.readouterr().out


def test_a_file_without_one_usable_line_is_told_apart_from_a_bad_score(
    folder: Path, tasks: list[Task], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(folder), str(answers(folder))]) == 2
    assert "answers.jsonl has no lines" in capsys.readouterr().err
    assert main([str(folder), str(answers(folder, "{not json", {"id": "unknown", "answer": 1}))]) == 2
    assert "line 2: no task has the id 'unknown'" in capsys.readouterr().err
    assert main([str(folder), str(answers(folder, *({"id": task.id, "answer": ""} for task in tasks)))]) == 0


def test_tasks_without_an_answer_are_counted_and_only_some_are_named(
    folder: Path, tasks: list[Task], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firefly.replay.score._SHOWN", 0)
    assert main([str(folder), str(answers(folder, gold(tasks[0])))]) == 0
    assert "1 task(s) without an answer: and 1 more" in capsys.readouterr().err


def test_a_folder_without_its_cassette_says_that_calls_are_not_replayed(
    folder: Path, tasks: list[Task], capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(folder / "cassette")
    main([str(folder), str(answers(folder, gold(tasks[0])))])
    assert "has no cassette: calls are not replayed" in capsys.readouterr().err


def test_tasks_that_can_not_be_read_are_one_message(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "tasks" / "train.jsonl"
    path.unlink()
    path.mkdir()
    assert main([str(folder), str(answers(folder))]) == 2
    assert "train.jsonl can't be read: Is a directory" in capsys.readouterr().err
