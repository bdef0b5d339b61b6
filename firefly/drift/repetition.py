"""Makes the calls of a recorded episode again."""

from __future__ import annotations

from firefly.replay.backend import Backend
from firefly.replay.records import Recording
from firefly.replay.tool_set import ToolSet

__all__ = ["repeated"]


def repeated(recording: Recording, backend: Backend, tools: ToolSet) -> Recording:
    """Return the episode as it comes out now.

    Calls that were refused when it was recorded are left out, and it ends where the recorded one was cut
    short by a passing failure of a server.
    """
    with backend.episode(tools, recording.seed) as episode:
        for step in recording.steps:
            if step.observation.outcome == "transient":
                break
            if step.observation.outcome != "refused":
                episode.call(step.call)
        return Recording(
            purpose=recording.purpose,
            servers=recording.servers,
            seed=recording.seed,
            steps=tuple(episode.steps),
        )
