"""Adds recordings to those that a cassette was made of, and makes sure that no label changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from firefly.episode import empty_policy, gold_policy, run_policy
from firefly.replay.cassette import Cassette
from firefly.replay.grading import grade
from firefly.replay.records import Recording, Task
from firefly.replay.simulator import StrictSimulator

__all__ = ["Merged", "merged", "unlabelled"]


@dataclass(frozen=True)
class Merged:
    """A cassette with more recordings in it."""

    cassette: Cassette
    added: tuple[Recording, ...]
    withdrawn: tuple[Recording, ...] = ()
    """Recordings that are not in it, since with them some task would lose its label."""
    lost: dict[str, str] = field(default_factory=dict)
    """Task -> how its label would have changed."""


def merged(
    before: Cassette,
    additions: Sequence[Recording],
    freeze: Callable[[Sequence[Recording]], Cassette],
    tasks: Iterable[Task],
) -> Merged:
    """Return the cassette of the recordings so far and ``additions``.

    More recordings may contradict what fewer taught, and what is answered then becomes less. Where a task
    that kept its label with ``before`` no longer does, all additions that call one of its servers are
    withdrawn.

    Args:
        before: made of the recordings so far.
        additions: what is new.
        freeze: makes the cassette of the recordings so far and those given.
        tasks: whose labels must stay.

    """
    labelled = [task for task in tasks if not unlabelled(task, before)]
    kept = list(additions)
    lost: dict[str, str] = {}
    while kept:
        cassette = freeze(kept)
        faults = {task.id: why for task in labelled if (why := unlabelled(task, cassette))}
        if not faults:
            return Merged(cassette, tuple(kept), tuple(one for one in additions if one not in kept), lost)
        lost |= faults
        servers = {server for task in labelled if task.id in faults for server in task.servers}
        staying = [one for one in kept if not servers & set(one.servers)]
        kept = staying if len(staying) < len(kept) else []
    return Merged(before, (), tuple(additions), lost)


def unlabelled(task: Task, cassette: Cassette) -> str:
    """Return how ``cassette`` does not bear the task's label out; "" where gold earns 1 and silence 0."""
    simulator = StrictSimulator(cassette)
    tools = simulator.tool_set(task.servers)
    for policy, wanted in ((gold_policy, 1), (empty_policy, 0)):
        with simulator.episode(tools) as episode:
            rollout = run_policy(policy, episode, task)
        found = grade(task, rollout, simulator)
        if found.reward != wanted:
            return f"{policy.__name__} earns {found.reward}, not {wanted}: {found.reason}"
    return ""
