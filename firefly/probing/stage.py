"""Probes one server: finds working calls, then repeats, reorders and contrasts them.

Three episodes at most, four when an answer changed and it is not clear which call was why:

search      reads are looked for: argument-free and list-like tools first
writes      (disposable servers only) presumed writes, each between two looks at the reads it may touch;
            once one has made something, the reads that may have waited for it
repetition  new processes; every working read twice, in other orders; then what was made is made again, and
            the reads of it are repeated
isolation   one suspect at a time, each between two looks at the answer that changed
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from random import Random

from firefly.contents import is_empty
from firefly.probing.evidence import Evidence, gather
from firefly.probing.laboratory import Laboratory
from firefly.probing.looks import looks_at
from firefly.probing.order import contradicts_itself, presumed, read_order, write_order
from firefly.probing.profiles import profile
from firefly.probing.search import Search
from firefly.probing.volatility import now_paths
from firefly.protocols import Backend, ValueSource
from firefly.records import Listing, ProbeReport, ToolProfile
from firefly.replay.records import Step, ToolCall
from firefly.values.weights import tallied

__all__ = ["probe_server"]

_REPEATED = 3
"""Most calls of one tool that are repeated."""
_LOOKS = 2
"""Changed answers that are looked into."""
_IN_A_ROW = 4
"""Times that a changed answer is looked at with nothing in between: few draws agree so often."""
_SUSPECTS = 8
_RESERVE = 14
"""Calls kept back for isolation."""
_CLEAR_FIRST = 0.7
"""Share of the search that the reads of clear names have before anything of an unclear one is called."""
_MAKERS = 3
"""Successful writes after each of which the reads that never worked are tried again."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


def probe_server(
    listing: Listing,
    *,
    backend: Backend,
    values: Sequence[ValueSource],
    rng: Random,
    seed: int,
    budget: int,
    clock: Callable[[], datetime] = _utc_now,
) -> ProbeReport:
    """Return the profiles of all tools of one server, and every call made.

    At most ``budget`` calls. A server that fails in the middle gives what was learnt until then.
    ``clock`` tells values of today from data; no time enters the report.
    """
    probe = _Probe(listing, Laboratory(listing, backend, seed=seed, budget=budget), values, rng, clock)
    try:
        probe.run()
    finally:
        probe.laboratory.end()
    evidence = probe.evidence()
    return ProbeReport(
        server=listing.server,
        profiles=tuple(profile(tool, listing, evidence) for tool in listing.tools),
        recordings=probe.laboratory.recordings(),
        value_outcomes=tallied(probe.laboratory.chosen),
    )


class _Probe:
    def __init__(
        self,
        listing: Listing,
        laboratory: Laboratory,
        values: Sequence[ValueSource],
        rng: Random,
        clock: Callable[[], datetime],
    ) -> None:
        self.laboratory = laboratory
        self._rng = rng
        self._clock = clock
        self._search = Search(laboratory, values, rng, note=self._note_clocks)
        self._tools = {tool.name: tool for tool in listing.callable_tools}
        self._presumed = {name: presumed(tool) for name, tool in self._tools.items()}
        reads = [tool for tool in self._tools.values() if presumed(tool) != "write"]
        self._reads = sorted(reads, key=read_order)
        self._writes = sorted(
            (tool for tool in self._tools.values() if presumed(tool) == "write"), key=write_order
        )
        if not listing.disposable or listing.scope == "none":
            # What may be called at all may be called at any time, or there is nothing to change.
            self._reads, self._writes = self._reads + self._writes, []

        self._found: tuple[Step, ...] = ()
        self._late: tuple[Step, ...] = ()
        """Reads that worked only after something was made."""
        self._setup: tuple[Step, ...] = ()
        """The writes that they needed, in order."""
        self._cleared: frozenset[str] = frozenset()
        """Presumed writes that changed nothing."""

    def run(self) -> None:
        """Make the episodes, each only where there is something to learn."""
        budget = self.laboratory.budget
        share = 0.45 if self._writes else 0.6
        if self._reads and self.laboratory.begin("search"):
            self._look_around(int(budget * share))
            self._found = tuple(self.laboratory.episodes[-1])
        if self._writes and self.laboratory.begin("writes"):
            tools = {step.call.tool for step in self._working()}
            self._contrast(until=min(int(budget * 0.72), budget - 2 * len(tools) - 2))
            harmless = self._harmless()
            self._found += harmless
            self._cleared = frozenset(step.call.tool for step in harmless)
        if self._working() and self.laboratory.begin("repetition", fresh=True):
            self._repeat()
            self._in_order(self._lost())
        evidence = self.evidence()
        if evidence.unexplained and self.laboratory.begin("isolation", fresh=True):
            self._isolate(evidence)

    def _look_around(self, until: int) -> None:
        """Look for reads that work: the clear ones in the state at the start, the others after them."""
        clear = [tool for tool in self._reads if self._presumed[tool.name] != "unclear"]
        if 0 < len(clear) < len(self._reads):
            self._search.explore(clear, until=int(until * _CLEAR_FIRST))
            for tool in self._reads:
                if tool not in clear and self.laboratory.calls < until:
                    self._search.attempt(tool, tries=2)
            self._search.give_another_chance(clear)
        self._search.explore(self._reads, until=until)

    def evidence(self) -> Evidence:
        """Return what all episodes so far show."""
        written = frozenset(tool.name for tool in self._writes) - self._cleared
        doubtful = frozenset(name for name, tool in self._tools.items() if contradicts_itself(tool))
        found = gather(self.laboratory.episodes, self._clock(), written, doubtful)
        if found.unexplained and doubtful - written:
            return gather(self.laboratory.episodes, self._clock(), written | doubtful, doubtful)
        return found

    def _note_clocks(self, step: Step) -> None:
        """Keep values of a clock from being used as arguments; what stands beside them may be."""
        if step.observation.outcome != "success":
            return
        tool = self._tools[step.call.tool]
        passing = now_paths(step.observation, step.call.arguments, self._clock())
        if passing:
            noted = self.laboratory.profiles.get(tool.name)
            known = noted.volatile_paths if noted is not None else ()
            self.laboratory.profiles[tool.name] = ToolProfile(
                server=tool.server,
                tool=tool.name,
                schema_digest=tool.schema_digest,
                determinism="volatile",
                volatile_paths=tuple(sorted({*known, *passing}, key=repr)),
            )

    # --- reads -------------------------------------------------------------------------------

    def _working(self) -> list[Step]:
        """Return the distinct successful calls of presumed reads, non-empty ones first, tool by tool."""
        found: list[Step] = []
        for tool in self._reads + self._writes:
            steps = [
                step
                for step in self._found
                if step.call.tool == tool.name and step.observation.outcome == "success"
            ]
            distinct = {step.call.digest: step for step in reversed(steps)}
            oldest_first = list(distinct.values())[::-1]
            found += sorted(oldest_first, key=lambda step: is_empty(step.observation))[:_REPEATED]
        return found

    def _repeat(self) -> None:
        """Call every working read twice, in two other orders; the first of each tool when calls are short."""
        working = self._working()
        leading = {step.call.tool: step.call.digest for step in reversed(working)}
        firsts = [step for step in working if leading[step.call.tool] == step.call.digest]
        rest = [step for step in working if leading[step.call.tool] != step.call.digest]
        late = list({step.call.digest: step for step in self._late}.values())
        kept_back = min(len(self._setup) + 2 * len(late), self.laboratory.left // 3)
        if any(map(contradicts_itself, self._tools.values())):
            kept_back = max(kept_back, self.laboratory.left // 3)
        room = (self.laboratory.left - kept_back - min(_RESERVE, self.laboratory.left // 4)) // 2
        chosen = (firsts + rest)[: max(1, room)]
        order = sorted(chosen, key=lambda step: step.call.digest, reverse=True)
        # What may turn out to write goes last: it would spoil the others' second answers.
        clear = [step for step in order if self._presumed[step.call.tool] == "read"]
        unclear = [step for step in order if self._presumed[step.call.tool] != "read"]
        for step in clear:
            self._again(step)
        self._rng.shuffle(clear)
        for step in clear:
            self._again(step)
        for step in unclear:
            self._again(step)
            self._again(step)
        for step in clear[: len(unclear)]:
            self._again(step)
        self._repeat_late(late[: max(0, (kept_back - len(self._setup)) // 2)])

    def _repeat_late(self, late: list[Step]) -> None:
        """Make again what the late reads needed, then each of them twice, in two orders."""
        if not late:
            return
        for step in self._setup:
            self._again(step)
        # An answer that nothing explains yet is looked at after each of them.
        unexplained = self.evidence().unexplained
        look = unexplained[0].witness if unexplained and self.laboratory.left > 3 * len(late) else None
        if look is not None:
            self._again(look)
        for step in late:
            self._again(step)
            if look is not None:
                self._again(look)
        self._rng.shuffle(late)
        for step in late:
            self._again(step)

    def _lost(self) -> list[Step]:
        """Return the reads that worked in the search and failed when repeated: they needed something."""
        answered = {
            step.call.digest
            for step in self.laboratory.episodes[-1]
            if step.observation.outcome in ("success", "transient")
        }
        tried = {step.call.digest for step in self.laboratory.episodes[-1]}
        return [
            step
            for step in self._working()
            if step.call.digest in tried - answered and self._presumed[step.call.tool] == "read"
        ]

    def _in_order(self, lost: list[Step]) -> None:
        """Repeat what the search did in its order, as far as it made something, and the lost reads twice."""
        wanted = {step.call.digest for step in lost}
        if not lost or not self.laboratory.begin("order", fresh=True):
            return
        evidence = self.evidence()
        done: set[str] = set()
        for step in self.laboratory.episodes[0]:
            seen = evidence.tools[step.call.tool]
            makes = bool(seen.changed or seen.changed_fingerprint or step.call.tool in evidence.suspects)
            if step.call.digest in wanted - done and step.observation.outcome == "success":
                done.add(step.call.digest)
                self._again(step)
                self._again(step)
            elif makes or contradicts_itself(self._tools[step.call.tool]):
                self._again(step)

    def _harmless(self) -> tuple[Step, ...]:
        """Return the presumed writes of the last episode that worked before anything looked different."""
        evidence = self.evidence()
        found: list[Step] = []
        for step in self.laboratory.episodes[-1]:
            seen = evidence.tools[step.call.tool]
            if seen.changed or seen.changed_fingerprint or step.call.tool in evidence.suspects:
                break  # what follows may need what was made here
            if self._presumed[step.call.tool] == "write" and step.observation.outcome == "success":
                found.append(step)
        return tuple(found)

    def _again(self, step: Step) -> Step | None:
        return self.laboratory.call(self._tools[step.call.tool], dict(step.call.arguments))

    def _isolate(self, evidence: Evidence) -> None:
        """Look at each answer that changed: several times in a row, then after each suspect alone.

        One answer after the other: where two of them change, calls of one are suspects of the other.
        """
        looks = list({one.witness.call.tool: one.witness for one in evidence.unexplained}.values())[:_LOOKS]
        looked = {look.call.tool for look in looks}
        suspicion = {"write": 0, "unclear": 1, "read": 2}
        names = sorted(
            {name for one in evidence.unexplained for name in one.suspects},
            key=lambda name: (
                suspicion[self._presumed[name]] + bool(self._tools[name].annotations.read_only),
                name in looked,
                name,
            ),
        )
        calls = [
            min(
                (step for episode in self.laboratory.episodes for step in episode if step.call.tool == name),
                key=lambda step: step.observation.outcome != "success",
            )
            for name in names
        ]
        for look in looks:
            for _ in range(_IN_A_ROW):
                self._again(look)
            for suspect in calls[:_SUSPECTS]:
                if suspect.call.tool != look.call.tool:
                    self._again(suspect)
                    self._again(look)

    # --- writes ------------------------------------------------------------------------------

    def _contrast(self, until: int) -> None:
        """Make each write between two looks at the reads that it may touch."""
        reads = [step for step in self._working() if step.observation.outcome == "success"]
        current: set[str] = set()
        made = 0
        for tool in self._writes:
            if self._writes_made() > made and made < _MAKERS:
                made = self._writes_made()
                self._late_reads(self.laboratory.calls + (until - self.laboratory.calls) * 2 // 3)
                current = set()
            for _ in range(2):
                chosen = self._search.choose(tool) if self.laboratory.calls < until else None
                if chosen is None:
                    break
                looks = looks_at(tool, chosen.arguments, reads)
                for look in looks:
                    if look.digest not in current:
                        self._look(look)
                        current.add(look.digest)
                step = self._search.make(tool, chosen)
                if step is not None and step.observation.outcome == "success":
                    current = {look.digest for look in looks}
                    for look in looks:
                        self._look(look)
                    break
        self._late_reads(until)

    def _writes_made(self) -> int:
        return len(self._made())

    def _made(self) -> list[Step]:
        """Return the successful presumed writes of the open episode, in order."""
        return [
            step
            for step in self.laboratory.episodes[-1]
            if self._presumed[step.call.tool] == "write" and step.observation.outcome == "success"
        ]

    def _look(self, look: ToolCall) -> None:
        self.laboratory.call(self._tools[look.tool], dict(look.arguments))

    def _late_reads(self, until: int) -> None:
        """Try the reads that need something made first, and repeat what then works."""
        late = [tool for tool in self._reads if not self._search.tally(tool).full]
        for tool in late:
            if self.laboratory.calls >= until or not self.laboratory.open:
                return
            count = len(self.laboratory.episodes[-1])
            self._search.tally(tool).relent()
            self._search.attempt(tool, tries=1)
            for step in self.laboratory.episodes[-1][count:]:
                if step.observation.outcome == "success":
                    self._again(step)
                    if not self._late or self._setup == tuple(self._made()):
                        self._setup = tuple(self._made())
                        self._late += (step,)
