"""Conditions that compare or join, and arguments that only hold a passed value: what checks make of them."""

from __future__ import annotations

from typing import Any

import pytest

from firefly.knowledge import Knowledge
from firefly.records import CheckResult, ToolProfile
from firefly.replay.expressions import fill
from firefly.replay.records import Answer, Condition, Expression, GoldCall, Provenance, Task
from firefly.verification.flow import Flow
from firefly.verification.leakage import Leakage
from firefly.verification.necessity import Necessity
from firefly.verification.preflight import Preflight
from firefly.verification.recorded import expressions, held, passed_values
from firefly.verification.replay import Replay
from firefly.verification.safety import Safety
from firefly.verification.schema import Schema
from firefly.verification.sources import ClosedForm, Structured, Volatile
from firefly.verification.sources import Provenance as ProvenanceCheck
from firefly.verification.uniqueness import Uniqueness
from tests.function_servers import FunctionServers
from tests.library_servers import BOOKS, LOANS, READERS, explored
from tests.verification.test_checks import trial

OFFLINE = (Schema, Structured, Volatile, ClosedForm, ProvenanceCheck, Flow, Leakage, Safety, Uniqueness)
ALL = (*OFFLINE, Necessity, Replay)
TEMPLATE = "town = '{}' and open"
READER = Expression(
    op="sort", call="c1", path=("books",), field=("lent_to",), by=("pages",), descending=True, limit=1
)


def list_readers() -> Any:
    """List all readers."""
    return {"readers": [{"number": number, **reader} for number, reader in READERS.items()]}


def list_books() -> Any:
    """List all books."""
    return {"books": BOOKS}


def find_branches(filter: str) -> Any:
    """Find branches by a filter."""
    rows = [
        {"branch": name, "loans": loans}
        for town, branches in LOANS.items()
        for name, loans in branches
        if filter == fill(TEMPLATE, town)
    ]
    return {"branches": rows}


def servers() -> FunctionServers:
    return FunctionServers({"catalogue": [list_books], "readers": [list_readers, find_branches]})


EXPLORATION = explored(
    ("catalogue", "list_books", {}),
    ("readers", "list_readers", {}),
    ("readers", "find_branches", {"filter": fill(TEMPLATE, "Leeds")}),
    servers=servers(),
)
OTHER = explored(("readers", "find_branches", {"filter": fill(TEMPLATE, "Lund")}), servers=servers())


def knowledge() -> Knowledge:
    digests = {one.key: one.schema_digest for listing in servers().listings() for one in listing.tools}
    profiles = [
        ToolProfile(
            server=server,
            tool=tool,
            schema_digest=digests[server, tool],
            effect="read",
            determinism="deterministic",
            opaque=False,
            pure=False,
            successes=1,
        )
        for server, tool in servers().functions
    ]
    return Knowledge(servers().listings(), profiles, [EXPLORATION.recording, OTHER.recording])


def judged(check: Any, one: Task, *peers: Task) -> CheckResult:
    found: CheckResult = check.check(one, trial(*peers, knowledge=knowledge(), exploration=EXPLORATION))
    return found


def join(**changes: Any) -> Task:
    """Which town does the reader live in who has borrowed the longest book? A join of two outputs."""
    condition = Condition(field=("number",), value="R-29", reference=READER)
    fields: dict[str, Any] = {
        "question": "In which town lives the one who has the library's longest book?",
        "answer_format": "Answer with the town's name alone.",
        "answer": Answer(type="string", value="Leeds"),
        "expression": Expression(
            op="where", call="c2", path=("readers",), field=("town",), where=(condition,)
        ),
        "gold_calls": (
            GoldCall(id="c1", server="catalogue", tool="list_books"),
            GoldCall(id="c2", server="readers", tool="list_readers"),
        ),
        "servers": ("catalogue", "readers"),
        "provenance": Provenance(exploration=EXPLORATION.id, synthesizer="hand"),
    }
    return Task.model_validate({**fields, **changes})


def template(**changes: Any) -> Task:
    """How many loans were there in the town of that reader? The argument only holds the value."""
    town = join().expression
    calls = (
        *join().gold_calls,
        GoldCall(
            id="c3",
            server="readers",
            tool="find_branches",
            arguments={"filter": fill(TEMPLATE, "Leeds")},
            references={"filter": town},
            templates={"filter": TEMPLATE},
        ),
    )
    return join(
        **{
            "question": "How many loans were there where the one lives who has the library's longest book?",
            "answer_format": "Answer with the number alone.",
            "answer": Answer(type="number", value=332),
            "expression": Expression(op="sum", call="c3", path=("branches",), field=("loans",)),
            "gold_calls": calls,
            **changes,
        }
    )


def compared(
    compare: Any, field: str, value: Any, *, items: int, reference: Expression | None = None
) -> Task:
    condition = Condition(field=(field,), value=value, compare=compare)
    calls = join().gold_calls[:1]
    return join(
        question="How many books are there of that kind?",
        answer=Answer(type="number", value=items),
        answer_format="Answer with the number alone.",
        expression=Expression(op="count", call="c1", path=("books",), where=(condition,)),
        gold_calls=calls,
        servers=("catalogue",),
    )


def text_of(result: CheckResult) -> str:
    return str(result.evidence)


@pytest.mark.parametrize("check", ALL)
@pytest.mark.parametrize("good", [join(), template()], ids=["join", "template"])
def test_a_good_task_that_joins_or_fills_a_text_passes(check: type, good: Task) -> None:
    result = judged(check(), good)
    assert result.status == "pass", result.evidence


def test_preflight_lets_a_joined_answer_pass() -> None:
    result = judged(Preflight(), template())
    assert result.status == "pass", result.evidence


def test_a_joined_value_is_among_the_passed_ones() -> None:
    assert [one.where for one in passed_values(join())] == ["answer where number"]
    assert [where for where, _ in expressions(template())] == [
        "c3.filter",
        "c3.filter where number",
        "answer",
    ]


def test_schema_wants_joined_calls_to_exist_and_texts_to_have_one_place() -> None:
    later = Condition(field=("number",), value="R-29", reference=READER.model_copy(update={"call": "c9"}))
    lost = join(expression=join().expression.model_copy(update={"where": (later,)}))
    assert "refers to c9, which is no gold call" in text_of(judged(Schema(), lost))
    calls = template().gold_calls
    broken = calls[2].model_copy(update={"templates": {"filter": "no place", "other": "{}"}})
    found = text_of(judged(Schema(), template(gold_calls=(*calls[:2], broken))))
    assert "has not one place for it" in found and "c3.other has a text around a value, and no value" in found


def test_provenance_rejects_a_condition_that_says_another_value_than_its_source() -> None:
    wrong = Condition(field=("number",), value="R-17", reference=READER)
    result = judged(
        ProvenanceCheck(), join(expression=join().expression.model_copy(update={"where": (wrong,)}))
    )
    assert result.status == "fail" and "the task says 'R-17'" in text_of(result)


def test_provenance_rejects_an_argument_that_its_text_and_value_do_not_give() -> None:
    call = template().gold_calls[2].model_copy(update={"arguments": {"filter": "town = 'Leeds'"}})
    result = judged(ProvenanceCheck(), template(gold_calls=(*join().gold_calls, call)))
    assert result.status == "fail" and "the outputs say otherwise" in text_of(result)


@pytest.mark.parametrize("check", [Flow, Leakage])
def test_a_joined_value_must_not_stand_in_any_wording(check: type) -> None:
    told = join(phrasings=("Where does reader R-29 live, who has the longest book?",))
    result = judged(check(), told)
    assert result.status == "fail" and "r 29" in text_of(result)


def test_flow_looks_at_the_value_and_not_at_the_text_around_it() -> None:
    call = template().gold_calls[2]
    argument = "region = 'Leeds' or town = 'Leeds'"
    given = call.model_copy(
        update={
            "arguments": {"filter": argument},
            "templates": {"filter": "region = 'Leeds' or town = '{}'"},
        }
    )
    exploration = explored(
        ("catalogue", "list_books", {}),
        ("readers", "list_readers", {}),
        ("readers", "find_branches", {"filter": argument}),
        servers=servers(),
    )
    told = template(gold_calls=(*join().gold_calls, given))
    result = Flow().check(told, trial(knowledge=knowledge(), exploration=exploration))
    assert result.status == "fail" and "text of the argument around it" in text_of(result)


def test_flow_finds_the_value_inside_another_literal_argument() -> None:
    extra = GoldCall(
        id="c4", server="readers", tool="find_branches", arguments={"filter": fill(TEMPLATE, "Leeds")}
    )
    exploration = explored(
        *((step.call.server, step.call.tool, step.call.arguments) for step in EXPLORATION.recording.steps),
        servers=servers(),
    )
    told = template(gold_calls=(*template().gold_calls, extra))
    result = Flow().check(told, trial(knowledge=knowledge(), exploration=exploration))
    assert result.status == "fail" and "a literal argument is the same, or holds it" in text_of(result)


def test_necessity_counts_what_a_condition_compares_with_as_a_use() -> None:
    assert judged(Necessity(), join()).status == "pass"
    literal = Condition(field=("number",), value="R-29")
    without = join(expression=join().expression.model_copy(update={"where": (literal,)}))
    result = judged(Necessity(), without)
    assert result.status == "fail" and "c1: the answer does not depend on it" in text_of(result)


def test_necessity_compares_only_arguments_of_the_same_text() -> None:
    assert held(TEMPLATE, fill(TEMPLATE, "Lund")) == "Lund"
    assert held(TEMPLATE, "town = 'Lund'") is None and held(TEMPLATE, 3) is None


def test_necessity_rejects_a_value_inside_a_text_that_makes_no_difference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(LOANS, "Lund", LOANS["Leeds"])
    other = explored(("readers", "find_branches", {"filter": fill(TEMPLATE, "Lund")}), servers=servers())
    base = knowledge()
    known = Knowledge(
        base.listings.values(), base.profiles.values(), [EXPLORATION.recording, other.recording]
    )
    result = Necessity().check(template(), trial(knowledge=known, exploration=EXPLORATION))
    assert result.status == "fail" and "value passed as filter makes no difference" in text_of(result)


@pytest.mark.parametrize(
    ("compare", "field", "value", "items"),
    [("above", "pages", 300, 3), ("below", "pages", 300, 2), ("contains", "title", "Tables", 1)],
)
def test_uniqueness_accepts_a_clear_comparison(compare: str, field: str, value: Any, items: int) -> None:
    result = judged(Uniqueness(), compared(compare, field, value, items=items))
    assert result.status == "pass", result.evidence


@pytest.mark.parametrize(
    ("compare", "field", "value", "why"),
    [
        ("above", "pages", 312, "stands at the limit itself"),
        ("below", "pages", 312, "stands at the limit itself"),
        ("contains", "title", "tables", "may or may not find"),
        ("contains", "title", "Lich", "may or may not find"),
    ],
)
def test_uniqueness_rejects_a_comparison_that_readers_take_differently(
    compare: str, field: str, value: Any, why: str
) -> None:
    result = judged(Uniqueness(), compared(compare, field, value, items=1))
    assert result.status == "fail" and why in text_of(result)


def test_uniqueness_rejects_a_day_with_times_of_that_day(monkeypatch: pytest.MonkeyPatch) -> None:
    from firefly.verification.uniqueness import _doubtful

    items: list[Any] = [{"at": "2026-03-03T08:00:00"}, {"at": "2026-03-05T08:00:00"}]
    after = Condition(field=("at",), value="2026-03-03", compare="above")
    assert list(_doubtful(items, after, "2026-03-03"))
    assert not list(_doubtful(items, after, "2026-03-04"))


def test_uniqueness_compares_every_wording_with_those_of_other_candidates() -> None:
    one = join(phrasings=("Where is the longest book's reader at home?",))
    other = join(
        question="where is the longest book's reader at home?", answer=Answer(type="string", value="Lund")
    )
    assert "the same words ask for 'Lund'" in text_of(judged(Uniqueness(), one, one, other))


def test_leakage_reads_every_wording_for_names_and_the_answer() -> None:
    named = join(phrasings=("Use list_readers: where does the one with the longest book live?",))
    assert "list_readers" in text_of(judged(Leakage(), named))
    answered = join(phrasings=("Is it Leeds where the one with the longest book lives?",))
    assert "the answer stands in the question" in text_of(judged(Leakage(), answered))


def test_necessity_reads_every_wording() -> None:
    told = template(phrasings=("How many loans had the branches in Leeds, the longest book's town?",))
    result = judged(Necessity(), told)
    assert result.status == "fail" and "c2: its value stands in the question" in text_of(result)


def test_safety_reads_every_wording() -> None:
    unsafe = join(phrasings=("Where lives the one who wrote to jo@acme-mail.com?",))
    assert judged(Safety(), unsafe).status == "fail"


def test_a_trajectory_holds_the_filled_text() -> None:
    from firefly.export.sft import _replayed
    from firefly.replay.tool_set import ToolSet

    tools = ToolSet.of(knowledge().tools.values())
    simulator = trial(knowledge=knowledge(), exploration=EXPLORATION).simulator
    calls = template().gold_calls
    made = _replayed(template(), tools, simulator)
    assert made is not None and made[2][0].arguments == {"filter": "town = 'Leeds' and open"}
    bare = template(gold_calls=(*calls[:2], calls[2].model_copy(update={"arguments": {}})))
    assert _replayed(bare, tools, simulator) == made
    other = calls[2].model_copy(update={"arguments": {"filter": "town = 'Lund'"}})
    assert _replayed(template(gold_calls=(*calls[:2], other)), tools, simulator) is None
