"""Sub-DAGs with writes: something is changed, then a read shows what became of it.

Three shapes: a write and the reads that it changes; the same with a read before it that the write takes
a value from; two writes that do not depend on each other and the reads that both change. An *affects*
link (without a parameter) joins each write to each read. Which reads a write changes is known from
*affects* edges; where probing saw too little, reads that are told by the same things as the write (a
file, a table) are tried, too: the exploration looks at them before and after and keeps those that changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations_with_replacement, zip_longest
from random import Random

from firefly.english import words
from firefly.knowledge import Knowledge
from firefly.parameters import parameters
from firefly.records import Edge, Link, Node, SubDag, ToolKey

_READS = 4
"""Most reads that look at what one sub-DAG changes."""
_LIKELY = 0.45
"""Score of a read that was not seen to change, but is told by the same things as the write."""
_SOURCES = 2
"""Most reads before one write that are tried, each in a sub-DAG of its own."""


def write_dags(
    reads: Iterable[ToolKey], edges: Iterable[Edge], knowledge: Knowledge, *, count: int, rng: Random
) -> list[SubDag]:
    """Return at most ``count`` sub-DAGs with writes among the tools of one server.

    Args:
        reads: the tools that may stand in a read-only chain.
        edges: *affects* edges, and *produces* edges that feed parameters of writes.
        knowledge: what is known of the server.
        count: most sub-DAGs; each write gets one before any gets a second.
        rng: draws among equals.

    """
    usable = {key for key in reads if not (known := knowledge.profiles[key]).pure and known.usable}
    writes = writable(knowledge)
    edges = sorted(edges, key=lambda edge: edge.id)
    affected = {write: _affected(write, usable, edges, knowledge, rng) for write in writes}
    shapes = [list(_of_write(write, affected, usable, edges, rng)) for write in writes if affected[write]]
    rng.shuffle(shapes)
    found = {
        sub_dag.id: sub_dag
        for batch in zip_longest(*shapes, _pairs(affected, rng))
        for sub_dag in batch
        if sub_dag is not None
    }
    return list(found.values())[:count]


def writable(knowledge: Knowledge) -> list[ToolKey]:
    """Return the tools that were seen to write, and to succeed, on servers whose state may be destroyed."""
    return sorted(
        key
        for key, profile in knowledge.profiles.items()
        if profile.effect == "write"
        and profile.successes > 0
        and key in knowledge.tools
        and knowledge.listings[key[0]].disposable
        and knowledge.listings[key[0]].scope != "none"
    )


def _affected(
    write: ToolKey, reads: Iterable[ToolKey], edges: Sequence[Edge], knowledge: Knowledge, rng: Random
) -> list[tuple[ToolKey, str]]:
    """Return the reads that the write (most likely) changes with the id of the edge, likeliest first."""
    scored: dict[ToolKey, tuple[float, str]] = {}
    mine = {one.name for one in parameters(knowledge.tools[write])}
    spoken = _words(write, knowledge)
    for read in sorted(reads):
        theirs = {one.name for one in parameters(knowledge.tools[read]) if one.required}
        if read[0] == write[0] and (not theirs or theirs & mine):
            near = len(spoken & _words(read, knowledge)) / 10
            scored[read] = (_LIKELY * (len(theirs & mine) + 1) / (len(theirs) + 1) + near, "")
    for edge in edges:
        if edge.kind == "affects" and edge.source == write and edge.target in set(reads):
            scored[edge.target] = (1.0 + edge.score, edge.id)
    order = sorted(scored, key=lambda read: (-scored[read][0], rng.random()))
    return [(read, scored[read][1]) for read in order]


def _words(key: ToolKey, knowledge: Knowledge) -> set[str]:
    """Return the words of a tool's name and parameters: what it is about."""
    names = (key[1], *(one.name for one in parameters(knowledge.tools[key])))
    return {word for name in names for word in words(name)}


def _of_write(
    write: ToolKey,
    affected: Mapping[ToolKey, Sequence[tuple[ToolKey, str]]],
    usable: set[ToolKey],
    edges: Sequence[Edge],
    rng: Random,
) -> Iterator[SubDag]:
    """Yield the write alone, then with reads that feed it, all before the reads that it changes."""
    yield _sub_dag([write], affected[write][:_READS])
    feeding = [
        edge
        for edge in edges
        if edge.kind == "produces" and edge.parameter and edge.target == write and edge.source in usable
    ]
    by_source: dict[ToolKey, Edge] = {}
    for edge in sorted(feeding, key=lambda edge: (-edge.score, rng.random())):
        by_source.setdefault(edge.source, edge)
    for edge in list(by_source.values())[:_SOURCES]:
        yield _sub_dag([write], affected[write][:_READS], edge)


def _pairs(affected: Mapping[ToolKey, Sequence[tuple[ToolKey, str]]], rng: Random) -> Iterator[SubDag]:
    """Yield pairs of writes that change the same reads; two calls of one tool are a pair, too."""
    pairs = list(combinations_with_replacement(sorted(affected), 2))
    rng.shuffle(pairs)
    for one, other in pairs:
        theirs = dict(affected[other])
        both = [(read, edge, theirs[read]) for read, edge in affected[one] if read in theirs]
        if both:
            reads = [(read, edge) for read, edge, _ in both[:_READS]]
            yield _sub_dag([one, other], reads, second={read: edge for read, _, edge in both})


def _sub_dag(
    writes: Sequence[ToolKey],
    reads: Sequence[tuple[ToolKey, str]],
    source: Edge | None = None,
    second: Mapping[ToolKey, str] | None = None,
) -> SubDag:
    tools = [*([source.source] if source else []), *writes, *(read for read, _ in reads)]
    nodes = tuple(Node(id=f"n{number}", tool=tool) for number, tool in enumerate(tools, start=1))
    start = 1 if source else 0
    writing, reading = nodes[start : start + len(writes)], nodes[start + len(writes) :]
    links = [
        Link(
            source=write.id,
            target=read.id,
            parameter="",
            edge=edge if not place else (second or {})[read.tool],
        )
        for place, write in enumerate(writing)
        for read, (_, edge) in zip(reading, reads, strict=True)
    ]
    if source is not None:
        fed = Link(
            source=nodes[0].id,
            target=writing[0].id,
            parameter=source.parameter,
            output_path=source.output_path,
            template=source.template,
            edge=source.id,
        )
        links.insert(0, fed)
    return SubDag(nodes=nodes, links=tuple(links))
