"""What was executed, as a sub-DAG of its own: for explorers that leave the one that they were given.

Calls that failed, said nothing, said it before or stand alone are kept in the record and are no steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from firefly.exploration.arguments import Known
from firefly.exploration.recovery import Recovered, Recovery
from firefly.exploration.walk import Draft, Walk
from firefly.exploration.writes import make_call, write_and_look
from firefly.novelty import tells
from firefly.outputs import leaves, parsed_output, useful_output
from firefly.protocols import Backend
from firefly.records import ExploredCall, Link, Node, SubDag
from firefly.replay.records import Recording
from firefly.replay.tool_set import ToolSet

__all__ = ["Executed", "executed", "made_again"]

_WRITES = 3
"""Most writes that are looked at together: each order of them is executed."""
_LOOKS = 6
"""Most reads that are looked through."""


@dataclass(frozen=True)
class Executed:
    """The calls of an exploration and the sub-DAG that they are."""

    sub_dag: SubDag
    calls: tuple[ExploredCall, ...]
    recording: Recording
    reason: str = ""
    """Why nothing can be asked about it; then the sub-DAG is the one that was to be executed."""
    others: tuple[Recording, ...] = ()
    """Episodes besides ``recording``: those that it was found out from."""


def executed(
    planned: SubDag, calls: Sequence[ExploredCall], recording: Recording, known: Known, rng: Random
) -> Executed:
    """Return what reads were executed, with the values that were passed from one to another.

    Args:
        planned: the sub-DAG that was to be executed.
        calls: every call made, in order; who made them names neither steps nor references.
        recording: the episode.
        known: what is known of the tools.
        rng: draws among the ways to name a value.

    """
    kept = _kept(planned, calls, known, rng)
    if isinstance(kept, str):
        return Executed(planned, tuple(_aside(call) for call in calls), recording, kept)
    nodes = tuple(Node(id=call.node, tool=call.call.key) for call, _ in kept)
    links = tuple(link for _, origins in kept for link in origins.links)
    by_id = {call.id: call for call, _ in kept}
    return Executed(
        SubDag(nodes=nodes, links=links),
        tuple(by_id.get(call.id) or _aside(call) for call in calls),
        recording,
    )


def lacking(planned: SubDag, calls: Sequence[ExploredCall], known: Known) -> str:
    """Return why nothing could be asked about ``calls`` if no other followed; "" where something can."""
    rng = Random("lacking")
    found = (_changes if planned.writes else _kept)(planned, calls, known, rng)
    return found if isinstance(found, str) else ""


def made_again(
    planned: SubDag,
    first: Executed,
    known: Known,
    rng: Random,
    *,
    backend: Backend,
    tools: ToolSet,
    seed: int,
) -> Executed:
    """Return an exploration with writes, made again so that it shows what they change.

    The reads that values were taken from, each read that was made, the writes, and the same reads once
    more, in an episode of its own: whoever explored need not have looked before it wrote.

    Args:
        planned: the sub-DAG that was to be executed.
        first: the calls as they were made.
        known: what is known of the tools.
        rng: draws among the ways to name a value.
        backend: answers.
        tools: the tools of the episode.
        seed: its seed.

    """
    found = _changes(planned, first.calls, known, rng)
    if isinstance(found, str):
        return Executed(planned, tuple(_aside(call) for call in first.calls), first.recording, found)
    with backend.episode(tools, seed) as episode:
        walk = Walk(found.sub_dag, episode, known, rng)
        ids: dict[str, str] = {}
        for node, call in zip(found.sub_dag.nodes, found.reads, strict=False):
            walk.done[node.id] = make_call(walk, node, _draft(call, ids))
            ids[call.id] = walk.done[node.id].id
        nodes = {node.id: node for node in found.sub_dag.nodes}
        looks = [(nodes[call.node], _draft(call, ids)) for call in found.looks]
        seen = [[make_call(walk, node, draft, look=True).step.observation] for node, draft in looks]
        writes = {call.node: _draft(call, ids) for call in found.writes}
        reason, _ = write_and_look(walk, writes, looks, seen)
        recording = Recording(
            purpose="exploration", servers=planned.servers, seed=seed, steps=tuple(episode.steps)
        )
    if reason:
        return Executed(
            planned, tuple(_aside(call) for call in walk.calls), recording, reason, (first.recording,)
        )
    sub_dag = _as_changed(found, walk.done)
    return Executed(sub_dag, tuple(walk.calls), recording, "", (first.recording,))


@dataclass(frozen=True)
class _Changes:
    """Writes, the reads that they need, and the reads that may show what they change."""

    sub_dag: SubDag
    """Its nodes: the reads, then the writes, then the looks, one for each tool."""
    reads: Sequence[ExploredCall]
    writes: Sequence[ExploredCall]
    looks: Sequence[ExploredCall]
    links: Mapping[str, Sequence[Link]]
    """Digest of a look's call -> what it takes from the reads."""


def _changes(planned: SubDag, calls: Sequence[ExploredCall], known: Known, rng: Random) -> _Changes | str:
    """Return the writes with what belongs to them, or why there is nothing to look at."""
    done = [call for call in calls if call.step.observation.outcome == "success"]
    written = list({call.call.digest: call for call in done if _effect(call, known) == "write"}.values())[
        -_WRITES:
    ]
    if not written:
        return "nothing was written"
    reads = [call for call in _steps(calls) if _effect(call, known) == "read"]
    start = calls.index(next(call for call in calls if call.id == written[0].id))
    early = {call.id for call in calls[:start]}
    recovery = Recovery(planned, known, rng)
    before: dict[str, tuple[ExploredCall, Recovered]] = {}
    for call in (call for call in reads if call.id in early):
        named, origins = _with_origins(call, f"r{len(before) + 1}", recovery)
        recovery.add(named, useful_output(call.call, call.step.observation))
        before[call.id] = (named, origins)
    writes = [_with_origins(call, f"w{number}", recovery) for number, call in enumerate(written, 1)]
    replies = {
        repr(leaf)
        for call in written
        for _, leaf in leaves(parsed_output(call.step.observation))
        if tells(leaf)
    }
    tools = sorted({call.call.key for call in reads})
    looks = [
        _with_origins(call, f"l{tools.index(call.call.key) + 1}", recovery)
        for call in reads
        if not replies & _values(call) - {one for other in before.values() for one in _values(other[0])}
    ][-_LOOKS:]
    if not looks:
        return "nothing was read that the writes could have changed"
    wanted = _ancestors([*writes, *looks], before)
    kept = [before[name] for name in before if name in wanted]
    nodes = {call.node: Node(id=call.node, tool=call.call.key) for call, _ in (*kept, *writes, *looks)}
    links = [link for _, origins in (*kept, *writes) for link in origins.links]
    links += [
        Link(source=write, target=look, parameter="")
        for write in dict.fromkeys(call.node for call, _ in writes)
        for look in sorted({call.node for call, _ in looks})
    ]
    order = [name for name in nodes if name[0] != "l"] + sorted(name for name in nodes if name[0] == "l")
    return _Changes(
        SubDag(nodes=tuple(nodes[name] for name in order), links=tuple(links)),
        [call for call, _ in kept],
        [call for call, _ in writes],
        [call for call, _ in looks],
        {call.call.digest: origins.links for call, origins in looks},
    )


def _as_changed(found: _Changes, done: Mapping[str, ExploredCall]) -> SubDag:
    """Return the sub-DAG without the looks that showed no change, with what the others take from reads."""
    links = [link for link in found.sub_dag.links if link.target in done]
    for node in found.sub_dag.looks:
        if node.id in done:
            links += found.links[done[node.id].call.digest]
    return SubDag(nodes=tuple(node for node in found.sub_dag.nodes if node.id in done), links=tuple(links))


def _steps(calls: Sequence[ExploredCall]) -> list[ExploredCall]:
    """Return the calls that said something, each once."""
    found: dict[str, ExploredCall] = {}
    for call in calls:
        if useful_output(call.call, call.step.observation) is not None:
            found.setdefault(call.call.digest, call)
    return list(found.values())


def _kept(
    planned: SubDag, calls: Sequence[ExploredCall], known: Known, rng: Random
) -> list[tuple[ExploredCall, Recovered]] | str:
    """Return the calls that belong together, or why there are none."""
    steps = _steps(calls)
    found = _linked(planned, steps, known, rng)
    kept = _needed(found) or (found[-1:] if len(planned.nodes) == 1 else [])
    if kept:
        return kept
    return "no call took anything from another" if steps else "no call returned anything that can be read"


def _linked(
    planned: SubDag, steps: Sequence[ExploredCall], known: Known, rng: Random
) -> list[tuple[ExploredCall, Recovered]]:
    recovery = Recovery(planned, known, rng)
    found = []
    for number, call in enumerate(steps, 1):
        named, origins = _with_origins(call, f"n{number}", recovery)
        recovery.add(named, useful_output(call.call, call.step.observation))
        found.append((named, origins))
    return found


def _needed(found: Sequence[tuple[ExploredCall, Recovered]]) -> list[tuple[ExploredCall, Recovered]]:
    """Return the calls without those that stand alone, and without ends that say nothing new."""
    kept = list(found)
    while True:
        feeding = {link.source for _, origins in kept for link in origins.links}
        left = [
            (call, origins)
            for call, origins in kept
            if call.node in feeding or (origins.links and _says_more(call, [one for one, _ in kept]))
        ]
        if len(left) == len(kept):
            return kept
        kept = left


def _says_more(call: ExploredCall, others: Sequence[ExploredCall]) -> bool:
    """Return whether the call returned something that neither its arguments nor the others hold."""
    told = {repr(leaf) for _, leaf in leaves(dict(call.call.arguments))}
    for other in others:
        if other.id != call.id:
            told |= {repr(leaf) for _, leaf in leaves(parsed_output(other.step.observation))}
    said = {repr(leaf) for _, leaf in leaves(parsed_output(call.step.observation)) if tells(leaf)}
    return not said or bool(said - told)


def _with_origins(call: ExploredCall, node: str, recovery: Recovery) -> tuple[ExploredCall, Recovered]:
    named = call.model_copy(update={"node": node, "look": False})
    origins = recovery.origins(named)
    update = {
        "references": dict(origins.references),
        "templates": dict(origins.templates),
        "sources": {name: "explorer" for name in call.call.arguments if name not in origins.references},
    }
    return named.model_copy(update=update), origins


def _ancestors(
    calls: Sequence[tuple[ExploredCall, Recovered]], before: Mapping[str, tuple[ExploredCall, Recovered]]
) -> set[str]:
    """Return the ids of the reads that values come from, directly or not."""
    wanted: set[str] = set()
    left = [one.call for call, _ in calls for one in call.references.values()]
    while left:
        name = left.pop()
        if name not in wanted:
            wanted.add(name)
            left += [one.call for one in before[name][0].references.values()]
    return wanted


def _draft(call: ExploredCall, ids: Mapping[str, str]) -> Draft:
    """Return the call's arguments, the calls that its references read renamed."""
    references = {
        name: one.model_copy(update={"call": ids[one.call]}) for name, one in call.references.items()
    }
    return Draft(dict(call.call.arguments), references, dict(call.templates), dict(call.sources))


def _values(call: ExploredCall) -> set[str]:
    return {repr(leaf) for _, leaf in leaves(dict(call.call.arguments)) if tells(leaf)}


def _effect(call: ExploredCall, known: Known) -> str:
    profile = known.knowledge.profiles.get(call.call.key)
    return "unknown" if profile is None else profile.effect


def _aside(call: ExploredCall) -> ExploredCall:
    return call.model_copy(update={"node": "", "look": True})
