"""Tells answers that vary by themselves from answers that depend on the state.

Two answers to one call after one and the same full history are noise: nothing recorded explains
them. The tool is then *volatile* for that kind of outcome and is not replayed, unless the noise
only ever shows after calls of certain other tools and the tool was otherwise seen to repeat itself:
then those other tools are *unsettling* (their effect varies, as a commit's hash does, or the size of
a file that holds the time), and what comes after them is not replayed, except for tools that were
seen to repeat themselves there, too.

Two answers after histories that differ only by calls proven to change nothing are noise as well, or
the proof is wrong; either way neither may be replayed. A tool that answers so after other calls is
*shaken* and not replayed after any; one that does without is volatile.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from itertools import combinations

from .cassette import ToolKey
from .records import Outcome
from .visits import Visit

_AGREEING = 3
"""Repetitions with equal answers that speak for a tool being deterministic by itself."""
_BOTH: tuple[Outcome, ...] = ("success", "failure")


class Noise:
    """What varies in one scope."""

    def __init__(
        self,
        visits: Sequence[Visit],
        given: Collection[ToolKey],
        reads: Collection[ToolKey],
        proven: Collection[ToolKey] = (),
    ) -> None:
        """Find the noise in ``visits``.

        Args:
            visits: of one scope.
            given: tools already known as volatile.
            reads: tools proven or declared to change nothing.
            proven: those proven.

        """
        self.shaken: set[ToolKey] = set()
        """Tools that are replayed only where nothing but proven reads came before."""
        self._proven = frozenset(proven)
        self.volatile: dict[ToolKey, tuple[Outcome, ...]] = {}
        self.unsettling: set[ToolKey] = set()
        """Tools after which nothing is replayed."""
        self._given = frozenset(given)
        self._agreeing: dict[ToolKey, list[list[Visit]]] = defaultdict(list)
        self._unequal: set[tuple[str, ...]] = set()
        """Pairs of recordings in which an effect was seen to be another one."""
        conflicts: dict[ToolKey, list[list[Visit]]] = defaultdict(list)
        groups: dict[tuple[tuple[str, ...], str], list[Visit]] = defaultdict(list)
        for visit in visits:
            groups[(visit.history, visit.letter)].append(visit)
        for group in groups.values():
            if len(group) > 1:
                differs = len({visit.answer for visit in group}) > 1
                (conflicts if differs else self._agreeing)[group[0].key].append(group)
        culprits: dict[ToolKey, set[ToolKey]] = {}
        for key, found in sorted(conflicts.items()):
            if key in self._given:
                continue
            to_blame = _culprits(found, self._agreeing[key], reads)
            if to_blame:
                culprits[key] = to_blame
                self._unequal |= _unequal(found)
            else:
                kinds = {outcome for group in found for outcome in _kinds(group)}
                self.volatile[key] = tuple(kind for kind in _BOTH if kind in kinds)
        blamed = set().union(*culprits.values())
        called = {event.tool for visit in visits for event in visit.events}
        self._unsettled = {
            (key, tool)
            for key in {visit.key for visit in visits}
            for tool in (called.difference(reads) if key in culprits else blamed)
            if not self._repeats_after(key, tool, culprits.get(key, frozenset()))
        }
        self.unsettling = {
            tool for tool in blamed if all((key, tool) in self._unsettled for key in self._agreeing)
        }
        self._find_shaken(visits)

    def _find_shaken(self, visits: Sequence[Visit]) -> None:
        groups: dict[tuple[tuple[str, ...], str], list[Visit]] = defaultdict(list)
        for visit in self.usable(visits):
            groups[(self._changes_before(visit), visit.letter)].append(visit)
        volatile: dict[ToolKey, set[Outcome]] = defaultdict(set)
        shaken: set[ToolKey] = set()
        for (before, _), group in groups.items():
            if len({visit.answer for visit in group}) > 1:
                if len(before) > 1:  # more than the root
                    shaken.add(group[0].key)
                else:
                    volatile[group[0].key] |= _kinds(group)
        self.shaken = shaken
        for key, kinds in volatile.items():
            kinds |= set(self.volatile.get(key, ()))
            self.volatile[key] = tuple(kind for kind in _BOTH if kind in kinds)

    def _changes_before(self, visit: Visit) -> tuple[str, ...]:
        """Return the root and the preceding calls, less those proven to change nothing, and that did not."""
        kept = (event.item for event in visit.events if event.changing or event.tool not in self._proven)
        return (visit.root, *kept)

    def usable(self, visits: Iterable[Visit]) -> list[Visit]:
        """Return the visits whose answers may be replayed."""
        return [
            visit
            for visit in visits
            if visit.key not in self._given
            and visit.observation.outcome not in self.volatile.get(visit.key, ())
            and not any((visit.key, event.tool) in self._unsettled for event in visit.events)
            and not (visit.key in self.shaken and len(self._changes_before(visit)) > 1)
        ]

    def _repeats_after(self, key: ToolKey, tool: ToolKey, culprits: Set[ToolKey]) -> bool:
        """Return whether ``key`` repeated itself after ``tool``, where none of its own culprits was called.

        Equal answers where the effect is known to have been another one are proof: it does not show.
        One that some calls are known to unsettle has to repeat itself after every other, but once will
        do: it was seen to vary where it does.
        """
        after = [
            group
            for group in self._agreeing[key]
            if tool in (called := _called(group)) and not called & culprits
        ]
        if any(pair in self._unequal for group in after for pair in _pairs(group)):
            return True
        return sum(len(group) - 1 for group in after) >= (1 if culprits else _AGREEING)


def _kinds(group: Sequence[Visit]) -> set[Outcome]:
    return {visit.observation.outcome for visit in group}


def _called(group: Sequence[Visit]) -> set[ToolKey]:
    return {event.tool for event in group[0].events}


def _pairs(group: Sequence[Visit]) -> Iterator[tuple[str, ...]]:
    return combinations(sorted({visit.recording for visit in group}), 2)


def _unequal(conflicts: Iterable[Sequence[Visit]]) -> set[tuple[str, ...]]:
    return {
        (min(one.recording, other.recording), max(one.recording, other.recording))
        for group in conflicts
        for one, other in combinations(group, 2)
        if one.answer != other.answer
    }


def _culprits(
    conflicts: Sequence[Sequence[Visit]], agreeing: Iterable[Sequence[Visit]], reads: Collection[ToolKey]
) -> set[ToolKey]:
    """Return tools of which one precedes every conflict, where the answers agree without any; else none."""
    found: set[ToolKey] = set()
    left = [_called(group).difference(reads) for group in conflicts]
    if not all(left):
        return set()
    while left:
        counts = Counter(tool for called in left for tool in called)
        worst = min(counts, key=lambda tool: (-counts[tool], tool))
        found.add(worst)
        left = [called for called in left if worst not in called]
    without = sum(len(group) - 1 for group in agreeing if not _called(group) & found)
    return found if without >= _AGREEING else set()
