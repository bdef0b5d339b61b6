"""Where DSPy keeps what it insists on keeping."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from firefly.lm.wire import private_folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def is_private(path: Path) -> bool:
    found = path.lstat()
    return (
        stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o700 and found.st_uid == os.getuid()
    )


def test_the_folder_is_the_users_own_whatever_the_umask_and_whatever_it_was(home: Path) -> None:
    before = os.umask(0)
    try:
        folder = private_folder()
    finally:
        os.umask(before)
    assert folder == home / "firefly" / "dspy" and is_private(folder)
    folder.chmod(0o777)
    assert private_folder() == folder and is_private(folder)


def test_a_link_to_somewhere_else_is_not_followed(home: Path) -> None:
    (home / "firefly").mkdir()
    (home / "elsewhere").mkdir()
    (home / "firefly" / "dspy").symlink_to(home / "elsewhere")
    folder = private_folder()
    assert not folder.is_relative_to(home) and is_private(folder)


def test_where_the_cache_can_not_be_written_the_process_has_one_of_its_own(home: Path) -> None:
    (home / "firefly").write_text("a file in its way")
    folder = private_folder()
    assert not folder.is_relative_to(home) and is_private(folder)
