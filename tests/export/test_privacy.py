"""What servers tell about the machine does not reach a published folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from firefly.export import write_dataset
from firefly.export.card import Card
from firefly.export.cassette import CassetteFolder
from firefly.export.manifest import Manifest
from firefly.export.rejected import Rejected
from firefly.export.tasks import Tasks
from firefly.replay.cassette import Cassette, Entry
from firefly.replay.records import Observation
from tests.export.content import LIST_DAYS, REJECTED, TASKS, cassette, content, verdict

ALL = (Manifest(), Card(), Tasks(), CassetteFolder(), Rejected())


def telling(text: str) -> Cassette:
    made = cassette()
    told = Entry(
        server="weather",
        tool="list",
        schema_digest=LIST_DAYS.schema_digest,
        arguments={"all": True},
        scope="none",
        state="",
        mark="",
        observation=Observation(text=text),
    )
    return Cassette(made.tools.values(), [*made.entries, told], made.scopes.values())


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")


def test_answers_and_rejected_candidates_that_name_the_home_folder_are_left_out(tmp_path: Path) -> None:
    named = REJECTED.model_copy(update={"question": "How large is /home/ada/notes.txt?"})
    told = content(
        cassette=telling("sys.path:\n/home/ada/.pyenv/lib"), rejected=[(named, verdict(named, "fail"))]
    )
    folder = write_dataset(told, tmp_path / "dataset", ALL)
    texts = {path.name: path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert not [name for name, text in texts.items() if "ada" in text]
    assert Cassette.load(folder / "cassette").entries == cassette().entries
    assert "1 recorded answer and 1 rejected candidate left out" in texts["README.md"]


@pytest.mark.parametrize("text", ["/home/adam/notes", "/srv/home/ada", "/home/user/notes", "ada"])
def test_other_paths_are_data(text: str, tmp_path: Path) -> None:
    folder = write_dataset(content(cassette=telling(text)), tmp_path / "dataset", ALL)
    assert len(Cassette.load(folder / "cassette").entries) == len(cassette().entries) + 1


def test_nothing_is_left_out_where_tasks_themselves_name_it(tmp_path: Path) -> None:
    named = TASKS[0].model_copy(update={"question": "How large is /home/ada/notes.txt?"})
    told = content(cassette=telling("/home/ada/notes.txt"), tasks={"train": (named, *TASKS[1:])})
    folder = write_dataset(told, tmp_path / "dataset", ALL)
    assert len(Cassette.load(folder / "cassette").entries) == len(cassette().entries) + 1
