"""The rules of the repository that a tool can check."""

from __future__ import annotations

import doctest
import importlib
import socket
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def test_a_test_reaches_loopback_and_nothing_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
    with pytest.raises(RuntimeError, match="mark the test"):
        socket.create_connection(("192.0.2.1", 80))
    with pytest.raises(RuntimeError, match="example"):
        socket.getaddrinfo("example.org", 80)


def test_no_source_file_is_too_long_to_read_at_once() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked("firefly/*.py", "plugins/*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 500
    }
    assert not long


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"utils.py", "common.py", "helpers.py", "misc.py"}
    assert not [path for path in tracked("firefly/*.py") if path.name in drawers]


def with_examples() -> list[str]:
    paths = [path for path in tracked("firefly/*.py") if ">>> " in path.read_text(encoding="utf-8")]
    return [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths]


@pytest.mark.parametrize("module", with_examples())
def test_the_examples_in_docstrings_are_true(module: str) -> None:
    assert doctest.testmod(importlib.import_module(module)).failed == 0


def test_every_option_of_a_group_says_what_it_is_for() -> None:
    options = tracked("conf/*/*.yaml")
    assert options
    for path in options:
        comments = [
            line for line in path.read_text(encoding="utf-8").splitlines()[:3] if line.startswith("#")
        ]
        assert [line for line in comments if not line.startswith("# @package")], path


def test_options_of_groups_that_hold_several_have_a_package_of_their_own() -> None:
    for group in ("checks", "values", "exporters", "faults"):
        for path in tracked(f"conf/{group}/*.yaml"):
            first = path.read_text(encoding="utf-8").splitlines()[0]
            assert first == f"# @package {group}.{path.stem}", path
