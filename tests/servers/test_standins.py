"""Names that servers make up at random are shown under names that follow from the calls."""

from __future__ import annotations

import zipfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as some

from firefly.replay.records import ToolCall
from firefly.servers.standins import StandIns, stored_identifiers

LOAD = ToolCall(server="s", tool="load", arguments={"path": "a.csv"})
uuids = some.uuids(version=4).map(str)


def shown(names: StandIns, call: ToolCall, text: str) -> str:
    names.begin(call)
    return names.visible(text)


@given(uuids, uuids)
def test_two_runs_show_the_same_name_for_what_the_same_call_made(one: str, other: str) -> None:
    first, second = StandIns(), StandIns()
    assert shown(first, LOAD, f'{{"session": "{one}"}}') == shown(second, LOAD, f'{{"session": "{other}"}}')


@given(uuids, uuids)
def test_a_stand_in_means_the_real_name_and_keeps_its_form(one: str, other: str) -> None:
    names = StandIns()
    visible = shown(names, LOAD, one)
    assert (visible != one or one == other) and names.real({"id": [visible]}) == {"id": [one]}
    again = shown(names, LOAD, other)
    assert (again == visible) == (one == other)
    assert shown(names, ToolCall(server="s", tool="list"), f"{one} {other}") == f"{visible} {again}"


def test_identifiers_of_the_files_and_of_the_caller_stay(tmp_path: Path) -> None:
    plain, packed, given_one = (f"0b5f6d0a-1c1e-4e5a-9f7e-00000000000{number}" for number in range(3))
    (tmp_path / "a.txt").write_text(f"id {plain}")
    with zipfile.ZipFile(tmp_path / "b.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("sheet.xml", f"<id>{packed}</id>")
    names = StandIns(stored_identifiers(tmp_path))
    call = ToolCall(server="s", tool="find", arguments={"id": given_one})
    assert shown(names, call, f"{plain} {packed} {given_one}") == f"{plain} {packed} {given_one}"


def test_temporary_folders_are_named_after_the_call_too() -> None:
    first, second = StandIns(), StandIns()
    visible = shown(first, LOAD, "saved in /tmp/text_5pmt0o6v/a.txt")
    assert visible == shown(second, LOAD, "saved in /tmp/text_zz_81abc/a.txt")
    assert visible.startswith("saved in /tmp/text_") and visible.endswith("/a.txt")
    assert first.real(visible) == "saved in /tmp/text_5pmt0o6v/a.txt"
