from __future__ import annotations

from random import Random

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firefly.knowledge import Knowledge
from firefly.records import Edge, Listing, ServerHealth, SubDag, ToolKey, ToolProfile
from firefly.replay.records import Tool
from firefly.sampling import groups, sample_group
from firefly.sampling.chain import Chain

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
    graph.add_edges_from((link.source, link.target, link.parameter) for link in sub_dag.links)
    return graph


def samples(
    knowledge: Knowledge, edges: list[Edge], seed: int, **options: float
) -> dict[tuple[str, ...], list[SubDag]]:
    sampler = Chain(**{"count": 4, **options})  # type: ignore[arg-type]
    return {
        group: sample_group(
            group, edges=edges, knowledge=knowledge, sampler=sampler, rng=Random(f"{seed}{group}")
        )
        for group in groups(edges, knowledge)
    }


@settings(max_examples=40, deadline=None)
@given(graphs(), st.integers(0, 5))
def test_every_sub_dag_is_acyclic_connected_within_limits_and_made_of_given_edges(
    drawn: tuple[Knowledge, list[Edge]], seed: int
) -> None:
    knowledge, edges = drawn
    by_id = {one.id: one for one in edges}
    for group, found in samples(knowledge, edges, seed, size=4, depth=3, fan_in=2).items():
        assert len({one.id for one in found}) == len(found)
        for sub_dag in found:
            graph = graph_of(sub_dag)
            tools = {node.id: node.tool for node in sub_dag.nodes}
            assert nx.is_directed_acyclic_graph(graph)
            assert nx.is_weakly_connected(graph)
            assert sum(graph.out_degree(node) == 0 for node in graph) == 1
            assert sub_dag.servers == group
            assert len(tools) == len(set(tools.values())) <= 4
            assert nx.dag_longest_path_length(graph) <= 2
            assert all(len(set(graph.predecessors(node))) <= 2 for node in graph)
            assert list(tools) == [f"n{number}" for number in range(1, len(tools) + 1)]
            position = {name: index for index, name in enumerate(tools)}
            assert len({(link.target, link.parameter) for link in sub_dag.links}) == len(sub_dag.links)
            for link in sub_dag.links:
                origin = by_id[link.edge]
                assert (tools[link.source], tools[link.target]) == (origin.source, origin.target)
                assert (link.parameter, link.output_path) == (origin.parameter, origin.output_path)
                assert position[link.source] < position[link.target]


@settings(max_examples=20, deadline=None)
@given(graphs(), st.integers(0, 5))
def test_equal_seeds_give_equal_samples_whatever_the_order_of_the_edges(
    drawn: tuple[Knowledge, list[Edge]], seed: int
) -> None:
    knowledge, edges = drawn
    assert samples(knowledge, edges, seed) == samples(knowledge, edges[::-1], seed)


@settings(max_examples=20, deadline=None)
@given(graphs(), st.integers(0, 5))
def test_another_server_adds_groups_and_changes_none(drawn: tuple[Knowledge, list[Edge]], seed: int) -> None:
    knowledge, edges = drawn
    larger = knowledge_of({name: len(one.tools) for name, one in knowledge.listings.items()} | {"z": 2})
    key = sorted(knowledge.tools)[0]
    more = [*edges, edge(key, ("z", "t0")), edge(("z", "t1"), key)]
    before, after = samples(knowledge, edges, seed), samples(larger, more, seed)
    assert {group: after[group] for group in before} == before
    assert (key[0], "z") in after


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
    found = samples(knowledge, strong + weak, 0, count=8, size=2)[("s",)]
    sets = [frozenset(node.tool for node in one.nodes) for one in found]
    assert len(set(sets)) == len(sets) == 8


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


def test_refers_to_and_self_edges_do_not_chain() -> None:
    knowledge = knowledge_of({"s": 1, "r": 1})
    refers = Edge(source=("s", "t0"), target=("r", "t0"), parameter="a", kind="refers_to", score=0.9)
    assert groups([refers, edge(("s", "t0"), ("s", "t0"))], knowledge) == [("r",), ("s",)]


def test_a_very_low_temperature_follows_the_strongest_edge() -> None:
    knowledge = knowledge_of({"s": 3})
    edges = [edge(("s", "t0"), ("s", "t1"), score=0.9), edge(("s", "t0"), ("s", "t2"), score=0.2)]
    assert samples(knowledge, edges, 0, temperature=0.001)[("s",)]


def test_impossible_limits_are_refused() -> None:
    with pytest.raises(ValueError, match="size"):
        Chain(size=0)
