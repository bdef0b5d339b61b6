from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firefly.servers.sandbox import Sandbox, scrubber
from firefly.servers.stderr import essence


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    made = Sandbox()
    yield made
    made.remove()
    assert not made.root.exists()


def test_only_paths_are_made_real(sandbox: Sandbox) -> None:
    real = str(sandbox.workspace)
    assert sandbox.real("/workspace") == real
    assert sandbox.real("attach '/workspace/a.db' as x") == f"attach '{real}/a.db' as x"
    assert sandbox.real("file:///workspace/a b.txt") == f"file://{real}/a b.txt"
    assert sandbox.real("--db=/workspace/x,/tmp/y") == f"--db={real}/x,{sandbox.tmp}/y"
    for same in (
        "/workspaces",
        "/srv/workspace",
        "workspace",
        "http://h/workspace",
        "/workspace-old",
        "a/tmp/b",
    ):
        assert sandbox.real(same) == same
    assert sandbox.real({"a": ["/tmp", 1, None, {"b": "/home/user/.x"}]}) == {
        "a": [str(sandbox.tmp), 1, None, {"b": f"{sandbox.home}/.x"}]
    }


def test_no_trace_of_the_real_place_is_visible(sandbox: Sandbox) -> None:
    root = sandbox.root
    text = f"{root}/workspace/a {root}/home {root}/tmp/x {root} {root.name} file://{root}/workspace"
    assert sandbox.visible(text) == "/workspace/a /home/user /tmp/x /sandbox sandbox file:///workspace"
    for head, tail in ((10, 9), (10, 8), (14, 3), (0, 5), (1, 1)):  # as messages shorten what they quote
        short = f"{str(root)[:head]}...{root.name[-tail:]}/workspace/repo'"
        assert sandbox.visible(f"{{'path': '{short}}}") == "{'path': '/workspace/repo'}"
    assert sandbox.visible(f"{str(root)[:-2]}… and so ... on") == "/sandbox… and so ... on"
    assert sandbox.visible("a...b/workspace") == "a...b/workspace"
    assert sandbox.visible("%2Ftmp%2F" + root.name + "%2Fworkspace%2Fa") == "%2Fworkspace%2Fa"


@given(
    st.lists(st.sampled_from(["/workspace", "/tmp", "/home/user", "/a", " ", "x", "'", ":", "\n", "file://"]))
)
def test_real_and_back_is_the_same(parts: list[str]) -> None:
    text = "".join(parts)
    assert ROUND_TRIP.visible(ROUND_TRIP.real(text)) == text


ROUND_TRIP = Sandbox()
ROUND_TRIP.remove()


def test_all_names_of_places_have_one_length() -> None:
    made = [Sandbox() for _ in range(3)]
    assert len({len(str(one.root)) for one in made}) == 1
    for one in made:
        one.remove()


def test_folders_that_a_server_made_unwritable_are_removed_too() -> None:
    made = Sandbox()
    (made.workspace / "d").mkdir()
    (made.workspace / "d" / "f").write_text("x")
    (made.workspace / "d").chmod(0o500)
    made.remove()
    assert not made.root.exists()


def test_fixtures_lie_over_each_other(tmp_path: Path) -> None:
    for name, text in (("world", "1"), ("own", "2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f").write_text(text)
        (tmp_path / name / name).write_text("")
    made = Sandbox()
    made.fill([tmp_path / "world", tmp_path / "own"])
    assert (made.workspace / "f").read_text() == "2"
    assert {path.name for path in made.workspace.iterdir()} == {"f", "world", "own"}
    made.remove()


def test_a_scrubber_takes_longer_secrets_first() -> None:
    assert scrubber(("abc-def", "abc"))("abc-def abc") == "*** ***"
    assert scrubber(())("x") == "x"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ""),
        ("Traceback (most recent call last):\n  File x\nImportError: no y\n", "ImportError: no y"),
        ("2026-11-20 12:00:00,123 - starting\n2026-11-20T12:00:01Z fatal: bad\n", "fatal: bad"),
        ("\x1b[31mcould not open the door\x1b[0m\nbye\n", "could not open the door"),
        ("one\ntwo\n", "two"),
        (
            "srv: error [OLD_RUNTIME]\n\nProblem: it needs version 22.\n",
            "srv: error [OLD_RUNTIME] Problem: it needs version 22.",
        ),
    ],
)
def test_the_telling_line_of_stderr_is_found(text: str, line: str) -> None:
    assert essence(text) == line
