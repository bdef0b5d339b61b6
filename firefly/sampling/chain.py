"""The default sampler: short chains and fan-ins along strong edges.

It proposes many sub-DAGs by random growth, then picks a few that go well together: tool sets not
seen before first, then tools not covered yet, then strong edges. Every call of a sub-DAG leads to its
last one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from math import ceil, exp
from random import Random
from typing import TypeVar

import networkx as nx

from firefly.knowledge import Knowledge
from firefly.outputs import ANY_INDEX
from firefly.parameters import parameters
from firefly.plugins import register
from firefly.records import Edge, Link, Node, SubDag, ToolKey
from firefly.replay.records import PathPart, Tool

T = TypeVar("T")

_PROPOSALS = 40
"""Proposals for each sub-DAG asked for; growing one costs some microseconds."""
_SINGLE_WEIGHT = 0.4
"""How often a single call is wanted, against 1.0 for each greater size."""
_TOGETHER = 0.9
"""How often parameters that one item can fill are filled together."""
_FED = 0.1
"""How much a sub-DAG gains by each link of a call: what is passed on need not be made up."""
_MISSING_BONUS = 8.0
"""How much an edge that brings in a server not touched yet is preferred."""


@dataclass
class _Growth:
    """A sub-DAG while it grows: its graph of tools, and the edge that feeds each parameter."""

    graph: nx.DiGraph[ToolKey]
    fed: dict[tuple[ToolKey, str], Edge] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)
    """Ids of edges between calls that are there already, decided against."""

    @property
    def servers(self) -> set[str]:
        return {server for server, _ in self.graph.nodes}

    def add(self, edge: Edge) -> None:
        self.graph.add_edge(edge.source, edge.target)
        self.fed[(edge.target, edge.parameter)] = edge


@register("sampler", "chain")
class Chain:
    """Samples chains and fan-ins of one to a few calls, favouring strong edges and uncovered tools."""

    def __init__(
        self,
        *,
        size: int = 4,
        depth: int = 4,
        fan_in: int = 2,
        count: int = 24,
        cross_server: float = 0.5,
        temperature: float = 0.3,
    ) -> None:
        """Set the limits.

        Args:
            size: most calls in one sub-DAG.
            depth: most calls on one path.
            fan_in: most calls that feed one call.
            count: sub-DAGs for one server.
            cross_server: sub-DAGs for a pair of servers, as a share of ``count``.
            temperature: how far the choice strays from the strongest edges; near 0 hardly at all.

        """
        if min(size, depth, fan_in, count) < 1 or temperature <= 0 or cross_server < 0:
            raise ValueError(
                "size, depth, fan_in, count >= 1, temperature > 0 and cross_server >= 0 are needed"
            )
        self.size = size
        self.depth = depth
        self.fan_in = fan_in
        self.count = count
        self.cross_server = cross_server
        self.temperature = temperature

    def sample(
        self, tools: Sequence[Tool], edges: Sequence[Edge], *, knowledge: Knowledge, rng: Random
    ) -> list[SubDag]:
        """Return distinct, connected, acyclic sub-DAGs that touch every server of the group."""
        servers = {tool.server for tool in tools}
        wanted = self.count if len(servers) == 1 else ceil(self.count * self.cross_server)
        keys = sorted(tool.key for tool in tools)
        touching: dict[ToolKey, list[Edge]] = {key: [] for key in keys}
        for edge in edges:
            touching[edge.source].append(edge)
            touching[edge.target].append(edge)
        alone = {tool.key for tool in tools if parameters(tool)}
        seen: dict[ToolKey, int] = dict.fromkeys(keys, 0)
        proposals: dict[str, tuple[SubDag, float]] = {}
        for _ in range(wanted * _PROPOSALS if keys else 0):
            growth = self._grow(keys, touching, seen, servers, rng)
            if growth.servers != servers or not _worth_calling(growth, alone, knowledge):
                continue
            for key in growth.graph.nodes:
                seen[key] += 1
            sub_dag = _sub_dag(growth)
            scores = [edge.score for edge in growth.fed.values()]
            proposals[sub_dag.id] = (sub_dag, sum(scores) / len(scores) if scores else 0.5)
        return _pick(proposals, wanted, rng)

    def _grow(
        self,
        keys: Sequence[ToolKey],
        touching: dict[ToolKey, list[Edge]],
        seen: dict[ToolKey, int],
        servers: set[str],
        rng: Random,
    ) -> _Growth:
        sizes = range(max(1, len(servers)), max(self.size, len(servers)) + 1)
        size = _choose(sizes, [_SINGLE_WEIGHT if n == 1 else 1.0 for n in sizes], rng)
        starts = [key for key in keys if size == 1 or touching[key]] or list(keys)
        growth = _Growth(nx.DiGraph())
        growth.graph.add_node(_choose(starts, [1.0 / (1 + seen[key]) for key in starts], rng))
        while True:
            options = self._extensions(growth, touching, size)
            if not options:
                return growth
            weights = self._weights(options, growth, seen, servers - growth.servers)
            chosen = _choose(options, weights, rng)
            inside = chosen.source in growth.graph and chosen.target in growth.graph
            if inside and rng.random() >= chosen.score:
                growth.left_out.add(chosen.id)
            else:
                growth.add(chosen)
                self._complete(chosen, growth, touching, rng)

    def _complete(
        self, chosen: Edge, growth: _Growth, touching: dict[ToolKey, list[Edge]], rng: Random
    ) -> None:
        """Feed further parameters of the target from the same item that ``chosen`` reads.

        A sheet's name without the workbook that it stands in would be asked of a wrong workbook.
        """
        item = _item(chosen)
        siblings = [
            edge
            for edge in touching[chosen.source]
            if (edge.source, edge.target) == (chosen.source, chosen.target) and _item(edge) == item
        ]
        for edge in sorted(siblings, key=lambda edge: (-edge.score, edge.id)):
            fed = (edge.target, edge.parameter) in growth.fed or edge.id in growth.left_out
            same_field = any(
                other.output_path == edge.output_path and other.source == edge.source
                for (target, _), other in growth.fed.items()
                if target == edge.target
            )
            if item and not fed and not same_field and rng.random() < _TOGETHER:
                growth.add(edge)

    def _extensions(self, growth: _Growth, touching: dict[ToolKey, list[Edge]], size: int) -> list[Edge]:
        """Return the edges that may be added: new child, new parent, or one more link inside."""
        graph = growth.graph
        above = _longest_paths(graph)
        below = _longest_paths(graph.reverse(copy=False))
        ancestors = {key: nx.ancestors(graph, key) for key in graph}
        full = len(graph) >= size
        last = {key for key in graph if graph.out_degree(key) == 0}

        def fits(edge: Edge) -> bool:
            inside = edge.source in graph and edge.target in graph
            taken = (edge.target, edge.parameter) in growth.fed or edge.id in growth.left_out
            if taken or (full and not inside):
                return False
            if edge.target not in graph and edge.source not in last:
                return False  # a second end: what leads to the one is of no use to the other
            if inside and edge.target in ancestors[edge.source]:
                return False
            parents = set(graph.predecessors(edge.target)) if edge.target in graph else set()
            if len(parents | {edge.source}) > self.fan_in:
                return False
            return above.get(edge.source, 0) + below.get(edge.target, 0) + 2 <= self.depth

        return [edge for key in sorted(graph) for edge in touching[key] if fits(edge)]

    def _weights(
        self, options: Sequence[Edge], growth: _Growth, seen: dict[ToolKey, int], missing: set[str]
    ) -> list[float]:
        best = max(edge.score for edge in options)
        weights = []
        for edge in options:
            weight = exp((edge.score - best) / self.temperature)
            for key in sorted({edge.source, edge.target} - set(growth.graph)):
                weight *= (_MISSING_BONUS if key[0] in missing else 1.0) / (1 + seen[key])
            weights.append(weight)
        return weights


def _item(edge: Edge) -> tuple[PathPart, ...]:
    """Return the general path of the list item that the value belongs to; () for none."""
    stars = [index for index, part in enumerate(edge.output_path) if part == ANY_INDEX]
    return edge.output_path[: stars[-1] + 1] if stars else ()


def _longest_paths(graph: nx.DiGraph[ToolKey]) -> dict[ToolKey, int]:
    """Return the number of edges of the longest path that ends at each node."""
    lengths: dict[ToolKey, int] = {}
    for key in nx.topological_sort(graph):
        lengths[key] = max((lengths[parent] + 1 for parent in graph.predecessors(key)), default=0)
    return lengths


def _worth_calling(growth: _Growth, alone: set[ToolKey], knowledge: Knowledge) -> bool:
    """Return whether it reads data rather than only computes, and, as a single call, takes an argument."""
    if len(growth.graph) == 1 and not set(growth.graph.nodes) <= alone:
        return False
    profiles = [knowledge.profiles.get(key) for key in growth.graph.nodes]
    return not all(profile is not None and profile.pure is True for profile in profiles)


def _sub_dag(growth: _Growth) -> SubDag:
    order = list(nx.lexicographical_topological_sort(growth.graph))
    names = {key: f"n{index}" for index, key in enumerate(order, start=1)}
    links = [
        Link(
            source=names[edge.source],
            target=names[edge.target],
            parameter=edge.parameter,
            output_path=edge.output_path,
            template=edge.template,
            edge=edge.id,
        )
        for edge in growth.fed.values()
    ]
    return SubDag(
        nodes=tuple(Node(id=names[key], tool=key) for key in order),
        links=tuple(sorted(links, key=lambda link: (link.target, link.parameter))),
    )


def _pick(proposals: dict[str, tuple[SubDag, float]], wanted: int, rng: Random) -> list[SubDag]:
    """Pick greedily: a new set of tools counts most, then new tools, strong edges and many links."""
    left = [proposals[key] for key in sorted(proposals)]
    rng.shuffle(left)
    picked: list[SubDag] = []
    sets: dict[frozenset[ToolKey], int] = {}
    covered: set[ToolKey] = set()
    while left and len(picked) < wanted:
        best_index, best_gain = 0, float("-inf")
        for index, (sub_dag, score) in enumerate(left):
            tools = frozenset(node.tool for node in sub_dag.nodes)
            gain = score - 2.0 * sets.get(tools, 0) + 0.5 * len(tools - covered) / len(tools)
            gain += _FED * len(sub_dag.links) / len(tools)
            if gain > best_gain:
                best_index, best_gain = index, gain
        sub_dag, _ = left.pop(best_index)
        tools = frozenset(node.tool for node in sub_dag.nodes)
        sets[tools] = sets.get(tools, 0) + 1
        covered |= tools
        picked.append(sub_dag)
    return picked


def _choose(items: Sequence[T], weights: Sequence[float], rng: Random) -> T:
    """Return one item, drawn by weight."""
    sums = list(accumulate(weights))
    point = rng.random() * sums[-1]
    return next((item for item, upto in zip(items, sums, strict=True) if point < upto), items[-1])
