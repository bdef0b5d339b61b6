"""Executes the gold calls of finished tasks again, live."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from firefly.knowledge import Knowledge
from firefly.replay.backend import Backend
from firefly.replay.records import Recording, State, Step, Task
from firefly.replay.tool_set import ToolSet
from firefly.verification.replay import make


@dataclass(frozen=True)
class Reexecuted:
    """What became of tasks that were to be executed again."""

    recordings: Mapping[str, Recording] = field(default_factory=dict)
    """Task id -> its gold calls as executed."""
    why_not: Mapping[str, str] = field(default_factory=dict)
    """Task id -> why it was not executed."""


def changes_state(task: Task, knowledge: Knowledge) -> bool:
    """Return whether a gold call writes, or may: such a task needs a sandbox of its own."""
    profiles = [knowledge.profiles.get((gold.server, gold.tool)) for gold in task.gold_calls]
    return bool(task.end_state) or any(one is None or one.effect != "read" for one in profiles)


def reexecute(
    tasks: Sequence[Task],
    *,
    fresh: Backend,
    tool_sets: Mapping[tuple[str, ...], ToolSet],
    knowledge: Knowledge,
    rng: Random,
    seed: int,
) -> dict[str, Recording]:
    """Return task id -> its gold calls as executed in a fresh sandbox.

    Each task goes to the smallest of ``tool_sets`` that has all its servers, and all read-only tasks of one
    tool set share one episode, in shuffled order, so that an answer that hangs on what was called
    before comes out different. A task that changes something gets an episode of its own.
    What is returned does not depend on which tasks shared an episode: a caller may pass several groups
    of servers with one tool set that joins them, so that every server is started once, and still keep
    the results by group.

    Args:
        tasks: what to execute.
        fresh: a backend whose every episode begins in a sandbox that nobody used before.
        tool_sets: servers -> tools.
        knowledge: says which tools only read.
        rng: shuffles.
        seed: seed of the episodes.

    """
    batches: dict[tuple[str, ...], list[Task]] = {}
    for task in sorted(tasks, key=lambda one: one.id):
        fitting = [servers for servers in tool_sets if set(task.servers) <= set(servers)]
        if fitting:
            batches.setdefault(min(fitting, key=lambda servers: (len(servers), servers)), []).append(task)
    done: dict[str, Recording] = {}
    for servers, batch in sorted(batches.items()):
        reads = [task for task in batch if not changes_state(task, knowledge)]
        alone = [[task] for task in batch if changes_state(task, knowledge)]
        rng.shuffle(reads)
        for group in [*([reads] if reads else []), *alone]:
            done |= _executed(group, fresh, tool_sets[servers], seed)
    return {name: done[name] for name in sorted(done)}


def _executed(tasks: Iterable[Task], fresh: Backend, tools: ToolSet, seed: int) -> dict[str, Recording]:
    done: dict[str, Recording] = {}
    with fresh.episode(tools, seed) as episode:
        for task in tasks:
            before = len(episode.steps)
            make(task, episode)
            for probe in task.end_state:
                episode.call(probe.call)
            steps = tuple(_alone(step) for step in episode.steps[before:])
            done[task.id] = Recording(purpose="re-execution", servers=task.servers, seed=seed, steps=steps)
    return done


def _alone(step: Step) -> Step:
    """Return the step without the history that it shares with the other tasks of its episode."""
    return step.model_copy(
        update={
            "before": State(history="", fingerprint=step.before.fingerprint),
            "after": State(history="", fingerprint=step.after.fingerprint),
        }
    )
