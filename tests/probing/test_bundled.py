"""Probing real processes: the servers that come with Firefly."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from firefly.catalog import list_server
from firefly.contents import is_empty
from firefly.probing import probe_server
from firefly.records import ProbeReport, ToolProfile
from firefly.servers.live import LiveBackend
from firefly.servers.spec import parse_specs
from firefly.worlds.workshop import Workshop
from tests.value_sources import SOURCES

STATES = {
    "catalogue": {},
    "desk": {"scope": "own", "fingerprint": "none"},
    "almanac": {"scope": "none"},
}
PLACES = {"catalogue": ["/workspace/catalogue"], "desk": ["/workspace/desk.json"], "almanac": []}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveBackend]:
    world = tmp_path_factory.mktemp("workshop")
    Workshop(seed=0).build(world)
    specs = parse_specs(
        {
            name: {
                "command": sys.executable,
                "args": ["-m", f"firefly.bundled.{name}", *PLACES[name]],
                "disposable": True,
                "state": state,
            }
            for name, state in STATES.items()
        }
    )
    with LiveBackend(specs, fixture=world, cache_dir=Path(tmp_path_factory.mktemp("cache"))) as backend:
        yield backend


def probed(live: LiveBackend, name: str) -> tuple[ProbeReport, dict[str, ToolProfile]]:
    report = probe_server(
        list_server(name, live), backend=live, values=SOURCES, rng=Random(name), seed=0, budget=60
    )
    steps = [step for recording in report.recordings for step in recording.steps]
    good = [step for step in steps if step.observation.outcome == "success"]
    assert len(good) >= 0.75 * len(steps)
    return report, {profile.tool: profile for profile in report.profiles}


def test_a_server_with_files_shows_its_write_and_its_reads(live: LiveBackend) -> None:
    report, found = probed(live, "catalogue")
    assert found["add_remark"].effect == "write"
    reads = {"get_item", "list_branches", "list_items", "list_remarks", "search_items"}
    assert reads == {name for name, profile in found.items() if profile.usable}
    full = {
        step.call.tool
        for recording in report.recordings
        for step in recording.steps
        if step.observation.outcome == "success" and not is_empty(step.observation)
    }
    assert reads <= full


def test_a_server_with_state_in_memory_only_has_no_write_called_a_read(live: LiveBackend) -> None:
    _, found = probed(live, "desk")
    assert not {"check_out", "place_hold", "return_item"} & {
        name for name, profile in found.items() if profile.effect == "read"
    }
    assert found["place_hold"].effect == "write"
    assert {"get_loan", "get_member", "list_loans", "list_members"} <= {
        name for name, profile in found.items() if profile.usable
    }


def test_clocks_and_dice_are_volatile_and_sums_are_pure(live: LiveBackend) -> None:
    _, found = probed(live, "almanac")
    assert found["now"].determinism == found["draw_ticket"].determinism == "volatile"
    assert found["draw_ticket"].effect != "read"
    assert found["add_days"].state_independent and found["days_between"].pure
