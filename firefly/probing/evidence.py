"""What the episodes show of each tool: changed fingerprints, repeated answers, and who changed whose.

Pure: from recorded steps alone. The unit is the *witness*: a call that was made twice in one episode.
Equal answers speak for everything called in between, different ones against it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime

from firefly.contents import is_empty
from firefly.probing.volatility import Path, differing_paths, is_passing, measured_paths, now_paths
from firefly.replay.parsers import parse
from firefly.replay.records import Observation, Step, canonical_json

__all__ = ["Evidence", "Seen", "Unexplained", "gather"]

Mark = tuple[str, str]
"""(tool, canonical arguments): one call."""


@dataclass
class Seen:
    """What was seen of one tool."""

    successes: list[Step] = field(default_factory=list)
    failures: list[Step] = field(default_factory=list)
    calls: int = 0
    """Answered calls: successes and failures."""
    fingerprinted: int = 0
    """Calls around which the state could be observed."""
    changed_fingerprint: int = 0
    repeats: int = 0
    """Times that a successful call was made again in the same episode, nothing having changed in between."""
    sessions: set[int] = field(default_factory=set)
    """Episodes in which a call answered as it did in another."""
    witnesses: set[str] = field(default_factory=set)
    """Other tools whose answers were the same before and after its calls."""
    changed: set[str] = field(default_factory=set)
    """Other tools whose answers it alone can have changed."""
    moved: set[str] = field(default_factory=set)
    """Tools after whose calls its own answer was another."""
    unstable: set[Path] = field(default_factory=set)
    """Paths that differed though nothing else was called, or that hold marks of the moment."""
    restless: bool = False
    """Something else than marks of the moment was unstable: it may count its calls."""
    other_sessions: set[Path] = field(default_factory=set)
    """Paths that differed between sessions."""
    now: set[Path] = field(default_factory=set)
    """Paths that hold the present moment."""
    measured: set[Path] = field(default_factory=set)
    """Paths that hold how long the call took."""
    aside: frozenset[Path] = frozenset()
    """Paths found to change by themselves, which are not compared any more."""
    parsed: int = 0
    """Non-empty successes that a parser reads without loss."""
    opaque: int = 0

    @property
    def volatile(self) -> frozenset[Path]:
        """Return every path that changes by itself."""
        return self.passing | self.other_sessions

    @property
    def passing(self) -> frozenset[Path]:
        """Return the paths that change within a session."""
        return self.aside | self.unstable | self.now | self.measured


@dataclass(frozen=True)
class Unexplained:
    """A witness answered differently, and no single tool is known to be why."""

    witness: Step
    suspects: frozenset[str]


@dataclass
class Evidence:
    """What was seen of every tool of a server."""

    tools: dict[str, Seen]
    unexplained: list[Unexplained]

    @property
    def suspects(self) -> frozenset[str]:
        """Return the tools that may have changed something, though it is not known which did."""
        return frozenset(name for one in self.unexplained for name in one.suspects)


@dataclass(frozen=True)
class _Difference:
    """A witness's answers differed; ``between`` are the tools called from its first call on."""

    first: Step
    second: Step
    between: tuple[Step, ...]


def gather(
    episodes: Sequence[Sequence[Step]],
    now: datetime,
    presumed_writes: frozenset[str] = frozenset(),
    doubtful: frozenset[str] = frozenset(),
) -> Evidence:
    """Return what ``episodes`` show; ``now`` is when they were made.

    Answers of two episodes are compared only as far as no tool of ``presumed_writes`` was called, nor
    one that is seen to write. ``doubtful`` are tools whose names contradict what they declare.
    """
    aside: dict[str, tuple[frozenset[Path], frozenset[Path]]] = {}
    restless: set[str] = set()
    while True:
        tools: dict[str, Seen] = defaultdict(Seen)
        for name, paths in aside.items():
            tools[name].aside, tools[name].other_sessions = paths[0], set(paths[1])
            tools[name].restless = name in restless
        for steps in episodes:
            for step in steps:
                _count(step, tools[step.call.tool], now)
        differences: list[_Difference] = []
        for steps in episodes:
            differences += _compare_within(steps, tools)
        unexplained = _explain(
            differences, tools, now, presumed_writes, _counting(episodes, presumed_writes | doubtful)
        )
        _compare_between(episodes, tools, presumed_writes)
        found = {
            name: (seen.passing, frozenset(seen.other_sessions))
            for name, seen in tools.items()
            if seen.volatile
        }
        restless |= {name for name, seen in tools.items() if seen.restless}
        if found == aside:
            return Evidence(dict(tools), unexplained)
        aside = found  # look again: what else do these answers show?


def _count(step: Step, seen: Seen, now: datetime) -> None:
    outcome = step.observation.outcome
    if outcome not in ("success", "failure"):
        return
    seen.calls += 1
    before, after = step.before.fingerprint, step.after.fingerprint
    if before is not None and after is not None:
        seen.fingerprinted += 1
        seen.changed_fingerprint += before != after
    if outcome == "failure":
        seen.failures.append(step)
        return
    seen.successes.append(step)
    seen.now.update(now_paths(step.observation, step.call.arguments, now))
    seen.measured.update(measured_paths(step.observation))
    if not is_empty(step.observation):
        if parse(step.observation) is None:
            seen.opaque += 1
        else:
            seen.parsed += 1


def _mark(step: Step) -> Mark:
    return (step.call.tool, canonical_json(step.call.arguments))


def _answered(step: Step) -> bool:
    return step.observation.outcome in ("success", "failure")


def _changed_state(step: Step) -> bool:
    before, after = step.before.fingerprint, step.after.fingerprint
    return before is not None and after is not None and before != after


def _compare_within(steps: Sequence[Step], tools: Mapping[str, Seen]) -> list[_Difference]:
    """Compare every call with its previous one in the same episode."""
    last: dict[Mark, int] = {}
    differences = []
    for place, step in enumerate(steps):
        if not _answered(step):
            continue
        mark = _mark(step)
        earlier = last.get(mark)
        last[mark] = place
        if earlier is None:
            continue
        between = tuple(one for one in steps[earlier:place] if _answered(one))
        if differing_paths(steps[earlier].observation, step.observation, tools[step.call.tool].aside):
            differences.append(_Difference(steps[earlier], step, between))
        elif step.observation.outcome == "success":
            if not any(_changed_state(one) for one in between):
                tools[step.call.tool].repeats += 1
            for one in between:
                if one.call.tool != step.call.tool:
                    tools[one.call.tool].witnesses.add(step.call.tool)
    return differences


def _compare_between(
    episodes: Sequence[Sequence[Step]], tools: Mapping[str, Seen], presumed_writes: frozenset[str]
) -> None:
    """Compare first answers across episodes, as long as the same writes came before."""
    writes = presumed_writes | {
        name for name, seen in tools.items() if seen.changed or seen.changed_fingerprint
    }
    firsts: dict[tuple[Mark, tuple[Mark, ...]], tuple[int, Step]] = {}
    for number, steps in enumerate(episodes):
        met: set[tuple[Mark, tuple[Mark, ...]]] = set()
        written: tuple[Mark, ...] = ()
        for step in steps:
            mark = _mark(step)
            place = (mark, written)
            if step.call.tool in writes:
                written = (*written, mark)
            if place in met or not _answered(step):
                continue
            met.add(place)
            if place not in firsts:
                firsts[place] = (number, step)
                continue
            origin, other = firsts[place]
            seen = tools[step.call.tool]
            aside = seen.aside | seen.other_sessions
            paths = differing_paths(other.observation, step.observation, aside)
            if not paths:
                if step.observation.outcome == "success":
                    seen.sessions.update((origin, number))
            else:
                seen.other_sessions.update(paths)


def _counting(episodes: Sequence[Sequence[Step]], presumed_writes: frozenset[str]) -> set[str]:
    """Return the presumed writes that answered alike in all sessions in which the same was written before."""
    first: dict[tuple[Mark, tuple[Mark, ...]], tuple[int, Observation]] = {}
    alike: set[str] = set()
    otherwise: set[str] = set()
    for number, steps in enumerate(episodes):
        written: tuple[Mark, ...] = ()
        for step in steps:
            if step.call.tool not in presumed_writes:
                continue
            place = (_mark(step), written)
            written = (*written, _mark(step))
            if step.observation.outcome != "success":
                continue
            origin, observation = first.setdefault(place, (number, step.observation))
            if origin != number:
                same = not differing_paths(observation, step.observation)
                (alike if same else otherwise).add(step.call.tool)
    return alike - otherwise


def _explain(
    differences: Sequence[_Difference],
    tools: Mapping[str, Seen],
    now: datetime,
    presumed_writes: frozenset[str],
    counting: Set[str],
) -> list[Unexplained]:
    """Attribute every difference: to a seen change of state, to the witness itself, or to one other tool."""
    open_ones: list[_Difference] = []
    for one in differences:
        own = one.first.call.tool
        alone = all(step.call.tool == own for step in one.between)
        aside = tools[own].aside
        passing = is_passing(one.first.observation, one.second.observation, now, aside)
        known = (
            () in aside | tools[own].other_sessions
        )  # its whole answer is known to change by itself, attachments perhaps
        if alone and own in counting:
            # It counts what it makes: each time another answer, and in every new session the same ones.
            tools[own].moved.add(own)
        elif passing or known or (alone and not any(map(_changed_state, one.between))):
            tools[own].unstable.update(differing_paths(one.first.observation, one.second.observation, aside))
            tools[own].restless = tools[own].restless or not (passing or known)
        elif any(_changed_state(step) for step in one.between):
            writers = {step.call.tool for step in one.between if _changed_state(step)}
            tools[own].moved.update(writers)
            for writer in writers if len(writers) == 1 else ():
                tools[writer].changed.add(own)
        else:
            open_ones.append(one)
    left = _attribute(open_ones, tools, presumed_writes, _only)
    if all(_others(one) & presumed_writes for one in left):
        # Between reads alone no answer ever changed: it was one of the presumed writes.
        left = _attribute(left, tools, presumed_writes, lambda others: _only(others & presumed_writes))
        return [Unexplained(one.first, frozenset(_others(one) & presumed_writes)) for one in left]
    return [Unexplained(one.first, _suspects(one, tools, presumed_writes)) for one in left]


def _attribute(
    differences: Sequence[_Difference],
    tools: Mapping[str, Seen],
    presumed_writes: frozenset[str],
    suspect: Callable[[Set[str]], str],
) -> list[_Difference]:
    """Attribute differences to the witness itself, to known writes, or to ``suspect``; return those left."""
    left = list(differences)
    progress = True
    while progress and left:
        progress = False
        for one in list(left):
            own = one.first.call.tool
            others = _others(one)
            known = {name for name in others if tools[name].changed}
            if tools[own].restless:
                paths = differing_paths(one.first.observation, one.second.observation, tools[own].aside)
                tools[own].unstable.update(paths)
            elif known:
                tools[own].moved.update(known)
            elif tools[own].repeats and (writer := suspect(_suspects(one, tools, presumed_writes) - {own})):
                tools[writer].changed.add(own)
                tools[own].moved.add(writer)
            else:
                continue
            left.remove(one)
            progress = True
    return left


def _suspects(
    difference: _Difference, tools: Mapping[str, Seen], presumed_writes: frozenset[str]
) -> frozenset[str]:
    """Return who may have changed an answer: not the reads after which it was once seen to be the same."""
    own = difference.first.call.tool
    all_of_them = frozenset(step.call.tool for step in difference.between)
    cleared = {name for name in all_of_them - presumed_writes if own in tools[name].witnesses}
    return all_of_them - cleared if all_of_them - cleared - {own} else all_of_them


def _others(difference: _Difference) -> set[str]:
    return {step.call.tool for step in difference.between} - {difference.first.call.tool}


def _only(names: Set[str]) -> str:
    return next(iter(names)) if len(names) == 1 else ""
