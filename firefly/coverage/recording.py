"""Makes planned calls live, each in its state, and returns the episodes as they happened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from firefly.coverage.neighbours import Detour, Plan
from firefly.replay.backend import Backend, Episode
from firefly.replay.records import Recording, Task, ToolCall
from firefly.replay.tool_set import ToolSet

__all__ = ["PURPOSE", "record"]

PURPOSE = "neighbourhood"


def record(task: Task, plan: Plan, *, backend: Backend, tools: ToolSet, seed: int) -> list[Recording]:
    """Return the episodes around ``task``.

    One is its gold calls with the planned reads between them. Each detour has another: the mistake where it
    belongs, then all the gold calls from there on, as of an agent that noticed. An episode ends at the first
    call that the servers do not answer: nobody knows the state behind it.
    """
    found = [_recording(_with_reads(task, plan), task, backend, tools, seed)]
    found += [_recording(_with_detour(task, one), task, backend, tools, seed) for one in plan.detours]
    return [one for one in found if one.steps]


def _with_reads(task: Task, plan: Plan) -> Iterator[ToolCall]:
    for place, reads in enumerate(plan.reads):
        yield from reads
        if any(plan.reads[place + 1 :]):
            yield task.gold_calls[place].call


def _with_detour(task: Task, detour: Detour) -> Iterator[ToolCall]:
    calls = [gold.call for gold in task.gold_calls]
    yield from calls[: detour.place]
    yield detour.call
    yield from calls[detour.place :]
    yield from (probe.call for probe in task.end_state)


def _recording(
    calls: Iterable[ToolCall], task: Task, backend: Backend, tools: ToolSet, seed: int
) -> Recording:
    with backend.episode(tools, seed) as episode:
        _make(calls, episode)
        return Recording(purpose=PURPOSE, servers=task.servers, seed=seed, steps=tuple(episode.steps))


def _make(calls: Iterable[ToolCall], episode: Episode) -> None:
    for call in calls:
        if episode.call(call).outcome not in ("success", "failure", "refused"):
            return
