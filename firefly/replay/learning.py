"""Learns from recordings how a cassette may key its answers.

Pure and deterministic: equal recordings give equal rules, whatever their order. Every claim that
comes from outside (this tool is state-independent, this one is a read, fingerprints tell states
apart, ``25`` equals ``25.0``) holds only until the recordings contradict it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from .canonical import Canonicalizer, declared_defaults, number_parameters
from .cassette import Entry, ErrorRule, Indifference, Scope, Start, ToolKey, ToolRule
from .defaults import alike_defaults
from .indifference import Indifferences
from .masks import Path
from .noise import Noise
from .records import Recording, Tool
from .run_specific import RunSpecific
from .state import CHANGING, QUIET_FOREIGN, QUIET_PAST, QUIET_RECENT, kept, state_id
from .unrepeated import unrepeated
from .validation import missing_arguments
from .visits import Visit, Visits, visits_of


@dataclass(frozen=True)
class Learnt:
    """What a set of recordings teaches."""

    rules: dict[ToolKey, ToolRule]
    entries: tuple[Entry, ...]
    scopes: tuple[Scope, ...]


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
class _Learner:
    tools: Mapping[ToolKey, Tool]
    recordings: Sequence[Recording]
    independent: set[ToolKey]
    proven: frozenset[ToolKey]
    reads: frozenset[ToolKey]
    """The proven and the declared ones."""
    given_volatile: frozenset[ToolKey]
    masks: Mapping[ToolKey, Sequence[Path]]
    unmarked: dict[str, str] = field(default_factory=dict)
    """Scope -> why its fingerprints are not used."""
    by_servers: set[str] = field(default_factory=set)
    """Scopes whose first state depends on which servers are launched."""
    defaults: dict[ToolKey, tuple[str, ...]] = field(default_factory=dict)
    literal: set[ToolKey] = field(default_factory=set)
    """Tools for which a merged form was contradicted: their arguments are taken as they are."""
    evidence: dict[ToolKey, dict[str, JsonValue]] = field(default_factory=lambda: defaultdict(dict))

    def __post_init__(self) -> None:
        self.drawn = RunSpecific(self.recordings)

    def learn(self) -> Learnt:
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
                return self._learnt(visits, noise, usable, tables)

    def _visits(self) -> Visits:
        canonicalizers = {
            key: Canonicalizer(numbers=self._numbers(key), defaults=self._defaults(key)) for key in self.tools
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

    def _numbers(self, key: ToolKey) -> dict[str, int]:
        return {} if key in self.literal else number_parameters(self.tools[key].input_schema)

    def _defaults(self, key: ToolKey) -> dict[str, JsonValue]:
        names = () if key in self.literal else self.defaults.get(key, ())
        return declared_defaults(self.tools[key].input_schema, names)

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

    # --- results -----------------------------------------------------------------------------

    def _learnt(
        self,
        visits: Visits,
        noise: Mapping[str, Noise],
        usable: Mapping[str, Sequence[Visit]],
        tables: Mapping[str, Indifferences],
    ) -> Learnt:
        entries: dict[tuple[str, ...], Entry] = {}
        for scope, found in sorted(usable.items()):
            for visit in found:
                if self._listed(visit):
                    levels = tables[scope].table[visit.key]
                    names = tuple("/".join(event.tool) for event in kept(visit.events, levels))
                    state = state_id(visit.root, visit.mark, visit.events, levels)
                    entry = _entry(visit, state, visit.after, names)
                    entries.setdefault(entry.order, entry)
        for visit in visits.stateless:
            if self._listed(visit) and visit.key not in self.given_volatile:
                entry = _entry(visit, "", "", ())
                entries.setdefault(entry.order, entry)
        scopes = {visit.key: scope for scope, found in visits.stateful.items() for visit in found}
        scopes.update({visit.key: visit.scope for visit in visits.stateless})
        by_server = {key[0]: scope for key, scope in scopes.items()}
        rules = {
            key: self._rule(key, scopes.get(key, by_server.get(key[0], "")), noise, usable, tables)
            for key in self.tools
        }
        return Learnt(
            rules,
            tuple(entries[order] for order in sorted(entries)),
            tuple(self._scope(scope, visits.stateful[scope], tables[scope]) for scope in sorted(tables)),
        )

    def _listed(self, visit: Visit) -> bool:
        tool = self.tools.get(visit.key)
        return tool is not None and tool.schema_digest == visit.schema_digest

    def _rule(
        self,
        key: ToolKey,
        scope: str,
        noise: Mapping[str, Noise],
        usable: Mapping[str, Sequence[Visit]],
        tables: Mapping[str, Indifferences],
    ) -> ToolRule:
        varies = noise[scope].volatile.get(key, ()) if scope in noise else ()
        if key in self.given_volatile:
            varies = ("success", "failure")
        levels = tables[scope].table.get(key, {}) if scope in tables else {}
        return ToolRule(
            scope=scope,
            state_independent=key in self.independent,
            volatile=varies,
            effect_varies=scope in noise and key in noise[scope].unsettling,
            numbers=self._numbers(key),
            defaults=self._defaults(key),
            indifferent_to=tuple(
                Indifference(
                    server=tool[0],
                    tool=tool[1],
                    recent=bool(level & QUIET_RECENT),
                    past=bool(level & QUIET_PAST),
                    foreign=bool(level & QUIET_FOREIGN),
                    changing=bool(level & CHANGING),
                )
                for tool, level in sorted(levels.items())
            ),
            errors=self._errors(key, usable.get(scope, ())),
            evidence=self._evidence(key, shaken=scope in noise and key in noise[scope].shaken),
        )

    def _evidence(self, key: ToolKey, *, shaken: bool) -> dict[str, JsonValue]:
        found = dict(self.evidence.get(key, {}))
        if shaken:
            found["shaken"] = "its answers after changes varied by themselves, so none of them is replayed"
        if self.drawn.draws(key):
            found["run_specific"] = [list(slot) for slot in sorted(self.drawn.slots[key])]
        if self.masks.get(key):
            found["volatile_fields"] = ["/".join(map(str, path)) for path in self.masks[key]]
        return found

    def _errors(self, key: ToolKey, visits: Sequence[Visit]) -> tuple[ErrorRule, ...]:
        """Return the errors that depend on nothing but which required arguments are missing."""
        seen: dict[tuple[str, ...], list[Visit]] = defaultdict(list)
        for visit in visits:
            if visit.key == key and self._listed(visit):
                missing = missing_arguments(self.tools[key], visit.call.arguments)
                if missing:
                    seen[missing].append(visit)
        return tuple(
            ErrorRule(missing=missing, observation=found[0].observation)
            for missing, found in sorted(seen.items())
            if len({visit.answer for visit in found}) == 1
            and found[0].observation.outcome == "failure"
            and all(visit.after == visit.mark for visit in found)
            and len({visit.arguments for visit in found}) > 1
        )

    def _scope(self, name: str, visits: Sequence[Visit], found: Indifferences) -> Scope:
        launches: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
        for visit in visits:
            if visit.at == 0:
                launches[(visit.world, visit.root, visit.mark)][" ".join(visit.servers)] += 1
        evidence: dict[str, JsonValue] = {
            "visits": len(visits),
            "kept_by_counter_example": [
                f"{'/'.join(tool)} ({_KINDS[level]})" for tool, level in sorted(found.blamed)
            ],
        }
        if name in self.unmarked:
            evidence["fingerprint"] = self.unmarked[name]
        return Scope(
            name=name,
            servers=tuple(sorted({visit.key[0] for visit in visits})),
            starts=tuple(
                Start(world=world, root=root, mark=mark, launches=dict(sorted(counts.items())))
                for (world, root, mark), counts in sorted(_usual(name, launches).items())
            ),
            marks="none" if name in self.unmarked else "fingerprint",
            evidence=evidence,
        )


_KINDS = {
    QUIET_RECENT: "recent quiet calls",
    QUIET_PAST: "past quiet calls",
    QUIET_FOREIGN: "foreign quiet calls",
    CHANGING: "changing calls",
}


def _usual(
    scope: str, launches: Mapping[tuple[str, str, str], Counter[str]]
) -> Mapping[tuple[str, str, str], Counter[str]]:
    """Return the launches of each start; of a remote scope, which nobody resets, the usual one's only."""
    if not scope.startswith("remote:"):
        return launches
    best: dict[str, tuple[int, str, tuple[str, str, str]]] = {}
    for place, counts in launches.items():
        for servers, count in counts.items():
            best[servers] = max(best.get(servers, (0, "", place)), (count, place[1], place))
    return {
        place: Counter({servers: n for servers, n in counts.items() if best[servers][2] == place})
        for place, counts in launches.items()
    }


def _settled_by_servers(group: Sequence[Visit]) -> bool:
    """Return whether the answers differ only between different sets of launched servers."""
    answers: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for visit in group:
        answers[visit.servers].add(visit.answer)
    return len(answers) > 1 and all(len(found) == 1 for found in answers.values())


def _entry(visit: Visit, state: str, mark: str, after: tuple[str, ...]) -> Entry:
    return Entry(
        server=visit.call.server,
        tool=visit.call.tool,
        schema_digest=visit.schema_digest,
        arguments=visit.canonical_arguments,
        scope=visit.scope,
        state=state,
        mark=mark,
        observation=visit.observation,
        after=after,
    )
