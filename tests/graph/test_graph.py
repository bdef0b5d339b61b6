from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firefly.graph import prune, score_source
from firefly.graph.candidates import AllPairs
from firefly.graph.combined import Combined
from firefly.graph.names import name_match
from firefly.graph.observed import Observed
from firefly.graph.schema import Schema
from firefly.knowledge import Knowledge
from firefly.outputs import expand, general, leaves, says_nothing
from firefly.records import Edge, Listing, ServerHealth, ToolKey
from firefly.replay.records import Tool
from tests.function_servers import FunctionServers
from tests.shop_servers import probed, shop


def scorer() -> Combined:
    return Combined(scorers={"observed": Observed(), "schema": Schema()}, weights={"schema": 0.4})


def edges_of(knowledge: Knowledge) -> list[Edge]:
    return [
        edge
        for key in sorted(knowledge.tools)
        for edge in score_source(
            knowledge.tools[key], candidates=AllPairs(), scorer=scorer(), knowledge=knowledge
        )
    ]


def best(edges: list[Edge], source: ToolKey, target: ToolKey, parameter: str) -> Edge:
    return max(
        (e for e in edges if (e.source, e.target, e.parameter) == (source, target, parameter)),
        key=lambda edge: edge.score,
    )


def test_a_value_that_another_tool_accepted_makes_the_strongest_edge_even_across_servers() -> None:
    edges = edges_of(probed())
    person = best(edges, ("orders", "list_orders"), ("people", "get_person"), "customer_id")
    assert person.output_path == ("orders", "*", "customer_id")
    assert person.score > 0.8
    assert person.evidence["observed"]["accepted"] == ["CUS-72"]  # type: ignore[index,call-overload]
    zone = best(edges, ("people", "get_person"), ("clock", "get_offset"), "timezone")
    assert (zone.kind, zone.output_path) == ("produces", ("timezone",))
    assert zone.score > 0.8


def test_unrelated_fields_feed_nothing_after_pruning() -> None:
    kept = prune(edges_of(probed()))
    pairs = {(edge.output_path[-1], edge.parameter) for edge in kept if edge.kind == "produces"}
    assert pairs == {
        ("order_id", "order_id"),
        ("customer_id", "customer_id"),
        ("timezone", "timezone"),
        ("status", "status"),
    }


def test_a_value_that_repeats_an_argument_is_referred_to_and_not_produced() -> None:
    edges = edges_of(probed())
    offset = best(edges, ("people", "get_person"), ("people", "get_person"), "customer_id")
    assert offset.kind == "refers_to"
    order = best(edges, ("orders", "get_order"), ("orders", "get_order"), "order_id")
    assert order.kind == "refers_to"


def test_a_launch_value_is_produced_by_nobody() -> None:
    knowledge = probed()
    with_launch = Knowledge(
        [
            listing.model_copy(update={"launch_values": ("CUS-71", "CUS-72", "CUS-73")})
            for listing in knowledge.listings.values()
        ],
        knowledge.profiles.values(),
        knowledge.recordings,
    )
    found = {edge.parameter for edge in prune(edges_of(with_launch)) if edge.kind == "produces"}
    assert "customer_id" not in found
    assert "order_id" in found


def test_values_that_were_refused_speak_against_an_edge() -> None:
    calls = [
        ("orders", "list_orders", {}),
        ("people", "get_person", {"customer_id": "CUS-72"}),
        ("people", "get_person", {"customer_id": "ORD-1001"}),
    ]
    edges = edges_of(shop().knowledge(calls))
    right = best(edges, ("orders", "list_orders"), ("people", "get_person"), "customer_id")
    wrong = [
        edge
        for edge in edges
        if edge.output_path == ("orders", "*", "order_id") and edge.parameter == "customer_id"
    ]
    assert right.output_path == ("orders", "*", "customer_id")
    assert all(edge.score < 0.2 for edge in wrong)


def list_crates() -> object:
    """List crates."""
    return [{"name": name, "hall": "main"} for name in ("north", "south", "attic", "cellar", "loft")]


def describe_crate(crate_name: str) -> object:
    """Describe a crate."""
    if crate_name not in ("north", "south", "attic", "cellar", "loft"):
        raise ValueError(f"no crate {crate_name}")
    return {"boxes": len(crate_name)}


def list_racks() -> object:
    """List the crates of another house."""
    return {"crates": [{"name": name} for name in ("alpha", "beta", "gamma")], "hall": "main"}


def test_values_foreign_to_a_parameters_vocabulary_are_no_edge_and_constants_a_weak_one() -> None:
    backend = FunctionServers({"store": [list_crates, describe_crate], "racks": [list_racks]})
    knowledge = backend.knowledge(
        [
            ("store", "list_crates", {}),
            ("store", "describe_crate", {"crate_name": "north"}),
            ("racks", "list_racks", {}),
        ]
    )
    edges = edges_of(knowledge)
    target = ("store", "describe_crate")
    own = best(edges, ("store", "list_crates"), target, "crate_name")
    foreign = best(edges, ("racks", "list_racks"), target, "crate_name")
    assert own.output_path == ("*", "name")
    assert own.score > 0.6
    assert foreign.score < 0.3
    assert all(edge.score < 0.3 for edge in edges if edge.output_path == ("*", "hall"))


@pytest.mark.parametrize(
    ("field", "parameter", "least"),
    [
        ("landed_cost_expression", "expression", 0.8),
        ("package_expr", "expression", 0.8),
        ("customer_name", "customer_id", 0.0),
        ("email", "customer_id", 0.0),
    ],
)
def test_a_compound_name_is_what_its_last_word_says(field: str, parameter: str, least: float) -> None:
    lister, getter = Tool(server="s", name="read"), Tool(server="s", name="work_out")
    score = name_match(("*", field), lister, parameter, getter)
    assert score >= least
    assert (score > 0) == (least > 0)


def test_volatile_fields_feed_nothing() -> None:
    knowledge = probed()
    volatile = Knowledge(
        knowledge.listings.values(),
        [
            profile.model_copy(update={"volatile_paths": (("orders", 0, "customer_id"),)})
            for profile in knowledge.profiles.values()
        ],
        knowledge.recordings,
    )
    sources = {
        edge.source for edge in edges_of(volatile) if edge.parameter == "customer_id" and edge.score > 0.3
    }
    assert ("orders", "list_orders") not in sources


def test_another_server_changes_no_edge_among_the_others() -> None:
    knowledge = probed()
    some = knowledge.restricted(["orders", "people"])
    before = prune(edges_of(some))
    after = prune(edges_of(knowledge))
    assert before == [edge for edge in after if "clock" not in (edge.source[0], edge.target[0])]


def test_declared_output_fields_match_parameters_of_tools_never_called() -> None:
    def tool(name: str, properties: dict[str, object], output: dict[str, object] | None = None) -> Tool:
        return Tool.model_validate(
            {"server": "s", "name": name, "input_schema": {"properties": properties}, "output_schema": output}
        )

    text = {"type": "string"}
    rows = {"type": "array", "items": {"$ref": "#/$defs/row"}}
    source = tool(
        "list_books",
        {},
        {
            "type": "object",
            "$defs": {"row": {"type": "object", "properties": {"isbn": text, "pages": {"type": "integer"}}}},
            "properties": {"books": rows, "note": text},
        },
    )
    wrapper = tool("read_note", {}, {"type": "object", "properties": {"isbn": text}})
    target = tool("get_book", {"isbn": text, "pages": text})
    listing = Listing(health=ServerHealth(server="s", status="ok"), tools=(source, wrapper, target))
    found = edges_of(Knowledge([listing]))
    assert [(e.source[1], e.parameter, e.output_path) for e in found] == [
        ("list_books", "isbn", ("books", "*", "isbn"))
    ]


@given(st.permutations(range(8)), st.integers(1, 4))
def test_pruning_keeps_the_best_whatever_the_order(order: list[int], limit: int) -> None:
    edges = [
        Edge(source=("s", f"t{n}"), target=("s", "x"), parameter="p", output_path=("v",), score=n / 8)
        for n in range(8)
    ]
    kept = prune([edges[n] for n in order], threshold=0.3, per_parameter=limit)
    assert sorted(edge.score for edge in kept) == [n / 8 for n in range(8 - limit, 8) if n / 8 >= 0.3]
    assert kept == prune(edges, threshold=0.3, per_parameter=limit)


def test_a_weight_outside_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match="observed"):
        Combined(scorers={"observed": Observed()}, weights={"observed": 2})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_the_general_path_of_every_leaf_leads_back_to_it(value: object) -> None:
    for path, leaf in leaves(value):  # type: ignore[arg-type]
        assert (path, leaf) in list(expand(value, general(path)))  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [None, [], {}, "", {"rows": [], "count": 0, "ok": True}, {"asked": "x"}])
def test_an_output_of_flags_zeros_and_echoes_says_nothing(value: object) -> None:
    assert says_nothing(value, {"asked": "x"})  # type: ignore[arg-type]
    assert not says_nothing([value, {"n": 3}], {"asked": "x"})  # type: ignore[list-item]


def test_scores_do_not_depend_on_the_order_of_recordings() -> None:
    knowledge = probed()
    shuffled = list(knowledge.recordings)
    Random(3).shuffle(shuffled)
    again = Knowledge(knowledge.listings.values(), knowledge.profiles.values(), shuffled)
    assert edges_of(again) == edges_of(knowledge)
