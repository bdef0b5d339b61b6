"""Values that a server makes anew in every run, given one name in all recordings.

A session's identifier, a temporary folder or the time at which something was made is another one in every
run, so no two recordings agree, and what is done with the value in one says nothing of another. Here such
values are found by comparing recordings, and every recording is rewritten as if its run had drawn the
values of one of them. So the simulator needs to know nothing of them: the identifier that it hands out is
the one under which the later calls of all recordings are found.

*Found.* Two recordings made the same calls from the same start, and the answers to the last of them differ
in a few words. A word is *drawn* there if it was never seen before in its recording and in no other
recording's answers, is distinctive (`_is_distinctive`), and a later, successful call of its recording was
given it. Times and UUIDs drawn in the very answer in which another word is drawn are, too. Where the word
stands (its *slot*) is then drawn in every answer of the tool.

*Not found*, because renaming it could make up an answer: what is a number or a time, or is a part of
another drawn word, in an answer to a call that was given a drawn word; what other recordings show, too.

*Rewritten.* A drawn word is named by its call and its number among that call's, so equal calls draw equal
names. One recording lends each name its value. In a recording whose value was another one, the answers
after it count only for tools that proved to treat such values as mere names: `WITNESSES` times a call of
theirs came out alike in recordings that had drawn differently, and never otherwise.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from .cassette import ToolKey
from .records import Recording, digest
from .visits import Visit, Visits
from .words import (
    Slot,
    Word,
    differing,
    is_date,
    is_derivable,
    is_distinctive,
    is_passing,
    renamed,
    renamed_step,
    words_in,
    words_of,
)

WITNESSES = 4

_ALIEN = "~"
"""Stands before another run's value, which means nothing in this one."""

_Name = tuple[str, int]
"""The call that drew a value, in names, and which of its values it is."""


@dataclass
class _Told:
    """One recording's drawn values."""

    names: dict[str, _Name] = field(default_factory=dict)
    since: dict[str, int] = field(default_factory=dict)
    """Value -> the step whose answer drew it."""

    def before(self, place: int) -> tuple[str, ...]:
        """Return the values that were drawn before a step."""
        return tuple(value for value, since in self.since.items() if since < place)


class RunSpecific:
    """What is drawn in a set of recordings; learns with each look at their visits."""

    def __init__(self, recordings: Sequence[Recording]) -> None:
        """Take recordings in the order of their ids. Nothing is drawn until `learn` finds out."""
        self._originals = recordings
        self.recordings = recordings
        """As rewritten so far."""
        self.slots: dict[ToolKey, set[Slot]] = defaultdict(set)
        self._told: Mapping[str, _Told] = {}
        self._values: frozenset[str] = frozenset()
        self._borrowed: dict[str, int] = {}
        """Recording -> the step after which it goes by values that were not its own."""
        self._set_aside: set[tuple[str, int]] = set()
        """Recording and step that show or are given another run's value, or values in another order."""

    def learn(self, visits: Visits, volatile: Collection[ToolKey]) -> bool:
        """Find what is drawn; if that is more than before, rewrite the recordings and return True.

        Args:
            visits: of the recordings as rewritten so far.
            volatile: tools whose answers vary by themselves: no time or number of theirs is a name.
        """
        found = {
            (key, slot)
            for group in _repeated(visits)
            for key, slot in self._drawn(group, volatile)
            if slot not in self.slots[key]
        }
        for key, slot in found:
            self.slots[key].add(slot)
        if found:
            self._rewrite()
        return bool(found)

    def draws(self, key: ToolKey) -> bool:
        """Return whether a tool's answers hold drawn values."""
        return bool(self.slots.get(key))

    def explained(self, key: ToolKey, visits: Visits) -> bool:
        """Return whether all that makes a tool's answers vary is drawn.

        Nothing else ever differed between equal calls of it, and it shows no other date: recordings of one
        day would agree on that.
        """
        return (
            self.draws(key)
            and all(group[0].key != key for group in _repeated(visits))
            and not any(
                is_date(word.text) and word.slot not in self.slots[key]
                for recording in self._originals
                for step in recording.steps
                if step.call.key == key
                for word in words_in(step.observation)
            )
        )

    def usable(self, visits: Visits, reads: Collection[ToolKey]) -> Visits:
        """Return the visits whose answers hold for whoever was handed the lent values."""
        if not self._borrowed and not self._set_aside:
            return visits
        every = [*visits.stateless, *(one for found in visits.stateful.values() for one in found)]
        proven = self._proven(every, reads)

        def holds(visit: Visit) -> bool:
            if (visit.recording, visit.place) in self._set_aside:
                return False
            borrows = visit.place > self._borrowed.get(visit.recording, visit.place)
            return not borrows or visit.key in proven

        return Visits(
            {scope: list(filter(holds, found)) for scope, found in visits.stateful.items()},
            list(filter(holds, visits.stateless)),
            visits.unmarked,
            visits.unsettled,
        )

    # --- finding -----------------------------------------------------------------------------

    def _drawn(self, group: Sequence[Visit], volatile: Collection[ToolKey]) -> Iterator[tuple[ToolKey, Slot]]:
        first = group[0]
        for other in group[1:]:
            if first.servers != other.servers:
                continue
            pairs = differing(first.observation, other.observation)
            led = [pair for pair in pairs if self._is_name(*pair, first, other, volatile)]
            passing = [
                pair for pair in pairs if led and is_passing(pair[0].text) and is_passing(pair[1].text)
            ]
            for one, _ in (*led, *passing):
                yield first.key, one.slot

    def _is_name(
        self, one: Word, two: Word, first: Visit, other: Visit, volatile: Collection[ToolKey]
    ) -> bool:
        """Return whether two words are one name in two recordings, both shown for the first time."""
        texts = (one.text, two.text)
        back = (
            texts[0] in self._handed_back[first.recording],
            texts[1] in self._handed_back[other.recording],
        )
        if not any(back) or not all(map(is_distinctive, texts)):
            return False
        if any(word in value or value in word for word in texts for value in self._values):
            return False
        derivable = any(map(is_derivable, texts))
        given = not self._values.isdisjoint(words_of(first.call.arguments))
        return not (derivable and (given or first.key in volatile))

    @cached_property
    def _handed_back(self) -> dict[str, set[str]]:
        """Return, for each recording, the words that its successful calls were given."""
        return {
            one.id: {
                word
                for step in one.steps
                if step.observation.outcome == "success"
                for word in words_of(step.call.arguments)
            }
            for one in self._originals
        }

    # --- rewriting ---------------------------------------------------------------------------

    @cached_property
    def _shown(self) -> Counter[str]:
        """Return in how many recordings a word is shown that was not given to a call there before."""
        found: Counter[str] = Counter()
        for recording in self._originals:
            given: set[str] = set()
            shown: set[str] = set()
            for step in recording.steps:
                given.update(words_of(step.call.arguments))
                shown.update(word.text for word in words_in(step.observation) if word.text not in given)
            found.update(shown)
        return found

    def _rewrite(self) -> None:
        self._told = {one.id: self._tell(one) for one in self._originals}
        lender: dict[_Name, str] = {}
        for one in sorted(self._originals, key=lambda one: (-len(one.steps), one.id)):
            for value, name in self._told[one.id].names.items():
                lender.setdefault(name, value)
        self._values = frozenset(value for told in self._told.values() for value in told.names)
        self._borrowed, self._set_aside = {}, set()
        self.recordings = [self._rewritten(one, self._told[one.id], lender) for one in self._originals]

    def _tell(self, recording: Recording) -> _Told:
        """Name the drawn values of one recording."""
        told = _Told()
        seen: set[str] = set()
        counts: Counter[str] = Counter()
        for place, step in enumerate(recording.steps):
            seen.update(words_of(step.call.arguments))
            slots = self.slots.get(step.call.key, set())
            words = list(words_in(step.observation))
            if slots and step.observation.outcome == "success":
                names = {value: "\0".join(map(str, name)) for value, name in told.names.items()}
                call = digest([*step.call.key, step.schema_digest, renamed(step.call.arguments, names.get)])
                for word in words:
                    if word.slot in slots and word.text not in seen and self._is_new(word.text):
                        seen.add(word.text)
                        told.names[word.text] = (call, counts[call])
                        told.since[word.text] = place
                        counts[call] += 1
            seen.update(word.text for word in words)
        return told

    def _is_new(self, word: str) -> bool:
        return is_passing(word) or (is_distinctive(word) and self._shown[word] == 1)

    def _rewritten(self, recording: Recording, told: _Told, lender: Mapping[_Name, str]) -> Recording:
        to = {value: lender[name] for value, name in told.names.items()}
        borrowed = [told.since[value] for value, lent in to.items() if value != lent]
        if borrowed:
            self._borrowed[recording.id] = min(borrowed)
        others = self._values - to.keys()
        to.update({value: f"{_ALIEN}{value}" for value in others})
        for place, step in enumerate(recording.steps):
            shown = {word.text for word in words_in(step.observation)}
            alien = not others.isdisjoint(words_of(step.call.arguments)) or not others.isdisjoint(shown)
            mine = shown & told.names.keys()
            # A list that is sorted by what was drawn would stand in another order in the lender's run.
            if alien or sorted(mine) != sorted(mine, key=lambda value: to[value]):
                self._set_aside.add((recording.id, place))
        return recording.model_copy(update={"steps": tuple(renamed_step(one, to) for one in recording.steps)})

    # --- proof -------------------------------------------------------------------------------

    def _proven(self, visits: Iterable[Visit], reads: Collection[ToolKey]) -> set[ToolKey]:
        """Return the tools whose answers were alike, drawn values apart, whatever had been drawn."""
        groups: dict[tuple[Any, ...], list[tuple[Visit, tuple[str, ...]]]] = defaultdict(list)
        for visit in visits:
            drawn = self._told[visit.recording].before(visit.place)
            if drawn:
                writes = [event.item for event in visit.events if event.tool not in reads]
                groups[(visit.root, visit.mark, *writes, visit.letter)].append((visit, drawn))
        witnesses: Counter[ToolKey] = Counter()
        opposed: set[ToolKey] = set()
        for group in groups.values():
            key = group[0][0].key
            if len({visit.answer for visit, _ in group}) > 1:
                opposed.add(key)
            witnesses[key] += len({drawn for _, drawn in group}) - 1
        return {key for key, count in witnesses.items() if count >= WITNESSES} - opposed


def _repeated(visits: Visits) -> Iterator[list[Visit]]:
    """Yield, of equal calls after equal calls that were answered differently, one visit for each answer."""
    groups: dict[tuple[Any, ...], list[Visit]] = defaultdict(list)
    for stateful in visits.stateful.values():
        for visit in stateful:
            groups[(visit.history, visit.letter)].append(visit)
    for visit in visits.stateless:
        groups[(visit.letter,)].append(visit)
    for group in groups.values():
        if len(group) > 1:
            distinct = {visit.whole_answer: visit for visit in group}
            if len(distinct) > 1:
                yield list(distinct.values())
