from __future__ import annotations

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from firefly.replay.cassette import Cassette, CassetteTool, Entry
from firefly.replay.errors import CassetteError
from firefly.replay.freezing import make_cassette
from firefly.replay.records import Observation, Tool
from tests.replay.datasets import ADD, AMOUNT, ROWS, TABLE, cassette


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    cassette().save(tmp_path / "cassette")
    return tmp_path / "cassette"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_what_is_saved_is_loaded_again(folder: Path) -> None:
    saved, loaded = cassette(), Cassette.load(folder)
    assert loaded.entries == saved.entries
    assert loaded.tools == saved.tools
    assert loaded.scopes == saved.scopes


def test_equal_cassettes_give_equal_bytes_in_three_files(folder: Path, tmp_path: Path) -> None:
    Cassette.load(folder).save(tmp_path / "again")
    assert contents(folder) == contents(tmp_path / "again")
    assert list(contents(folder)) == ["entries.jsonl", "manifest.json", "tools.jsonl"]


def test_the_order_of_recordings_does_not_matter(folder: Path, tmp_path: Path) -> None:
    one = cassette()
    Cassette(
        reversed(list(one.tools.values())), reversed(one.entries), reversed(list(one.scopes.values()))
    ).save(tmp_path / "again")
    assert contents(folder) == contents(tmp_path / "again")


def test_entries_may_be_compressed(folder: Path) -> None:
    before = Cassette.load(folder)
    before.save(folder, compress=True)
    assert list(contents(folder)) == ["entries.jsonl.gz", "manifest.json", "tools.jsonl"]
    assert Cassette.load(folder).entries == before.entries
    before.save(folder)
    assert "entries.jsonl.gz" not in contents(folder)


@pytest.mark.parametrize("name", ["entries.jsonl", "tools.jsonl"])
def test_any_flipped_byte_is_found(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    for position in range(0, len(content), 97):
        content[position] ^= 1
        (folder / name).write_bytes(content)
        with pytest.raises(CassetteError, match=f"{name} is damaged.*SHA-256"):
            Cassette.load(folder)
        content[position] ^= 1


def test_a_broken_line_is_named(folder: Path) -> None:
    lines = (folder / "entries.jsonl").read_bytes().splitlines(keepends=True)
    lines[1] = lines[1][:20] + b"\n"
    (folder / "entries.jsonl").write_bytes(b"".join(lines))
    with pytest.raises(CassetteError, match="line 2"):
        Cassette.load(folder)


def sealed(folder: Path, name: str, content: bytes) -> None:
    """Write a file with a manifest that fits it, as another writer might."""
    import hashlib

    (folder / name).write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "lines": content.count(b"\n")}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_two_answers_under_one_key_are_never_loaded(folder: Path) -> None:
    lines = (folder / "entries.jsonl").read_bytes().splitlines(keepends=True)
    row = json.loads(lines[0])
    row["observation"]["text"] = "another answer"
    sealed(folder, "entries.jsonl", b"".join(lines) + json.dumps(row).encode() + b"\n")
    with pytest.raises(CassetteError, match="share one key"):
        Cassette.load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: row.pop("state"), "line 1: state"),
        (
            lambda row: row.update(extra=1),
            "line 1: extra.*another version of Firefly.*make",
        ),
        (lambda row: row.update(server="other"), "other/"),
        (lambda row: row.update(schema_digest="0" * 32), "another input schema"),
        (lambda row: row["observation"].update(outcome="fine"), "line 1: observation.outcome"),
    ],
)
def test_a_sealed_but_wrong_line_is_one_clear_error(folder: Path, change: Any, message: str) -> None:
    lines = (folder / "entries.jsonl").read_bytes().splitlines(keepends=True)
    row = json.loads(lines[0])
    change(row)
    sealed(folder, "entries.jsonl", b"".join([json.dumps(row).encode() + b"\n", *lines[1:]]))
    with pytest.raises(CassetteError, match=message):
        Cassette.load(folder)


def rewritten(folder: Path, **changes: Any) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest.update(changes)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_newer_format_says_so_and_what_to_do(folder: Path) -> None:
    rewritten(folder, format_version=2, something_new=True)
    with pytest.raises(CassetteError, match=r"format version 2; this version reads up to 1.*pip install -U"):
        Cassette.load(folder)


def test_faults_of_the_manifest_are_told(folder: Path, tmp_path: Path) -> None:
    for changes, message in (
        ({"format": "zip"}, "not the manifest of a cassette"),
        ({"format_version": "1"}, "format_version is '1'"),
        ({"files": {}}, "files"),
        ({"files": {"../../etc/passwd": {"sha256": "", "lines": 0}}}, "files"),
    ):
        cassette().save(folder)
        rewritten(folder, **changes)
        with pytest.raises(CassetteError, match=message):
            Cassette.load(folder)
    (folder / "manifest.json").write_text("{")
    with pytest.raises(CassetteError, match="can't be read"):
        Cassette.load(folder)
    (folder / "manifest.json").unlink()
    with pytest.raises(CassetteError, match=r"it has no manifest\.json"):
        Cassette.load(folder)
    with pytest.raises(CassetteError, match="no such folder"):
        Cassette.load(tmp_path / "nowhere")


def test_a_missing_or_cut_file_is_told(folder: Path) -> None:
    content = (folder / "entries.jsonl").read_bytes()
    sealed(folder, "entries.jsonl", content)
    (folder / "entries.jsonl").unlink()
    with pytest.raises(CassetteError, match=r"entries\.jsonl is missing"):
        Cassette.load(folder)
    cassette().save(folder, compress=True)
    packed = (folder / "entries.jsonl.gz").read_bytes()
    sealed(folder, "entries.jsonl.gz", packed[: len(packed) // 2])
    with pytest.raises(CassetteError, match="can't be unpacked"):
        Cassette.load(folder)
    sealed(folder, "entries.jsonl.gz", gzip.compress(b""))
    rewritten_lines = json.loads((folder / "manifest.json").read_text())
    rewritten_lines["files"]["entries.jsonl.gz"]["lines"] = 4
    (folder / "manifest.json").write_text(json.dumps(rewritten_lines))
    with pytest.raises(CassetteError, match="has 0 lines, the manifest says 4"):
        Cassette.load(folder)


def test_a_full_disk_leaves_the_old_cassette_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(folder)

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(CassetteError, match="No space left"):
        Cassette([CassetteTool(tool=tool) for tool in TABLE.tool_set.tools]).save(folder)
    assert contents(folder) == before


def test_text_with_any_line_break_or_surrogate_survives(tmp_path: Path) -> None:
    tool = Tool(server="s", name="t")
    odd = "a\r\nb\u2028c\x85d\x1ce"
    entry = Entry(
        server="s", tool="t", schema_digest=tool.schema_digest, arguments={"k": odd}, scope="workspace",
        state="1", mark="", observation=Observation(text=odd),
    )  # fmt: skip
    Cassette([CassetteTool(tool=tool)], [entry]).save(tmp_path)
    assert Cassette.load(tmp_path).entries == (entry,)


def both_cassettes() -> tuple[Cassette, Cassette]:
    recordings = [TABLE.recording(calls) for calls in ([ROWS, AMOUNT], [ADD, ROWS], [AMOUNT, ADD, AMOUNT])]
    return (
        make_cassette(TABLE.tool_set.tools, recordings[:1], reads=TABLE.reads),
        make_cassette(TABLE.tool_set.tools, recordings, reads=TABLE.reads),
    )


def test_of_two_writers_of_one_folder_the_last_ones_cassette_stands_whole(tmp_path: Path) -> None:
    both = both_cassettes()
    wanted = [one.entries for one in both]
    with ThreadPoolExecutor(2) as pool:
        writing = [pool.submit(lambda one=one: [one.save(tmp_path) for _ in range(12)]) for one in both]  # type: ignore[misc]
        while not all(one.done() for one in writing):
            # between two files of one writer a reader may meet a mixture, which it refuses
            with suppress(CassetteError):
                assert Cassette.load(tmp_path).entries in wanted
    assert [one.exception() for one in writing] == [None, None]
    assert Cassette.load(tmp_path).entries in wanted
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "entries.jsonl",
        "manifest.json",
        "tools.jsonl",
    ]
