"""A sub-DAG while it grows: where it may be extended, and how it is written down.

A tool may be called twice in one sub-DAG where the two calls differ: the one leads to the other, or
no single answer was seen to hold what both are called for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import exp
from random import Random

import networkx as nx

from firefly.knowledge import Knowledge
from firefly.outputs import ANY_INDEX
from firefly.parameters import parameters
from firefly.records import Edge, Link, Node, SubDag, ToolKey
from firefly.replay.records import PathPart, Tool
from firefly.sampling.evidence import Evidence
from firefly.sampling.limits import Limits

Call = tuple[ToolKey, int]
"""One call of a sub-DAG: its tool, and a number that tells calls of one tool apart."""
_COPIES = 2
"""Most calls of one tool in a sub-DAG."""
_TOGETHER = 0.9
"""How often parameters that one item can fill are filled together."""


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

    def copies(self, tool: ToolKey) -> list[Call]:
        """Return the calls of one tool."""
        return [call for call in self.graph if call[0] == tool]


class Ground:
    """What sub-DAGs of one group of servers grow from: its tools, edges and recorded calls."""

    def __init__(
        self, tools: Sequence[Tool], edges: Sequence[Edge], knowledge: Knowledge, limits: Limits
    ) -> None:
        """Prepare; edges that were only seen to hand a call's own arguments back are left out."""
        self.limits = limits
        self.knowledge = knowledge
        self.evidence = Evidence(knowledge)
        self.tools = {tool.key: tool for tool in sorted(tools, key=lambda tool: tool.key)}
        self.keys = sorted(self.tools)
        self.servers = {key[0] for key in self.keys}
        self.edges = [edge for edge in sorted(edges, key=lambda edge: edge.id) if self.evidence.carries(edge)]
        self.into: dict[ToolKey, list[Edge]] = {key: [] for key in self.keys}
        self.out_of: dict[ToolKey, list[Edge]] = {key: [] for key in self.keys}
        for edge in self.edges:
            self.into[edge.target].append(edge)
            self.out_of[edge.source].append(edge)

    @cached_property
    def alone(self) -> set[ToolKey]:
        """Return the tools that are worth a sub-DAG of their own: those that take an argument."""
        return {key for key, tool in self.tools.items() if parameters(tool)}

    def start(self, key: ToolKey) -> Growth:
        """Return a sub-DAG of one call."""
        growth = Growth()
        growth.graph.add_node((key, 0))
        return growth

    def extensions(self, growth: Growth, size: int, *, forward: bool = False) -> list[Extension]:
        """Return the links that may be added: to a new child, from a new parent, or one more inside.

        Every call leads to the last one: a second end would be of no use to the first.

        Args:
            growth: what there is.
            size: most calls.
            forward: no new parents, that is, only steps that a walk along the edges can take.

        """
        graph = growth.graph
        found = list(self._inside(growth))
        if len(graph) < size:
            found += self._children(growth)
            if not forward:
                found += self._parents(growth)
        above, below = _longest_paths(graph), _longest_paths(graph.reverse(copy=False))

        def fits(one: Extension) -> bool:
            if (one.target, one.edge.parameter) in growth.fed or one.id in growth.left_out:
                return False
            parents = set(graph.predecessors(one.target)) if one.target in graph else set()
            children = set(graph.successors(one.source)) if one.source in graph else set()
            if len(parents | {one.source}) > self.limits.fan_in:
                return False
            if len(children | {one.target}) > self.limits.fan_out:
                return False
            return above.get(one.source, 0) + below.get(one.target, 0) + 2 <= self.limits.depth

        return [one for one in found if fits(one)]

    def complete(self, growth: Growth, added: Extension, rng: Random) -> None:
        """Feed further parameters of the target from the same item that ``added`` reads.

        A sheet's name without the workbook that it stands in would be asked of a wrong workbook.
        """
        item = item_of(added.edge)
        siblings = [
            Extension(added.source, added.target, edge)
            for edge in self.out_of[added.edge.source]
            if edge.target == added.edge.target and item_of(edge) == item
        ]
        for one in sorted(siblings, key=lambda one: (-one.edge.score, one.edge.id)):
            fed = (one.target, one.edge.parameter) in growth.fed or one.id in growth.left_out
            same_field = any(
                other.source == one.source and other.edge.output_path == one.edge.output_path
                for (target, _), other in growth.fed.items()
                if target == one.target
            )
            fits = self.evidence.together(
                one.edge.source, [edge.output_path for edge in (*growth.read_from(one.source), one.edge)]
            )
            if item and not fed and not same_field and fits and rng.random() < _TOGETHER:
                growth.add(one)

    def worth_of(self, growth: Growth, extension: Extension) -> float:
        """Return how good a link is, 0..1: its score, less where another call says the same values."""
        later = nx.descendants(growth.graph, extension.target) if extension.target in growth.graph else set()
        others = {call[0] for call in growth.graph if call not in later and call not in extension.calls} - {
            extension.edge.source,
            extension.edge.target,
        }
        new = self.evidence.new(self.evidence.passed(extension.edge), sorted(others))
        return extension.edge.score * (0.2 + 0.8 * new)

    def by_strength(self, values: Sequence[float]) -> list[float]:
        """Return a weight for each value: near temperature 0 only the greatest has any."""
        best = max(values)
        return [exp((value - best) / self.limits.temperature) for value in values]

    def needed(self, growth: Growth) -> float:
        """Return how likely every call is needed, 0..1: what it is called for was not seen elsewhere.

        What a tool says of one thing another may well say of the same thing; of different things both
        are needed. So this is a hint, and never 0.
        """
        total = 1.0
        for call in growth.graph:
            after = nx.descendants(growth.graph, call) | {call}
            others = sorted({other[0] for other in growth.graph if other not in after} - {call[0]})
            new = [
                self.evidence.new(self.evidence.passed(edge), others) for edge in growth.read_from(call)
            ] or [self.evidence.new(self.evidence.said(call[0]), others) * self.evidence.answers(call[0])]
            total *= 0.2 + 0.8 * max(new)
        return total

    def acceptable(self, growth: Growth) -> bool:
        """Return whether it touches every server and reads data; a single call also takes an argument."""
        if growth.servers != self.servers or (len(growth.graph) == 1 and not growth.tools <= self.alone):
            return False
        profiles = [self.knowledge.profiles.get(key) for key in growth.tools]
        return not all(profile is not None and profile.pure is True for profile in profiles)

    def _inside(self, growth: Growth) -> Iterator[Extension]:
        graph = growth.graph
        for source in sorted(graph):
            before = nx.ancestors(graph, source)
            for edge in self.out_of[source[0]]:
                for target in growth.copies(edge.target):
                    if target != source and target not in before and self._says_both(growth, source, edge):
                        yield Extension(source, target, edge)

    def _children(self, growth: Growth) -> Iterator[Extension]:
        for source in sorted(growth.graph):
            if growth.graph.out_degree(source) == 0:
                for edge in self.out_of[source[0]]:
                    target = self._another(growth, edge.target)
                    if target is not None:
                        yield Extension(source, target, edge)

    def _parents(self, growth: Growth) -> Iterator[Extension]:
        for target in sorted(growth.graph):
            after = nx.descendants(growth.graph, target) | {target}
            for edge in self.into[target[0]]:
                source = self._another(growth, edge.source)
                beside = [call for call in growth.copies(edge.source) if call not in after]
                if source is not None and not any(self._says_both(growth, one, edge) for one in beside):
                    yield Extension(source, target, edge)

    def _another(self, growth: Growth, tool: ToolKey) -> Call | None:
        """Return a call of ``tool`` that is not there yet; None when there are enough."""
        numbers = {number for _, number in growth.copies(tool)}
        return next(((tool, one) for one in range(_COPIES) if one not in numbers), None)

    def _says_both(self, growth: Growth, source: Call, edge: Edge) -> bool:
        """Return whether a call's answer may hold what it is called for and what ``edge`` passes on."""
        paths = {one.output_path for one in growth.read_from(source)} | {edge.output_path}
        return self.evidence.together(source[0], paths)


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


def _longest_paths(graph: nx.DiGraph[Call]) -> dict[Call, int]:
    """Return the number of edges of the longest path that ends at each call."""
    lengths: dict[Call, int] = {}
    for call in nx.topological_sort(graph):
        lengths[call] = max((lengths[parent] + 1 for parent in graph.predecessors(call)), default=0)
    return lengths
