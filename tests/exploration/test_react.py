"""Explorers that ask a model: what was executed counts, whatever the model says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from dspy import LMError

from firefly.exploration import explore_sub_dag
from firefly.exploration.hybrid import Hybrid
from firefly.exploration.react import React
from firefly.knowledge import Knowledge
from firefly.lm import JournaledBackend
from firefly.outputs import parsed_output
from firefly.protocols import Backend
from firefly.records import Exploration, Link, Node, SubDag
from firefly.replay.expressions import evaluate
from firefly.synthesis import write_tasks
from firefly.synthesis.chains import chains
from firefly.synthesis.template import Template
from tests.exploration.test_exploration import CHAIN
from tests.exploration.test_writes import sampled
from tests.function_servers import FunctionServers
from tests.lm.competent import competent
from tests.lm.endpoint import Chat, Endpoint, Fault, Personality, Reply, ToolUse, endpoint
from tests.lm.fixtures import make, models
from tests.lm.personalities import ALL_BAD, in_turns
from tests.lm.thinking import in_text
from tests.shop_servers import ORDERS, probed, shop
from tests.writing_servers import Depot
from tests.writing_servers import probed as depot_probed

LIST, PERSON, OFFSET = (node.tool[1] for node in CHAIN.nodes)


def explore(
    there: Endpoint,
    sub_dag: SubDag = CHAIN,
    *,
    backend: Backend | None = None,
    knowledge: Knowledge | None = None,
    explorer: Callable[..., Any] = React,
    connection: dict[str, Any] | None = None,
    counts: dict[str, int] | None = None,
    **options: Any,
) -> Exploration:
    asked = models(there.url, **(connection or {}))
    found = make(
        asked,
        sub_dag.id,
        lambda: explore_sub_dag(
            sub_dag,
            explorer=explorer(models=asked, **options),
            backend=backend or shop(),
            knowledge=knowledge or probed(),
            rng=Random(0),
            seed=0,
        ),
    )
    if counts is not None:
        counts |= asked.ledger.sent()["events"].get("explorer", {})
    assert_observed(found[0])
    return found[0]


def assert_observed(exploration: Exploration) -> None:
    """Every step's references, computed from what was observed, give the very arguments that were used."""
    steps = [call for call in exploration.calls if not call.look]
    outputs = {call.id: parsed_output(call.step.observation) for call in exploration.calls}
    for call in steps:
        for name, reference in call.references.items():
            value = evaluate(reference, outputs)
            template = call.templates.get(name)
            assert call.call.arguments[name] == (
                template.replace("{}", str(value)) if template is not None else value
            )
    if exploration.completed:
        assert {node.id for node in exploration.sub_dag.nodes} == {call.node for call in steps}


def passed(exploration: Exploration) -> list[tuple[str, str, str]]:
    """(from, to, parameter) of the sub-DAG as executed."""
    tools = {node.id: node.tool[1] for node in exploration.sub_dag.nodes}
    return [(tools[one.source], tools[one.target], one.parameter) for one in exploration.sub_dag.links]


def call(name: str, **arguments: Any) -> Reply:
    return Reply("", (ToolUse(name, arguments),))


@pytest.mark.parametrize(
    ("personality", "connection"),
    [
        (competent(), {}),
        (competent(), {"stream": True}),
        (in_text(competent()), {"tools": False}),
        (in_text(competent()), {"tools": False, "json_schema": False, "stream": True}),
    ],
    ids=["native", "native, streamed", "in text", "in text, streamed"],
)
def test_a_competent_model_executes_the_chain(personality: Personality, connection: dict[str, Any]) -> None:
    with endpoint(personality) as there:
        found = explore(there, connection=connection)
        assert found.completed
        assert passed(found) == [(LIST, PERSON, "customer_id"), (PERSON, OFFSET, "timezone")]
        assert found.recording.steps == tuple(one.step for one in found.calls)
        declared = {tool.name: tool.input_schema for tool in probed().tools.values()}
        first = there.requests[0]
        shown = [(one["name"], one["parameters"]) for one in first.tools]
        if connection.get("tools", True):
            assert shown
            assert all(declared[name] == schema for name, schema in shown)
        else:
            assert not shown
            assert all(json.dumps(schema) in first.said_by("system")[0] for schema in declared.values())


def test_what_was_executed_is_the_graph_and_not_what_was_planned() -> None:
    turns = [
        call("find_orders", status="paid"),
        call("get_person", customer_id="CUS-73"),
        Reply("Chi Endo has one order."),
    ]
    with endpoint(in_turns(*turns)) as there:
        found = explore(there)
    assert found.completed
    assert passed(found) == [("find_orders", "get_person", "customer_id")]
    assert found.sub_dag != CHAIN
    (chain, *_) = chains(found, probed())  # what writers begin with
    assert [call.call.tool for call in chain.calls] == ["find_orders", "get_person"]


def test_a_model_that_stops_early_is_told_once_what_is_lacking() -> None:
    turns = [call("list_orders"), Reply("Done."), call("get_person", customer_id="CUS-72"), Reply("Done.")]
    with endpoint(in_turns(*turns)) as there:
        counts: dict[str, int] = {}
        found = explore(there, counts=counts)
        assert found.completed
        assert "no call took anything from another" in there.requests[2].said_by("user")[-1]
        assert (counts, len(there.requests)) == ({"reminded": 1}, 4)
    with endpoint(in_turns(*turns[:2])) as there:
        assert explore(there).reason == "no call took anything from another (the model stopped)"
        assert len(there.requests) == 3


def test_calls_that_are_of_no_use_are_kept_and_are_no_steps() -> None:
    turns = [
        call("list_orders"),
        call("list_orders"),
        call("get_person", customer_id="nobody"),
        call("get_offset", timezone="UTC"),
        call("get_order", order_id="ORD-1002"),
        call("get_person", customer_id="CUS-72"),
        Reply("Done."),
    ]
    with endpoint(in_turns(*turns)) as there:
        found = explore(there)
    assert len(found.calls) == 6
    steps = [one.call.tool for one in found.calls if not one.look]
    # the order was looked up in the list that it was found in: its second look says nothing new
    assert steps == ["list_orders", "get_person"]
    tasks = write_tasks(found, writer=Template(), knowledge=probed(), rng=Random(0))
    assert tasks
    assert {gold.tool for task in tasks for gold in task.gold_calls} <= set(steps)


def test_calls_of_one_turn_are_all_made_and_their_results_come_together() -> None:
    both = Reply(
        "",
        (
            ToolUse("get_order", {"order_id": "ORD-1001"}),
            ToolUse("get_order", {"order_id": "ORD-1002"}),
        ),
    )
    last = Reply("", (ToolUse("get_person", {"customer_id": "CUS-72"}),))
    with endpoint(in_turns(both, last, Reply("Done."))) as there:
        backend = shop()
        found = explore(there, backend=backend)
        assert [one.arguments for one in backend.calls[:2]] == [
            {"order_id": "ORD-1001"},
            {"order_id": "ORD-1002"},
        ]
        results = [message for message in there.requests[1].messages if message["role"] == "tool"]
        assert [json.loads(one["content"])["order_id"] for one in results] == ["ORD-1001", "ORD-1002"]
    assert passed(found) == [("get_order", "get_person", "customer_id")]


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (ToolUse("get_people", {}), "There is no tool 'get_people'. Did you mean 'get_person'?"),
        (ToolUse("get_person", '{"customer_id": "CUS-7'), "are no JSON"),
        (ToolUse("get_person", '["CUS-71"]'), "have to be one JSON object"),
        (ToolUse("get_person", {"customer_id": 71}), "71 is not of type 'string'"),
        (ToolUse("get_person", {}), "'customer_id' is a required property"),
        (ToolUse("get_person", {"customer_id": "CUS-71", "deep": True}), "has no parameter 'deep'"),
    ],
)
@pytest.mark.parametrize("native", [True, False])
def test_a_call_that_can_not_be_made_is_not_made_and_the_model_is_told_why(
    wrong: ToolUse, complaint: str, native: bool
) -> None:
    turns = [
        call("list_orders"),
        Reply("", (wrong,)),
        call("get_person", customer_id="CUS-72"),
        Reply("Done."),
    ]
    script = in_turns(*turns)
    with endpoint(script if native else in_text(script)) as there:
        backend, counts = shop(), {}
        found = explore(there, backend=backend, counts=counts, connection={"tools": native})
        assert [one.tool for one in backend.calls] == ["list_orders", "get_person"]
        told = there.requests[2].messages[-1]["content"]
        assert complaint in told or "could not be read" in told
        assert counts.get("rejected_call", 0) + counts.get("unreadable", 0) == 1
    assert found.completed


@pytest.mark.parametrize("name", ALL_BAD)
@pytest.mark.parametrize("native", [True, False])
def test_whatever_a_bad_model_says_nothing_is_taken_from_it(
    name: str, native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firefly.lm.engine.backoff", lambda attempt, asked: 0.0)
    good = competent() if native else in_text(competent())
    backend, counts = shop(), {}
    fails = name in ("garbage", "some never succeed")
    with endpoint(ALL_BAD[name](good)) as there:
        try:
            found = explore(there, backend=backend, counts=counts, connection={"tools": native, "retries": 2})
        except LMError:
            assert fails
            return
    made = {one.digest for one in backend.calls}
    assert all(one.call.digest in made for one in found.calls)
    for task in write_tasks(found, writer=Template(), knowledge=probed(), rng=Random(0)):
        outputs: dict[str, Any] = {}
        for gold in task.gold_calls:
            with shop().episode(_all_tools()) as episode:
                outputs[gold.id] = parsed_output(episode.call(gold.call))
        assert evaluate(task.expression, outputs) == task.answer.value
    if not found.completed:
        assert "the model" in found.reason
        assert fails or counts.get("rejected_call", 0) + counts.get("unreadable", 0) + counts.get(
            "no_call", 0
        )


def _all_tools() -> Any:
    from firefly.replay.tool_set import ToolSet

    return ToolSet.of(probed().tools.values())


@pytest.mark.parametrize(
    ("limits", "requests", "reason"),
    [
        ({"turns": 3}, 3, "turns"),
        ({"calls": 2}, 2, "calls"),
        ({"tokens": 1}, 1, "tokens"),
    ],
)
def test_a_model_that_never_stops_is_stopped(limits: dict[str, int], requests: int, reason: str) -> None:
    with endpoint(lambda chat: call("get_offset", timezone="UTC")) as there:
        found = explore(there, **limits)
        assert len(there.requests) == requests
        assert not found.completed
        assert reason in found.reason


def test_only_values_that_were_found_out_are_references() -> None:

    def list_parts() -> object:
        """List parts."""
        return {"parts": [{"part": "PRT-44", "stock": 250, "unit": "box"}], "site": "main"}

    def find_moves(part: str, limit: int, unit: str = "box", site: str = "?") -> object:
        """Find moves of a part."""
        return {"moves": [{"move": "MOV-7731", "weight": 431}]}

    servers = FunctionServers({"store": [list_parts, find_moves]})
    knowledge = servers.knowledge([("store", "list_parts", {})])
    plan = SubDag(
        nodes=(Node(id="n1", tool=("store", "list_parts")), Node(id="n2", tool=("store", "find_moves")))
    )
    turns = [
        call("list_parts"),
        call("find_moves", part="PRT-44", limit=250, unit="box", site="main"),
        Reply("."),
    ]
    with endpoint(in_turns(*turns)) as there:
        found = explore(there, plan, backend=servers, knowledge=knowledge)
    step = next(one for one in found.calls if one.call.tool == "find_moves")
    assert set(step.references) == {"part", "site", "unit"}  # ``limit`` equals the stock by chance


def test_a_value_inside_a_text_is_found_out_too() -> None:
    def list_parts() -> object:
        """List parts."""
        return {"parts": [{"part": "PRT-44", "stock": 250}, {"part": "PRT-45", "stock": 7}]}

    def query(sql: str) -> object:
        """Run a query."""
        return {"rows": [{"weight": 431, "colour": "blue"}]}

    servers = FunctionServers({"store": [list_parts], "books": [query]})
    plan = SubDag(nodes=(Node(id="n1", tool=("store", "list_parts")), Node(id="n2", tool=("books", "query"))))
    sql = "SELECT weight, colour FROM parts WHERE part = 'PRT-44'"
    with endpoint(in_turns(call("list_parts"), call("query", sql=sql), Reply("."))) as there:
        found = explore(
            there, plan, backend=servers, knowledge=servers.knowledge([("store", "list_parts", {})])
        )
    (link,) = found.sub_dag.links
    assert link.template == "SELECT weight, colour FROM parts WHERE part = '{}'"
    assert link.output_path == ("parts", "*", "part")


@pytest.mark.parametrize("looks_first", [True, False])
def test_writes_are_made_again_so_that_they_show_what_they_change(looks_first: bool) -> None:
    sub_dag = next(one for one in sampled() if [node.tool[1] for node in one.writes] == ["send_off"])
    turns = [
        call("send_off", code="CRT-2044"),
        call("list_crates"),
        call("get_crate", code="CRT-2041"),
        Reply("One crate fewer."),
    ]
    if looks_first:
        turns.insert(0, call("list_crates"))
    with endpoint(in_turns(*turns)) as there:
        found = explore(there, sub_dag, backend=Depot(), knowledge=depot_probed(Depot()))
    assert found.completed, found.reason
    assert [node.tool[1] for node in found.sub_dag.writes] == ["send_off"]
    assert [node.tool[1] for node in found.sub_dag.looks] == ["list_crates"]
    assert len(found.orders) >= 2  # as the model made it, and once more without the looks
    tasks = write_tasks(found, writer=Template(), knowledge=depot_probed(Depot(), [found]), rng=Random(0))
    assert tasks
    assert all(task.end_state for task in tasks)


def test_an_interrupted_write_rebuilds_its_sandbox_and_asks_nothing_twice(tmp_path: Path) -> None:
    sub_dag = next(one for one in sampled() if [node.tool[1] for node in one.writes] == ["send_off"])
    turns = [
        call("list_crates"),
        call("send_off", code="CRT-2044"),
        call("list_crates"),
        Reply("One crate fewer."),
    ]
    broken = [True]

    def breaks_once(chat: Chat) -> Reply | Fault:
        if len(chat.said_by("assistant")) == 2 and broken:
            broken.pop()
            return Fault(400)
        return in_turns(*turns)(chat)

    def explored(url: str, backend: Depot) -> Exploration:
        asked = models(url, tmp_path)
        found = make(
            asked,
            sub_dag.id,
            lambda: explore_sub_dag(
                sub_dag,
                explorer=React(models=asked),
                backend=JournaledBackend(lambda: backend),
                knowledge=depot_probed(Depot()),
                rng=Random(0),
                seed=0,
            ),
        )
        return found[0]

    with endpoint(breaks_once) as there:
        with pytest.raises(LMError):
            explored(there.url, Depot())
        backend = Depot()
        found = explored(there.url, backend)
        assert found.completed, found.reason
        assert [one.tool for one in backend.calls[:2]] == ["list_crates", "send_off"]  # made again
        assert len(there.requests) == 5  # the one that failed, and each of the four once
        answered = [str(chat.body) for chat in there.requests if chat.number != 2]
        assert len(set(answered)) == 4


def test_a_model_that_writes_nothing_leaves_nothing_to_ask() -> None:
    sub_dag = next(one for one in sampled() if one.writes)
    with endpoint(in_turns(call("list_crates"), Reply("Everything is in order."))) as there:
        found = explore(there, sub_dag, backend=Depot(), knowledge=depot_probed(Depot()))
    assert not found.completed
    assert "nothing was written" in found.reason


# --- hybrid -------------------------------------------------------------------------------------


def test_hybrid_asks_nobody_where_rules_suffice() -> None:
    with endpoint(lambda chat: Fault(500)) as there:
        found = explore(there, explorer=Hybrid)
        assert found.completed
        assert not there.requests


SEARCH = SubDag(
    nodes=(Node(id="n1", tool=("orders", "list_orders")), Node(id="n2", tool=("people", "letters"))),
    links=(
        Link(source="n1", target="n2", parameter="customer_id", output_path=("orders", "*", "customer_id")),
    ),
)


def _letters(customer_id: str, year: int) -> object:
    """Letters from a person in a year; only 1999 is kept."""
    if year != 1999:
        raise ValueError(f"no letters of {year}")
    return {"customer_id": customer_id, "letters": [{"letter": "LET-481", "pages": 14}]}


def stuck() -> tuple[FunctionServers, Knowledge]:
    backend = shop()
    _letters.__name__ = "letters"
    backend.functions["people", "letters"] = _letters
    return backend, backend.knowledge([("orders", "list_orders", {})])


def test_hybrid_asks_where_rules_are_stuck_and_keeps_what_links_pass() -> None:
    def knows(chat: Chat) -> Reply:
        given = json.loads(chat.said_by("user")[0].split("Given: ")[1].split("\n")[0])
        tried = sum("tool_calls" in message for message in chat.messages)
        return call("letters", customer_id=given["customer_id"], year=(1998, 1999)[min(tried, 1)])

    backend, knowledge = stuck()
    with endpoint(knows) as there:
        found = explore(there, SEARCH, backend=backend, knowledge=knowledge, explorer=Hybrid)
        assert found.completed, found.reason
        assert there.requests
    last = found.calls[-1]
    assert set(last.references) == {"customer_id"}
    assert last.call.arguments["customer_id"] in {one["customer_id"] for one in ORDERS}
    assert last.sources["year"] == "explorer"


@pytest.mark.parametrize("name", ["refuses", "malformed", "unknown tools", "lies", "empty"])
def test_hybrid_is_no_worse_off_for_a_bad_model(name: str) -> None:
    backend, knowledge = stuck()
    with endpoint(ALL_BAD[name](competent())) as there:
        found = explore(there, SEARCH, backend=backend, knowledge=knowledge, explorer=Hybrid)
    assert not found.completed
    assert "letters" in found.reason
