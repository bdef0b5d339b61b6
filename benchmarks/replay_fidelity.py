"""How often replay answers, and how often it answers wrongly, on seven real stateful servers.

Records 100 random episodes of 8 mixed calls (reads, writes, no-ops, failing calls) on each server, in
fresh sandboxes; 40 make the cassette, 60 are held out. Four keys answer the held-out ones:

* naive: (tool, arguments), the first recorded answer wins;
* history: (tool, arguments, every preceding call);
* writes: (tool, arguments, every preceding call of a tool that is not a read);
* state: the cassette and the strict simulator.

Four servers keep their state in files, whose fingerprint is looked at before and after every call; chess,
slides and the bundled desk keep it in memory only. Needs uv, Node and, the first time, the network.

Fails if the strict simulator is wrong once, or answers less than the history key does anywhere, or no more
than it where there is a fingerprint.

    python benchmarks/replay_fidelity.py [--seed N] [--servers sqlite,chess] [--keep FOLDER]

With --keep the episodes are kept as JSON lines, and read from there the next time.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from firefly.fidelity import Answerer, Row, by_backend, by_history, judged, row_of
from firefly.replay.freezing import make_cassette
from firefly.replay.records import Recording, State, Step, Tool, ToolCall, digest
from firefly.replay.simulator import StrictSimulator
from firefly.replay.tool_set import ToolSet
from firefly.replay.unrepeated import unrepeated
from firefly.servers.live import LiveBackend
from firefly.servers.spec import parse_specs
from firefly.simulation.naive import Naive

EPISODES, RECORDED, LENGTH = 100, 40, 8

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
    "memory": {
        "command": "npx",
        "args": ["-y", "@modelcontextprotocol/server-memory@2026.8.31"],
        "env": {"MEMORY_FILE_PATH": "/workspace/memory.jsonl"},
        "disposable": True,
    },
    "workbooks": {
        "command": "uvx",
        "args": [
            "--from", "excel-mcp-server==2.2.2", "excel-mcp-server", "stdio",
            "--allow-dir", "/workspace", "--tools", "workbooks,data,formulas",
        ],
        "disposable": True,
    },
    "chess": {
        "command": "uvx",
        "args": ["mcp-chess==0.1.9"],
        "pins": ["mcp<2"],
        "disposable": True,
        "state": {"scope": "own"},
    },
    "slides": {
        "command": "uvx",
        "args": ["--from", "office-powerpoint-mcp-server==2.0.7", "ppt_mcp_server"],
        "pins": ["mcp<2"],
        "cwd": "/workspace",
        "disposable": True,
        "state": {"scope": "own"},
    },
    "desk": {
        "command": sys.executable,
        "args": ["-m", "firefly.bundled.desk", "/workspace/desk.json"],
        "disposable": True,
        "state": {"scope": "own", "fingerprint": "none"},
    },
}  # fmt: skip

MEMORY_ONLY = {"chess", "slides", "desk"}

# What probing proves of these servers; spelt out so that the figures do not depend on it.
READS = {
    "sqlite": {"read_query", "list_tables", "describe_table"},
    "filesystem": {"read_text_file", "list_directory", "search_files"},
    "memory": {"read_graph", "search_nodes", "open_nodes"},
    "workbooks": {"describe_workbook", "read_range", "find_cells"},
    "chess": {"get_turn", "get_valid_moves"},
    "slides": {"get_presentation_info", "get_slide_info", "extract_slide_text", "extract_presentation_text"},
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
    "memory": [
        ("read_graph", {}),
        ("search_nodes", {"query": "tea"}),
        ("open_nodes", {"names": ["Ada"]}),
        ("open_nodes", {"names": ["Ada", "Bob"]}),
        ("create_entities", {"entities": [{"name": "Bob", "entityType": "person", "observations": []}]}),
        ("create_relations", {"relations": [{"from": "Ada", "to": "Bob", "relationType": "knows"}]}),
        ("delete_relations", {"relations": [{"from": "Ada", "to": "Bob", "relationType": "knows"}]}),
        ("add_observations", {"observations": [{"entityName": "Bob", "contents": ["drinks tea"]}]}),
        ("add_observations", {"observations": [{"entityName": "Ada", "contents": ["drinks tea"]}]}),
        ("delete_observations", {"deletions": [{"entityName": "Ada", "observations": ["drinks tea"]}]}),
        ("delete_entities", {"entityNames": ["Bob"]}),
    ],
    "workbooks": [
        ("describe_workbook", {"path": "/workspace/b.xlsx"}),
        ("read_range", {"path": "/workspace/b.xlsx", "sheet": "Sheet1", "range": "A1:B2"}),
        ("find_cells", {"path": "/workspace/b.xlsx", "query": "nut"}),
        ("create_workbook", {"path": "/workspace/b.xlsx"}),
        ("create_workbook", {"path": "/workspace/b.xlsx", "overwrite": True}),
        ("write_range", {"path": "/workspace/b.xlsx", "sheet": "Sheet1", "at": "A1", "rows": [["nut", 4]]}),
        ("write_range", {"path": "/workspace/b.xlsx", "sheet": "Sheet1", "at": "A2", "rows": [["bolt", 7]]}),
        ("write_range", {"path": "/workspace/b.xlsx", "sheet": "Sheet1", "at": "B1", "rows": [["=2*B2"]]}),
        ("clear_range", {"path": "/workspace/b.xlsx", "sheet": "Sheet1", "range": "A1:B1"}),
        ("replace_cells", {"path": "/workspace/b.xlsx", "query": "nut", "replacement": "rivet"}),
    ],
    "chess": [
        ("get_turn", {}),
        ("get_valid_moves", {}),
        ("make_move", {"move_san": "e4"}),
        ("make_move", {"move_san": "e5"}),
        ("make_move", {"move_san": "d4"}),
        ("make_move", {"move_san": "Nf3"}),
        ("make_move", {"move_san": "Nc6"}),
        ("new_game", {}),
        ("new_game", {"user_plays_white": False}),
    ],
    "slides": [
        ("create_presentation", {"id": "p1"}),
        ("open_presentation", {"file_path": "/workspace/deck.pptx", "id": "p2"}),
        ("save_presentation", {"file_path": "/workspace/deck.pptx", "presentation_id": "p1"}),
        ("add_slide", {"presentation_id": "p1", "layout_index": 1, "title": "Nuts"}),
        ("add_slide", {"presentation_id": "p1", "layout_index": 0}),
        ("set_core_properties", {"presentation_id": "p1", "title": "Stock"}),
        ("get_presentation_info", {"presentation_id": "p1"}),
        ("get_presentation_info", {"presentation_id": "p2"}),
        ("get_slide_info", {"presentation_id": "p1", "slide_index": 0}),
        ("extract_slide_text", {"presentation_id": "p1", "slide_index": 0}),
        ("extract_presentation_text", {"presentation_id": "p1"}),
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
    """Record, replay and print; exit with 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--servers", default=",".join(SERVERS))
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    names = given.servers.split(",")
    missed: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        fixture = Path(name)
        _fill(fixture)
        specs = parse_specs({server: SERVERS[server] for server in names})
        with LiveBackend(specs, fixture=fixture) as backend:
            for server in names:
                tools, recordings = _episodes(server, backend, given.seed, given.keep)
                missed += _measured(server, tools, recordings)
    if missed:
        sys.exit("\n".join(missed))


def _measured(server: str, tools: Sequence[Tool], recordings: Sequence[Recording]) -> list[str]:
    """Print a server's rows and return which bars it misses."""
    kept, held_out = recordings[:RECORDED], recordings[RECORDED:]
    reads = {tool.key for tool in tools if tool.name in READS[server]}
    cassette = make_cassette(tools, kept, reads=reads)
    where = "memory" if server in MEMORY_ONLY else "files"
    print(f"{server} (state in {where}): {len(kept)} episodes recorded, {len(held_out)} held out")
    answerers: dict[str, Answerer] = {
        "naive": by_backend(Naive().backend(cassette), tools),
        "history": by_history(kept),
        "writes": _by_writes(kept, READS[server]),
        "state": by_backend(StrictSimulator(cassette), tools),
    }
    found = {name: _row(server, name, answerer, held_out) for name, answerer in answerers.items()}
    for name, row in found.items():
        print(f"  {name:8} calls {_shown(row.calls)}   episodes {_shown(row.episodes)}", flush=True)
    # what may have been drawn (an identifier that was seen once only) is left out of the cassette on purpose
    drawn = {name for name, _ in unrepeated(kept, {tool.key: tool for tool in tools}, reads)}
    again = _row(server, "state", answerers["state"], [one for one in kept if one.id not in drawn])
    state, history = found["state"].calls, found["history"].calls
    marked = any(scope.marks == "fingerprint" for scope in cassette.scopes.values())
    bars = {
        "wrong in held-out episodes": state.wrong == 0,
        "wrong or missed in recorded episodes": again.calls.wrong == again.calls.missed == 0,
        "fewer right answers than the history key": state.answered >= history.answered - history.wrong,
        "no more answers than the history key": server in MEMORY_ONLY
        or (marked and state.answered > history.answered),
    }
    return [f"{server}: {bar}" for bar, reached in bars.items() if not reached]


def _shown(tally: Any) -> str:
    bound = "" if tally.wrong_at_most is None else f" (at most {100 * tally.wrong_at_most:.1f}%)"
    return f"wrong {tally.wrong:3}{bound:>18} answered {tally.answered:3} missed {tally.missed:3}"


def _row(server: str, name: str, answerer: Answerer, episodes: Iterable[Recording]) -> Row:
    calls = [list(judged(answerer, one, volatile={}, tools={})) for one in episodes]
    for episode in calls:
        for one in episode:
            if name == "state" and one.ruling == "wrong":
                print(f"    WRONG {one.step.call}\n      live {one.step.observation.visible[:200]!r}"
                      f"\n      said {one.answered.observation}")  # fmt: skip
    return row_of(server, "random", name, calls)


def _by_writes(kept: Iterable[Recording], reads: set[str]) -> Answerer:
    """Return the history key that leaves out reads."""

    def without_reads(recording: Recording) -> Recording:
        steps: list[Step] = []
        history = ""
        for step in recording.steps:
            before = State(history=history)
            if step.call.tool not in reads:
                history = digest([history, step.call.model_dump(mode="json")])
            steps.append(step.model_copy(update={"before": before}))
        return recording.model_copy(update={"steps": tuple(steps)})

    answer = by_history(without_reads(one) for one in kept)
    return lambda recording: answer(without_reads(recording))


def _episodes(
    server: str, backend: LiveBackend, seed: int, folder: Path | None
) -> tuple[Sequence[Tool], list[Recording]]:
    path = folder / f"{server}-{seed}.jsonl" if folder else None
    if path is not None and path.is_file():
        tools, *recordings = path.read_text(encoding="utf-8").splitlines()
        return (
            [Tool.model_validate(one) for one in json.loads(tools)],
            [Recording.model_validate_json(line) for line in recordings],
        )
    listing = backend.listing(server)
    if listing.health.status != "ok":
        sys.exit(f"{server}: {listing.health.reason}")
    tool_set, rng = ToolSet.of(listing.tools), Random(f"{seed}/{server}")
    found = [_recorded(server, backend, tool_set, rng, number) for number in range(EPISODES)]
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        tools_line = json.dumps([tool.model_dump(mode="json") for tool in listing.tools])
        path.write_text("\n".join([tools_line, *(one.to_json() for one in found)]) + "\n", encoding="utf-8")
    return listing.tools, found


def _recorded(server: str, backend: LiveBackend, tool_set: ToolSet, rng: Random, number: int) -> Recording:
    chosen = [rng.choice(CALLS[server]) for _ in range(LENGTH)]
    with backend.episode(tool_set, number, fresh=True) as episode:
        for tool, arguments in chosen:
            episode.call(ToolCall(server=server, tool=tool, arguments=arguments))
        for step in episode.steps:
            if step.observation.outcome not in ("success", "failure"):
                sys.exit(f"{server}/{step.call.tool}: {step.observation.outcome}: {step.observation.reason}")
        return Recording(purpose="benchmark", servers=(server,), seed=number, steps=tuple(episode.steps))


def _fill(folder: Path) -> None:
    (folder / "files").mkdir()
    (folder / "files" / "a.txt").write_text("hello\n", encoding="utf-8")
    ada = {"type": "entity", "name": "Ada", "entityType": "person", "observations": ["likes maths"]}
    (folder / "memory.jsonl").write_text(json.dumps(ada) + "\n", encoding="utf-8")
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
