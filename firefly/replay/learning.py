"""Learns from recordings how a cassette may key its answers.

Pure and deterministic: equal recordings give equal rules, whatever their order. Every claim that
comes from outside (this tool is state-independent, this one is a read, fingerprints tell states
apart, ``25`` equals ``25.0``) holds only until the recordings contradict it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from .canonical import Canonicalizer
from .cassette import ToolKey
from .defaults import alike_defaults
from .hypotheses import Hypotheses, Learnt
from .indifference import Indifferences
from .masks import Path
from .noise import Noise
from .records import Recording, Tool
from .state import state_id
from .unrepeated import unrepeated
from .visits import Visit, Visits, visits_of


def learn(
    tools: Iterable[Tool],
    recordings: Iterable[Recording],
    *,
    independent: Collection[ToolKey] = (),
    reads: Collection[ToolKey] = (),
    declared: Collection[ToolKey] = (),
    volatile: Collection[ToolKey] = (),
    masks: Mapping[ToolKey, Sequence[Path]] | None = None,
) -> Learnt:
    """Return rules, entries and scopes; see `freezing.make_cassette` for the arguments."""
    learner = _Learner(
        tools={tool.key: tool for tool in tools},
        recordings=sorted(recordings, key=lambda one: one.id),
        independent=set(independent),
        proven=frozenset(reads),
        reads=frozenset(reads) | frozenset(declared),
        given_volatile=frozenset(volatile),
        masks=masks or {},
    )
    return learner.learn()


@dataclass
class _Learner(Hypotheses):
    """Gives up what the recordings contradict, again and again, until the rest holds together."""

    def learn(self) -> Learnt:
        """Return what the recordings teach."""
        while True:
            every = self._visits()
            if self._found_drawn(every):
                continue
            drawn = unrepeated(self.drawn.recordings, self.tools, self.proven | self.independent)
            visits = self.drawn.usable(every, self.reads)
            if self._revised(visits):
                continue
            noise = {
                scope: Noise(found, self.given_volatile, self.reads, self.proven)
                for scope, found in visits.stateful.items()
            }
            usable = {
                scope: [one for one in noise[scope].usable(found) if (one.recording, one.place) not in drawn]
                for scope, found in visits.stateful.items()
            }
            tables = {
                scope: Indifferences(
                    found, proven=self.proven, reads=self.reads, called=every.stateful[scope]
                )
                for scope, found in usable.items()
            }
            if not self._filled(usable, visits.stateless, tables):
                return self.learnt(visits, noise, usable, tables)

    def _visits(self) -> Visits:
        canonicalizers = {
            key: Canonicalizer(numbers=self.numbers_of(key), defaults=self.defaults_of(key))
            for key in self.tools
        }
        return visits_of(
            self.drawn.recordings,
            self.tools,
            canonicalizers,
            self.independent,
            self.unmarked,
            self.by_servers,
            self.masks,
        )

    # --- contradictions ----------------------------------------------------------------------

    def _found_drawn(self, visits: Visits) -> bool:
        """Find run-specific values; return whether that changes what is claimed of the recordings."""
        if self.drawn.learn(visits, self.given_volatile):
            return True
        found = {key for key in self.independent if self.drawn.draws(key)}
        for key in sorted(found):
            self.evidence[key]["state_independent"] = "claimed, but it draws values of each run"
        self.independent -= found
        explained = {
            key
            for key in self.given_volatile
            if "volatile" not in self.evidence[key] and self.drawn.explained(key, visits)
        }
        for key in sorted(explained):
            self.evidence[key]["volatile"] = "claimed, but all that differed are values drawn in each run"
        self.given_volatile -= explained
        return bool(found or explained)

    def _revised(self, visits: Visits) -> bool:
        """Drop the first claims that ``visits`` contradict; return whether there were any."""
        for scope, reason in visits.unmarked.items():
            self.unmarked[scope] = reason
        return (
            bool(visits.unmarked)
            or self._dependent(visits)
            or any(self._scope_revised(scope, found) for scope, found in sorted(visits.stateful.items()))
        )

    def _dependent(self, visits: Visits) -> bool:
        found = set(visits.unsettled)
        groups: dict[tuple[ToolKey, str], list[Visit]] = defaultdict(list)
        for visit in visits.stateless:
            groups[(visit.key, visit.letter)].append(visit)
        for (key, _), group in groups.items():
            if len({visit.answer for visit in group}) > 1:
                if key not in self.literal and len({visit.raw for visit in group}) > 1:
                    self.literal.add(key)
                    return True
                found.add(key)
        for key in sorted(found):
            self.evidence[key]["state_independent"] = "claimed, but equal calls differed or changed the state"
            # Whether it varies by itself or reads a state is not known: it is both until proven otherwise.
            self.given_volatile |= {key}
        self.independent -= found
        return bool(found)

    def _scope_revised(self, scope: str, visits: Sequence[Visit]) -> bool:
        groups: dict[tuple[tuple[str, ...], str], list[Visit]] = defaultdict(list)
        for visit in visits:
            groups[(visit.history, visit.letter)].append(visit)
        if scope not in self.unmarked:
            for group in groups.values():
                if len({visit.after for visit in group}) > 1:
                    self.unmarked[scope] = "it differed after equal calls"
                    return True
        for group in groups.values():
            if len({visit.answer for visit in group}) > 1:
                key = group[0].key
                if key not in self.literal and len({visit.raw for visit in group}) > 1:
                    self.literal.add(key)
                    return True
                if scope not in self.by_servers and _settled_by_servers(group):
                    self.by_servers.add(scope)
                    return True
        return False

    def _filled(
        self,
        usable: Mapping[str, Sequence[Visit]],
        stateless: Sequence[Visit],
        tables: Mapping[str, Indifferences],
    ) -> bool:
        """Find parameters whose default may be filled in; return whether there are new ones."""
        found: dict[ToolKey, tuple[str, ...]] = {}
        for key, tool in self.tools.items():
            if key in self.literal or key in self.defaults:
                continue
            states = [
                (state_id(visit.root, visit.mark, visit.events, tables[scope].table[key]), visit)
                for scope, visits in usable.items()
                for visit in visits
                if visit.key == key
            ]
            states += [("", visit) for visit in stateless if visit.key == key]
            names = alike_defaults(tool, states)
            if names:
                found[key] = names
        self.defaults.update(found)
        return bool(found)


def _settled_by_servers(group: Sequence[Visit]) -> bool:
    """Return whether the answers differ only between different sets of launched servers."""
    answers: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for visit in group:
        answers[visit.servers].add(visit.answer)
    return len(answers) > 1 and all(len(found) == 1 for found in answers.values())
