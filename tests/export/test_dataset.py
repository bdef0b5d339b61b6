"""The folder appears whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from pathlib import Path

import pytest

from firefly.errors import RunError, StoreError
from firefly.export import write_dataset
from firefly.export.card import Card
from firefly.export.cassette import CassetteFolder
from firefly.export.manifest import Manifest
from firefly.export.recordings import Recordings
from firefly.export.rejected import Rejected
from firefly.export.sft import Sft
from firefly.export.tasks import Tasks
from firefly.export.tools import Tools
from firefly.protocols import DatasetContent
from firefly.replay.cassette import Cassette
from tests.export.content import TASKS, content

ALL = (Manifest(), Card(), Tasks(), Sft(), Tools(), CassetteFolder(), Recordings(), Rejected())


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_folder_holds_what_the_layout_says_and_splits_without_rows_are_left_out(tmp_path: Path) -> None:
    folder = write_dataset(content(), tmp_path / "deep" / "dataset", ALL)
    assert sorted(bytes_of(folder)) == [
        "README.md",
        "cassette/entries.jsonl",
        "cassette/manifest.json",
        "cassette/tools.jsonl",
        "manifest.json",
        "recordings/claims.json",
        "recordings/episodes.jsonl.gz",
        "rejected.jsonl",
        "sft/test.jsonl",
        "sft/train.jsonl",
        "tasks/test.jsonl",
        "tasks/train.jsonl",
        "tools/tools.jsonl",
    ]
    assert Cassette.load(folder / "cassette").entries == content().cassette.entries
    assert [path.name for path in folder.parent.iterdir()] == ["dataset"]


def test_equal_contents_give_equal_bytes_wherever_they_are_written(tmp_path: Path) -> None:
    one = write_dataset(content(), tmp_path / "one", ALL)
    reordered = content(
        listings=content().listings[::-1], tasks={"test": TASKS[:2:-1], "train": TASKS[2::-1]}
    )
    other = write_dataset(reordered, tmp_path / "b" / "other", ALL[::-1])
    assert bytes_of(one) == bytes_of(other)
    assert str(tmp_path).encode() not in b"".join(bytes_of(one).values())


def test_the_manifest_seals_every_other_file(tmp_path: Path) -> None:
    folder = write_dataset(content(), tmp_path / "dataset", ALL)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    files = {name: data for name, data in bytes_of(folder).items() if name != "manifest.json"}
    assert {name: (entry["sha256"], entry["size"]) for name, entry in manifest["files"].items()} == {
        name: (hashlib.sha256(data).hexdigest(), len(data)) for name, data in files.items()
    }
    assert manifest["files"]["tasks/train.jsonl"]["rows"] == 3
    assert (manifest["format"], manifest["version"]) == ("firefly-dataset", 1)
    assert manifest["run"]["seed"] == 0
    assert manifest["counts"]["tasks_per_split"] == {"train": 3, "test": 3}
    assert manifest["counts"]["rejected"] == 1


class Breaks:
    """Writes something, then fails as told."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def export(self, content: DatasetContent, folder: Path) -> list[Path]:
        (folder / "half.jsonl").write_text("{", encoding="utf-8")
        raise self.error


@pytest.mark.parametrize(
    ("error", "shown", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), StoreError, "is full.*run the same command again"),
        (
            PermissionError(errno.EACCES, "Permission denied"),
            StoreError,
            "Permission denied.*dataset.path=FOLDER",
        ),
        (KeyboardInterrupt("stopped"), KeyboardInterrupt, "stopped"),
        (ZeroDivisionError("a fault of the exporter"), ZeroDivisionError, "fault"),
    ],
)
def test_an_export_that_breaks_leaves_the_earlier_data_set_and_nothing_else(
    tmp_path: Path, error: BaseException, shown: type[BaseException], message: str
) -> None:
    folder = write_dataset(content(), tmp_path / "dataset", ALL)
    before = bytes_of(folder)
    with pytest.raises(shown, match=message):
        write_dataset(content(tasks={"train": TASKS}), folder, [Tasks(), Breaks(error), Manifest()])
    assert bytes_of(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["dataset"]


def test_a_disk_that_fills_up_while_the_cassette_is_written_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_dataset(content(), tmp_path / "dataset", ALL)
    before = bytes_of(folder)

    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"No space left.*run the same command again"):
        write_dataset(content(), folder, ALL)
    assert bytes_of(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["dataset"]


def test_an_earlier_data_set_is_replaced_as_a_whole(tmp_path: Path) -> None:
    write_dataset(content(), tmp_path / "dataset", ALL)
    folder = write_dataset(content(tasks={"train": TASKS}, rejected=[]), tmp_path / "dataset", ALL)
    assert not (folder / "tasks" / "test.jsonl").exists()
    assert not (folder / "rejected.jsonl").exists()


@pytest.mark.parametrize("leftover", [".dataset.previous", ".dataset.partial"])
def test_leftovers_of_a_killed_export_are_put_right(tmp_path: Path, leftover: str) -> None:
    complete = bytes_of(write_dataset(content(), tmp_path / "dataset", ALL))
    (tmp_path / "dataset").rename(tmp_path / leftover)
    with pytest.raises(StoreError):
        write_dataset(content(), tmp_path / "dataset", [Breaks(OSError(errno.ENOSPC, "full"))])
    survives = leftover.endswith("previous")
    assert [path.name for path in tmp_path.iterdir()] == (["dataset"] if survives else [])
    assert bytes_of(tmp_path / "dataset") == (complete if survives else {})
    assert bytes_of(write_dataset(content(), tmp_path / "dataset", ALL)) == complete


def test_a_folder_of_something_else_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("x", encoding="utf-8")
    with pytest.raises(RunError, match=r"thesis is not empty and has no manifest.json"):
        write_dataset(content(), tmp_path / "thesis", ALL)
    with pytest.raises(RunError, match="is a file"):
        write_dataset(content(), tmp_path / "thesis" / "chapter.tex", ALL)
    assert bytes_of(tmp_path / "thesis") == {"chapter.tex": b"x"}


def test_a_task_may_be_in_one_split_only(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=f"{TASKS[0].id} is in the splits 'train' and 'test'"):
        write_dataset(content(tasks={"train": TASKS, "test": TASKS[:1]}), tmp_path / "dataset", ALL)
    assert not list(tmp_path.iterdir())


class Elsewhere:
    """Claims a file that is not in the folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def export(self, content: DatasetContent, folder: Path) -> list[Path]:
        return [folder / self.path]


@pytest.mark.parametrize(("path", "message"), [("../outside.txt", "outside"), ("absent.txt", "no such file")])
def test_an_exporter_may_only_claim_files_that_it_wrote_below_its_folder(
    tmp_path: Path, path: str, message: str
) -> None:
    with pytest.raises(RunError, match=f"Elsewhere.*{message}"):
        write_dataset(content(), tmp_path / "dataset", [Elsewhere(Path(path))])
