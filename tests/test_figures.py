from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firefly.curves import svg
from firefly.figures import (
    advisory_checks,
    curve,
    distinct,
    entropy,
    largest,
    necessary_calls,
    passes_between_servers,
    shapes,
    unjudged,
)
from firefly.knowledge import Knowledge
from firefly.records import CheckResult, CheckStatus, Exploration, ExploredCall, Node, SubDag, Verdict
from firefly.replay.records import (
    Answer,
    Condition,
    Expression,
    GoldCall,
    Observation,
    Provenance,
    Recording,
    State,
    Step,
    Task,
    ToolCall,
)
from firefly.workflows import workflow


def reads(call: str, field: str = "code") -> Expression:
    return Expression(
        op="where", call=call, path=("rows",), field=(field,), where=(Condition(field=("n",), value=1),)
    )


def task(
    *calls: tuple[str, str, tuple[str, ...]], exploration: str = "e", ends: tuple[str, ...] = ()
) -> Task:
    """Calls as (server, tool, ids of the calls they take values from)."""
    gold = tuple(
        GoldCall(
            id=f"c{place}",
            server=server,
            tool=tool,
            arguments={f"p{parent}": "A-1" for parent in parents},
            references={f"p{parent}": reads(parent) for parent in parents},
        )
        for place, (server, tool, parents) in enumerate(calls, start=1)
    )
    last = gold[-1].id
    joined = tuple(Condition(field=("n",), value=1, reference=reads(end)) for end in ends)
    return Task(
        question=f"What of {len(calls)} {exploration}?",
        answer_format="",
        answer=Answer(type="string", value="x"),
        expression=Expression(op="where", call=last, path=("rows",), field=("x",), where=joined),
        gold_calls=gold,
        servers=tuple(sorted({one.server for one in gold})),
        provenance=Provenance(exploration=exploration, synthesizer="template"),
    )


def verdict(one: Task, necessity: CheckStatus = "pass", **advisory: CheckStatus) -> Verdict:
    results = [CheckResult(check="necessity", status=necessity)]
    results += [CheckResult(check=name, status=status, required=False) for name, status in advisory.items()]
    return Verdict(task=one.id, verified=True, results=tuple(results))


def step(server: str, tool: str, output: object) -> Step:
    state = State(history="")
    return Step(
        call=ToolCall(server=server, tool=tool),
        observation=Observation(text=json.dumps(output)),
        schema_digest="",
        scope="none",
        before=state,
        after=state,
    )


def exploration(name: str, calls: int) -> Exploration:
    steps = tuple(step("s", name, [number]) for number in range(calls))
    return Exploration(
        sub_dag=SubDag(nodes=(Node(id="n1", tool=("s", name)),)),
        calls=tuple(ExploredCall(id=f"c{n}", node="n1", step=one) for n, one in enumerate(steps, start=1)),
        recording=Recording(purpose="exploration", servers=("s",), steps=steps),
        completed=True,
    )


CHAIN = task(("a", "list", ()), ("a", "get", ("c1",)), ("b", "show", ("c2",)))
FAN = task(("a", "list", ()), ("b", "list", ()), ("b", "show", ("c1", "c2")))
JOIN = task(("a", "list", ()), ("b", "list", ()), ends=("c1",))


def test_shapes_count_necessary_calls_depth_and_fan_in() -> None:
    needed: dict[str, int | None] = {CHAIN.id: 3, FAN.id: 3, JOIN.id: None}
    assert shapes([CHAIN, FAN, JOIN], needed) == [
        {"necessary_calls": 3, "depth": 2, "fan_in": 2, "tasks": 1},
        {"necessary_calls": 3, "depth": 3, "fan_in": 1, "tasks": 1},
        {"necessary_calls": None, "depth": 1, "fan_in": 2, "tasks": 1},
    ]


def test_calls_are_necessary_only_where_the_check_has_shown_it() -> None:
    assert necessary_calls(CHAIN, verdict(CHAIN)) == 3
    assert necessary_calls(CHAIN, verdict(CHAIN, "unknown")) is None
    assert necessary_calls(CHAIN, Verdict(task=CHAIN.id, verified=True, results=())) is None


@pytest.mark.parametrize(("codes", "crosses"), [(["A-1", "A-2"], True), (["A-1"], False)])
def test_a_value_that_never_varies_does_not_join_servers(codes: list[str], crosses: bool) -> None:
    rows = [{"n": number, "code": code} for number, code in enumerate(codes, start=1)]
    seen = Recording(purpose="probing", servers=("a",), steps=(step("a", "get", {"rows": rows}),))
    assert passes_between_servers(CHAIN, Knowledge([], [], [seen])) is crosses


def test_values_passed_within_a_server_do_not_join_servers() -> None:
    within = task(("a", "list", ()), ("a", "get", ("c1",)))
    assert not passes_between_servers(within, Knowledge([]))


def test_advisory_checks_are_counted_for_verified_tasks_those_not_run_too() -> None:
    verdicts = {
        CHAIN.id: verdict(CHAIN, clock="pass", shift="fail"),
        FAN.id: verdict(FAN, clock="unknown", shift="not_applicable"),
        JOIN.id: verdict(JOIN, clock="pass"),
    }
    assert advisory_checks([CHAIN, FAN, JOIN], verdicts) == {
        "clock": {"pass": 2, "fail": 0, "unknown": 1, "not_applicable": 0, "not_run": 0},
        "shift": {"pass": 0, "fail": 1, "unknown": 0, "not_applicable": 1, "not_run": 1},
    }


def test_what_an_advisory_check_could_not_judge_is_counted_with_the_commonest_reason() -> None:
    def unknown(one: Task, why: object) -> Verdict:
        result = CheckResult(check="clock", status="unknown", required=False, evidence={"why": why})
        return Verdict(task=one.id, verified=True, results=(result,))

    verdicts = {
        CHAIN.id: unknown(CHAIN, "not installed"),
        FAN.id: unknown(FAN, ["no sandbox", "not installed"]),
        JOIN.id: unknown(JOIN, "not installed"),
    }
    assert unjudged([CHAIN, FAN, JOIN], verdicts) == {"clock": {"tasks": 3, "why": "not installed"}}
    assert unjudged([CHAIN], {CHAIN.id: verdict(CHAIN, clock="pass")}) == {}


def test_the_curve_counts_calls_in_the_order_of_the_explorations() -> None:
    first, idle, third, last = (
        exploration(name, size) for name, size in zip("abcd", (2, 5, 3, 4), strict=True)
    )
    tasks = [
        task(("s", "x", ()), exploration=first.id),
        task(("s", "x", ()), exploration=third.id),
        task(("s", "x", ()), ("s", "y", ("c1",)), exploration=third.id),
    ]
    sequences = {one.id: workflow(one, {}) for one in tasks}
    assert curve(10, [first, idle, third, last], tasks, sequences) == [
        [10, 0, 0],
        [12, 1, 1],
        [20, 2, 3],
        [24, 2, 3],
    ]


@given(st.dictionaries(st.text(min_size=1), st.integers(1, 50), max_size=8))
def test_entropy_is_between_none_and_that_of_an_even_spread(counts: dict[str, int]) -> None:
    found = entropy(counts)
    assert 0.0 <= found["normalised"] <= 1.0
    assert found["bits"] >= 0.0
    assert largest(counts, sum(counts.values()))["tasks"] == max(counts.values(), default=0)


def test_words_that_repeat_make_questions_less_distinct() -> None:
    assert distinct(3, ["Which town is the oldest?", "Who owns the red van?"]) == 1.0
    assert distinct(3, ["Which town is the oldest?"] * 4) == 0.25
    assert distinct(3, []) == 0.0


@given(st.lists(st.tuples(*[st.integers(0, 3000)] * 3), min_size=1, max_size=20))
def test_the_picture_is_whole_and_inside_its_frame(points: list[tuple[int, int, int]]) -> None:
    root = ElementTree.fromstring(svg(points))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    lines = [one for one in root.iter() if one.tag.endswith("polyline")]
    assert len(lines) == 2
    for line in lines:
        for pair in line.attrib["points"].split():
            x, y = map(float, pair.split(","))
            assert 0 <= x <= width
            assert 0 <= y <= height


def test_equal_points_are_drawn_alike() -> None:
    points = [[100, 0, 0], [140, 3, 9], [900, 21, 80]]
    assert svg(points) == svg([list(point) for point in points])
    assert "distinct tool sequences: 21" in svg(points)
