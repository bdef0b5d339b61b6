"""How the values of one parameter fared so far, and what that makes of a proposal's weight."""

from __future__ import annotations

from pydantic import JsonValue

from firefly.contents import is_empty
from firefly.knowledge import Knowledge
from firefly.parameters import Parameter
from firefly.protocols import Proposal
from firefly.replay.records import Tool, canonical_json
from firefly.values.semantic import shape

__all__ = ["Record"]


class Record:
    """How values of a parameter fared so far: each value, and each shape of value."""

    def __init__(self, tool: Tool, parameter: Parameter, knowledge: Knowledge) -> None:
        self._good: set[str] = set()
        self._blank: set[str] = set()
        self._bad: dict[str, int] = {}
        self._shapes: dict[str, list[float]] = {}
        self._constant = False
        """A value of the launch line works: it is what the server was set up for."""
        self._launched: frozenset[str] = frozenset()
        self._files: frozenset[str] = frozenset()
        """Files below a folder of the launch line: it was set up for them, too."""
        listing = knowledge.listings.get(tool.server)
        if listing is not None:
            self._launched = frozenset(canonical_json(value) for value in listing.launch_values)
            self._files = frozenset(
                canonical_json(file)
                for file in listing.files
                if any(file.startswith(f"{value}/") for value in listing.launch_values)
            )
        for key in sorted(knowledge.steps):
            if key[0] != tool.server:
                continue
            share = 1.0 if key == tool.key else 0.4
            for step in knowledge.steps[key]:
                outcome = step.observation.outcome
                if parameter.name not in step.call.arguments or outcome not in ("success", "failure"):
                    continue
                value = step.call.arguments[parameter.name]
                for form in (shape(value), _broad(value)):
                    tally = self._shapes.setdefault(form, [0.0, 0.0])
                    tally[outcome == "failure"] += share
                if outcome == "success" and canonical_json(value) in self._launched:
                    self._constant = True
                if key == tool.key:
                    self._note(value, outcome == "success", is_empty(step.observation))

    def _note(self, value: JsonValue, good: bool, blank: bool) -> None:
        mark = canonical_json(value)
        if not good:
            self._bad[mark] = self._bad.get(mark, 0) + 1
        elif blank:
            self._blank.add(mark)
        else:
            self._good.add(mark)

    def factor(self, proposal: Proposal) -> float:
        """Return what the record makes of a value's weight; what an error asked for is held to nothing."""
        value = proposal.value
        mark = canonical_json(value)
        if proposal.source == "errors":
            return 0.4 ** min(3, self._bad.get(mark, 0))
        good, bad = self._shapes.get(shape(value), (0.0, 0.0))
        factor = (good + 1.5) / (good + bad + 1.5)
        good, bad = self._shapes.get(_broad(value), (0.0, 0.0))
        factor *= float(((good + 3) / (good + bad + 3)) ** 0.5)
        if self._constant and isinstance(value, str) and mark not in self._launched | self._files:
            factor *= 0.3
        if mark in self._good:
            return min(1.0, factor * 1.05)
        if mark in self._blank:
            factor *= 0.6
        return factor * 0.4 ** min(3, self._bad.get(mark, 0))


def _broad(value: JsonValue) -> str:
    """Return the shape of a value without a file's ending: servers like paths of one kind."""
    return "any " + shape(value).partition(" .")[0]
