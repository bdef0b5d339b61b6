"""The index of a cassette answers as the cassette in memory does, whatever happens to the files."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import pickle
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firefly.replay.cassette import Cassette, CassetteTool, Entry, Scope, Start, ToolRule
from firefly.replay.errors import CassetteError
from firefly.replay.freezing import make_cassette
from firefly.replay.index import open_cassette
from firefly.replay.records import Observation, Tool, ToolCall, canonical_json
from firefly.replay.simulator import StrictSimulator
from tests.replay.datasets import ADD, AMOUNT, ROWS, TABLE, cassette
from tests.replay.toys import call

MADE = [ROWS, AMOUNT, ADD]
ASKED = [*MADE, call("table", "amount", name="zoe"), call("table", "amount"), call("other", "x")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    cassette().save(tmp_path / "cassette")
    return tmp_path / "cassette"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def opened(folder: Path, cache: Path) -> Cassette:
    return open_cassette(folder, index="sqlite", cache=cache)


def the_index(cache: Path) -> Path:
    (found,) = cache.glob("*.sqlite")
    return found


def said(found: Cassette, calls: list[ToolCall]) -> list[Any]:
    simulator = StrictSimulator(found)
    with simulator.episode(simulator.tool_set(["table"])) as episode:
        for one in calls:
            episode.call(one)
        return [step.to_json() for step in episode.steps]


TRUTH = said(cassette(), [ROWS, ADD, ROWS])


@settings(max_examples=25)
@given(
    st.lists(st.lists(st.sampled_from(MADE), max_size=5), max_size=6),
    st.lists(st.lists(st.sampled_from(ASKED), max_size=5), max_size=4),
    st.booleans(),
)
def test_whatever_is_recorded_and_asked_memory_and_index_say_the_same(
    recorded: list[list[ToolCall]], asked: list[list[ToolCall]], compress: bool
) -> None:
    made = make_cassette(TABLE.tool_set.tools, [TABLE.recording(one) for one in recorded], reads=TABLE.reads)
    with tempfile.TemporaryDirectory() as name:
        made.save(Path(name, "cassette"), compress=compress)
        found = opened(Path(name, "cassette"), Path(name))
        assert found.entries == made.entries
        assert dict(found.tools) == made.tools
        assert (found.scopes, found.versions) == (made.scopes, made.versions)
        for calls in asked:
            assert said(found, calls) == said(made, calls)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
OBSERVATIONS = st.builds(
    Observation,
    outcome=st.sampled_from(["success", "failure"]),
    text=TEXTS,
    structured=VALUES,
    is_error=st.booleans(),
    error_code=st.none() | st.integers(-40000, 0),
)


@settings(max_examples=40)
@given(
    st.dictionaries(st.dictionaries(TEXTS, VALUES, max_size=3).map(canonical_json), OBSERVATIONS, max_size=6)
)
def test_any_arguments_and_answers_pass_through_the_index_unchanged(answers: dict[str, Observation]) -> None:
    tool = Tool(server="s", name="t")
    made = Cassette(
        [CassetteTool(tool=tool, rule=ToolRule(scope="w"))],
        [
            Entry(
                server="s", tool="t", schema_digest=tool.schema_digest, arguments=json.loads(text),
                scope="w", state="1", mark="m", observation=one,
            )
            for text, one in answers.items()
        ],
        [Scope(name="w", servers=("s",), starts=(Start(world="x", root="r", mark="m"),))],
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        made.save(Path(name, "cassette"))
        found = opened(Path(name, "cassette"), Path(name))
        assert [one.to_json() for one in found.entries] == [one.to_json() for one in made.entries]
        for text in answers:
            one, other = (each.answers(("s", "t")).get((text, "1")) for each in (found, made))
            assert one is not None
            assert other is not None
            assert (one[0].to_json(), one[1]) == (other[0].to_json(), other[1])
            assert found.answers(("s", "t")).get((text, "2")) is None


def test_small_cassettes_are_read_into_memory_and_leave_no_index(folder: Path, cache: Path) -> None:
    assert said(open_cassette(folder, cache=cache), [ROWS, ADD, ROWS]) == TRUTH
    assert not cache.exists()


OPEN = """
import sys
from pathlib import Path
from firefly.replay.index import open_cassette
from firefly.replay.simulator import StrictSimulator
from firefly.replay.records import ToolCall
simulator = StrictSimulator(open_cassette(Path(sys.argv[1]), index="sqlite", cache=Path(sys.argv[2])))
with simulator.episode(simulator.tool_set(["table"])) as episode:
    print(episode.call(ToolCall(server="table", tool="rows")).text)
"""


def test_processes_that_make_the_index_at_one_time_all_get_it(folder: Path, cache: Path) -> None:
    command = [sys.executable, "-c", OPEN, str(folder), str(cache)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    found = {one.communicate()[0].strip() for one in running}
    assert found == {TABLE.run([ROWS])[0].observation.text}
    assert sorted(path.suffix for path in cache.iterdir()) == [".lock", ".sqlite"]


def test_threads_forks_and_pickles_share_an_index(folder: Path, cache: Path) -> None:
    found = opened(folder, cache)
    simulator = StrictSimulator(found)
    assert said(found, [ROWS, ADD, ROWS]) == TRUTH
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda _: said(found, [ROWS, ADD, ROWS]) == TRUTH, range(40)))
    assert said(pickle.loads(pickle.dumps(simulator)).cassette, [ROWS, ADD, ROWS]) == TRUTH
    process = multiprocessing.get_context("fork").Process(target=_child, args=(found,))
    process.start()
    process.join(30)
    assert process.exitcode == 0
    assert said(found, [ROWS, ADD, ROWS]) == TRUTH


def _child(found: Cassette) -> None:
    assert said(found, [ROWS, ADD, ROWS]) == TRUTH


def test_a_changed_cassette_is_never_answered_from_its_older_index(folder: Path, cache: Path) -> None:
    assert said(opened(folder, cache), [ROWS])
    old = the_index(cache)
    changed = make_cassette(TABLE.tool_set.tools, [TABLE.recording([ADD, ROWS])], reads=TABLE.reads)
    changed.save(folder)
    assert said(opened(folder, cache), [ROWS]) == said(changed, [ROWS])
    (new,) = set(cache.glob("*.sqlite")) - {old}
    new.write_bytes(old.read_bytes())  # an older index under the new one's name
    assert said(opened(folder, cache), [ROWS]) == said(changed, [ROWS])


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0", b"no database at all" * 400])
def test_an_index_that_is_none_is_made_anew(folder: Path, cache: Path, content: bytes) -> None:
    opened(folder, cache)
    the_index(cache).write_bytes(content)
    assert said(opened(folder, cache), [ROWS, ADD, ROWS]) == TRUTH


def test_a_cut_or_damaged_index_is_made_anew_or_told_but_never_answers_wrongly(
    folder: Path, cache: Path
) -> None:
    opened(folder, cache)
    path = the_index(cache)
    whole = path.read_bytes()
    for length in range(0, len(whole), len(whole) // 12):
        path.write_bytes(whole[:length])
        assert said(opened(folder, cache), [ROWS, ADD, ROWS]) == TRUTH
    told = 0
    for position in range(0, len(whole), 211):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x55]) + whole[position + 1 :])
        try:
            steps = said(opened(folder, cache), [ROWS, ADD, ROWS])
        except CassetteError as error:
            assert "Delete it" in str(error)
            told += 1
        else:
            assert steps == TRUTH or '"outcome":"miss"' in "".join(steps)
    assert told


def test_a_cut_missing_or_changed_file_is_told_though_there_is_an_index(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(folder, cache)
    entries = folder / "entries.jsonl"
    whole = entries.read_bytes()
    entries.write_bytes(whole[:-10])
    with pytest.raises(CassetteError, match=r"entries\.jsonl is damaged: its SHA-256"):
        opened(folder, cache)
    entries.write_bytes(whole.replace(b"added", b"addad"))
    with pytest.raises(CassetteError, match=r"entries\.jsonl is damaged: its SHA-256"):
        opened(folder, cache)
    entries.unlink()
    with pytest.raises(CassetteError, match=r"entries\.jsonl is missing"):
        opened(folder, cache)
    entries.write_bytes(whole)
    assert said(opened(folder, cache), [ROWS, ADD, ROWS]) == TRUTH
    time.sleep(0.02)
    opened(folder, cache)
    monkeypatch.setattr("firefly.replay.index.sha256_of", None)  # read again once, not at every opening
    assert said(opened(folder, cache), [ROWS, ADD, ROWS]) == TRUTH


def test_a_damaged_cassette_makes_no_index(folder: Path, cache: Path) -> None:
    entries = folder / "entries.jsonl"
    whole = entries.read_bytes()
    for damaged in (
        whole[:-10],
        whole[: whole.index(b"\n") + 1],
        whole.replace(b"added", b"addad"),
        whole + whole,
    ):
        entries.write_bytes(damaged)
        with pytest.raises(CassetteError, match="damaged"):
            opened(folder, cache)
    assert [path.suffix for path in cache.iterdir()] == [".lock"]


def test_a_packed_cassette_that_is_cut_makes_no_index(folder: Path, cache: Path) -> None:
    Cassette.load(folder).save(folder, compress=True)
    packed = folder / "entries.jsonl.gz"
    packed.write_bytes(gzip.compress(b"{}\n"))
    with pytest.raises(CassetteError, match=r"entries\.jsonl\.gz is damaged"):
        opened(folder, cache)


def test_two_answers_under_one_key_make_no_index(folder: Path, cache: Path) -> None:
    from tests.replay.test_cassette import sealed

    lines = (folder / "entries.jsonl").read_bytes().splitlines(keepends=True)
    sealed(folder, "entries.jsonl", b"".join([*lines, lines[0]]))
    with pytest.raises(CassetteError, match="share one key"):
        opened(folder, cache)


def test_what_a_killed_process_left_is_cleared_away(folder: Path, cache: Path) -> None:
    opened(folder, cache)
    path = the_index(cache)
    left = path.with_name(f".{path.name}.1.1.tmp")
    left.write_bytes(b"half")
    path.unlink()
    assert said(opened(folder, cache), [ROWS, ADD, ROWS]) == TRUTH
    assert not left.exists()


def test_a_cache_that_cannot_be_written_says_what_to_do(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.write_text("a file")
    with pytest.raises(CassetteError, match=r'can\'t be written.*index="memory"'):
        opened(folder, cache)
    cache.unlink()

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CassetteError, match="No space left"):
        opened(folder, cache)
    assert [path.suffix for path in cache.iterdir()] == [".lock"]


@pytest.mark.parametrize("index", ["memory", "sqlite"])
def test_ten_megabytes_of_arguments_and_unknown_ones_are_misses(
    folder: Path, cache: Path, index: Any
) -> None:
    simulator = StrictSimulator(open_cassette(folder, index=index, cache=cache))
    for arguments in (
        {"name": "x" * 10_000_000},
        {"name": ["y"] * 500_000},
        {"nome": "ann"},
        {"name": {"a": {}}},
    ):
        with simulator.episode(simulator.tool_set(["table"])) as episode:
            found = episode.call(ToolCall(server="table", tool="amount", arguments=arguments))
            assert (found.outcome, found.reason) == ("miss", "never recorded with these arguments")
            assert len(found.to_json()) < 5_000
            assert episode.call(ROWS).outcome == "miss"
