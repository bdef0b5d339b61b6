"""Finds out which preceding calls do not matter to which tool, from evidence and never by default.

Between a tool T that was called before and a tool R that answers, four kinds of calls of T are
told apart (`Indifference`): quiet and recent, past, or foreign; changing. For each kind:

A *witness* is a recorded call of R, made twice in what would be one state if such calls of T were
left out, once with and once without them, and answered alike. A *counter-example* is the same with
different answers.

* One counter-example anywhere keeps that kind of T's calls in every state of the scope. Where
  several tools could be to blame, those least expected to be harmless are blamed first, and what
  is left is checked again, until no counter-example is left.
* Quiet calls of tools *proven* to be reads are left out after witnesses that weigh `TOTAL`, with
  whichever tool. Foreign ones (another server has changed something since) only if in one witness
  with its own server R's answer is known to have been another one when T was called (where T is R:
  the very same call); a server that remembers what it once read would show there.
* Quiet calls of tools only *declared* to be reads must moreover have witnesses that weigh `PAIR`
  with R itself, and past ones such a telling one as well. A witness weighs `RELATED` if one of the
  two calls has no arguments or an argument of one stands in one of the other, else `UNRELATED`:
  what reading *a* does to *b* says little.
* Across two servers of one scope only the files connect them: what T's server remembers can't show
  in R's answers. `PAIR` between the two servers and `TOTAL` of T's recent calls are enough.
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

from pydantic import JsonValue

from .cassette import ToolKey
from .state import CHANGING, QUIET_FOREIGN, QUIET_PAST, QUIET_RECENT, kind_of, state_id
from .visits import Visit

PAIR = 4
TOTAL = 6
RELATED = 2
UNRELATED = 1
STRONG = 5

_COMPARED = 400
"""Most pairs of histories compared within one state."""

Kind = tuple[ToolKey, int]
"""A tool and one of the four level constants."""
Dropped = tuple[tuple[Kind, tuple[str, ...], bool], ...]
"""What is left out of a state: kind, items, and whether the answer is known to have changed since then."""
_Group = tuple[ToolKey, str, list[tuple[tuple[str, str], Dropped]]]
"""A tool, a call of it, and each distinct (result, what is left out) in one state."""
Table = dict[ToolKey, dict[ToolKey, int]]
_QUIET = QUIET_RECENT | QUIET_PAST | QUIET_FOREIGN
_RANK = {CHANGING: 0, QUIET_FOREIGN: 1, QUIET_PAST: 2, QUIET_RECENT: 3}


class Indifferences:
    """What one scope's visits teach."""

    def __init__(
        self,
        visits: Sequence[Visit],
        *,
        proven: Collection[ToolKey],
        reads: Collection[ToolKey],
        called: Sequence[Visit] = (),
    ) -> None:
        """Learn from ``visits``.

        Args:
            visits: of tools that answer alike in one state.
            proven: tools proven to change nothing.
            reads: these, and those only declared to change nothing.
            called: the scope's other visits; their answers teach nothing, but they precede ``visits``.
        """
        self._visits = visits
        self._proven = frozenset(proven)
        self._reads = frozenset(reads)
        self._tools = sorted({event.tool for visit in visits for event in visit.events})
        self._readers = sorted({visit.key for visit in visits})
        self._swayed = _swayed(visits, self._reads)
        self._texts = {
            visit.letter: frozenset(_scalars(visit.call.arguments)) for visit in (*called, *visits)
        }
        self.blamed: set[Kind] = set()
        self.table: Table = {reader: dict(self._eligible()) for reader in self._readers}
        self._learn()

    def _eligible(self) -> Iterator[tuple[ToolKey, int]]:
        changing = {event.tool for visit in self._visits for event in visit.events if event.changing}
        for tool in self._tools:
            level = _QUIET if tool in self._reads else 0
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
        places = [
            (visit.key, visit.letter, state_id(visit.root, visit.mark, visit.events, self.table[visit.key]))
            for visit in self._visits
        ]
        answers: dict[tuple[ToolKey, str, str], set[str]] = defaultdict(set)
        for place, visit in zip(places, self._visits, strict=True):
            answers[place].add(visit.answer)
        found: dict[tuple[ToolKey, str, str], set[tuple[tuple[str, str], Dropped]]] = defaultdict(set)
        for place, visit in zip(places, self._visits, strict=True):
            found[place].add((visit.result, self._dropped(visit, answers)))
        return [(key, name, sorted(seen)) for (key, name, _), seen in sorted(found.items()) if len(seen) > 1]

    def _dropped(self, visit: Visit, answers: Mapping[tuple[ToolKey, str, str], set[str]]) -> Dropped:
        """Return what `state.kept` leaves out before ``visit``."""
        levels = self.table[visit.key]
        found: dict[Kind, list[str]] = {}
        oldest: dict[Kind, int] = {}
        later: set[str] = set()
        for index in range(visit.at - 1, -1, -1):
            event = visit.trail[index]
            kind = kind_of(event, later)
            leaves_out = levels.get(event.tool, 0) & kind
            if event.changing or not leaves_out:
                later.add(event.tool[0])
            if leaves_out:
                found.setdefault((event.tool, kind), []).append(event.item)
                if event.tool != visit.key or _letter(event.item) == visit.letter:
                    oldest[(event.tool, kind)] = index
        parts = []
        for one, items in sorted(found.items()):
            telling = False
            if one[1] in (QUIET_PAST, QUIET_FOREIGN) and one in oldest:
                mark = visit.trail[oldest[one]].item.partition("@")[2]
                state = state_id(visit.root, mark, visit.events[: oldest[one]], levels)
                then = answers.get((visit.key, visit.letter, state))
                telling = then is not None and visit.answer not in then
            parts.append((one, tuple(reversed(items)), telling))
        return tuple(parts)

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
        witnesses = _Witnesses(groups, self._swayed, self._texts)
        withdrawn = False
        for reader, levels in self.table.items():
            for tool, present in levels.items():
                keep = 0
                for level in (QUIET_RECENT, QUIET_PAST, QUIET_FOREIGN):
                    # Each kind makes sense only together with those before it.
                    if not present & level or not witnesses.suffice(
                        reader, tool, level, tool in self._proven
                    ):
                        break
                    keep |= level
                if present & CHANGING and witnesses.suffice_for_changes(reader, tool):
                    keep |= CHANGING
                if keep != present:
                    levels[tool] = keep
                    withdrawn = True
        return withdrawn


class _Witnesses:
    """How often each indifference was borne out."""

    def __init__(
        self,
        groups: Iterable[_Group],
        swayed: Mapping[str, frozenset[str]],
        texts: Mapping[str, frozenset[str]],
    ) -> None:
        self._texts = texts
        self._pairs: Counter[tuple[ToolKey, Kind]] = Counter()
        self._telling: Counter[tuple[ToolKey, Kind]] = Counter()
        self._against_none: set[tuple[ToolKey, Kind]] = set()
        for reader, name, seen in groups:
            self._count(reader, name, swayed.get(name, frozenset()), [dropped for _, dropped in seen])
        self._totals: Counter[Kind] = Counter()
        self._told: Counter[Kind] = Counter()
        self._servers: Counter[tuple[str, str]] = Counter()
        for (reader, (tool, level)), count in self._pairs.items():
            self._totals[(tool, level)] += count
            if tool[0] == reader[0]:
                self._told[(tool, level)] += self._telling[(reader, (tool, level))]
            if level == QUIET_RECENT:
                self._servers[(tool[0], reader[0])] += count

    def _weight(self, name: str, items: Sequence[str]) -> int:
        mine = self._texts[name]
        for item in items:
            theirs = self._texts[_letter(item)]
            if (
                not mine
                or not theirs
                or any(one in other or other in one for one in mine for other in theirs)
            ):
                return RELATED
        return UNRELATED

    def _count(self, reader: ToolKey, name: str, swayed: frozenset[str], seen: Sequence[Dropped]) -> None:
        items: dict[Kind, set[tuple[str, ...]]] = defaultdict(set)
        told: dict[Kind, set[tuple[str, ...]]] = defaultdict(set)
        having: Counter[Kind] = Counter()
        for dropped in seen:
            for kind, one, telling in dropped:
                having[kind] += 1
                items[kind].add(one)
                if telling:
                    told[kind].add(one)
        for kind, distinct in items.items():
            without = having[kind] < len(seen)
            if kind[1] != CHANGING:
                if without:
                    self._pairs[(reader, kind)] += sum(self._weight(name, one) for one in distinct)
                    self._telling[(reader, kind)] += len(told[kind])
                continue
            every = sorted(distinct | ({()} if without else set()))
            for one, other in islice(combinations(every, 2), _COMPARED):
                if _letters_between(one, other) & swayed:
                    self._pairs[(reader, kind)] += 1
                    if not one or not other:
                        self._against_none.add((reader, kind))

    def suffice(self, reader: ToolKey, tool: ToolKey, level: int, proven: bool) -> bool:
        """Return whether quiet calls of ``tool`` of this level may be left out for ``reader``."""
        pair = (reader, (tool, level))
        if tool[0] != reader[0]:
            between = self._servers[(tool[0], reader[0])]
            return between >= PAIR and self._totals[(tool, QUIET_RECENT)] >= TOTAL
        if proven:
            enough = self._totals[(tool, QUIET_RECENT)] >= TOTAL
            return enough and (level != QUIET_FOREIGN or self._told[(tool, level)] > 0)
        enough = self._pairs[pair] >= PAIR and self._totals[(tool, level)] >= TOTAL
        return enough and (level == QUIET_RECENT or self._telling[pair] > 0)

    def suffice_for_changes(self, reader: ToolKey, tool: ToolKey) -> bool:
        """Return whether changing calls of ``tool`` may be left out for ``reader``."""
        pair = (reader, (tool, CHANGING))
        return self._pairs[pair] >= STRONG and pair in self._against_none


def _meet(mine: Collection[str], theirs: Collection[str]) -> bool:
    if not mine or not theirs:
        return True
    return any(one in other or other in one for one in mine for other in theirs)


def _scalars(value: JsonValue) -> Iterator[str]:
    """Yield every scalar below ``value`` as text."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _scalars(one)
    elif value is not None and value != "":
        yield str(value)


def _letter(item: str) -> str:
    return item.partition("@")[0]


def _with_above(level: int) -> int:
    """Return ``level`` and the kinds that make no sense without it."""
    return level if level == CHANGING else _QUIET & ~(level - 1)


def _differing(one: Dropped, other: Dropped) -> set[Kind]:
    mine = {kind: items for kind, items, _ in one}
    theirs = {kind: items for kind, items, _ in other}
    found = {kind for kind in mine.keys() | theirs.keys() if mine.get(kind) != theirs.get(kind)}
    # Equal by kind, so only the order between kinds differs: any of them may be to blame.
    return found or set(mine)


def _letters_between(one: Sequence[str], other: Sequence[str]) -> set[str]:
    mine = Counter(_letter(item) for item in one)
    theirs = Counter(_letter(item) for item in other)
    difference = (mine - theirs) + (theirs - mine)
    return set(difference or mine)


def _swayed(visits: Iterable[Visit], reads: Collection[ToolKey]) -> dict[str, frozenset[str]]:
    """Return call -> the calls right after which its answer was seen to be another one."""
    answers: dict[str, dict[tuple[str, ...], set[str]]] = defaultdict(lambda: defaultdict(set))
    for visit in visits:
        writes = [_letter(event.item) for event in visit.events if event.tool not in reads]
        answers[visit.letter][(visit.root, *writes)].add(visit.answer)
    found: dict[str, set[str]] = defaultdict(set)
    for name, by_history in answers.items():
        for history, seen in by_history.items():
            if len(history) > 1:
                earlier = by_history.get(history[:-1])
                if earlier and not earlier & seen:
                    found[name].add(history[-1])
    return {name: frozenset(letters) for name, letters in found.items()}
