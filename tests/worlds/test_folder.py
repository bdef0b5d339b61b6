"""Worlds of the user's own: a copied folder, and none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from firefly.errors import ConfigError
from firefly.worlds.folder import Empty, Folder


def test_a_folder_is_copied_with_its_links_and_nothing_else(tmp_path: Path) -> None:
    source = tmp_path / "mine"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "a.txt").write_text("hello")
    (source / "link").symlink_to("deep/a.txt")
    target = tmp_path / "copy"
    target.mkdir()
    Folder(path=str(source)).build(target)
    assert (target / "deep" / "a.txt").read_text() == "hello"
    assert (target / "link").readlink() == Path("deep/a.txt")
    assert sorted(path.name for path in target.iterdir()) == ["deep", "link"]


def test_a_missing_folder_is_named_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing is there.*world\.path=FOLDER"):
        Folder(path=str(tmp_path / "gone")).build(tmp_path)


def test_a_file_is_not_taken_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="a file is there"):
        Folder(path=str(tmp_path / "file")).build(tmp_path)


def test_a_folder_that_holds_the_sandboxes_is_refused(tmp_path: Path) -> None:
    inside = tmp_path / "cache"
    inside.mkdir()
    with pytest.raises(ConfigError, match="copied into itself"):
        Folder(path=str(tmp_path)).build(inside)


def test_a_pipe_in_the_folder_is_refused_rather_than_read_for_ever(tmp_path: Path) -> None:
    source = tmp_path / "mine"
    source.mkdir()
    os.mkfifo(source / "pipe")
    target = tmp_path / "copy"
    target.mkdir()
    with pytest.raises(ConfigError, match="neither a file nor a folder nor a link"):
        Folder(path=str(source)).build(target)


def test_an_empty_world_stays_empty(tmp_path: Path) -> None:
    Empty().build(tmp_path)
    assert list(tmp_path.iterdir()) == []
