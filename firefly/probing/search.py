"""Finds calls that work: tools in order, each with its likeliest arguments, learning from every answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from firefly.contents import is_empty
from firefly.probing.laboratory import Laboratory
from firefly.protocols import ValueSource
from firefly.replay.records import Step, Tool, canonical_json
from firefly.values import Assembly, assemblies

__all__ = ["Search"]

_WANTED = 24
"""Distinct calls with a non-empty answer wanted of each tool."""
_FAILURES = 3
"""Failures after which a tool that never worked is left alone."""
_FIRST = 0.04
_AGAIN = 0.22
_STUCK = 0.55
_VARIED = 0.4
"""Least weight of an argument set for a first try, for another after a failure, after errors that
don't change, and for another after a success."""
_BETTER = 0.15
"""How much likelier arguments must be than all that failed, for a tool that seemed hopeless."""
_ELSEWHERE = 0.35
"""Least weight of arguments for a tool that seemed hopeless, if they come from other sources."""
_SURE = 0.4
"""Least weight of a second guess right after a failed one."""


@dataclass
class _Tally:
    full: int = 0
    empty: int = 0
    failures: int = 0
    transient: int = 0
    last_error: str = ""
    stuck: bool = False
    """The same error came back for other arguments."""

    def relent(self) -> None:
        """Allow one more try: there is something new to give it."""
        self.failures = min(self.failures, _FAILURES - 1)
        self.stuck = False

    @property
    def floor(self) -> float:
        """Return the least weight of an argument set that is worth a call now."""
        if self.failures:
            return _STUCK if self.stuck or self.failures > 1 else _AGAIN
        return _VARIED if self.full else _FIRST

    failed: set[str] = field(default_factory=set)
    """Where the arguments that failed came from."""
    best: float = 0.0
    """Weight of the likeliest arguments tried."""

    @property
    def hopeless(self) -> bool:
        allowed = _FAILURES + min(self.full, 1)
        return self.failures >= allowed or self.transient >= 2


class Search:
    """Tries tools in the laboratory's open episode."""

    def __init__(
        self,
        laboratory: Laboratory,
        sources: Sequence[ValueSource],
        rng: Random,
        *,
        note: Callable[[Step], None],
    ) -> None:
        self._laboratory = laboratory
        self._seen = note
        self._sources = sources
        self._rng = rng
        self._tallies: dict[str, _Tally] = {}

    def tally(self, tool: Tool) -> _Tally:
        """Return how the tool fared so far."""
        return self._tallies.setdefault(tool.name, _Tally())

    def explore(self, tools: Sequence[Tool], *, until: int) -> None:
        """Try every tool once, the failed ones again as values turn up, then vary those that work.

        ``until`` is the number of calls at which to stop.
        """
        laboratory = self._laboratory
        for tool in tools:
            if laboratory.calls < until:
                self.attempt(tool, tries=2)
        for wanted in range(1, _WANTED + 1):
            moved = True
            while moved and laboratory.open and laboratory.calls < until:
                moved = False
                for tool in tools:
                    tally = self.tally(tool)
                    if tally.full < wanted and laboratory.calls < until:
                        moved = self.attempt(tool, tries=1) or moved

    def give_another_chance(self, tools: Sequence[Tool]) -> None:
        """Forget the failures of tools that never answered: there may be something new to give them."""
        for tool in tools:
            if not self.tally(tool).full:
                self._tallies.pop(tool.name, None)

    def attempt(self, tool: Tool, *, tries: int) -> bool:
        """Make up to ``tries`` calls until one gives a non-empty answer; return whether any was made."""
        made = False
        for again in range(tries):
            chosen = self.choose(tool)
            if again and chosen is not None and chosen.weight < _SURE and self.tally(tool).failures:
                break  # a guess has failed; another is no better before there is something new to give
            step = self.make(tool, chosen) if chosen is not None else None
            if step is None:
                break
            made = True
            if step.observation.outcome == "success" and not is_empty(step.observation):
                break
        return made

    def choose(self, tool: Tool) -> Assembly | None:
        """Return the likeliest arguments not yet tried in this episode; None when none is worth a call."""
        tally = self.tally(tool)
        if not self._laboratory.open or tally.transient >= 2:
            return None
        # A tool that seems hopeless gets another try with much likelier arguments, or from another source.
        likelier = max(_STUCK, tally.best + _BETTER)
        return next(
            (
                one
                for one in assemblies(tool, self._sources, self._laboratory.knowledge(), self._rng)
                if one.weight >= self._floor(tally, one, likelier)
                and not self._laboratory.was_tried(tool, one.arguments)
            ),
            None,
        )

    def _floor(self, tally: _Tally, one: Assembly, likelier: float) -> float:
        untried = bool(tally.failures) and not tally.full and _origin(one) not in tally.failed
        if tally.hopeless:
            return _ELSEWHERE if untried else likelier
        return min(tally.floor, _AGAIN) if untried else tally.floor

    def make(self, tool: Tool, chosen: Assembly) -> Step | None:
        """Make the call and take note of what came back."""
        step = self._laboratory.call(tool, chosen.arguments)
        if step is not None:
            self.tally(tool).best = max(self.tally(tool).best, chosen.weight)
            self._laboratory.chosen.append((step, chosen.sources))
            self._note(step, self.tally(tool))
            if step.observation.outcome == "failure":
                self.tally(tool).failed.add(_origin(chosen))
            self._seen(step)
        return step

    def _note(self, step: Step, tally: _Tally) -> None:
        observation = step.observation
        if observation.outcome == "success":
            if is_empty(observation):
                tally.empty += 1
            else:
                tally.full += 1
        elif observation.outcome == "failure":
            tally.failures += 1
            error = _without_values(step)
            tally.stuck = tally.stuck or error == tally.last_error
            tally.last_error = error
        else:
            tally.transient += 1


def _origin(assembly: Assembly) -> str:
    return canonical_json(assembly.sources)


def _without_values(step: Step) -> str:
    """Return the error text without the arguments that it quotes."""
    text = step.observation.visible[:500]
    for value in step.call.arguments.values():
        text = text.replace(value if isinstance(value, str) else canonical_json(value), "…")
    return text
