from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from math import ceil
from random import Random

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firefly.knowledge import Knowledge
from firefly.protocols import Sampler
from firefly.records import Edge, Listing, ServerHealth, SubDag, ToolKey, ToolProfile
from firefly.replay.records import Observation, Recording, State, Step, Tool, ToolCall
from firefly.sampling import groups, sample_group
from firefly.sampling.chain import Chain
from firefly.sampling.coverage import Coverage
from firefly.sampling.random_set import RandomSet
from firefly.sampling.walk import Walk

PARAMETERS = ("a", "b", "c")


def knowledge_of(
    names: dict[str, int],
    *,
    writes: frozenset[ToolKey] = frozenset(),
    opaque: frozenset[ToolKey] = frozenset(),
    pure: frozenset[ToolKey] = frozenset(),
) -> Knowledge:
    """Servers with that many tools each, all of which take three strings."""
    listings, profiles = [], []
    for server, count in names.items():
        tools = tuple(
            Tool(
                server=server,
                name=f"t{number}",
                input_schema={"properties": {name: {"type": "string"} for name in PARAMETERS}},
            )
            for number in range(count)
        )
        listings.append(Listing(health=ServerHealth(server=server, status="ok"), tools=tools))
        profiles += [
            ToolProfile(
                server=server,
                tool=tool.name,
                schema_digest=tool.schema_digest,
                effect="write" if tool.key in writes else "read",
                determinism="deterministic",
                opaque=tool.key in opaque,
                pure=tool.key in pure,
                successes=1,
            )
            for tool in tools
        ]
    return Knowledge(listings, profiles)


def edge(source: ToolKey, target: ToolKey, parameter: str = "a", score: float = 0.8) -> Edge:
    return Edge(source=source, target=target, parameter=parameter, output_path=("*", "x"), score=score)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Knowledge, list[Edge]]:
    sizes = draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
    knowledge = knowledge_of({f"s{index}": size for index, size in enumerate(sizes)})
    keys = sorted(knowledge.tools)
    edges = draw(
        st.lists(
            st.builds(
                edge,
                st.sampled_from(keys),
                st.sampled_from(keys),
                st.sampled_from(PARAMETERS),
                st.floats(0.1, 1.0),
            ),
            max_size=30,
        )
    )
    return knowledge, list({one.id: one for one in edges}.values())


def graph_of(sub_dag: SubDag) -> nx.MultiDiGraph[str]:
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    graph.add_nodes_from(node.id for node in sub_dag.nodes)
    for link in sub_dag.links:
        graph.add_edge(link.source, link.target, link.parameter)
    return graph


SAMPLERS: dict[str, Callable[..., Sampler]] = {
    "chain": Chain,
    "walk": Walk,
    "coverage": Coverage,
    "random_set": RandomSet,
}
every_sampler = pytest.mark.parametrize("name", SAMPLERS)


def samples(
    knowledge: Knowledge, edges: list[Edge], seed: int, name: str = "chain", **options: float
) -> dict[tuple[str, ...], list[SubDag]]:
    sampler = SAMPLERS[name](**{"count": 4, **options})
    return {
        group: sample_group(
            group, edges=edges, knowledge=knowledge, sampler=sampler, rng=Random(f"{seed}{group}")
        )
        for group in groups(edges, knowledge)
    }


LIMITS = st.fixed_dictionaries(
    {
        "size": st.integers(1, 5),
        "depth": st.integers(1, 4),
        "fan_in": st.integers(1, 3),
        "fan_out": st.integers(1, 3),
        "count": st.integers(1, 6),
        "cross_server": st.sampled_from([0.0, 0.5, 1.0]),
        "temperature": st.sampled_from([0.01, 0.3, 5.0]),
    }
)


@every_sampler
@settings(max_examples=60, deadline=None)
@given(drawn=graphs(), limits=LIMITS, seed=st.integers(0, 5))
def test_every_sub_dag_is_acyclic_connected_within_limits_and_made_of_given_edges(
    name: str, drawn: tuple[Knowledge, list[Edge]], limits: dict[str, float], seed: int
) -> None:
    knowledge, edges = drawn
    by_id = {one.id: one for one in edges}
    for group, found in samples(knowledge, edges, seed, name, **limits).items():
        assert len({one.id for one in found}) == len(found)
        assert len(found) <= limits["count"]
        if len(group) > 1:
            assert len(found) <= ceil(limits["count"] * limits["cross_server"])
        for sub_dag in found:
            graph = graph_of(sub_dag)
            tools = {node.id: node.tool for node in sub_dag.nodes}
            assert nx.is_directed_acyclic_graph(graph)
            if name != "random_set":
                assert nx.is_weakly_connected(graph)
                assert sum(graph.out_degree(node) == 0 for node in graph) == 1
            assert sub_dag.servers == group
            assert len(tools) <= limits["size"]
            assert nx.dag_longest_path_length(graph) < limits["depth"]
            assert all(len(set(graph.predecessors(node))) <= limits["fan_in"] for node in graph)
            assert all(len(set(graph.successors(node))) <= limits["fan_out"] for node in graph)
            assert list(tools) == [f"n{number}" for number in range(1, len(tools) + 1)]
            position = {name: index for index, name in enumerate(tools)}
            assert len({(link.target, link.parameter) for link in sub_dag.links}) == len(sub_dag.links)
            for link in sub_dag.links:
                origin = by_id[link.edge]
                assert (tools[link.source], tools[link.target]) == (origin.source, origin.target)
                assert (link.parameter, link.output_path) == (origin.parameter, origin.output_path)
                assert link.template == origin.template
                assert position[link.source] < position[link.target]


@every_sampler
@settings(max_examples=20, deadline=None)
@given(drawn=graphs(), seed=st.integers(0, 5))
def test_equal_seeds_give_equal_samples_whatever_the_order_of_the_edges_or_which_other_servers_there_are(
    name: str, drawn: tuple[Knowledge, list[Edge]], seed: int
) -> None:
    knowledge, edges = drawn
    before = samples(knowledge, edges, seed, name)
    assert samples(knowledge, edges[::-1], seed, name) == before
    larger = knowledge_of({server: len(one.tools) for server, one in knowledge.listings.items()} | {"z": 2})
    key = sorted(knowledge.tools)[0]
    more = [*edges, edge(key, ("z", "t0")), edge(("z", "t1"), key)]
    after = samples(larger, more, seed, name)
    assert {group: after[group] for group in before} == before
    assert (key[0], "z") in after


@pytest.mark.parametrize("name", ["chain", "coverage", "random_set"])
def test_sizes_are_spread_evenly(name: str) -> None:
    knowledge = knowledge_of({"s": 8})
    edges = [
        edge(("s", f"t{one}"), ("s", f"t{one + step}"), PARAMETERS[step - 1])
        for one in range(5)
        for step in (1, 2, 3)
    ]
    found = samples(knowledge, edges, 0, name, count=20)[("s",)]
    sizes = Counter(len(one.nodes) for one in found)
    assert sizes.keys() == {1, 2, 3, 4}
    assert min(sizes[2], sizes[3], sizes[4]) >= 3


def test_two_parents_may_feed_one_child() -> None:
    knowledge = knowledge_of({"s": 3})
    edges = [edge(("s", "t0"), ("s", "t2"), "a"), edge(("s", "t1"), ("s", "t2"), "b")]
    found = samples(knowledge, edges, 0)[("s",)]
    assert any(len(set(graph_of(one).predecessors("n3"))) == 2 for one in found if len(one.nodes) == 3)


def test_parameters_that_one_item_can_fill_are_mostly_filled_together() -> None:
    knowledge = knowledge_of({"s": 2})
    edges = [
        Edge(source=("s", "t0"), target=("s", "t1"), parameter=name, output_path=("*", name), score=0.5)
        for name in PARAMETERS
    ]
    found = [one for seed in range(20) for one in samples(knowledge, edges, seed, count=1)[("s",)]]
    chains = [one for one in found if len(one.nodes) == 2]
    assert sum(len(one.links) == 3 for one in chains) > len(chains) / 2


def test_different_sets_of_tools_come_before_variations_of_one() -> None:
    knowledge = knowledge_of({"s": 5})
    strong = [edge(("s", "t0"), ("s", "t1"), name, 0.99) for name in PARAMETERS]
    weak = [edge(("s", f"t{n}"), ("s", f"t{n + 1}"), "a", 0.4) for n in range(1, 4)]
    found = samples(knowledge, strong + weak, 0, count=6, size=2)[("s",)]
    sets = [frozenset(node.tool for node in one.nodes) for one in found]
    assert len(set(sets)) == len(sets) == 6


@pytest.mark.parametrize("reason", ["writes", "opaque"])
def test_only_proven_reads_with_parsed_output_are_sampled(reason: str) -> None:
    knowledge = knowledge_of({"s": 2, "r": 1}, **{reason: frozenset({("s", "t1"), ("r", "t0")})})  # type: ignore[arg-type]
    edges = [edge(("s", "t0"), ("s", "t1")), edge(("s", "t0"), ("r", "t0"))]
    found = samples(knowledge, edges, 0)
    assert list(found) == [("s",)]
    assert [[node.tool for node in one.nodes] for one in found[("s",)]] == [[("s", "t0")]]


def test_a_sub_dag_of_pure_functions_alone_is_not_sampled() -> None:
    knowledge = knowledge_of({"s": 3}, pure=frozenset({("s", "t0"), ("s", "t1")}))
    edges = [edge(("s", "t0"), ("s", "t1")), edge(("s", "t2"), ("s", "t1"))]
    found = samples(knowledge, edges, 0)[("s",)]
    assert found
    assert all(("s", "t2") in {node.tool for node in one.nodes} for one in found)


def test_edges_that_refer_to_or_affect_do_not_chain() -> None:
    knowledge = knowledge_of({"s": 1, "r": 1})
    edges = [
        Edge(source=("s", "t0"), target=("r", "t0"), parameter="a", kind="refers_to", score=0.9),
        Edge(source=("s", "t0"), target=("r", "t0"), kind="affects", score=0.9),
    ]
    assert groups(edges, knowledge) == [("r",), ("s",)]


def test_three_servers_are_a_group_where_strong_edges_lead_to_one_of_them() -> None:
    knowledge = knowledge_of({"a": 1, "b": 1, "c": 1, "d": 1})
    in_a_row = [edge(("a", "t0"), ("b", "t0")), edge(("b", "t0"), ("c", "t0"))]
    assert ("a", "b", "c") in groups(in_a_row, knowledge)
    into_one = [edge(("a", "t0"), ("c", "t0")), edge(("b", "t0"), ("c", "t0"), "b")]
    assert ("a", "b", "c") in groups(into_one, knowledge)
    out_of_one = [edge(("a", "t0"), ("b", "t0")), edge(("a", "t0"), ("c", "t0"))]
    assert ("a", "b", "c") not in groups(out_of_one, knowledge)
    weak = [edge(("a", "t0"), ("b", "t0"), score=0.4), edge(("b", "t0"), ("c", "t0"))]
    assert ("a", "b", "c") not in groups(weak, knowledge)


def test_calls_of_three_servers_lead_to_one() -> None:
    knowledge = knowledge_of({"a": 2, "b": 2, "c": 2})
    edges = [
        edge(("a", "t0"), ("c", "t0")),
        edge(("b", "t0"), ("c", "t0"), "b"),
        edge(("b", "t1"), ("b", "t0")),
    ]
    found = samples(knowledge, edges, 0)[("a", "b", "c")]
    assert found
    assert all({node.tool[0] for node in one.nodes} == {"a", "b", "c"} for one in found)


def test_what_a_tool_returns_may_lead_to_its_next_call_and_links_carry_the_text_around() -> None:
    knowledge = knowledge_of({"s": 1})
    again = edge(("s", "t0"), ("s", "t0")).model_copy(update={"id": "", "template": "code = '{}'"})
    again = Edge.model_validate(again.model_dump())
    found = [one for one in samples(knowledge, [again], 0, count=8)[("s",)] if len(one.nodes) > 1]
    assert {len(one.nodes) for one in found} == {2, 3}
    assert all(link.template == "code = '{}'" for one in found for link in one.links)


def test_two_templates_of_one_parameter_exclude_each_other() -> None:
    knowledge = knowledge_of({"s": 2})
    edges = [
        Edge(
            source=("s", "t0"),
            target=("s", "t1"),
            parameter="a",
            output_path=("*", "x"),
            template=template,
            score=0.9,
        )
        for template in ("code = '{}'", "name = '{}'")
    ]
    found = [one for one in samples(knowledge, edges, 0, count=10)[("s",)] if len(one.nodes) == 2]
    assert {link.template for one in found for link in one.links} == {"code = '{}'", "name = '{}'"}
    assert all(len(one.links) == 1 for one in found)


def recorded(*calls: tuple[ToolKey, dict[str, str], object], purpose: str = "probing") -> Recording:
    state = State(history="")
    return Recording(
        purpose=purpose,
        servers=tuple(sorted({key[0] for key, _, _ in calls})),
        steps=tuple(
            Step(
                call=ToolCall(server=key[0], tool=key[1], arguments=dict(arguments)),
                observation=Observation(text=json.dumps(output)),
                schema_digest="",
                scope="none",
                before=state,
                after=state,
            )
            for key, arguments, output in calls
        ),
    )


def knowing(knowledge: Knowledge, *recordings: Recording) -> Knowledge:
    return Knowledge(knowledge.listings.values(), knowledge.profiles.values(), recordings)


def test_what_a_call_only_hands_back_is_not_passed_on() -> None:
    source, target = ("s", "t0"), ("s", "t1")
    knowledge = knowing(
        knowledge_of({"s": 2}), recorded((source, {"a": "oak"}, {"wood": "oak", "price": 120}))
    )
    handed = Edge(source=source, target=target, parameter="a", output_path=("wood",), score=0.9)
    found = Edge(source=source, target=target, parameter="b", output_path=("price",), score=0.4)
    links = [link for one in samples(knowledge, [handed, found], 0)[("s",)] for link in one.links]
    assert {link.edge for link in links} == {found.id}


def test_calls_whose_answers_never_hold_both_are_two_calls_of_one_tool() -> None:
    source, target = ("s", "t0"), ("s", "t1")
    edges = [
        Edge(source=source, target=target, parameter=name, output_path=("*", name), score=0.9)
        for name in ("a", "b")
    ]
    apart = knowing(
        knowledge_of({"s": 2}),
        recorded(
            (source, {"c": "trees"}, [{"a": "oak", "n": 45}]),
            (source, {"c": "cities"}, [{"b": "Oslo", "n": 77}]),
        ),
    )
    found = [one for one in samples(apart, edges, 0, count=9)[("s",)] if len(one.links) == 2]
    assert found
    assert all([node.tool for node in one.nodes] == [source, source, target] for one in found)
    both = knowing(
        knowledge_of({"s": 2}), recorded((source, {"c": "all"}, [{"a": "oak", "b": "Oslo", "n": 45}]))
    )
    found = [one for one in samples(both, edges, 0, count=9)[("s",)] if len(one.links) == 2]
    assert found
    assert all([node.tool for node in one.nodes] == [source, target] for one in found)


def test_a_call_after_which_nothing_is_left_to_ask_comes_after_others() -> None:
    first, rich, poor = ("s", "t0"), ("s", "t1"), ("s", "t2")
    keys = [{"name": f"name {index}", "weight": 20 + index} for index in range(4)]
    knowledge = knowing(
        knowledge_of({"s": 3}),
        recorded(
            (first, {"a": "all"}, keys),
            (rich, {"a": "name 1"}, {"colour": "green", "owner": "Ada", "city": "Oslo", "age": 44}),
            (poor, {"a": "name 1"}, {"weight": 21}),
        ),
    )
    edges = [
        Edge(source=first, target=target, parameter="a", output_path=("*", "name"), score=0.8)
        for target in (rich, poor)
    ]
    found = [
        one for seed in range(10) for one in samples(knowledge, edges, seed, count=1, size=2, depth=2)[("s",)]
    ]
    ends = Counter(one.nodes[-1].tool for one in found if len(one.nodes) == 2)
    assert ends[rich] > 2 * ends[poor]


def test_coverage_goes_where_the_explorations_of_the_run_have_not_been() -> None:
    tools = [("s", f"t{number}") for number in range(6)]
    edges = [edge(one, other) for one in tools[:3] for other in tools[3:]]
    before = recorded(
        (tools[0], {"a": "one"}, [{"x": "oak"}]), (tools[3], {"a": "oak"}, {"n": 46}), purpose="exploration"
    )
    explored = knowing(knowledge_of({"s": 6}), *[before] * 3)
    probed = knowing(knowledge_of({"s": 6}), before.model_copy(update={"id": "", "purpose": "probing"}))

    def share(knowledge: Knowledge) -> float:
        found = [
            one
            for seed in range(8)
            for one in samples(knowledge, edges, seed, "coverage", count=4, size=2)[("s",)]
        ]
        return sum({tools[0], tools[3]} & {node.tool for node in one.nodes} != set() for one in found) / len(
            found
        )

    assert share(explored) < 0.6 * share(probed)


def test_coverage_covers_more_pairs_than_a_walk() -> None:
    tools = [("s", f"t{number}") for number in range(6)]
    edges = [
        edge(one, other, score=0.9 if index == 0 else 0.35)
        for index, (one, other) in enumerate((one, other) for one in tools[:3] for other in tools[3:])
    ]
    knowledge = knowledge_of({"s": 6})

    def pairs(name: str) -> float:
        found = [samples(knowledge, edges, seed, name, count=9, size=2)[("s",)] for seed in range(6)]
        return sum(
            len({tuple(node.tool for node in one.nodes) for one in every if len(one.nodes) == 2})
            for every in found
        )

    assert pairs("coverage") > pairs("walk")


def test_a_random_set_is_linked_only_where_edges_exist() -> None:
    knowledge = knowledge_of({"s": 6})
    found = samples(knowledge, [edge(("s", "t0"), ("s", "t1"))], 0, "random_set", count=20)[("s",)]
    assert any(not nx.is_weakly_connected(graph_of(one)) for one in found)
    assert {link.edge for one in found for link in one.links} <= {edge(("s", "t0"), ("s", "t1")).id}


def test_the_hotter_a_walk_the_more_it_strays_from_the_strongest_edge() -> None:
    knowledge = knowledge_of({"s": 6})
    edges = [edge(("s", "t0"), ("s", "t1"), score=0.9)] + [
        edge(("s", "t0"), ("s", f"t{number}"), score=0.2) for number in range(2, 6)
    ]

    def weak(temperature: float) -> int:
        found = [
            one
            for seed in range(20)
            for one in samples(knowledge, edges, seed, "walk", count=1, size=2, temperature=temperature)[
                ("s",)
            ]
        ]
        return sum(
            ("s", "t1") not in {node.tool for node in one.nodes} for one in found if len(one.nodes) == 2
        )

    assert weak(0.02) == 0 < weak(5.0)


def test_a_very_low_temperature_follows_the_strongest_edge() -> None:
    knowledge = knowledge_of({"s": 3})
    edges = [edge(("s", "t0"), ("s", "t1"), score=0.9), edge(("s", "t0"), ("s", "t2"), score=0.2)]
    assert samples(knowledge, edges, 0, temperature=0.001)[("s",)]


def test_impossible_limits_are_refused() -> None:
    with pytest.raises(ValueError, match="size"):
        Chain(size=0)
