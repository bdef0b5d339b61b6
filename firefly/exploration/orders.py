"""Makes the calls of an exploration with writes again: in other orders, and without one of the writes.

A solver who makes independent writes in another order must be answered offline, too, and so must one
who leaves a write out: that is how a reward tells the two apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, permutations

from firefly.protocols import Backend
from firefly.records import ExploredCall, SubDag
from firefly.replay.records import Observation, Recording
from firefly.replay.tool_set import ToolSet

ORDERS = 6
"""Most orders of independent writes that are recorded."""


def in_orders(
    sub_dag: SubDag, steps: Mapping[str, ExploredCall], *, backend: Backend, tools: ToolSet, seed: int
) -> tuple[tuple[Recording, ...], frozenset[str]]:
    """Return the recordings, and the reads that showed in every order what they showed in the first.

    Each order in an episode of its own. A read that shows something else depends on the order, or on
    more than the writes: nothing can be asked about it.

    Args:
        sub_dag: has *affects* links.
        steps: the call of each node that was made.
        backend: answers; each episode begins in the fixture's state.
        tools: the tools of the episodes.
        seed: seed of the episodes.

    """
    writing = [steps[node.id] for node in sub_dag.writes]
    looking = [steps[node.id] for node in sub_dag.looks if node.id in steps]
    done = {node.id for node in (*sub_dag.writes, *sub_dag.looks)}
    before = [steps[node.id] for node in sub_dag.nodes if node.id not in done]
    recordings: list[Recording] = []
    steady = {call.node for call in looking}
    for order in _orders(writing):
        complete = len(order) == len(writing)
        # Twice: the end state is looked at after the answer was read.
        calls = [*before, *order, *looking, *(looking if complete else ())]
        recording, seen = _recorded(calls, backend, tools, sub_dag, seed)
        recordings.append(recording)
        if complete:
            steady -= {call.node for call in looking if seen[call.id] != call.step.observation}
        if not steady:
            break
    if before and steady:
        # Who knows what those reads say makes the writes at once.
        direct, _ = _recorded([*writing, *looking, *looking], backend, tools, sub_dag, seed)
        recordings.append(direct)
    return tuple(recordings), frozenset(steady)


def _orders(writes: Sequence[ExploredCall]) -> Iterator[Sequence[ExploredCall]]:
    """Yield the orders of the writes, the one explored first; then, of several, all but one of them."""
    yield from islice(permutations(writes), ORDERS)
    if len(writes) > 1:
        for left_out in writes:
            yield [write for write in writes if write is not left_out]


def _recorded(
    calls: Sequence[ExploredCall], backend: Backend, tools: ToolSet, sub_dag: SubDag, seed: int
) -> tuple[Recording, dict[str, Observation]]:
    seen: dict[str, Observation] = {}
    with backend.episode(tools, seed) as episode:
        for call in calls:
            seen[call.id] = episode.call(call.call)
        recording = Recording(
            purpose="exploration", servers=sub_dag.servers, seed=seed, steps=tuple(episode.steps)
        )
    return recording, seen
