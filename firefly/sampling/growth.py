"""A sub-DAG while it grows, and how it is written down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import networkx as nx

from firefly.outputs import ANY_INDEX
from firefly.records import Edge, Link, Node, SubDag, ToolKey
from firefly.replay.records import PathPart
from firefly.sampling.evidence import Shape

Call = tuple[ToolKey, int]
"""One call of a sub-DAG: its tool, and a number that tells calls of one tool apart."""


@dataclass(frozen=True)
class Extension:
    """One more link, between calls that are there or to a new one."""

    source: Call
    target: Call
    edge: Edge

    @property
    def calls(self) -> tuple[Call, Call]:
        """Return both calls."""
        return self.source, self.target

    @property
    def id(self) -> tuple[Call, Call, str]:
        """Return what tells it from others."""
        return self.source, self.target, self.edge.id


@dataclass
class Growth:
    """A sub-DAG that grows: its graph of calls, and what feeds each parameter."""

    graph: nx.DiGraph[Call] = field(default_factory=nx.DiGraph)
    fed: dict[tuple[Call, str], Extension] = field(default_factory=dict)
    left_out: set[tuple[Call, Call, str]] = field(default_factory=set)
    """Links between calls that are there already, decided against."""

    @property
    def servers(self) -> set[str]:
        """Return the servers involved."""
        return {tool[0] for tool, _ in self.graph}

    @property
    def tools(self) -> frozenset[ToolKey]:
        """Return the tools called."""
        return frozenset(tool for tool, _ in self.graph)

    def add(self, extension: Extension) -> None:
        """Add one link."""
        self.graph.add_edge(*extension.calls)
        self.fed[extension.target, extension.edge.parameter] = extension

    def leave_out(self, extension: Extension) -> None:
        """Decide against one link."""
        self.left_out.add(extension.id)

    def inside(self, extension: Extension) -> bool:
        """Return whether both calls are there already."""
        return extension.source in self.graph and extension.target in self.graph

    def read_from(self, call: Call) -> list[Edge]:
        """Return the edges along which the call's output is passed on."""
        return [one.edge for one in self.fed.values() if one.source == call]

    def fed_to(self, call: Call) -> Shape:
        """Return which parameters of the call are fed, each with the text around the value."""
        return tuple(sorted((name, one.edge.template) for (to, name), one in self.fed.items() if to == call))

    def copies(self, tool: ToolKey) -> list[Call]:
        """Return the calls of one tool."""
        return [call for call in self.graph if call[0] == tool]


def item_of(edge: Edge) -> tuple[PathPart, ...]:
    """Return the general path of the list item that the value belongs to; () for none."""
    stars = [index for index, part in enumerate(edge.output_path) if part == ANY_INDEX]
    return edge.output_path[: stars[-1] + 1] if stars else ()


def sub_dag_of(growth: Growth) -> SubDag:
    """Write a grown graph down, the same whatever the order in which it grew."""
    looks = _looks(growth)
    order = list(nx.lexicographical_topological_sort(growth.graph, key=lambda call: (call[0], looks[call])))
    names = {call: f"n{index}" for index, call in enumerate(order, start=1)}
    links = [
        Link(
            source=names[one.source],
            target=names[one.target],
            parameter=one.edge.parameter,
            output_path=one.edge.output_path,
            template=one.edge.template,
            edge=one.edge.id,
        )
        for one in growth.fed.values()
    ]
    return SubDag(
        nodes=tuple(Node(id=names[call], tool=call[0]) for call in order),
        links=tuple(sorted(links, key=lambda link: (link.target, link.parameter))),
    )


def _looks(growth: Growth) -> dict[Call, str]:
    """Return what tells two calls of one tool apart: what leads to each, and what each leads to."""
    links: Iterable[Extension] = list(growth.fed.values())
    order = list(nx.topological_sort(growth.graph))

    def described(calls: Iterable[Call], *, down: bool) -> Mapping[Call, str]:
        found: dict[Call, str] = {}
        for call in calls:
            near = [
                (one.edge.id, found[one.target if down else one.source])
                for one in links
                if (one.source if down else one.target) == call
            ]
            found[call] = repr((call[0], sorted(near)))
        return found

    below, above = described(reversed(order), down=True), described(order, down=False)
    return {call: below[call] + above[call] for call in order}


def longest_paths(graph: nx.DiGraph[Call]) -> dict[Call, int]:
    """Return the number of edges of the longest path that ends at each call."""
    lengths: dict[Call, int] = {}
    for call in nx.topological_sort(graph):
        lengths[call] = max((lengths[parent] + 1 for parent in graph.predecessors(call)), default=0)
    return lengths
