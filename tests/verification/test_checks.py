"""Each check passes on the good task and rejects what it is there to reject."""

from __future__ import annotations

from typing import Any

import pytest

from firefly.knowledge import Knowledge
from firefly.records import CheckResult, Exploration, ToolProfile
from firefly.replay.records import Answer, Condition, Expression, Observation, Task, ToolCall
from firefly.replay.simulator import StrictSimulator
from firefly.simulation import freeze
from firefly.verification.flow import Flow
from firefly.verification.leakage import Leakage
from firefly.verification.necessity import Necessity
from firefly.verification.preflight import Preflight
from firefly.verification.recorded import Candidate
from firefly.verification.replay import Replay
from firefly.verification.safety import Safety
from firefly.verification.schema import Schema
from firefly.verification.sources import ClosedForm, Provenance, Structured, Volatile
from firefly.verification.uniqueness import Uniqueness
from tests.function_servers import FunctionServers
from tests.library_servers import BOOKS, EXPLORATION, TASK, explored, gold, known, library, task

OFFLINE = (Schema, Structured, Volatile, ClosedForm, Provenance, Flow, Leakage, Safety, Uniqueness)
ALL = (*OFFLINE, Necessity, Replay, Preflight)


def trial(
    *peers: Task, knowledge: Knowledge | None = None, exploration: Exploration = EXPLORATION, **changes: Any
) -> Candidate:
    knowledge = knowledge or known((exploration,))
    cassette = freeze(
        listings=knowledge.listings.values(),
        profiles=knowledge.profiles.values(),
        recordings=knowledge.recordings,
    )
    return Candidate(
        exploration=exploration,
        knowledge=knowledge,
        simulator=StrictSimulator(cassette),
        peers=peers,
        **changes,
    )


def profiled(server: str, tool: str, **changes: Any) -> Knowledge:
    """The library's knowledge with one profile changed."""
    base = known((EXPLORATION,))
    profiles = [
        ToolProfile.model_validate({**one.model_dump(), **(changes if one.key == (server, tool) else {})})
        for one in base.profiles.values()
    ]
    return Knowledge(base.listings.values(), profiles, base.recordings)


def evidence(result: CheckResult) -> str:
    return str(result.evidence)


@pytest.mark.parametrize("check", ALL)
def test_a_good_task_passes(check: type) -> None:
    good = task()
    result = check().check(good, trial(good))
    assert result.status == "pass", result.evidence


def test_flow_does_not_apply_to_a_single_call() -> None:
    single = task(
        gold_calls=TASK["gold_calls"][:1],
        servers=("catalogue",),
        expression=Expression(op="sum", call="c1", path=("books",), field=("pages",)),
        answer=Answer(type="number", value=1680),
    )
    assert Flow().check(single, trial(single)).status == "not_applicable"


def test_schema_rejects_arguments_that_the_schema_refuses() -> None:
    bad = task(gold_calls=gold(2, arguments={"reader_id": 29}, references={}))
    assert "not of type 'string'" in evidence(Schema().check(bad, trial(bad)))


def test_schema_rejects_references_to_later_calls_and_odd_ids() -> None:
    later = gold(2, references={"reader_id": Expression(op="value", call="c3", path=("town",))})
    result = Schema().check(task(gold_calls=later), trial())
    assert result.status == "fail" and "no earlier call" in evidence(result)
    result = Schema().check(task(gold_calls=gold(1, id="x1")), trial())
    assert result.status == "fail" and "not c1, c2" in evidence(result)


def test_schema_rejects_an_answer_of_another_type() -> None:
    bad = task(answer=Answer(type="number", value="332"))
    assert Schema().check(bad, trial()).status == "fail"


def test_structured_rejects_opaque_output() -> None:
    steps = [
        step.model_copy(update={"observation": Observation(text=f"About {step.call.tool}:\n- much\n- more")})
        for step in EXPLORATION.recording.steps
    ]
    recording = EXPLORATION.recording.model_copy(update={"steps": tuple(steps), "id": ""})
    opaque = EXPLORATION.model_copy(update={"recording": recording})
    result = Structured().check(task(), trial(exploration=opaque))
    assert result.status == "fail" and "c1: its output is opaque text" in evidence(result)
    assert (
        Structured().check(task(), trial(knowledge=profiled("readers", "get_reader", opaque=True))).status
        == "fail"
    )


def test_structured_does_not_know_a_tool_whose_outputs_nobody_saw() -> None:
    result = Structured().check(task(), trial(knowledge=profiled("readers", "get_reader", opaque=None)))
    assert result.status == "unknown"


def test_volatile_rejects_a_tool_that_does_not_repeat_itself() -> None:
    knowledge = profiled("readers", "list_branches", determinism="volatile")
    assert Volatile().check(task(), trial(knowledge=knowledge)).status == "fail"
    knowledge = profiled("readers", "list_branches", determinism="unknown")
    assert Volatile().check(task(), trial(knowledge=knowledge)).status == "unknown"


def test_volatile_rejects_a_volatile_field_and_lets_others_pass() -> None:
    knowledge = profiled("readers", "list_branches", volatile_paths=(("branches", "*", "loans"),))
    result = Volatile().check(task(), trial(knowledge=knowledge))
    assert result.status == "fail" and "branches/*/loans" in evidence(result)
    knowledge = profiled("readers", "list_branches", volatile_paths=(("branches", "*", "door"),))
    assert Volatile().check(task(), trial(knowledge=knowledge)).status == "pass"


def test_volatile_rejects_a_date_that_a_clock_showed() -> None:
    knowledge = profiled("readers", "get_reader", determinism="volatile", volatile_paths=(("joined",),))
    dated = task(
        gold_calls=TASK["gold_calls"][:1],
        expression=Expression(op="value", call="c1", path=("books", 0, "title")),
        answer=Answer(type="date", value="2019-11-20"),
    )
    assert "a clock showed" in evidence(Volatile().check(dated, trial(knowledge=knowledge)))


def test_closed_form_rejects_what_is_only_computed() -> None:
    exploration = explored(("numbers", "multiply", {"first": 17.0, "second": 3.0}))
    sum_ = task(
        gold_calls=(
            {
                "id": "c1",
                "server": "numbers",
                "tool": "multiply",
                "arguments": {"first": 17.0, "second": 3.0},
            },
        ),
        servers=("numbers",),
        expression=Expression(op="value", call="c1", path=("product",)),
        answer=Answer(type="number", value=51.0),
    )
    assert ClosedForm().check(sum_, trial(exploration=exploration)).status == "fail"
    assert (
        ClosedForm().check(sum_, trial(knowledge=profiled("numbers", "multiply", pure=None))).status
        == "unknown"
    )


def test_provenance_rejects_a_wrong_answer() -> None:
    result = Provenance().check(task(answer=Answer(type="number", value=333)), trial())
    assert result.status == "fail" and "the outputs give 332" in evidence(result)


def test_provenance_accepts_an_answer_rounded_as_asked() -> None:
    expression = Expression(op="value", call="c2", path=("fees",))
    rounded = task(expression=expression, answer=Answer(type="number", value=3.8, tolerance=0.05))
    assert Provenance().check(rounded, trial()).status == "pass"
    rounded = task(expression=expression, answer=Answer(type="number", value=3.9, tolerance=0.05))
    assert Provenance().check(rounded, trial()).status == "fail"


def test_provenance_rejects_a_swapped_reference() -> None:
    swapped = gold(3, references={"town": Expression(op="value", call="c2", path=("name",))})
    result = Provenance().check(task(gold_calls=swapped), trial())
    assert result.status == "fail" and "no successful call" in evidence(result)


def test_provenance_rejects_a_call_that_was_never_made() -> None:
    assert Provenance().check(task(gold_calls=gold(2, arguments={}, references={})), trial()).status == "fail"


def test_flow_rejects_a_value_that_the_question_states() -> None:
    told = task(question=TASK["question"] + " (They live in Leeds.)")
    result = Flow().check(told, trial())
    assert result.status == "fail" and "gives it away as 'leed'" in evidence(result)


def test_flow_rejects_a_value_of_the_launch_line() -> None:
    knowledge = known((EXPLORATION,))
    listings = [one.model_copy(update={"launch_values": ("Leeds",)}) for one in knowledge.listings.values()]
    knowledge = Knowledge(listings, knowledge.profiles.values(), knowledge.recordings)
    assert "launch line" in evidence(Flow().check(task(), trial(knowledge=knowledge)))


@pytest.mark.parametrize(
    "schema", [{"default": "Leeds"}, {"enum": ["Leeds", "Lund"]}, {"examples": ["Leeds"]}]
)
def test_flow_rejects_a_value_that_the_schema_declares(schema: dict[str, Any]) -> None:
    knowledge = known((EXPLORATION,))
    listings = []
    for listing in knowledge.listings.values():
        tools = [
            tool.model_copy(
                update={
                    "input_schema": {"type": "object", "properties": {"town": {"type": "string", **schema}}}
                }
            )
            if tool.name == "list_branches"
            else tool
            for tool in listing.tools
        ]
        listings.append(listing.model_copy(update={"tools": tuple(tools)}))
    knowledge = Knowledge(listings, knowledge.profiles.values(), knowledge.recordings)
    assert Flow().check(task(), trial(knowledge=knowledge)).status == "fail"


@pytest.mark.parametrize(
    ("leak", "form"),
    [
        ("Is it 332?", "332"),
        ("Is it 332.0?", "332"),
        ("The reader is r 29.", "r 29"),
        ("The town of LEEDS?", "leed"),
        ("Use list_branches.", "list_branches"),
        ("Use listBranches.", "listBranches"),
        ("Set reader_id.", "reader_id"),
    ],
)
def test_leakage_finds_values_and_names_in_near_forms(leak: str, form: str) -> None:
    result = Leakage().check(task(question=f"{TASK['question']} {leak}"), trial())
    assert result.status == "fail" and form in evidence(result)


def test_leakage_finds_dates_in_words_and_numbers_with_separators() -> None:
    dated = {
        "expression": Expression(op="value", call="c2", path=("joined",)),
        "answer": Answer(type="date", value="2019-11-20"),
    }
    assert (
        Leakage().check(task(question="Who joined on 20 November 2019?", **dated), trial()).status == "fail"
    )
    pages = {
        "expression": Expression(op="sum", call="c1", path=("books",), field=("pages",)),
        "answer": Answer(type="number", value=1680),
    }
    assert Leakage().check(task(question="Are there 1,680 pages?", **pages), trial()).status == "fail"


def test_necessity_rejects_a_call_that_the_answer_does_not_need() -> None:
    idle = gold(3, references={})
    result = Necessity().check(task(gold_calls=idle), trial())
    assert result.status == "fail" and "c1: the answer does not depend on it" in evidence(result)


def test_necessity_rejects_a_call_whose_value_another_output_holds() -> None:
    pass_through = task(
        gold_calls=(
            TASK["gold_calls"][0],
            {"id": "c2", "server": "catalogue", "tool": "list_books", "arguments": {}},
            *TASK["gold_calls"][1:][:0],
        ),
        servers=("catalogue",),
        expression=Expression(
            op="sort", call="c2", path=("books",), field=("title",), by=("pages",), limit=1
        ),
        answer=Answer(type="string", value="Tide Tables"),
    )
    result = Necessity().check(pass_through, trial(exploration=explored(("catalogue", "list_books", {}))))
    assert result.status == "fail"


def test_necessity_rejects_an_answer_that_an_argument_free_call_states() -> None:
    servers = library()

    def best_seller() -> Any:
        """Tell the town of the month."""
        return {"town": "Leeds"}

    servers.functions[("readers", "best_seller")] = best_seller
    exploration = explored(
        *[(step.call.server, step.call.tool, step.call.arguments) for step in EXPLORATION.recording.steps],
        ("readers", "best_seller", {}),
        servers=servers,
    )
    base = known()
    knowledge = Knowledge(
        servers.listings(),
        [
            *base.profiles.values(),
            base.profiles[("readers", "get_reader")].model_copy(update={"tool": "best_seller"}),
        ],
        [*base.recordings, exploration.recording],
    )
    result = Necessity().check(task(), trial(knowledge=knowledge, exploration=exploration))
    assert result.status == "fail" and "readers/best_seller" in evidence(result)


def test_necessity_rejects_a_passed_value_that_makes_no_difference() -> None:
    servers = library()

    def opening_hours(town: str) -> Any:
        """Tell when the branches in a town open."""
        return {"town": town, "opens": "half past nine"}

    servers.functions[("readers", "opening_hours")] = opening_hours
    exploration = explored(
        *[
            (step.call.server, step.call.tool, step.call.arguments)
            for step in EXPLORATION.recording.steps[:2]
        ],
        ("readers", "opening_hours", {"town": "Leeds"}),
        servers=servers,
    )
    other = explored(("readers", "opening_hours", {"town": "Lund"}), servers=servers)
    base = known()
    knowledge = Knowledge(
        servers.listings(),
        [
            *base.profiles.values(),
            base.profiles[("readers", "get_reader")].model_copy(update={"tool": "opening_hours"}),
        ],
        [*base.recordings, exploration.recording, other.recording],
    )
    idle = task(
        gold_calls=gold(3, tool="opening_hours"),
        expression=Expression(op="value", call="c3", path=("opens",)),
        answer=Answer(type="string", value="half past nine"),
    )
    result = Necessity().check(idle, trial(knowledge=knowledge, exploration=exploration))
    assert result.status == "fail" and "makes no difference" in evidence(result)


def test_necessity_does_not_know_a_tool_whose_effect_is_unknown() -> None:
    knowledge = profiled("readers", "get_reader", effect="unknown")
    assert Necessity().check(task(), trial(knowledge=knowledge)).status == "unknown"


def test_necessity_tries_a_write_by_leaving_it_out() -> None:
    knowledge = profiled("catalogue", "list_books", effect="write")
    kept = task(gold_calls=TASK["gold_calls"])
    result = Necessity().check(kept, trial(knowledge=knowledge))
    assert result.status == "pass" and "a later call can't be made" in evidence(result)
    literal = (
        TASK["gold_calls"][0],
        {"id": "c2", "server": "readers", "tool": "list_branches", "arguments": {"town": "Leeds"}},
    )
    moved = task(gold_calls=literal, expression=TASK["expression"].model_copy(update={"call": "c2"}))
    result = Necessity().check(moved, trial(knowledge=knowledge))
    assert result.status in ("fail", "unknown")


def test_uniqueness_rejects_a_tie() -> None:
    tied = Expression(op="sort", call="c1", path=("books",), field=("isbn",), by=("lent_to",), limit=3)
    result = Uniqueness().check(task(expression=tied), trial())
    assert result.status == "fail" and "tie" in evidence(result)
    clear = tied.model_copy(update={"limit": 2})
    assert Uniqueness().check(task(expression=clear), trial()).status == "pass"


def test_uniqueness_rejects_a_position_and_a_condition_that_several_satisfy() -> None:
    first = Expression(op="value", call="c1", path=("books", 0, "title"))
    assert "by its position" in evidence(Uniqueness().check(task(expression=first), trial()))
    several = Expression(
        op="where",
        call="c1",
        path=("books",),
        field=("title",),
        where=(Condition(field=("genre",), value="novel"),),
    )
    assert "2 items satisfy" in evidence(Uniqueness().check(task(expression=several), trial()))


def test_uniqueness_rejects_a_near_duplicate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BOOKS[1], "title", "salt road")
    exploration = explored(("catalogue", "list_books", {}))
    chosen = Expression(
        op="where",
        call="c1",
        path=("books",),
        field=("pages",),
        where=(Condition(field=("title",), value="Salt Roads"),),
    )
    near = task(gold_calls=TASK["gold_calls"][:1], expression=chosen)
    result = Uniqueness().check(near, trial(exploration=exploration))
    assert result.status == "fail" and "a reader may take 'salt road'" in evidence(result)


def test_uniqueness_rejects_words_that_ask_for_two_answers() -> None:
    other = task(answer=Answer(type="number", value=5), question=TASK["question"].upper())
    good = task()
    assert Uniqueness().check(good, trial(good, other)).status == "fail"
    twin = task(provenance={**TASK["provenance"].model_dump(), "template": "twin"})
    assert Uniqueness().check(good, trial(good, twin)).status == "pass"


def test_preflight_rejects_an_answer_that_other_tasks_have() -> None:
    other = task(
        question="Another question?",
        expression=Expression(op="sum", call="c1", path=("books",), field=("pages",)),
    )
    good = task()
    result = Preflight().check(good, trial(good, other))
    assert result.status == "fail" and "guessable" in evidence(result)


def test_preflight_rejects_an_answer_that_silence_earns() -> None:
    zero = task(
        expression=Expression(
            op="count", call="c3", path=("branches",), where=({"field": ("name",), "value": "X"},)
        ),
        answer=Answer(type="number", value=0),
    )
    assert "does not earn 0" in evidence(Preflight().check(zero, trial(zero)))


def test_preflight_rejects_gold_that_does_not_earn_the_reward() -> None:
    wrong = task(answer=Answer(type="number", value=12))
    assert "earns 0" in evidence(Preflight().check(wrong, trial(wrong)))


def test_replay_fails_on_a_miss() -> None:
    knowledge = known()  # the exploration's calls are not in the cassette
    result = Replay().check(task(), trial(knowledge=knowledge))
    assert result.status == "fail" and "miss" in evidence(result)


class Altered:
    """A simulator that answers one tool in another way than was recorded."""

    def __init__(self, inner: Any, tool: str, text: str) -> None:
        self.inner, self.tool, self.text = inner, tool, text

    def episode(self, tool_set: Any, seed: int = 0) -> Any:
        episode = self.inner.episode(tool_set, seed)
        outer, call = self, episode.call

        class Episode:
            steps = ()

            def call(self, made: ToolCall) -> Observation:
                found: Observation = call(made)
                return found.model_copy(update={"text": outer.text}) if made.tool == outer.tool else found

            def __enter__(self) -> Episode:
                return self

            def __exit__(self, *error: object) -> None:
                episode.close()

        return Episode()


def test_replay_fails_on_another_observation_or_answer() -> None:
    good = trial()
    spaced = Altered(good.simulator, "list_branches", EXPLORATION.recording.steps[2].observation.text + " ")
    changed = Candidate(exploration=EXPLORATION, knowledge=good.knowledge, simulator=spaced)
    result = Replay().check(task(), changed)
    assert result.status == "fail" and "another observation than recorded" in evidence(result)
    other = Altered(good.simulator, "list_branches", '{"branches": [{"name": "A", "loans": 1}]}')
    changed = Candidate(exploration=EXPLORATION, knowledge=good.knowledge, simulator=other)
    assert "comes out as 1" in evidence(Replay().check(task(), changed))


@pytest.mark.parametrize(
    "secret",
    [
        "AKIAABCDEFGHIJKLMNOP",
        "ghp_0123456789abcdefghijABCDEFGHIJ456789",
        "-----BEGIN RSA PRIVATE KEY-----",
        "https://bob:hunter22@host.example.com/",
        'api_key: "0123456789abcdef"',
        "ada.holm@gmail.com",
        "/home/ada/notes.txt",
    ],
)
def test_safety_rejects_secrets_addresses_and_real_paths(secret: str) -> None:
    assert Safety().check(task(question=f"{TASK['question']} {secret}"), trial()).status == "fail"


def test_safety_lets_sandbox_paths_and_reserved_addresses_pass() -> None:
    plain = task(question=f"{TASK['question']} See /workspace/home/notes.txt or ada@shop.example.com.")
    assert Safety().check(plain, trial()).status == "pass"
    assert Safety(emails="none").check(plain, trial()).status == "fail"


def test_safety_rejects_a_write_to_what_is_not_disposable() -> None:
    knowledge = profiled("readers", "get_reader", effect="write")
    assert Safety().check(task(), trial(knowledge=knowledge)).status == "fail"
    listings = [one.model_copy(update={"disposable": True}) for one in knowledge.listings.values()]
    knowledge = Knowledge(listings, knowledge.profiles.values(), knowledge.recordings)
    assert Safety().check(task(), trial(knowledge=knowledge)).status == "pass"


def test_preflight_lets_another_question_about_the_same_datum_pass() -> None:
    by_isbn = {
        "gold_calls": TASK["gold_calls"][:1],
        "servers": ("catalogue",),
        "expression": Expression(
            op="where",
            call="c1",
            path=("books",),
            field=("title",),
            where=(Condition(field=("isbn",), value="978-0-15"),),
        ),
        "answer": Answer(type="string", value="Slow Rivers"),
    }
    longest = {
        **by_isbn,
        "question": "Which book is the longest?",
        "expression": Expression(
            op="sort", call="c1", path=("books",), field=("title",), by=("pages",), descending=True, limit=1
        ),
    }
    one, other = task(**by_isbn), task(**longest)
    assert Preflight().check(one, trial(one, other)).status == "pass"
    elsewhere = task(
        **{
            **longest,
            "gold_calls": ({"id": "c1", "server": "catalogue", "tool": "list_news", "arguments": {}},),
        }
    )
    assert Preflight().check(one, trial(one, elsewhere)).status == "fail"


def opening(exploration: Exploration, servers: FunctionServers, *others: Exploration) -> Knowledge:
    """The library's knowledge, with what was seen of `opening_hours`."""
    base = known()
    profile = base.profiles[("readers", "get_reader")].model_copy(update={"tool": "opening_hours"})
    recordings = [*base.recordings, exploration.recording, *(one.recording for one in others)]
    return Knowledge(servers.listings(), [*base.profiles.values(), profile], recordings)


def test_necessity_rejects_a_passed_value_that_could_be_left_out() -> None:
    servers = library()

    def opening_hours(day: str, town: str = "", style: str = "") -> Any:
        """Tell when the branches open."""
        return {"day": day, "opens": "half past nine"}

    servers.functions[("readers", "opening_hours")] = opening_hours
    calls = [
        (step.call.server, step.call.tool, step.call.arguments) for step in EXPLORATION.recording.steps[:2]
    ]
    made = {"day": "Monday", "town": "Leeds", "style": "long"}
    exploration = explored(*calls, ("readers", "opening_hours", made), servers=servers)
    plainer = explored(("readers", "opening_hours", {"day": "Monday"}), servers=servers)
    elsewhere = explored(("readers", "opening_hours", {"day": "Sunday"}), servers=servers)
    idle = task(
        gold_calls=gold(3, tool="opening_hours", arguments=made),
        expression=Expression(op="value", call="c3", path=("opens",)),
        answer=Answer(type="string", value="half past nine"),
    )
    result = Necessity().check(
        idle, trial(knowledge=opening(exploration, servers, plainer), exploration=exploration)
    )
    assert result.status == "fail" and "makes no difference" in evidence(result)
    seen = opening(exploration, servers, elsewhere)
    assert Necessity().check(idle, trial(knowledge=seen, exploration=exploration)).status == "pass"


def test_preflight_rejects_an_answer_that_is_one_of_very_few() -> None:
    servers = library()

    def opening_hours(town: str) -> Any:
        """Tell when the branches in a town open."""
        return {"door": f"{town} gate", "season": "summer" if len(town) > 4 else "winter"}

    servers.functions[("readers", "opening_hours")] = opening_hours
    calls = [
        (step.call.server, step.call.tool, step.call.arguments) for step in EXPLORATION.recording.steps[:2]
    ]
    exploration = explored(*calls, ("readers", "opening_hours", {"town": "Leeds"}), servers=servers)
    others = [
        explored(("readers", "opening_hours", {"town": town}), servers=servers)
        for town in ("Lund", "Oslo", "Lisbon", "Porto", "Rome")
    ]
    knowledge = opening(exploration, servers, *others)

    def of(field: str, value: str) -> CheckResult:
        asking = task(
            gold_calls=gold(3, tool="opening_hours"),
            expression=Expression(op="value", call="c3", path=(field,)),
            answer=Answer(type="string", value=value),
        )
        return Preflight().check(asking, trial(knowledge=knowledge, exploration=exploration))

    assert "only ever seen to hold" in evidence(of("season", "summer"))
    assert of("door", "Leeds gate").status == "pass"


def test_closed_form_takes_no_calendar_for_data() -> None:
    servers = library()
    days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")

    def weekday(number: int) -> Any:
        """Tell the weekday of a day."""
        return {"weekday": days[number], "month": ("March", "April", "May", "June", "July", "August")[number]}

    servers.functions[("numbers", "weekday")] = weekday
    explorations = [explored(("numbers", "weekday", {"number": n}), servers=servers) for n in range(6)]
    base = known()
    profile = base.profiles[("numbers", "multiply")].model_copy(update={"tool": "weekday", "pure": None})
    listings = [one.model_copy(update={"scope": "workspace"}) for one in servers.listings()]
    knowledge = Knowledge(listings, [profile], [one.recording for one in explorations])
    asking = task(
        gold_calls=({"id": "c1", "server": "numbers", "tool": "weekday", "arguments": {"number": 0}},),
        servers=("numbers",),
        expression=Expression(op="value", call="c1", path=("weekday",)),
        answer=Answer(type="string", value="Monday"),
    )
    found = ClosedForm().check(asking, trial(knowledge=knowledge, exploration=explorations[0]))
    assert found.status == "unknown"


@pytest.mark.parametrize(
    ("made", "field", "is_guess"),
    [
        ({"tool": "read_ledger", "arguments": {"file": "/workspace/ledger.txt"}}, "keeper", False),
        ({"tool": "list_ledgers", "arguments": {"file": "/workspace/ledger.txt"}}, "keeper", False),
        ({"tool": "list_ledgers", "arguments": {"file": "/workspace/ledger.txt"}}, "auditor", True),
        ({"tool": "read_ledger", "arguments": {"file": "old-ledger.txt"}}, "keeper", True),
        ({"tool": "list_ledgers", "arguments": {}}, "keeper", True),
    ],
)
def test_preflight_knows_one_datum_by_a_file_s_name_and_by_its_path(
    made: dict[str, Any], field: str, is_guess: bool
) -> None:
    servers = library()

    def read_ledger(file: str) -> Any:
        """Read a ledger."""
        return {"keeper": "Lena Okafor", "auditor": "Lena Okafor"}

    servers.functions[("readers", "read_ledger")] = read_ledger
    exploration = explored(("readers", "read_ledger", {"file": "ledger.txt"}), servers=servers)
    base = known()
    knowledge = Knowledge(servers.listings(), base.profiles.values(), [exploration.recording])

    def of(call: dict[str, Any], key: str) -> Task:
        return task(
            question=f"Who is the {key}, says {call}?",
            gold_calls=({"id": "c1", "server": "readers", **call},),
            servers=("readers",),
            expression=Expression(op="value", call="c1", path=(key,)),
            answer=Answer(type="string", value="Lena Okafor"),
        )

    asking = of({"tool": "read_ledger", "arguments": {"file": "ledger.txt"}}, "keeper")
    result = Preflight().check(
        asking, trial(asking, of(made, field), knowledge=knowledge, exploration=exploration)
    )
    assert (result.status == "fail") is is_guess, result.evidence


def test_leakage_rejects_an_answer_told_from_others_by_a_code_in_the_question_alone() -> None:
    def asking(question: str) -> CheckResult:
        answer = Answer(type="string", value="Supply agreement AGR-2472")
        asked = task(question=question, answer=answer)
        return Leakage().check(asked, trial(asked))

    assert "agr-2472" in evidence(asking("What is the title of the document AGR-2472.docx?"))
    assert "agr-" not in evidence(asking("What is the title of the document AGR-1293.docx?"))
