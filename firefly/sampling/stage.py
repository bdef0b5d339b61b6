"""The sampling stage: groups of servers, and the sub-DAGs of one group.

A group's sub-DAGs depend on that group alone (its tools, the edges among them, its generator), so
that another server adds groups and changes none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations
from random import Random

from firefly.knowledge import Knowledge
from firefly.protocols import Sampler
from firefly.records import Edge, SubDag, ToolKey
from firefly.sampling.writes import write_dags

_STRONG = 0.6
"""Least score of an edge that joins groups of three servers: of weak ones there are too many."""


def groups(edges: Iterable[Edge], knowledge: Knowledge) -> list[tuple[str, ...]]:
    """Return each server that has a tool to call, and each two or three servers that edges connect.

    Three: strong edges lead from two of the servers to the third, be it through one of the two. Whether
    a group is one depends on its own servers alone.
    """
    tools = callable_reads(knowledge)
    found: set[tuple[str, ...]] = {(server,) for server, _ in tools}
    feeds: dict[str, set[str]] = defaultdict(set)
    for edge in chain_edges(edges, tools):
        source, target = edge.source[0], edge.target[0]
        if source != target:
            found.add(tuple(sorted((source, target))))
            if edge.score >= _STRONG:
                feeds[target].add(source)
    for last, parents in feeds.items():
        found |= {tuple(sorted((one, other, last))) for one, other in combinations(parents, 2)}
        found |= {
            tuple(sorted((first, parent, last)))
            for parent in parents
            for first in feeds.get(parent, ())
            if first != last
        }
    return sorted(found, key=lambda group: (len(group), group))


def sample_group(
    servers: tuple[str, ...],
    *,
    edges: Iterable[Edge],
    knowledge: Knowledge,
    sampler: Sampler,
    rng: Random,
    writes: int = 0,
) -> list[SubDag]:
    """Return the sub-DAGs that ``sampler`` finds among ``servers``, in the order of their ids.

    For a single server, at most ``writes`` more that change something and read what became of it.
    """
    edges = list(edges)
    known = knowledge.restricted(servers)
    keys = callable_reads(known)
    tools = [known.tools[key] for key in sorted(keys)]
    among = sorted(chain_edges(edges, keys), key=lambda edge: edge.id)
    found = sampler.sample(tools, among, knowledge=known, rng=rng)
    if len(servers) == 1 and writes:
        found += write_dags(keys, edges, known, count=writes, rng=rng)
    return sorted({sub_dag.id: sub_dag for sub_dag in found}.values(), key=lambda sub_dag: sub_dag.id)


def callable_reads(knowledge: Knowledge) -> set[ToolKey]:
    """Return the tools that may stand in a read-only chain: proven reads whose output parses."""
    return {
        key
        for key, profile in knowledge.profiles.items()
        if profile.usable and profile.opaque is False and key in knowledge.tools
    }


def chain_edges(edges: Iterable[Edge], tools: set[ToolKey]) -> Sequence[Edge]:
    """Return the edges along which a value can be passed from one call to another of ``tools``.

    Source and target may be one tool: what it returns leads to its next call.
    """
    return [
        edge
        for edge in edges
        if edge.kind == "produces" and edge.parameter and edge.source in tools and edge.target in tools
    ]
