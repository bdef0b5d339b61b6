"""How often replay answers, and how often it answers wrongly, on three real stateful servers.

Records 60 random episodes of 8 mixed calls (reads, writes, no-ops, failing calls) on each server, in
fresh sandboxes; 40 make the cassette, 20 are held out. Three keys replay both parts:

* naive: (tool, arguments), the first recorded answer wins;
* history: (tool, arguments, every preceding call);
* writes: (tool, arguments, every preceding call of a tool that is not a read);
* firefly: the cassette and the strict simulator.

The sqlite and filesystem servers keep their state in files, the bundled desk in memory only. Needs
uv, Node and, the first time, the network.

    python benchmarks/replay_fidelity.py [SEED]
"""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from firefly.replay.freezing import make_cassette
from firefly.replay.records import Observation, Recording, Step, Tool, ToolCall, canonical_json
from firefly.replay.simulator import StrictSimulator
from firefly.replay.tool_set import ToolSet
from firefly.servers.live import LiveBackend
from firefly.servers.spec import parse_specs

EPISODES, RECORDED, LENGTH = 60, 40, 8

SERVERS: dict[str, Any] = {
    "sqlite": {
        "command": "uvx",
        "args": ["mcp-server-sqlite==2025.4.25", "--db-path", "/workspace/shop.db"],
        "pins": ["mcp<2"],
        "disposable": True,
    },
    "filesystem": {
        "command": "npx",
        "args": ["-y", "@modelcontextprotocol/server-filesystem@2026.8.31", "/workspace/files"],
        "disposable": True,
    },
    "desk": {
        "command": sys.executable,
        "args": ["-m", "firefly.bundled.desk", "/workspace/desk.json"],
        "disposable": True,
        "state": {"scope": "own", "fingerprint": "none"},
    },
}

# What probing proves of these servers; spelt out so that the figures do not depend on it.
READS = {
    "sqlite": {"read_query", "list_tables", "describe_table"},
    "filesystem": {"read_text_file", "list_directory", "search_files"},
    "desk": {"list_members", "get_member", "list_loans", "get_loan", "item_history", "list_holds"},
}

CALLS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "sqlite": [
        ("list_tables", {}),
        ("describe_table", {"table_name": "orders"}),
        ("read_query", {"query": "select count(*) as n from orders"}),
        ("read_query", {"query": "select id, total from orders order by id"}),
        ("read_query", {"query": "select max(total) as m from orders"}),
        ("read_query", {"query": "select nothing from nowhere"}),
        ("write_query", {"query": "insert into orders values (9, 1.5)"}),
        ("write_query", {"query": "delete from orders where id = 9"}),
        ("write_query", {"query": "update orders set total = 30 where id = 2"}),
        ("write_query", {"query": "update orders set total = 20 where id = 2"}),
        ("create_table", {"query": "create table notes (text text)"}),
    ],
    "filesystem": [
        ("list_directory", {"path": "/workspace/files"}),
        ("search_files", {"path": "/workspace/files", "pattern": "**/*.txt"}),
        ("read_text_file", {"path": "/workspace/files/a.txt"}),
        ("read_text_file", {"path": "/workspace/files/b.txt"}),
        ("read_text_file", {"path": "/workspace/files/c.txt"}),
        ("write_file", {"path": "/workspace/files/a.txt", "content": "one"}),
        ("write_file", {"path": "/workspace/files/b.txt", "content": "two"}),
        ("write_file", {"path": "/workspace/files/b.txt", "content": "three"}),
        ("move_file", {"source": "/workspace/files/b.txt", "destination": "/workspace/files/c.txt"}),
        ("create_directory", {"path": "/workspace/files/d"}),
    ],
    "desk": [
        ("list_loans", {"status": "open"}),
        ("list_loans", {"member_id": "MEM-1"}),
        ("get_member", {"member_id": "MEM-1"}),
        ("get_member", {"member_id": "MEM-2"}),
        ("get_loan", {"loan_id": "LOA-1002"}),
        ("item_history", {"item_id": "ITM-1"}),
        ("list_holds", {"item_id": "ITM-1"}),
        ("check_out", {"item_id": "ITM-1", "member_id": "MEM-1", "lent_on": "2026-03-01"}),
        ("check_out", {"item_id": "ITM-2", "member_id": "MEM-2", "lent_on": "2026-03-02"}),
        ("return_item", {"loan_id": "LOA-1001", "returned_on": "2026-03-05"}),
        ("return_item", {"loan_id": "LOA-1002", "returned_on": "2026-03-06"}),
        ("place_hold", {"item_id": "ITM-1", "member_id": "MEM-2"}),
    ],
}


def main() -> None:
    """Record, replay and print."""
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    with tempfile.TemporaryDirectory() as name:
        fixture = Path(name)
        _fill(fixture)
        with LiveBackend(parse_specs(SERVERS), fixture=fixture) as backend:
            for server in SERVERS:
                _measure(server, backend, Random(f"{seed}/{server}"))


def _measure(server: str, backend: LiveBackend, rng: Random) -> None:
    listing = backend.listing(server)
    if listing.health.status != "ok":
        sys.exit(f"{server}: {listing.health.reason}")
    tool_set = ToolSet.of(listing.tools)
    recordings = [_recorded(server, backend, tool_set, rng, number) for number in range(EPISODES)]
    kept, held_out = recordings[:RECORDED], recordings[RECORDED:]
    print(f"{server}: {RECORDED} episodes recorded, {len(held_out)} held out, {LENGTH} calls each")
    for name, answerer in (
        ("naive", _naive(kept)),
        ("history", _history(kept, set())),
        ("writes", _history(kept, READS[server])),
        ("firefly", _firefly(kept, listing.tools, READS[server])),
    ):
        for part, episodes in (("recorded", kept), ("held out", held_out)):
            hits, wrong, calls = _compared(answerer, episodes)
            print(f"  {name:8} {part:9} wrong {wrong:4}  hits {hits:4}  misses {calls - hits:4}  of {calls}")


def _recorded(server: str, backend: LiveBackend, tool_set: ToolSet, rng: Random, number: int) -> Recording:
    chosen = [rng.choice(CALLS[server]) for _ in range(LENGTH)]
    with backend.episode(tool_set, number, fresh=True) as episode:
        for tool, arguments in chosen:
            episode.call(ToolCall(server=server, tool=tool, arguments=arguments))
        return Recording(purpose="benchmark", servers=(server,), seed=number, steps=tuple(episode.steps))


Answerer = Callable[[Sequence[ToolCall]], list[Observation | None]]


def _naive(kept: Sequence[Recording]) -> Answerer:
    known: dict[str, Observation] = {}
    for recording in kept:
        for step in recording.steps:
            known.setdefault(_text([step.call]), step.observation)
    return lambda calls: [known.get(_text([call])) for call in calls]


def _history(kept: Sequence[Recording], left_out: set[str]) -> Answerer:
    known: dict[str, Observation] = {}

    def key(calls: Sequence[ToolCall], index: int) -> str:
        return _text([*(call for call in calls[:index] if call.tool not in left_out), calls[index]])

    def answer(calls: Sequence[ToolCall]) -> list[Observation | None]:
        found: list[Observation | None] = []
        for index in range(len(calls)):
            lost = bool(found) and found[-1] is None
            found.append(None if lost else known.get(key(calls, index)))
        return found

    for recording in kept:
        calls = [step.call for step in recording.steps]
        for index, step in enumerate(recording.steps):
            known.setdefault(key(calls, index), step.observation)
    return answer


def _firefly(kept: Sequence[Recording], tools: Sequence[Tool], reads: set[str]) -> Answerer:
    cassette = make_cassette(tools, kept, reads={tool.key for tool in tools if tool.name in reads})
    simulator = StrictSimulator(cassette)
    tool_set = ToolSet.of(tools)

    def answer(calls: Sequence[ToolCall]) -> list[Observation | None]:
        with simulator.episode(tool_set) as episode:
            found = [episode.call(call) for call in calls]
        return [None if one.outcome == "miss" else one for one in found]

    return answer


def _compared(answerer: Answerer, episodes: Sequence[Recording]) -> tuple[int, int, int]:
    hits = wrong = calls = 0
    for recording in episodes:
        steps: Sequence[Step] = recording.steps
        for found, step in zip(answerer([step.call for step in steps]), steps, strict=True):
            calls += 1
            hits += found is not None
            wrong += found is not None and found != step.observation
    return hits, wrong, calls


def _text(calls: Sequence[ToolCall]) -> str:
    return canonical_json([call.model_dump(mode="json") for call in calls])


def _fill(folder: Path) -> None:
    (folder / "files").mkdir()
    (folder / "files" / "a.txt").write_text("hello\n", encoding="utf-8")
    connection = sqlite3.connect(folder / "shop.db")
    connection.execute("create table orders (id integer primary key, total real)")
    connection.executemany("insert into orders values (?, ?)", [(1, 14.75), (2, 20.0), (3, 8.5)])
    connection.commit()
    connection.close()
    shared = {"branch_id": "BRA-1", "joined_on": "2020-01-01", "points": 10}
    members = [
        {"member_id": "MEM-1", "name": "Ann", **shared},
        {"member_id": "MEM-2", "name": "Bob", **shared},
    ]
    loan = {"loan_id": "LOA-1001", "item_id": "ITM-1", "member_id": "MEM-2", "lent_on": "2026-02-25",
            "due_on": "2026-03-11", "status": "open"}  # fmt: skip
    (folder / "desk.json").write_text(json.dumps({"members": members, "loans": [loan]}), encoding="utf-8")


if __name__ == "__main__":
    main()
