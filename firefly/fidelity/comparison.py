"""Puts what a simulator answers beside what the live servers answered to the very same calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from firefly.episode import comparable
from firefly.fidelity.likeness import Likeness, likeness
from firefly.replay.backend import Backend
from firefly.replay.cassette import Cassette, ToolKey
from firefly.replay.masks import Path, agree
from firefly.replay.records import Observation, Recording, Step, Tool
from firefly.replay.tool_set import ToolSet

__all__ = ["Answered", "Answerer", "Judged", "by_backend", "judged", "volatile_fields"]

Ruling = Literal["right", "wrong", "missed"]


@dataclass(frozen=True)
class Answered:
    """What a simulator said to one call."""

    observation: Observation | None
    """None: it missed."""
    tier: str


Answerer = Callable[[Recording], Sequence[Answered]]
"""Answers the comparable calls of an episode, in order, as if they were asked of it one by one."""


@dataclass(frozen=True)
class Judged:
    """One call of one episode, answered live and by a simulator."""

    step: Step
    """As it was live."""
    answered: Answered
    ruling: Ruling
    likeness: Likeness | None = None
    """Of an answer that need not be exact; None where there is none."""

    @property
    def server(self) -> str:
        """Return the server that was called."""
        return self.step.call.server


def by_backend(backend: Backend, tools: Iterable[Tool]) -> Answerer:
    """Return what asks ``backend``, each episode offering all ``tools`` of the episode's servers."""
    known = tuple(tools)
    tool_sets: dict[tuple[str, ...], ToolSet] = {}

    def answer(recording: Recording) -> list[Answered]:
        servers = recording.servers
        if servers not in tool_sets:
            tool_sets[servers] = ToolSet.of(tool for tool in known if tool.server in servers)
        with backend.episode(tool_sets[servers], recording.seed) as episode:
            for step in comparable(recording):
                episode.call(step.call)
            return [
                Answered(None if step.observation.outcome == "miss" else step.observation, step.tier)
                for step in episode.steps
            ]

    return answer


def judged(
    answerer: Answerer,
    recording: Recording,
    *,
    volatile: Mapping[ToolKey, Sequence[Path]],
    tools: Mapping[ToolKey, Tool],
    loose: bool = False,
) -> Iterator[Judged]:
    """Yield every comparable call of ``recording`` with what became of it.

    Args:
        answerer: the simulator.
        recording: an episode on the live servers.
        volatile: fields of tools' answers that change by themselves and are not compared.
        tools: the tools, for their output schemas.
        loose: whether answers need not be exact, so that it is of interest how like they are.

    """
    steps = comparable(recording)
    for step, answered in zip(steps, answerer(recording), strict=True):
        paths = volatile.get(step.call.key, ())
        said = answered.observation
        if said is None:
            yield Judged(step, answered, "missed")
            continue
        right = _alike(said, step.observation, paths)
        like = likeness(said, step.observation, tools.get(step.call.key)) if loose else None
        yield Judged(step, answered, "right" if right else "wrong", like)


def _alike(said: Observation, live: Observation, paths: Sequence[Path]) -> bool:
    """Return whether an agent could not tell the answers apart, fields that change by themselves aside."""
    return agree(said, live, paths) or _seen(said) == _seen(live)


def _seen(observation: Observation) -> tuple[object, ...]:
    """Return what an agent gets of an answer; why Firefly took it for a failure is no part of it."""
    return (
        observation.text,
        observation.structured,
        observation.attachments,
        observation.is_error,
        observation.error_code,
        observation.truncation,
    )


def volatile_fields(cassette: Cassette) -> dict[ToolKey, tuple[Path, ...]]:
    """Return tool -> fields of its answers that were seen to change by themselves, where there are some."""
    return {key: fields for key, one in cassette.tools.items() if (fields := one.rule.volatile_fields)}
