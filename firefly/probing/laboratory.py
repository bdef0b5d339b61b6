"""The bench of one server: episodes, the budget of calls, and what was seen so far."""

from __future__ import annotations

import logging
from typing import Protocol, runtime_checkable

from pydantic import JsonValue

from firefly.errors import FireflyError
from firefly.knowledge import Knowledge
from firefly.records import Listing, ToolProfile
from firefly.replay.backend import Backend, Episode
from firefly.replay.records import Recording, Step, Tool, ToolCall, canonical_json
from firefly.replay.tool_set import ToolSet
from firefly.values.weights import tallied

__all__ = ["Laboratory", "Renewing"]

log = logging.getLogger("firefly.probing")


@runtime_checkable
class Renewing(Protocol):
    """A backend that can promise new processes."""

    @property
    def fresh(self) -> Backend:
        """Return a backend whose every episode begins with new processes."""


class Laboratory:
    """Makes calls within the budget and keeps every step. One episode is open at a time."""

    def __init__(self, listing: Listing, backend: Backend, *, seed: int, budget: int) -> None:
        self.listing = listing
        self.budget = budget
        self.calls = 0
        self.dead = False
        """The server could not be used any more; nothing else is tried."""
        self.episodes: list[list[Step]] = []
        self.purposes: list[str] = []
        self.profiles: dict[str, ToolProfile] = {}
        """Provisional profiles: clocks and dice whose values must not be used."""
        self._tool_set = ToolSet.of(listing.callable_tools)
        self._backend = backend
        self._seed = seed
        self._episode: Episode | None = None
        self._troubles = 0
        self._refused: set[str] = set()
        self.chosen: list[tuple[Step, dict[str, str]]] = []
        """Calls whose arguments were chosen anew, with the source of each."""

    # --- episodes ----------------------------------------------------------------------------

    def begin(self, purpose: str, *, fresh: bool = False) -> bool:
        """Close the open episode and begin another in the fixture's state; False when that fails."""
        self.end()
        if self.dead or self.left <= 0:
            return False
        source = self._backend.fresh if fresh and isinstance(self._backend, Renewing) else self._backend
        try:
            self._episode = source.episode(self._tool_set, self._seed)
        except FireflyError as error:
            log.info("%s: no episode: %s", self.listing.server, error)
            self.dead = True
            return False
        self._troubles = 0
        self.episodes.append([])
        self.purposes.append(purpose)
        return True

    def end(self) -> None:
        """Close the open episode."""
        episode, self._episode = self._episode, None
        if episode is not None:
            episode.close()

    @property
    def open(self) -> bool:
        """Return whether calls can be made."""
        return self._episode is not None and not self.dead and self.left > 0

    @property
    def left(self) -> int:
        """Return how many calls the budget still allows."""
        return self.budget - self.calls

    # --- calls -------------------------------------------------------------------------------

    def call(self, tool: Tool, arguments: dict[str, JsonValue]) -> Step | None:
        """Make one call; None when none can be made. Two passing troubles in a row end the episode."""
        if not self.open or self._episode is None or tool.name in self._refused:
            return None
        call = ToolCall(server=tool.server, tool=tool.name, arguments=arguments)
        self.calls += 1
        self._episode.call(call)
        step = self._episode.steps[-1]
        self.episodes[-1].append(step)
        outcome = step.observation.outcome
        if outcome == "refused":
            self._refused.add(tool.name)
        self._troubles = self._troubles + 1 if outcome == "transient" else 0
        if self._troubles >= 2:
            log.info("%s: probing ends early: %s", self.listing.server, step.observation.reason)
            self.end()
        return step

    def was_tried(self, tool: Tool, arguments: dict[str, JsonValue]) -> bool:
        """Return whether the open episode has this very call."""
        mark = canonical_json(arguments)
        return any(
            step.call.tool == tool.name and canonical_json(step.call.arguments) == mark
            for step in self.episodes[-1]
        )

    # --- what is known -----------------------------------------------------------------------

    def knowledge(self) -> Knowledge:
        """Return what the steps so far tell."""
        return Knowledge(
            [self.listing],
            self.profiles.values(),
            # Unchecked and with a plain id: this view lives for one choice of arguments only.
            [
                Recording.model_construct(
                    id=f"{place:04}",
                    purpose="probing",
                    servers=(self.listing.server,),
                    seed=0,
                    steps=tuple(steps),
                )
                for place, steps in enumerate(self.episodes)
            ],
            tallied(self.chosen),
        )

    def recordings(self) -> tuple[Recording, ...]:
        """Return every episode with calls as a recording."""
        return tuple(
            Recording(purpose="probing", servers=(self.listing.server,), seed=self._seed, steps=tuple(steps))
            for steps in self.episodes
            if steps
        )
