from __future__ import annotations

from random import Random

from firefly.exploration import explore_sub_dag
from firefly.exploration.symbolic import Symbolic
from firefly.graph import prune, tried
from firefly.knowledge import Knowledge
from firefly.records import Edge, Exploration, Link, Node, SubDag
from tests.function_servers import FunctionServers
from tests.graph.scoring import graph_of
from tests.shop_servers import get_offset, get_person


def list_visits() -> object:
    """List visits of guests to the shop."""
    return [
        {"customer_id": "CUS-71", "desk": "T-1", "guest": "Ana"},
        {"customer_id": "CUS-72", "desk": "T-2", "guest": "Bo"},
    ]


def get_table(guest: str) -> object:
    """Get the table that is laid for a guest."""
    raise ValueError("closed for today")


def servers() -> FunctionServers:
    return FunctionServers({"shop": [list_visits, get_table], "people": [get_person], "clock": [get_offset]})


def explored(target: tuple[str, str], parameter: str, knowledge: Knowledge) -> list[Exploration]:
    sub_dag = SubDag(
        nodes=(Node(id="n1", tool=("shop", "list_visits")), Node(id="n2", tool=target)),
        links=(Link(source="n1", target="n2", parameter=parameter, output_path=("*", parameter)),),
    )
    return explore_sub_dag(
        sub_dag, explorer=Symbolic(), backend=servers(), knowledge=knowledge, rng=Random(0), seed=0
    )


def score(edges: list[Edge], source: str, target: str) -> float:
    return max(
        (edge.score for edge in edges if (edge.source[1], edge.target[1]) == (source, target)), default=0
    )


def test_a_second_round_drops_a_refuted_edge_and_finds_one_only_seen_in_round_one() -> None:
    first = servers().knowledge([("shop", "list_visits", {}), ("clock", "get_offset", {"timezone": "UTC"})])
    before = prune(graph_of(first))
    assert score(before, "list_visits", "get_table") > 0
    assert score(before, "list_visits", "get_person") > 0
    assert score(before, "get_person", "get_offset") == 0, "no person was seen yet"
    explorations = [
        *explored(("shop", "get_table"), "guest", first),
        *explored(("people", "get_person"), "customer_id", first),
    ]
    second = Knowledge(
        first.listings.values(),
        first.profiles.values(),
        [*first.recordings, *(one.recording for one in explorations)],
    )
    after = prune(tried(graph_of(second), explorations))
    assert score(after, "list_visits", "get_table") == 0
    assert score(after, "list_visits", "get_person") > score(before, "list_visits", "get_person")
    assert score(after, "get_person", "get_offset") > 0.3


def test_one_failure_refutes_nothing_and_edges_nobody_tried_stay_as_they_are() -> None:
    knowledge = servers().knowledge([("shop", "list_visits", {})])
    edges = graph_of(knowledge)
    (exploration, *_) = explored(("shop", "get_table"), "guest", knowledge)
    once = exploration.model_copy(update={"calls": exploration.calls[:2]})
    after = tried(edges, [once])
    assert score(after, "list_visits", "get_table") == score(edges, "list_visits", "get_table")
    untouched = [edge for edge in edges if edge.target[1] != "get_table"]
    assert [edge for edge in after if edge.target[1] != "get_table"] == untouched
