"""Tools that a task does not need: those of further servers, so that an agent has more to choose from."""

from __future__ import annotations

from random import Random

from firefly.english import words
from firefly.knowledge import Knowledge
from firefly.replay.records import Task

__all__ = ["with_distractors"]


def with_distractors(task: Task, knowledge: Knowledge, count: int, rng: Random) -> Task:
    """Return the task over ``count`` more servers; as many as there are of its own world.

    They are drawn from the half whose tools are named and described most like the task's own.
    """
    own = {tool for server, tool in knowledge.tools if server in task.servers}
    spoken = _words(knowledge, set(task.servers))
    near = sorted(
        (
            (-len(said & spoken) / (1 + len(said)), server)
            for server, listing in knowledge.listings.items()
            if server not in task.servers
            and listing.health.status == "ok"
            and listing.callable_tools
            and listing.fixture in ("", task.world)
            for said in [_words(knowledge, {server})]
        ),
    )
    half = [server for _, server in near[: max(count, -(-len(near) // 2))]]
    chosen = rng.sample(sorted(half), min(count, len(half)))
    if not chosen or not own:
        return task
    plain = task.model_dump(mode="json", exclude={"id"})
    return Task.model_validate({**plain, "servers": tuple(sorted({*task.servers, *chosen}))})


def _words(knowledge: Knowledge, servers: set[str]) -> set[str]:
    return {
        word
        for (server, name), tool in knowledge.tools.items()
        if server in servers
        for word in words(f"{name} {tool.description}")
        if len(word) > 3
    }
