from __future__ import annotations

import itertools
from datetime import UTC, datetime
from random import Random
from typing import Any

from firefly.probing import probe_server
from firefly.records import Listing, ProbeReport, ToolProfile
from tests.probing.bench import Toy, listing, tool
from tests.value_sources import SOURCES

NOW = datetime(2031, 5, 17, 9, 30, tzinfo=UTC)
TEXT = {"type": "string"}


def probe(toy: Toy, tools: Listing, budget: int = 60) -> tuple[ProbeReport, dict[str, ToolProfile]]:
    report = probe_server(
        tools, backend=toy, values=SOURCES, rng=Random("0"), seed=0, budget=budget, clock=lambda: NOW
    )
    assert toy.calls <= budget
    assert all(episode.closed for episode in toy.episodes)
    return report, {profile.tool: profile for profile in report.profiles}


def notes() -> dict[str, Any]:
    return {"notes": {"N-1": "milk and eggs", "N-2": "call the bank"}}


def list_notes(state: dict[str, Any]) -> Any:
    return [{"note_id": key, "text": text} for key, text in sorted(state["notes"].items())]


def get_note(state: dict[str, Any], note_id: str) -> Any:
    return {"note_id": note_id, "text": state["notes"][note_id]}


def add_note(state: dict[str, Any], text: str) -> Any:
    key = f"N-{len(state['notes']) + 1}"
    state["notes"][key] = text
    return {"added": key}


LIST, GET, ADD = (
    tool("list_notes"),
    tool("get_note", "note_id", note_id=TEXT),
    tool("add_note", "text", text=TEXT),
)


def test_reads_are_proven_by_repetition_and_writes_by_what_they_change() -> None:
    toy = Toy({"list_notes": list_notes, "get_note": get_note, "add_note": add_note}, start=notes)
    report, found = probe(toy, listing([LIST, GET, ADD]))
    assert [found[name].effect for name in ("list_notes", "get_note", "add_note")] == [
        "read",
        "read",
        "write",
    ]
    assert found["list_notes"].usable and found["get_note"].usable
    assert found["get_note"].failures == 0, "its ids came from list_notes"
    assert found["add_note"].evidence["effect"].startswith(("list_notes", "get_note, list_notes"))
    assert found["list_notes"].pure is False and not found["list_notes"].state_independent
    assert found["list_notes"].opaque is False
    assert len(report.recordings) == 3 == len(toy.episodes)
    assert all(
        recording.purpose == "probing" and recording.servers == ("toy",) for recording in report.recordings
    )


def test_a_fingerprint_alone_shows_a_write() -> None:
    def touch(state: dict[str, Any]) -> str:
        state["touched"] = True
        return "done"

    _, found = probe(Toy({"touch": touch}, shown=True), listing([tool("touch")]))
    assert found["touch"].effect == "write"
    assert found["touch"].evidence["effect"].startswith("the observable state changed in ")


def test_a_read_only_hint_does_not_hide_a_write() -> None:
    def peek(state: dict[str, Any]) -> Any:
        state["notes"]["N-1"] += "!"
        return {"length": 7}

    toy = Toy({"list_notes": list_notes, "peek_length": peek}, start=notes)
    _, found = probe(toy, listing([LIST, tool("peek_length", read_only=True)]))
    assert found["peek_length"].effect == "write"
    assert "although it declares readOnlyHint" in found["peek_length"].evidence["effect"]
    assert found["list_notes"].effect == "read"


def test_a_hidden_counter_is_no_read_even_with_a_hint() -> None:
    def get_ticket(state: dict[str, Any]) -> Any:
        state["count"] = state.get("count", 0) + 1
        return {"ticket": state["count"]}

    toy = Toy({"list_notes": list_notes, "get_ticket": get_ticket}, start=notes)
    hinted = tool("list_notes", read_only=True)
    _, found = probe(toy, listing([hinted, tool("get_ticket", read_only=True)]))
    assert found["get_ticket"].effect == "unknown"
    assert found["get_ticket"].determinism == "volatile"
    assert found["get_ticket"].volatile_paths == (("ticket",),)
    assert found["list_notes"].usable


def test_a_clock_is_volatile_although_its_answers_were_equal() -> None:
    def get_time(state: dict[str, Any]) -> Any:
        return {"zone": "UTC", "now": NOW.isoformat()}

    _, found = probe(Toy({"get_time": get_time}), listing([tool("get_time")], scope="none"))
    assert found["get_time"].determinism == "volatile"
    assert found["get_time"].volatile_paths == (("now",),)
    assert found["get_time"].effect == "read"
    assert "2031" not in found["get_time"].to_json()


def test_draws_that_happened_to_agree_are_not_called_deterministic() -> None:
    def get_random_number(state: dict[str, Any], low: int, high: int) -> Any:
        return {"number": low}

    number = {"type": "integer"}
    tools = listing([LIST, tool("get_random_number", "low", "high", low=number, high=number)])
    toy = Toy({"list_notes": list_notes, "get_random_number": get_random_number}, start=notes)
    _, found = probe(toy, tools)
    assert found["get_random_number"].determinism == "unknown"
    assert '"random"' in found["get_random_number"].evidence["determinism"]
    assert found["list_notes"].usable


def test_one_restless_answer_does_not_make_the_others_suspect() -> None:
    rng = Random(3)

    def pick_note(state: dict[str, Any]) -> Any:
        return rng.choice(list_notes(state))

    def read_note(state: dict[str, Any], note_id: str) -> Any:
        state["reads"] = state.get("reads", 0) + 1
        return get_note(state, note_id)

    functions = {
        "list_notes": list_notes,
        "get_note": read_note,
        "pick_note": pick_note,
        "note_stats": lambda state: {"reads": state.get("reads", 0)},
    }
    hinted = [tool(name, read_only=True) for name in ("list_notes", "pick_note", "note_stats")]
    hinted.append(tool("get_note", "note_id", read_only=True, note_id=TEXT))
    toy = Toy(functions, start=notes)
    _, found = probe(toy, listing(hinted, scope="remote:toy", disposable=False))
    assert found["get_note"].effect == "write"
    assert found["list_notes"].effect == found["note_stats"].effect == "read"
    assert found["pick_note"].determinism == "volatile"


def test_days_of_the_data_are_not_taken_for_a_clock() -> None:
    def list_orders(state: dict[str, Any]) -> Any:
        return [{"day": "2031-05-17"}, {"day": "2031-05-02"}, {"day": "2031-04-30"}]

    _, found = probe(Toy({"list_orders": list_orders}), listing([tool("list_orders")], scope="none"))
    assert found["list_orders"].determinism == "deterministic"


def test_values_of_a_clock_are_never_given_to_other_tools() -> None:
    def get_now(state: dict[str, Any]) -> Any:
        return {"date": NOW.date().isoformat()}

    def describe_date(state: dict[str, Any], date: str) -> Any:
        return {"given": date, "weekday": "Friday"}

    tools = listing([tool("get_now"), tool("describe_date", "date", date=TEXT)], scope="none")
    report, _ = probe(Toy({"get_now": get_now, "describe_date": describe_date}), tools)
    given = {step.call.arguments.get("date") for one in report.recordings for step in one.steps} - {None}
    assert given and NOW.date().isoformat() not in given


def test_what_stands_beside_a_value_of_a_clock_is_given_to_other_tools() -> None:
    def list_notes(state: dict[str, Any]) -> Any:
        return [{"id": "n-41", "created_at": NOW.date().isoformat()}, {"id": "n-42", "created_at": ""}]

    def get_note(state: dict[str, Any], note_id: str) -> Any:
        return {"id": note_id, "text": "Salt Roads"} if note_id in ("n-41", "n-42") else {"error": "no note"}

    tools = listing([tool("list_notes"), tool("get_note", "note_id", note_id=TEXT)], scope="none")
    report, _ = probe(Toy({"list_notes": list_notes, "get_note": get_note}), tools)
    given = {step.call.arguments.get("note_id") for one in report.recordings for step in one.steps}
    assert {"n-41", "n-42"} <= given


def test_rows_made_today_still_say_what_they_are_called() -> None:
    def list_jobs(state: dict[str, Any]) -> Any:
        return [{"job": f"kiln-{one}", "created_at": f"{NOW.date()}T09:00:0{one}Z"} for one in (1, 2)]

    def get_job(state: dict[str, Any], job: str) -> Any:
        return {"kiln-1": {"heat": 900}, "kiln-2": {"heat": 1100}}[job]

    toy = Toy({"list_jobs": list_jobs, "get_job": get_job})
    _, found = probe(toy, listing([tool("list_jobs"), tool("get_job", "job", job=TEXT)]))
    assert found["get_job"].usable and not found["get_job"].failures
    assert found["list_jobs"].volatile_paths == (("*", "created_at"),)


def test_session_ids_differ_between_sessions_and_are_volatile() -> None:
    numbers = itertools.count(1)

    def get_session(state: dict[str, Any]) -> Any:
        return {"session": state["id"], "open": True}

    toy = Toy({"get_session": get_session}, start=lambda: {"id": f"s{next(numbers)}"})
    _, found = probe(toy, listing([tool("get_session", read_only=True)], scope="none"))
    assert found["get_session"].determinism == "volatile"
    assert found["get_session"].volatile_paths == (("session",),)


def test_a_function_of_its_arguments_is_pure_and_a_table_is_not() -> None:
    def multiply(state: dict[str, Any], a: float, b: float) -> Any:
        return {"product": a * b}

    def list_units(state: dict[str, Any]) -> Any:
        return [{"name": name} for name in ("metre", "furlong", "league", "cubit", "parsec")]

    number = {"type": "number"}
    tools = listing([tool("multiply", "a", "b", a=number, b=number), tool("list_units")], scope="none")
    _, found = probe(Toy({"multiply": multiply, "list_units": list_units}), tools)
    assert (found["multiply"].pure, found["multiply"].state_independent) == (True, True)
    assert found["list_units"].pure is False


def test_prose_is_opaque() -> None:
    def describe(state: dict[str, Any]) -> str:
        return "There are three notes, and the second one matters most."

    _, found = probe(Toy({"describe": describe}), listing([tool("describe")], scope="none"))
    assert found["describe"].opaque is True


def test_a_write_that_changed_nothing_stays_unknown() -> None:
    def save_note(state: dict[str, Any], text: str) -> str:
        return "nothing to do"

    toy = Toy({"list_notes": list_notes, "save_note": save_note}, start=notes)
    _, found = probe(toy, listing([LIST, tool("save_note", "text", text=TEXT)]))
    assert found["save_note"].effect == "unknown"
    assert "says that it changes something" in found["save_note"].evidence["effect"]


def test_constraints_are_learnt_from_error_texts() -> None:
    def convert_colour(state: dict[str, Any], mode: str, level: int) -> Any:
        if mode not in ("warm", "cold"):
            raise ValueError(f"mode must be one of: 'warm', 'cold' (given {mode})")
        if level < 40:
            raise ValueError("level must be greater than or equal to 40")
        return {"mode": mode, "shade": level * 2}

    tools = listing(
        [tool("convert_colour", "mode", "level", mode=TEXT, level={"type": "integer"})], scope="none"
    )
    _, found = probe(Toy({"convert_colour": convert_colour}), tools)
    assert found["convert_colour"].successes > 0
    assert found["convert_colour"].failures <= 3


def test_a_tool_that_always_fails_is_left_alone_soon() -> None:
    def find_thing(state: dict[str, Any], name: str) -> Any:
        raise ValueError("not today")

    toy = Toy({"find_thing": find_thing, "list_notes": list_notes}, start=notes)
    _, found = probe(toy, listing([LIST, tool("find_thing", "name", name=TEXT)]))
    assert found["find_thing"].effect == "unknown"
    assert found["find_thing"].failures <= 3
    assert found["list_notes"].successes >= 3


def test_what_was_learnt_before_a_crash_is_reported() -> None:
    toy = Toy({"list_notes": list_notes, "get_note": get_note}, start=notes, dies_at=2)
    report, found = probe(toy, listing([LIST, GET]))
    assert found["list_notes"].successes >= 1
    assert all(profile.effect != "read" for profile in report.profiles)
    assert toy.calls <= 12


def test_a_server_that_does_not_start_leaves_everything_unknown() -> None:
    report, found = probe(Toy({}, refuses_to_start=True), listing([LIST]))
    assert report.recordings == ()
    assert (found["list_notes"].effect, found["list_notes"].determinism) == ("unknown", "unknown")


def test_many_tools_share_a_small_budget() -> None:
    names = [f"get_part_{number:03}" for number in range(171)]
    functions = {name: lambda state, name=name: {"part": name, "parts": 3} for name in names}
    _, found = probe(Toy(functions), listing([tool(name) for name in names], scope="none"), budget=60)
    tried = [name for name in names if found[name].successes]
    assert len(tried) >= 25
    assert all(found[name].evidence["effect"] for name in names)
    _, found = probe(Toy(functions), listing([tool(name) for name in names], scope="none"), budget=400)
    assert all(found[name].successes for name in names)


def test_refused_tools_are_not_called_and_not_judged() -> None:
    toy = Toy({"list_notes": list_notes}, start=notes)
    report, found = probe(toy, listing([LIST, ADD], refused={"add_note": "on the deny list"}))
    assert found["add_note"].successes == found["add_note"].failures == 0
    assert all(step.call.tool == "list_notes" for one in report.recordings for step in one.steps)


def test_a_shared_server_is_trusted_only_with_its_hint() -> None:
    toy = Toy({"list_notes": list_notes, "get_note": get_note}, start=notes)
    hinted = tool("list_notes", read_only=True)
    _, found = probe(toy, listing([hinted, GET], scope="remote:toy", disposable=False))
    assert found["list_notes"].effect == "read"
    assert found["get_note"].effect == "unknown"


def test_two_probes_with_one_seed_give_equal_reports() -> None:
    reports = []
    for _ in range(2):
        toy = Toy({"list_notes": list_notes, "get_note": get_note, "add_note": add_note}, start=notes)
        reports.append(probe(toy, listing([LIST, GET, ADD]))[0].to_json())
    assert reports[0] == reports[1]


def test_reads_that_need_something_made_first_are_tried_again_after_it() -> None:
    def open_book(state: dict[str, Any]) -> Any:
        state["books"] = ["book-7"]
        return {"book_id": "book-7"}

    def read_book(state: dict[str, Any], book_id: str) -> Any:
        if book_id not in state.get("books", ()):
            raise ValueError("no such book is open")
        return {"book_id": book_id, "pages": 12}

    toy = Toy({"open_book": open_book, "read_book": read_book})
    _, found = probe(toy, listing([tool("open_book"), tool("read_book", "book_id", book_id=TEXT)]))
    assert found["read_book"].successes >= 1
    assert found["read_book"].determinism != "volatile"


# --- fields that change by themselves, and reads that need something made -------------------------


def test_a_tool_is_usable_but_for_the_field_that_changes_by_itself() -> None:
    rng = Random(1)

    def list_timed(state: dict[str, Any]) -> Any:
        return {"notes": list_notes(state), "processing_time": round(rng.random(), 6)}

    _, found = probe(Toy({"list_timed": list_timed}, start=notes, shown=True), listing([tool("list_timed")]))
    assert found["list_timed"].usable
    assert found["list_timed"].volatile_paths == (("processing_time",),)
    assert "but for processing_time" in found["list_timed"].evidence["determinism"]


def test_reads_of_what_must_be_made_first_are_proven_too() -> None:
    def open_book(state: dict[str, Any], title: str) -> Any:
        state["books"] = [*state.get("books", []), title]
        return {"handle": f"book-{len(state['books'])}"}

    def get_page(state: dict[str, Any], handle: str) -> Any:
        number = int(handle.rpartition("-")[2])
        if not 0 < number <= len(state.get("books", [])):
            raise ValueError(f"no open book {handle}")
        return {"handle": handle, "words": [f"leaf {number}", f"page {number}"], "lines": 40 + number}

    def list_books(state: dict[str, Any]) -> Any:
        return {"open": state.get("books", [])}

    tools = [
        tool("open_book", "title", title=TEXT),
        tool("get_page", "handle", read_only=True, handle=TEXT),
        tool("list_books", read_only=True),
    ]
    functions = {"open_book": open_book, "get_page": get_page, "list_books": list_books}
    _, found = probe(Toy(functions), listing(tools))
    assert found["open_book"].effect == "write"
    assert found["get_page"].usable and found["list_books"].usable
