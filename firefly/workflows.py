"""What tells workflows apart: the tools of a task's calls, up to the order of independent ones."""

from __future__ import annotations

from collections.abc import Mapping

from firefly.records import ToolKey, ToolProfile
from firefly.replay.records import Task

Workflow = tuple[tuple[int, str, str], ...]
"""(depth, server, tool) of each call, sorted."""


def workflow(task: Task, profiles: Mapping[ToolKey, ToolProfile]) -> Workflow:
    """Return the task's workflow up to the order of independent calls, pure functions dropped.

    A call's depth is 1 plus that of the deepest call that it takes a value from.
    """
    depth: dict[str, int] = {}
    for call in task.gold_calls:
        depth[call.id] = 1 + max((depth[parent] for parent in call.depends_on if parent in depth), default=0)
    return tuple(
        sorted(
            (depth[call.id], call.server, call.tool)
            for call in task.gold_calls
            if (profile := profiles.get((call.server, call.tool))) is None or profile.pure is not True
        )
    )


def is_cross_server(task: Task) -> bool:
    """Return whether a value observed on one server is needed on another, as argument or to compare with."""
    server = {call.id: call.server for call in task.gold_calls}
    passed = [(call.server, parent) for call in task.gold_calls for parent in call.depends_on]
    passed += [(server.get(task.expression.call, ""), parent) for parent in task.expression.calls[1:]]
    return any(server.get(parent, taker) != taker for taker, parent in passed)


def is_write_then_read(task: Task, profiles: Mapping[ToolKey, ToolProfile]) -> bool:
    """Return whether a call that changes state stands before one that does not."""
    effects = [
        profile.effect if (profile := profiles.get((call.server, call.tool))) else "unknown"
        for call in task.gold_calls
    ]
    return "write" in effects and effects[-1] == "read" and len(effects) > 1
