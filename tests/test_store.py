from __future__ import annotations

import errno
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firefly.errors import StoreError
from firefly.records import Failure
from firefly.replay.records import Tool
from firefly.store import Store

TEXT = st.text(max_size=40)  # includes U+2028, U+0085 and friends, which str.splitlines would split at


def failure(message: str) -> Failure:
    return Failure(stage="graph", item="a", error="ValueError", message=message)


@given(st.lists(TEXT, max_size=4))
def test_what_was_put_is_got_back(messages: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        records = [failure(message) for message in messages]
        store.put("graph", "k", "item", records)
        assert store.get("graph", "k", Failure) == records


def test_objects_come_back_with_their_keys_in_the_order_they_had(tmp_path: Path) -> None:
    parameters = {"path": {"type": "string"}, "at": {"type": "string", "enum": ["b", "a"]}}
    tool = Tool(server="s", name="t", input_schema={"type": "object", "properties": parameters})
    Store(tmp_path).put("catalog", "k", "item", [tool])
    (found,) = Store(tmp_path).get("catalog", "k", Tool) or []
    assert json.dumps(found.model_dump()) == json.dumps(tool.model_dump())


def test_an_item_that_was_never_put_is_none_and_an_empty_one_is_a_list(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.get("graph", "k", Failure) is None
    store.put("graph", "k", "item", [])
    assert store.get("graph", "k", Failure) == []


@pytest.mark.parametrize("position", [60, -3])
def test_an_item_with_a_flipped_byte_counts_as_not_there(tmp_path: Path, position: int) -> None:
    store = Store(tmp_path)
    store.put("graph", "k", "item", [failure("x" * 50)])
    path = tmp_path / "graph" / "k.jsonl"
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(bytes(content))
    assert store.get("graph", "k", Failure) is None


def test_keys_depend_on_everything_named(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.key(stage="a", seed=1) != store.key(stage="a", seed=2)
    assert store.key(stage="a", seed=1) == store.key(seed=1, stage="a")


def test_a_full_disk_is_one_clear_error_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    store.put("graph", "kept", "item", [failure("kept")])

    def full(self: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(StoreError, match=r"disk .* is full.*is kept.*run the same command again"):
            store.put("graph", "lost", "item", [failure("lost")])
    assert store.get("graph", "kept", Failure) == [failure("kept")]
    assert [path.name for path in (tmp_path / "graph").iterdir()] == ["kept.jsonl"]


def test_a_folder_is_built_once_and_appears_whole(tmp_path: Path) -> None:
    store = Store(tmp_path)
    built: list[Path] = []

    def build(folder: Path) -> None:
        built.append(folder)
        (folder / "file").write_text("content", encoding="utf-8")

    first = store.folder("world", "k", build)
    assert store.folder("world", "k", build) == first
    assert len(built) == 1
    assert (first / "file").read_text(encoding="utf-8") == "content"

    def broken(folder: Path) -> None:
        (folder / "half").write_text("", encoding="utf-8")
        raise ValueError("stopped in the middle")

    with pytest.raises(ValueError, match="middle"):
        store.folder("world", "other", broken)
    assert [path.name for path in (tmp_path / "world").iterdir()] == ["k"]
