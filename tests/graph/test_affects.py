from __future__ import annotations

from typing import Any

from firefly.graph import prune
from firefly.graph.affects import Affects
from firefly.graph.candidates import AllPairs
from firefly.graph.combined import Combined
from firefly.knowledge import Knowledge
from firefly.records import Edge, ToolProfile
from firefly.replay.records import Recording, ToolCall
from firefly.replay.tool_set import ToolSet
from tests.probing.bench import Toy, listing, tool

TEXT = {"type": "string"}
LIST, GET, ADD, DROP, PING = (
    tool("list_notes"),
    tool("get_note", "note_id", note_id=TEXT),
    tool("add_note", "text", text=TEXT),
    tool("drop_note", "note_id", note_id=TEXT),
    tool("ping", "text", text=TEXT),
)
TOOLS = [LIST, GET, ADD, DROP, PING]


def notes() -> dict[str, Any]:
    return {"N-1": "milk and eggs", "N-2": "call the bank"}


def add_note(state: dict[str, Any], text: str) -> Any:
    state[f"N-{len(state) + 1}"] = text
    return {"added": f"N-{len(state)}"}


FUNCTIONS = {
    "list_notes": lambda state: [{"note_id": key, "text": text} for key, text in sorted(state.items())],
    "get_note": lambda state, note_id: {"note_id": note_id, "text": state[note_id]},
    "add_note": add_note,
    "drop_note": lambda state, note_id: {"dropped": state.pop(note_id)},
    "ping": lambda state, text: {"pong": text},
}


def known(*episodes: list[tuple[str, dict[str, Any]]], shown: bool = False, **profile: Any) -> Knowledge:
    toy = Toy(FUNCTIONS, start=notes, shown=shown)
    recordings = []
    for calls in episodes:
        with toy.episode(ToolSet.of(TOOLS)) as episode:
            for name, arguments in calls:
                episode.call(ToolCall(server="toy", tool=name, arguments=arguments))
            recordings.append(Recording(purpose="probing", servers=("toy",), steps=tuple(episode.steps)))
    effects = {"list_notes": "read", "get_note": "read", "add_note": "write", "drop_note": "write"}
    profiles = [
        ToolProfile.model_validate(
            {
                "server": "toy",
                "tool": one.name,
                "schema_digest": one.schema_digest,
                "effect": effects.get(one.name, "unknown"),
                "determinism": "deterministic",
                **profile,
            }
        )
        for one in TOOLS
    ]
    return Knowledge([listing(TOOLS)], profiles, recordings)


def edges(knowledge: Knowledge) -> dict[tuple[str, str], Edge]:
    scorer = Combined(scorers={"affects": Affects()})
    named = AllPairs().candidates(TOOLS)
    found = [
        edge
        for one in TOOLS
        for edge in scorer.score(one, [knowledge.tools[key] for key in named[one.key]], evidence=knowledge)
    ]
    assert all(edge.kind == "affects" and edge.parameter == "" for edge in found)
    return {(edge.source[1], edge.target[1]): edge for edge in prune(found)}


LOOK: tuple[str, dict[str, Any]] = ("list_notes", {})


def test_a_write_affects_the_read_that_answered_otherwise_after_it_and_the_difference_is_told() -> None:
    found = edges(known([LOOK, ("add_note", {"text": "sow peas"}), LOOK, LOOK]))
    assert found.keys() == {("add_note", "list_notes")}
    evidence = found["add_note", "list_notes"].evidence["affects"]
    assert isinstance(evidence, dict)
    assert evidence["observed"] == [
        {"path": ["*", "note_id"], "gone": [], "new": ["N-3"]},
        {"path": ["*", "text"], "gone": [], "new": ["sow peas"]},
    ]
    assert (evidence["write"], evidence["read"]) == ({"text": "sow peas"}, {})


def test_between_two_writes_the_fingerprint_says_which_it_was_or_neither_is_blamed() -> None:
    calls = [LOOK, ("ping", {"text": "x"}), ("add_note", {"text": "sow peas"}), LOOK]
    assert edges(known(calls)) == {}
    assert edges(known(calls, shown=True)).keys() == {("add_note", "list_notes")}


def test_a_read_that_fails_before_or_after_is_affected_too() -> None:
    get = ("get_note", {"note_id": "N-1"})
    found = edges(known([get, ("drop_note", {"note_id": "N-1"}), get]))
    assert found.keys() == {("drop_note", "get_note")}


def test_looks_that_stay_alike_speak_against_it_and_failed_writes_say_nothing() -> None:
    add, miss = ("add_note", {"text": "a"}), ("drop_note", {"note_id": "N-9"})
    once = edges(known([LOOK, add, LOOK]))["add_note", "list_notes"]
    get = ("get_note", {"note_id": "N-1"})
    drop = ("drop_note", {"note_id": "N-2"})
    often = [LOOK, drop, LOOK], [get, drop, get], [get, ("drop_note", {"note_id": "N-1"}), get]
    found = edges(known(*often, [LOOK, miss, LOOK]))
    assert found["drop_note", "list_notes"].score == once.score
    assert 0.3 < found["drop_note", "get_note"].score < once.score


def test_answers_that_change_by_themselves_show_nothing() -> None:
    calls = [LOOK, ("add_note", {"text": "sow peas"}), LOOK]
    assert edges(known(calls, determinism="volatile")) == {}
    partly = edges(known(calls, determinism="volatile", volatile_paths=(("*", "text"),)))
    evidence = partly["add_note", "list_notes"].evidence["affects"]
    assert isinstance(evidence, dict)
    assert evidence["observed"] == [{"path": ["*", "note_id"], "gone": [], "new": ["N-3"]}]
