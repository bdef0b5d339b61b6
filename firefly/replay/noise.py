"""Tells answers that vary by themselves from answers that depend on the state.

Two answers to one call after one and the same full history are noise: nothing recorded explains
them. The tool is then *volatile* for that kind of outcome and is not replayed, unless the noise
only ever shows after calls of some other tool and the tool was otherwise seen to repeat itself:
then that other tool is *unsettling* (its effect varies, as a commit's hash does), and it is what
comes after it that is not replayed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from .cassette import ToolKey
from .records import Outcome
from .visits import Visit

_AGREEING = 3
"""Repetitions with equal answers that speak for a tool being deterministic by itself."""
_BOTH: tuple[Outcome, ...] = ("success", "failure")


class Noise:
    """What varies in one scope."""

    def __init__(
        self, visits: Sequence[Visit], given: Collection[ToolKey], reads: Collection[ToolKey]
    ) -> None:
        """Find the noise in ``visits``; ``given``: tools already known as volatile."""
        self.volatile: dict[ToolKey, tuple[Outcome, ...]] = {}
        self.unsettling: set[ToolKey] = set()
        self._given = frozenset(given)
        conflicts: dict[ToolKey, list[list[Visit]]] = defaultdict(list)
        agreeing: dict[ToolKey, list[list[Visit]]] = defaultdict(list)
        groups: dict[tuple[tuple[str, ...], str], list[Visit]] = defaultdict(list)
        for visit in visits:
            groups[(visit.history, visit.letter)].append(visit)
        for group in groups.values():
            if len(group) > 1:
                differs = len({visit.answer for visit in group}) > 1
                (conflicts if differs else agreeing)[group[0].key].append(group)
        for key, found in sorted(conflicts.items()):
            if key in self._given:
                continue
            culprits = _culprits(found, agreeing[key], reads)
            if culprits:
                self.unsettling |= culprits
            else:
                kinds = {outcome for group in found for outcome in _kinds(group)}
                self.volatile[key] = tuple(kind for kind in _BOTH if kind in kinds)

    def usable(self, visits: Iterable[Visit]) -> list[Visit]:
        """Return the visits whose answers may be replayed."""
        return [
            visit
            for visit in visits
            if visit.key not in self._given
            and visit.observation.outcome not in self.volatile.get(visit.key, ())
            and not any(event.tool in self.unsettling for event in visit.events)
        ]


def _kinds(group: Sequence[Visit]) -> set[Outcome]:
    return {visit.observation.outcome for visit in group}


def _culprits(
    conflicts: Sequence[Sequence[Visit]], agreeing: Iterable[Sequence[Visit]], reads: Collection[ToolKey]
) -> set[ToolKey]:
    """Return the tools that precede every conflict, where the answers agree without them."""
    common = set.intersection(*({event.tool for event in group[0].events} for group in conflicts))
    found = set()
    for tool in common - set(reads):
        without = [group for group in agreeing if all(event.tool != tool for event in group[0].events)]
        if sum(len(group) - 1 for group in without) >= _AGREEING:
            found.add(tool)
    return found
