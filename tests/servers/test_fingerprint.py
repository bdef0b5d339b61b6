from __future__ import annotations

import os
import sqlite3
import subprocess
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from firefly.servers.fingerprint import FileTree


def mark(folder: Path) -> str:
    """Return the digest as somebody sees it who looks for the first time."""
    return FileTree().digest(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "new").write_text(""),
        lambda folder: (folder / "new").mkdir(),
        lambda folder: (folder / "a").unlink(),
        lambda folder: (folder / "a").write_text("2"),
        lambda folder: (folder / "a").rename(folder / "c"),
        lambda folder: (folder / "a").chmod(0o755),
        lambda folder: (folder / "l").symlink_to("a"),
    ],
)
def test_what_a_tool_could_see_changes_the_fingerprint(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    (tmp_path / "a").write_text("1")
    tree = FileTree()
    before = tree.digest(tmp_path)
    assert tree.digest(tmp_path) == before == mark(tmp_path)
    change(tmp_path)
    assert tree.digest(tmp_path) == mark(tmp_path) != before


def test_times_and_places_do_not_change_it(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "d").mkdir(parents=True)
        (tmp_path / name / "d" / "f").write_text("x")
    os.utime(tmp_path / "two" / "d" / "f", (1, 1))
    assert mark(tmp_path / "one") == mark(tmp_path / "two")


def test_where_a_sandbox_lies_is_no_state_even_if_files_name_it(tmp_path: Path) -> None:
    marks = set()
    for name in ("one", "two"):
        folder = tmp_path / name / "workspace"
        folder.mkdir(parents=True)
        (folder / "state.json").write_text(f'{{"last": "{folder}/a.csv", "home": "{tmp_path / name}/home"}}')
        (folder / "link").symlink_to(folder / "state.json")
        office(folder / "f.xlsx", text=f"{folder}/x")
        connection = sqlite3.connect(folder / "d.db")
        connection.execute("create table t(path)")
        connection.execute("insert into t values (?)", (f"{folder}/b",))
        connection.commit()
        connection.close()
        marks.add(mark(folder))
    assert len(marks) == 1


def test_a_change_that_keeps_size_and_time_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("aa")
    info = path.stat()
    tree = FileTree()
    before = tree.digest(tmp_path)
    path.write_text("bb")
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
    assert tree.digest(tmp_path) != before


def test_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("x")
    os.utime(path, (1, 1))
    tree = FileTree()
    time.sleep(0.06)  # only files at rest are remembered
    tree.digest(tmp_path)
    assert len(tree._known) == 1


def test_ignored_patterns_are_no_state(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    tree = FileTree(ignore=["*.log", "cache/*"])
    before = tree.digest(tmp_path)
    (tmp_path / "x.log").write_text("1")
    assert tree.digest(tmp_path) == before


def database(path: Path, *, wal: bool = False, twice: bool = False) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    if wal:
        connection.execute("pragma journal_mode=wal")
        connection.execute("pragma wal_autocheckpoint=0")
    connection.execute("create table t(a integer primary key, b text)")
    if twice:
        connection.executemany("insert into t(b) values (?)", [("gone",)] * 500)
        connection.execute("delete from t")
        connection.execute("vacuum") if not connection.in_transaction else None
    connection.execute("insert into t values (1, 'x')")
    connection.commit()
    return connection


def test_a_database_is_its_rows(tmp_path: Path) -> None:
    for name in ("plain", "wal", "rewritten"):
        (tmp_path / name).mkdir()
    database(tmp_path / "plain" / "d.db").close()
    open_one = database(tmp_path / "wal" / "d.db", wal=True)
    database(tmp_path / "rewritten" / "d.db", twice=True).close()
    assert (tmp_path / "wal" / "d.db-wal").stat().st_size > 0
    assert mark(tmp_path / "plain") == mark(tmp_path / "rewritten") == mark(tmp_path / "wal")
    tree = FileTree()
    before = tree.digest(tmp_path / "wal")
    open_one.execute("update t set b = 'y'")
    open_one.commit()
    assert tree.digest(tmp_path / "wal") != before
    open_one.close()


def test_a_database_differs_by_types_names_and_views(tmp_path: Path) -> None:
    marks = set()
    for number, script in enumerate(
        (
            "create table t(a)",
            "create table u(a)",
            "create table t(a); insert into t values (1)",
            "create table t(a); insert into t values (1.0)",
            "create table t(a); insert into t values ('1')",
            "create table t(a); insert into t values (null)",
            "create table t(a); create view v as select a from t",
            "create table t(a primary key) without rowid; insert into t values (1)",
        )
    ):
        (tmp_path / str(number)).mkdir()
        connection = sqlite3.connect(tmp_path / str(number) / "d.db")
        connection.executescript(script)
        connection.close()
        marks.add(mark(tmp_path / str(number)))
    assert len(marks) == 8


def office(path: Path, *, text: str = "x", stamp: str = "2026-01-01", order: int = 1, level: int = 9) -> None:
    parts = [
        ("[Content_Types].xml", "<Types/>"),
        (
            "docProps/core.xml",
            f"<a><dcterms:modified xsi:type='W'>{stamp}</dcterms:modified><dc:creator>A</dc:creator></a>",
        ),
        ("xl/sheet.xml", text),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name, content in parts[::order]:
            archive.writestr(name, content)


def test_an_office_file_is_its_parts_without_the_times_of_saving(tmp_path: Path) -> None:
    office(tmp_path / "a" / "f.xlsx")
    office(tmp_path / "b" / "f.xlsx", stamp="2027-02-02", order=-1, level=1)
    office(tmp_path / "c" / "f.xlsx", text="y")
    assert mark(tmp_path / "a") == mark(tmp_path / "b") != mark(tmp_path / "c")


def git(folder: Path, *arguments: str, day: int = 1) -> None:
    when = f"2026-01-0{day}T00:00:00Z"
    known = {
        "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_AUTHOR_DATE": when,
        "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_COMMITTER_DATE": when,
        "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
    }  # fmt: skip
    subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, env={**os.environ, **known}
    )


def test_reading_a_git_repository_does_not_change_it_but_every_write_does(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "f").write_text("1")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    before = mark(tmp_path)
    index = (tmp_path / ".git" / "index").read_bytes()
    os.utime(tmp_path / "f", (2_000_000_000, 2_000_000_000))
    git(tmp_path, "status")
    assert (tmp_path / ".git" / "index").read_bytes() != index  # a read that writes
    assert mark(tmp_path) == before
    seen = [before]
    (tmp_path / "g").write_text("2")
    for arguments in (
        ["add", "g"],
        ["commit", "-qm", "second"],
        ["branch", "dev"],
        ["checkout", "-q", "dev"],
        ["rm", "-q", "f"],
    ):
        git(tmp_path, *arguments, day=2)
        seen.append(mark(tmp_path))
    assert len(set(seen)) == len(seen)


def test_a_hundred_files_take_a_few_milliseconds(tmp_path: Path) -> None:
    for number in range(100):
        path = tmp_path / f"d{number % 7}" / f"{number}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text("x" * 1000)
        os.utime(path, (1, 1))
    time.sleep(0.06)
    tree = FileTree()
    tree.digest(tmp_path)
    assert len(tree._known) == 100
