"""What sub-DAGs grow from, and where one may be extended.

A tool may be called again in one sub-DAG where the calls differ: the one leads to the other, or no
single answer was seen to hold what both are called for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from math import exp
from random import Random

import networkx as nx

from firefly.knowledge import Knowledge
from firefly.records import Edge, ToolKey
from firefly.replay.records import Tool
from firefly.sampling.evidence import Evidence
from firefly.sampling.growth import Call, Extension, Growth, item_of, longest_paths
from firefly.sampling.limits import Limits
from firefly.values.undeclared import all_parameters

_COPIES = 3
"""Most calls of one tool in a sub-DAG."""
_TOGETHER = 0.9
"""How often parameters that one item can fill are filled together."""
_NAMED = 0.3
"""How much a link counts that passes on a name inside a statement, such as a table's: few questions do."""
_DOUBT = 0.1
"""What is left of a sub-DAG's score where nothing speaks for a call: a hint is no proof."""


class Ground:
    """What sub-DAGs of one group of servers grow from: its tools, edges and recorded calls."""

    def __init__(
        self, tools: Sequence[Tool], edges: Sequence[Edge], knowledge: Knowledge, limits: Limits
    ) -> None:
        """Prepare, without what leads nowhere.

        That is, edges that were only seen to hand a call's own arguments back, or a date to another server's
        data, and tools that answer whatever they are asked alike.
        """
        self.limits = limits
        self.knowledge = knowledge
        self.evidence = Evidence(knowledge)
        self.tools = {
            tool.key: tool
            for tool in sorted(tools, key=lambda tool: tool.key)
            if not self.evidence.says_one_thing(tool.key)
        }
        self.keys = sorted(self.tools)
        self.servers = {tool.server for tool in tools}
        self.edges = [
            edge
            for edge in sorted(edges, key=lambda edge: edge.id)
            if {edge.source, edge.target} <= self.tools.keys()
            and self.evidence.carries(edge)
            and not (self._is_apart(edge) and self.evidence.is_chance(edge))
        ]
        self.into: dict[ToolKey, list[Edge]] = {key: [] for key in self.keys}
        self.out_of: dict[ToolKey, list[Edge]] = {key: [] for key in self.keys}
        for edge in self.edges:
            self.into[edge.target].append(edge)
            self.out_of[edge.source].append(edge)

    @cached_property
    def alone(self) -> set[ToolKey]:
        """Return the tools that are worth a sub-DAG of their own: those that take an argument."""
        return {key for key, tool in self.tools.items() if all_parameters(tool, self.knowledge)}

    @cached_property
    def across(self) -> list[Extension]:
        """Return the links from one server to another."""
        links = (Extension((edge.source, 0), (edge.target, 0), edge) for edge in self.edges)
        fits = min(self.limits.depth, self.limits.size) > 1
        return [one for one in links if fits and self._is_across(one) and self._possible(Growth(), one)]

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
        above, below = longest_paths(graph), longest_paths(graph.reverse(copy=False))

        def fits(one: Extension) -> bool:
            if (one.target, one.edge.parameter) in growth.fed or one.id in growth.left_out:
                return False
            parents = set(graph.predecessors(one.target)) if one.target in graph else set()
            children = set(graph.successors(one.source)) if one.source in graph else set()
            if len(parents | {one.source}) > self.limits.fan_in or not self._possible(growth, one):
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
            fits = self._possible(growth, one)
            if item and not fed and not same_field and fits and rng.random() < _TOGETHER:
                growth.add(one)

    def worth_of(self, growth: Growth, extension: Extension) -> float:
        """Return how good a link is, 0..1.

        That is its score, less where its values are said elsewhere too, or no words tell which is meant.
        """
        later = nx.descendants(growth.graph, extension.target) if extension.target in growth.graph else set()
        others = {call[0] for call in growth.graph if call not in later and call not in extension.calls} - {
            extension.edge.source,
            extension.edge.target,
        }
        fed = growth.fed_to(extension.source)
        new = self.evidence.new(self.evidence.passed(extension.edge, fed), sorted(others))
        told = self.evidence.singled_out(extension.edge)
        chance = self._chance(growth, extension) * (_NAMED if _is_name(extension.edge.template) else 1.0)
        return extension.edge.score * (0.2 + 0.8 * new) * (0.3 + 0.7 * told) * (0.1 + 0.9 * chance)

    def by_strength(self, values: Sequence[float]) -> list[float]:
        """Return a weight for each value: near temperature 0 only the greatest has any."""
        best = max(values)
        return [exp((value - best) / self.limits.temperature) for value in values]

    def needed(self, growth: Growth) -> float:
        """Return how likely every call is needed and can be told, 0..1.

        Needed: what it is called for was not seen elsewhere. What a tool says of one thing another may
        say too; of different things both are needed. So this is a hint, and never 0.
        """
        total = 1.0
        for call in growth.graph:
            after = nx.descendants(growth.graph, call) | {call}
            others = sorted({other[0] for other in growth.graph if other not in after} - {call[0]})
            edges, fed = growth.read_from(call), growth.fed_to(call)
            new = [
                self.evidence.new(self.evidence.passed(edge, fed), others)
                * (0.3 + 0.7 * self.evidence.singled_out(edge))
                for edge in edges
            ] or [self.evidence.new(self.evidence.said(call[0]), others) * self.evidence.answers(call[0])]
            if edges:
                total *= self.evidence.chance(call[0], {edge.output_path for edge in edges}, fed)
            total *= _NAMED ** sum(_is_name(edge.template) for edge in edges)
            total *= _DOUBT + (1 - _DOUBT) * max(new)
        return total

    def acceptable(self, growth: Growth) -> bool:
        """Return whether it touches every server and reads data; a single call also takes an argument."""
        if growth.servers != self.servers or (len(growth.graph) == 1 and not growth.tools <= self.alone):
            return False
        return not all(self._is_pure(key) for key in growth.tools)

    def _inside(self, growth: Growth) -> Iterator[Extension]:
        graph = growth.graph
        for source in sorted(graph):
            before = nx.ancestors(graph, source)
            for edge in self.out_of[source[0]]:
                for target in growth.copies(edge.target):
                    if target != source and target not in before:
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
                one_more = [Extension(one, target, edge) for one in beside]
                if source is not None and not any(self._possible(growth, one) for one in one_more):
                    yield Extension(source, target, edge)

    def _another(self, growth: Growth, tool: ToolKey) -> Call | None:
        """Return a call of ``tool`` that is not there yet; None when there are enough.

        What a pure function makes of its own result is nothing to find out.
        """
        most = 1 if self._is_pure(tool) else _COPIES
        numbers = {number for _, number in growth.copies(tool)}
        return next(((tool, one) for one in range(most) if one not in numbers), None)

    def _is_apart(self, edge: Edge) -> bool:
        """Return whether the edge leads to data of another server."""
        return edge.source[0] != edge.target[0] and not self._is_pure(edge.target)

    def _is_pure(self, tool: ToolKey) -> bool:
        profile = self.knowledge.profiles.get(tool)
        return profile is not None and profile.pure is True

    def _is_across(self, link: Extension) -> bool:
        return link.source[0][0] != link.target[0][0]

    def _possible(self, growth: Growth, added: Extension) -> bool:
        """Return whether answers were seen that hold what either call would then be called for."""
        return self._chance(growth, added) > 0

    def _chance(self, growth: Growth, added: Extension) -> float:
        """Return how likely both calls answer with what they would then be called for."""
        total = 1.0
        for call in added.calls:
            edges, fed = growth.read_from(call), growth.fed_to(call)
            if call == added.source:
                edges = [*edges, added.edge]
            else:
                fed = tuple(sorted({**dict(fed), added.edge.parameter: added.edge.template}.items()))
            if edges:
                total *= self.evidence.chance(call[0], {edge.output_path for edge in edges}, fed)
            total *= _NAMED ** sum(_is_name(edge.template) for edge in edges)
            if not all(self.evidence.carries(edge, fed) and self.evidence.adds(edge, fed) for edge in edges):
                return 0.0
        return total


def _is_name(template: str) -> bool:
    """Return whether what a template holds is a name in a statement rather than a value: it has no quotes.

    >>> _is_name("SELECT * FROM {}"), _is_name("SELECT * FROM t WHERE size > {}"), _is_name("/docs/{}.txt")
    (True, False, False)
    """
    before, _, after = template.partition("{}")
    compared = before.rstrip()[-1:] in "=<>("
    return before[-1:].isspace() and not compared and (not after or after[0].isspace())
