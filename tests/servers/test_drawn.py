"""Identifiers that a live server makes up: the simulator's own work in later calls of its episode."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from firefly.records import ToolProfile
from firefly.replay.backend import Episode
from firefly.replay.records import Recording
from firefly.replay.tool_set import ToolSet
from firefly.simulation import freeze
from firefly.simulation.strict import Strict
from tests.servers.conftest import Start, ask, begin

SERVER = Path(__file__).with_name("sessions.py")


def use(episode: Episode, value: float) -> list[Any]:
    """Open two sessions, put a value into the second, look at both."""
    opened = [json.loads(ask(episode, "open").text)["session"] for _ in range(2)]  # type: ignore[arg-type]
    asked = [
        ask(episode, "put", session=opened[1], value=value),  # type: ignore[arg-type]
        *(ask(episode, "get", session=one) for one in opened),  # type: ignore[arg-type]
        ask(episode, "list"),  # type: ignore[arg-type]
    ]
    return [
        opened,
        *(json.loads(one.text) if one.outcome == "success" else one.outcome for one in asked),
    ]


def test_identifiers_that_a_server_makes_up_work_in_the_simulator(start: Start) -> None:
    backend = start(
        {
            "m": {
                "command": "python",
                "args": [str(SERVER)],
                "disposable": True,
                "allow": ["*"],
                "state": {"scope": "own"},
            }
        }
    )
    recordings = []
    for number, value in enumerate([1, 1, 1, 1, 1, 2]):
        with begin(backend, fresh=True) as episode:
            use(episode, value)
            recordings.append(
                Recording(purpose="exploration", servers=("m",), seed=number, steps=tuple(episode.steps))
            )
    listing = backend.listing("m")
    profiles = [
        ToolProfile(
            server="m",
            tool=tool.name,
            schema_digest=tool.schema_digest,
            effect="read" if tool.name in ("get", "list") else "unknown",
            determinism="volatile" if tool.name == "open" else "unknown",
        )
        for tool in listing.callable_tools
    ]
    cassette = freeze(listings=[listing], profiles=profiles, recordings=recordings)
    simulated = Strict().backend(cassette)
    for value in (1, 2):
        with simulated.episode(ToolSet.of(listing.callable_tools)) as episode:
            (first, second), put, none, got, names = use(episode, value)
        assert first != second
        assert put == got == {"session": second, "value": value}
        assert none == {"session": first, "value": None}
        assert names == [first, second] or names == "miss"
    assert cassette.tools[("m", "open")].rule.evidence["run_specific"]
