"""Every config loads with `datasets`, and what it gives is what was recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from firefly.export import write_dataset
from firefly.export.card import Card
from firefly.export.manifest import Manifest
from firefly.export.rejected import Rejected
from firefly.export.sft import Sft, final_message
from firefly.export.tables import exact_text, write_table
from firefly.export.tasks import Tasks
from firefly.export.tools import Tools
from firefly.protocols import DatasetContent
from firefly.replay.records import Answer, Task, Tool
from tests.export.content import CALLS, REJECTED, TASKS, TOOLS, content, listings

EXPORTERS = (Tasks(), Sft(), Tools(), Rejected(), Card(), Manifest())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(content(), tmp_path_factory.mktemp("export") / "dataset", EXPORTERS)


def front(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(
        (folder / "README.md").read_text(encoding="utf-8").split("---\n")[1]
    )
    return found


def load(folder: Path, config: str | None, cache: Path) -> Any:
    from datasets import load_dataset

    return load_dataset(str(folder), config, cache_dir=str(cache))


def rows(folder: Path, path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / path).read_text(encoding="utf-8").split("\n")[:-1]]


def test_every_config_of_the_card_loads_with_all_its_rows_and_columns(folder: Path, tmp_path: Path) -> None:
    configs = front(folder)["configs"]
    assert [config["config_name"] for config in configs] == ["tasks", "sft", "tools", "rejected"]
    for config in configs:
        loaded = load(folder, config["config_name"], tmp_path)
        assert set(loaded) == {part["split"] for part in config["data_files"]}
        for part in config["data_files"]:
            on_disk = rows(folder, part["path"])
            assert len(loaded[part["split"]]) == len(on_disk)
            assert set(loaded[part["split"]].features) == set(on_disk[0])


def test_the_tasks_are_what_a_folder_gives_when_no_config_is_named(folder: Path, tmp_path: Path) -> None:
    assert sorted(load(folder, None, tmp_path)["train"]["id"]) == sorted(one.id for one in TASKS[:3])


def test_two_data_sets_in_folders_of_one_name_load_as_themselves(tmp_path: Path) -> None:
    for run, tasks in (("first", TASKS[:2]), ("second", TASKS[2:4])):
        folder = write_dataset(content(tasks={"train": tasks}), tmp_path / run / "dataset", EXPORTERS)
        loaded = load(folder, "tasks", tmp_path / "one cache for both")
        assert sorted(loaded["train"]["id"]) == sorted(one.id for one in tasks)


def test_a_task_row_on_disk_is_the_task(folder: Path) -> None:
    found = {row["id"]: row for split in ("train", "test") for row in rows(folder, f"tasks/{split}.jsonl")}
    for one in TASKS[:5]:
        row = found[one.id]
        assert Task.model_validate({name: row[name] for name in Task.model_fields}) == one
    for one in TASKS:
        assert Task.model_validate_json(found[one.id]["record"]) == one


def test_a_loaded_task_is_exact_in_its_record_column(folder: Path, tmp_path: Path) -> None:
    loaded = load(folder, "tasks", tmp_path)
    records = [row["record"] for split in loaded.values() for row in split]
    assert sorted(map(Task.model_validate_json, records), key=lambda one: one.id) == sorted(
        TASKS, key=lambda one: one.id
    )


def test_argument_objects_keep_their_own_keys_and_answers_their_own_types(
    folder: Path, tmp_path: Path
) -> None:
    loaded = load(folder, "tasks", tmp_path)
    found = {row["id"]: row for split in loaded.values() for row in split}
    assert [found[one.id]["gold_calls"][0]["arguments"] for one in TASKS[:2]] == [{"city": "Oslo"}, {"n": 3}]
    assert found[TASKS[0].id]["answer"]["value"] == -3.5
    assert found[TASKS[1].id]["answer"]["value"] == "123"
    assert found[TASKS[3].id]["answer"]["value"] == ["mon", 1, None, {"k": True}]
    again = loaded["test"].map(lambda row: {"again": row["answer"]})
    assert {row["id"]: row["again"] for row in again} == {row["id"]: row["answer"] for row in loaded["test"]}


def test_a_trajectory_is_a_valid_chat_that_ends_in_the_answer(folder: Path, tmp_path: Path) -> None:
    loaded = load(folder, "sft", tmp_path)
    found = {row["id"]: row for split in loaded.values() for row in split}
    assert set(found) == {one.id for one in TASKS}
    for one in TASKS:
        messages = found[one.id]["messages"]
        assert messages[0] == {"role": "user", "content": one.prompt}
        offered = {tool["function"]["name"]: tool["function"] for tool in found[one.id]["tools"]}
        turns = messages[1:-1]
        assert len(turns) == 2 * len(one.gold_calls)
        for call, asked, told in zip(one.gold_calls, turns[::2], turns[1::2], strict=True):
            assert (asked["role"], asked["content"]) == ("assistant", "")
            (made,) = asked["tool_calls"]
            assert made["type"] == "function"
            assert set(made["function"]["arguments"]) == set(call.arguments)
            assert made["function"]["name"] in offered
            assert told["role"] == "tool"
            assert (told["tool_call_id"], told["name"]) == (made["id"], made["function"]["name"])
            assert told["content"] == next(
                text
                for tool, arguments, text in CALLS
                if (tool.key, arguments) == (call.call.key, call.arguments)
            )
        assert messages[-1]["role"] == "assistant"


def test_the_last_message_of_a_trajectory_earns_the_reward(folder: Path) -> None:
    from firefly.replay.grading import grade
    from firefly.replay.records import Rollout

    found = {row["id"]: row for split in ("train", "test") for row in rows(folder, f"sft/{split}.jsonl")}
    for one in TASKS:
        rollout = Rollout(
            calls=tuple(call.call for call in one.gold_calls), answer=found[one.id]["messages"][-1]["content"]
        )
        assert grade(one, rollout).reward == 1, one


def test_an_answer_that_no_message_can_give_has_no_last_message() -> None:
    assert final_message(Answer(type="list", value=["a", 1])) == 'Answer: ["a", 1]'
    assert final_message(Answer(type="string", value="")) is None


def test_score_reads_the_folder(folder: Path, tmp_path: Path) -> None:
    from firefly.replay.dataset import load_dataset_tasks

    assert load_dataset_tasks(folder) == {one.id: one for one in TASKS}
    apart = write_dataset(content(tasks={"straddling": TASKS}), tmp_path / "apart", EXPORTERS)
    assert load_dataset_tasks(apart) == {one.id: one for one in TASKS}


def test_arguments_on_disk_are_exact_objects(folder: Path) -> None:
    found = {row["id"]: row for split in ("train", "test") for row in rows(folder, f"sft/{split}.jsonl")}
    made = found[TASKS[2].id]["messages"][1]["tool_calls"][0]["function"]["arguments"]
    assert made == {"n": 0.3, "opts": {"deep": [None, True, {"x": 1}]}}


def test_an_agent_is_offered_every_allowed_tool_of_the_servers_under_unique_names(folder: Path) -> None:
    row = next(row for row in rows(folder, "sft/test.jsonl") if row["id"] == TASKS[3].id)
    names = [tool["function"]["name"] for tool in row["tools"]]
    assert names == ["files-list", "read_head", "weather-list", "temp"]
    assert row["tools"][2]["function"]["parameters"] == {"type": "object", "properties": {}}
    assert row["environment"] == next(
        task["environment"] for task in rows(folder, "tasks/test.jsonl") if task["id"] == TASKS[3].id
    )


def test_a_system_message_comes_first_when_asked_for(tmp_path: Path) -> None:
    folder = write_dataset(content(), tmp_path / "dataset", [Sft(system="Use the tools.")])
    messages = rows(folder, "sft/train.jsonl")[0]["messages"]
    assert [message["role"] for message in messages[:2]] == ["system", "user"]


def test_tools_are_listed_as_declared_with_why_some_are_left_out(folder: Path, tmp_path: Path) -> None:
    loaded = load(folder, "tools", tmp_path)["tools"]
    records = [Tool.model_validate_json(row["record"]) for row in loaded]
    assert records == sorted(TOOLS, key=lambda tool: tool.key)
    found = {(row["server"], row["name"]): row for row in loaded}
    assert found["files", "read.head"]["agent_name"] == "read_head"
    assert not found["files", "remove"]["allowed"]
    assert "files.allow" in found["files", "remove"]["refused"]
    assert found["weather", "temp"]["input_schema"] == TOOLS[0].input_schema


def test_a_rejected_candidate_keeps_every_verdict(folder: Path, tmp_path: Path) -> None:
    (row,) = load(folder, "rejected", tmp_path)["rejected"]
    assert row["id"] == REJECTED.id
    assert row["failed"] == ["leakage"]
    assert [(check["check"], check["status"]) for check in row["checks"]] == [
        ("leakage", "fail"),
        ("replay", "pass"),
        ("clock", "unknown"),
    ]


def test_tasks_between_two_splits_get_a_config_of_their_own(tmp_path: Path) -> None:
    made = content(tasks={"train": TASKS[:4], "straddling": TASKS[4:]})
    folder = write_dataset(made, tmp_path / "dataset", EXPORTERS)
    assert set(load(folder, "tasks", tmp_path / "cache")) == {"train"}
    loaded = load(folder, "tasks_straddling", tmp_path / "cache")
    assert len(loaded["straddling"]) == 2
    assert "sft_straddling" in [config["config_name"] for config in front(folder)["configs"]]


def test_gold_calls_that_do_not_replay_give_no_trajectory_and_the_card_says_so(tmp_path: Path) -> None:
    from firefly.replay.cassette import Cassette

    whole = content().cassette
    partial = Cassette(whole.tools.values(), [one for one in whole.entries if one.tool != "temp"])
    folder = write_dataset(content(cassette=partial), tmp_path / "dataset", EXPORTERS)
    assert len(rows(folder, "sft/train.jsonl")) == 2
    assert "2 tasks without a trajectory" in (folder / "README.md").read_text(encoding="utf-8")


class Extra:
    """A plugin's table."""

    def export(self, content: DatasetContent, folder: Path) -> list[Path]:
        return [write_table(folder / "verl" / "train.jsonl", [{"data_source": content.name, "n": 1}])]


def test_a_table_of_a_plugin_becomes_a_config_by_lying_in_the_folder(tmp_path: Path) -> None:
    folder = write_dataset(content(), tmp_path / "dataset", [*EXPORTERS, Extra()])
    assert load(folder, "verl", tmp_path / "cache")["train"][0] == {"data_source": "hand-made", "n": 1}


def test_rows_that_no_parser_accepts_as_they_are_still_load(tmp_path: Path) -> None:
    odd = Tool(
        server="odd", name="odd", description="lone \ud800", input_schema={"maximum": 10**400, "x": 2**65}
    )
    listing = listings()[0].model_copy(update={"tools": (odd,)})
    folder = write_dataset(
        content(listings=[listing], tasks={}, rejected=[]), tmp_path / "dataset", EXPORTERS
    )
    (row,) = load(folder, "tools", tmp_path / "cache")["tools"]
    assert json.loads(row["record"]) == odd.model_dump(mode="json")
    assert row["input_schema"]["x"] == pytest.approx(2**65)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_exact_text_is_encodable_and_decodes_to_the_same_value(value: Any) -> None:
    assert json.loads(exact_text(value).encode("utf-8")) == value
