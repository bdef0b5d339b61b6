"""Finds out which preceding calls do not matter to which tool, from evidence and never by default.

Between a tool T that was called before and a tool R that answers, three kinds of calls of T are
told apart (`Indifference`): quiet and recent, quiet and past, changing. For each kind:

A *witness* is a recorded call of R, made twice in what would be one state if such calls of T were
left out, once with and once without them, and answered alike. A *counter-example* is the same with
different answers.

* One counter-example anywhere keeps that kind of T's calls in every state of the scope. Where
  several tools could be to blame, those least expected to be harmless are blamed first, and what
  is left is checked again, until no counter-example is left.
* Quiet calls of tools *known as reads* are left out for R after `PAIR` witnesses with R itself and
  `TOTAL` with any tool. Across two servers of one scope, where only the files connect them,
  `PAIR` witnesses between the two servers and `TOTAL` of T are enough.
* Quiet calls of other tools are never left out: a write that changes no file may have changed what
  the server remembers.
* Changing calls are left out, the mark standing for what they did, after `STRONG` witnesses with R
  whose answers are known to depend on the very calls by which the two histories differ, one of them
  against a history without any. Otherwise equal files could hide unequal memories.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import combinations, islice

from .cassette import ToolKey
from .state import CHANGING, QUIET_PAST, QUIET_RECENT, Event, state_id
from .visits import Visit

PAIR = 2
TOTAL = 3
STRONG = 5

_COMPARED = 400
"""Most pairs of histories compared within one state."""

Kind = tuple[ToolKey, int]
"""A tool and one of the three level constants."""
Dropped = tuple[tuple[Kind, tuple[str, ...]], ...]
"""The items left out of a state, by kind."""
_Group = tuple[ToolKey, str, list[tuple[tuple[str, str], Dropped]]]
"""A tool, a call of it, and each distinct (result, what is left out) in one state."""
Table = dict[ToolKey, dict[ToolKey, int]]
_RANK = {CHANGING: 0, QUIET_PAST: 1, QUIET_RECENT: 2}


class Indifferences:
    """What one scope's visits teach."""

    def __init__(self, visits: Sequence[Visit], reads: Collection[ToolKey]) -> None:
        """Learn from ``visits`` of deterministic tools; ``reads``: tools known to change nothing."""
        self._visits = visits
        self._reads = frozenset(reads)
        self._tools = sorted({event.tool for visit in visits for event in visit.events})
        self._readers = sorted({visit.key for visit in visits})
        self._swayed = _swayed(visits, self._reads)
        self.blamed: set[Kind] = set()
        self.table: Table = {reader: dict(self._eligible()) for reader in self._readers}
        self._learn()

    def _eligible(self) -> Iterator[tuple[ToolKey, int]]:
        changing = {event.tool for visit in self._visits for event in visit.events if event.changing}
        for tool in self._tools:
            level = QUIET_RECENT | QUIET_PAST if tool in self._reads else 0
            yield tool, level | (CHANGING if tool in changing else 0)

    def _learn(self) -> None:
        while True:
            groups = self._groups()
            blame = self._blame(groups)
            if blame:
                self.blamed |= blame
                for tool, level in blame:
                    for levels in self.table.values():
                        levels[tool] &= ~_with_above(level)
                continue
            if not self._withdraw(groups):
                break
        self.table = {
            reader: {tool: level for tool, level in levels.items() if level}
            for reader, levels in self.table.items()
        }

    def _groups(self) -> list[_Group]:
        """Return, per call and state under the present table, each distinct (result, what is left out)."""
        found: dict[tuple[ToolKey, str, str], set[tuple[tuple[str, str], Dropped]]] = defaultdict(set)
        for visit in self._visits:
            levels = self.table[visit.key]
            state = state_id(visit.root, visit.mark, visit.events, levels)
            found[(visit.key, visit.letter, state)].add((visit.result, _dropped(visit.events, levels)))
        return [(key, name, sorted(seen)) for (key, name, _), seen in sorted(found.items()) if len(seen) > 1]

    def _blame(self, groups: Iterable[_Group]) -> set[Kind]:
        candidates: dict[tuple[int, int], set[Kind]] = defaultdict(set)
        for _, _, seen in groups:
            if len({result for result, _ in seen}) == 1:
                continue
            for (result, one), (other_result, other) in islice(combinations(seen, 2), _COMPARED):
                if result == other_result:
                    continue
                kinds = _differing(one, other)
                rank = min(_RANK[level] for _, level in kinds)
                culprits = {kind for kind in kinds if _RANK[kind[1]] == rank}
                candidates[(rank, len(culprits))] |= culprits
        return candidates[min(candidates)] if candidates else set()

    def _withdraw(self, groups: Iterable[_Group]) -> bool:
        """Take back every indifference without enough witnesses; return whether there was one."""
        witnesses = _Witnesses(groups, self._swayed)
        withdrawn = False
        for reader, levels in self.table.items():
            for tool, present in levels.items():
                keep = 0
                for level in (QUIET_RECENT, QUIET_PAST, CHANGING):
                    if present & level and witnesses.suffice(reader, tool, level):
                        keep |= level
                if not keep & QUIET_RECENT:
                    keep &= ~QUIET_PAST
                if keep != present:
                    levels[tool] = keep
                    withdrawn = True
        return withdrawn


class _Witnesses:
    """How often each indifference was borne out."""

    def __init__(self, groups: Iterable[_Group], swayed: Mapping[str, frozenset[str]]) -> None:
        self._pairs: Counter[tuple[ToolKey, Kind]] = Counter()
        self._against_none: set[tuple[ToolKey, Kind]] = set()
        for reader, name, seen in groups:
            self._count(reader, swayed.get(name, frozenset()), [dropped for _, dropped in seen])
        self._totals: Counter[Kind] = Counter()
        self._servers: Counter[tuple[str, str]] = Counter()
        for (reader, (tool, level)), count in self._pairs.items():
            self._totals[(tool, level)] += count
            if level == QUIET_RECENT:
                self._servers[(tool[0], reader[0])] += count

    def _count(self, reader: ToolKey, swayed: frozenset[str], seen: Sequence[Dropped]) -> None:
        items: dict[Kind, set[tuple[str, ...]]] = defaultdict(set)
        for dropped in seen:
            for kind, one in dropped:
                items[kind].add(one)
        for kind, distinct in items.items():
            without = any(kind not in dict(dropped) for dropped in seen)
            if kind[1] != CHANGING:
                self._pairs[(reader, kind)] += len(distinct) if without else 0
                continue
            every = sorted(distinct | ({()} if without else set()))
            for one, other in islice(combinations(every, 2), _COMPARED):
                if _letters_between(one, other) & swayed:
                    self._pairs[(reader, kind)] += 1
                    if not one or not other:
                        self._against_none.add((reader, kind))

    def suffice(self, reader: ToolKey, tool: ToolKey, level: int) -> bool:
        """Return whether calls of ``tool`` of this level may be left out for ``reader``."""
        pair = (reader, (tool, level))
        if level == CHANGING:
            return self._pairs[pair] >= STRONG and pair in self._against_none
        if tool[0] == reader[0]:
            return self._pairs[pair] >= PAIR and self._totals[(tool, level)] >= TOTAL
        return self._servers[(tool[0], reader[0])] >= PAIR and self._totals[(tool, QUIET_RECENT)] >= TOTAL


def _with_above(level: int) -> int:
    """Return ``level`` and what makes no sense without it."""
    return QUIET_RECENT | QUIET_PAST if level == QUIET_RECENT else level


def _dropped(events: Sequence[Event], levels: Mapping[ToolKey, int]) -> Dropped:
    """Return what `state.kept` leaves out, by kind, oldest first."""
    found: dict[Kind, list[str]] = {}
    recent = True
    for event in reversed(events):
        level = levels.get(event.tool, 0)
        if event.changing:
            recent = False
            kind = CHANGING
        else:
            kind = QUIET_RECENT if recent else QUIET_PAST
        if level & kind:
            found.setdefault((event.tool, kind), []).append(event.item)
        else:
            recent = False
    return tuple(sorted((kind, tuple(reversed(items))) for kind, items in found.items()))


def _differing(one: Dropped, other: Dropped) -> set[Kind]:
    mine, theirs = dict(one), dict(other)
    found = {kind for kind in mine.keys() | theirs.keys() if mine.get(kind) != theirs.get(kind)}
    # Equal by kind, so only the order between kinds differs: any of them may be to blame.
    return found or set(mine)


def _letters_between(one: Sequence[str], other: Sequence[str]) -> set[str]:
    mine = Counter(item.partition("@")[0] for item in one)
    theirs = Counter(item.partition("@")[0] for item in other)
    difference = (mine - theirs) + (theirs - mine)
    return set(difference or mine)


def _swayed(visits: Iterable[Visit], reads: Collection[ToolKey]) -> dict[str, frozenset[str]]:
    """Return call -> the calls right after which its answer was seen to be another one."""
    answers: dict[str, dict[tuple[str, ...], set[str]]] = defaultdict(lambda: defaultdict(set))
    for visit in visits:
        writes = [event.item.partition("@")[0] for event in visit.events if event.tool not in reads]
        answers[visit.letter][(visit.root, *writes)].add(visit.answer)
    found: dict[str, set[str]] = defaultdict(set)
    for name, by_history in answers.items():
        for history, seen in by_history.items():
            if len(history) > 1:
                earlier = by_history.get(history[:-1])
                if earlier and not earlier & seen:
                    found[name].add(history[-1])
    return {name: frozenset(letters) for name, letters in found.items()}
