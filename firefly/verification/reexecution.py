"""Executes the gold calls of finished tasks again, live."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from random import Random

from firefly.replay.backend import Backend
from firefly.replay.records import Recording, State, Step, Task
from firefly.replay.tool_set import ToolSet
from firefly.verification.replay import make


def reexecute(
    tasks: Sequence[Task],
    *,
    fresh: Backend,
    tool_sets: Mapping[tuple[str, ...], ToolSet],
    rng: Random,
    seed: int,
) -> dict[str, Recording]:
    """Return task id -> its gold calls as executed in a fresh sandbox.

    Each task goes to the smallest of ``tool_sets`` that has all its servers, and all read-only tasks of one
    tool set share one episode, in shuffled order, so that an answer that hangs on what was called
    before comes out different. A task with an end state has writes, and gets an episode of its own.
    What is returned does not depend on which tasks shared an episode: a caller may pass several groups
    of servers with one tool set that joins them, so that every server is started once, and still keep
    the results by group.

    Args:
        tasks: what to execute.
        fresh: a backend whose every episode begins in a sandbox that nobody used before.
        tool_sets: servers -> tools.
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
        reads = [task for task in batch if not task.end_state]
        rng.shuffle(reads)
        together = [reads] if reads else []
        for group in [*together, *([task] for task in batch if task.end_state)]:
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
