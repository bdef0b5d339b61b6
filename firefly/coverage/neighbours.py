"""Which calls lie next to a task's gold path, in which of its states, the likeliest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from random import Random
from typing import TypeVar

from pydantic import JsonValue

from firefly.coverage.choices import Choices
from firefly.coverage.path import Path, path_of
from firefly.knowledge import Knowledge
from firefly.outputs import general, leaves
from firefly.records import ToolKey
from firefly.replay.expressions import fill
from firefly.replay.records import Expression, GoldCall, Record, Task, ToolCall, canonical_json
from firefly.replay.simulator import StrictSimulator

__all__ = ["Candidate", "Detour", "Place", "Plan", "chosen", "is_read", "mistakes", "planned", "turns"]

T = TypeVar("T")

_PER_ARGUMENT = 40
"""Values of one argument that are considered, at most."""
_DETOURS = 1
"""Mistakes in calls that change something, for one task: each takes a sandbox of its own."""

Place = tuple[ToolKey, str, str]
"""Tool, canonical arguments and the state as the tool sees it: what an answer is found by."""


class Detour(Record):
    """A mistaken call in the place of a gold call that changes something."""

    place: int
    """Number of gold calls before it."""
    call: ToolCall


class Plan(Record):
    """The calls to be recorded around one task."""

    task: str
    reads: tuple[tuple[ToolCall, ...], ...]
    """For each state of the gold path, the first and the last among them: reads to be made there."""
    detours: tuple[Detour, ...] = ()

    @property
    def calls(self) -> int:
        """Return how many calls are planned besides the gold ones."""
        return sum(map(len, self.reads)) + len(self.detours)


@dataclass(frozen=True)
class Candidate:
    """A call that might be made, after the first ``place`` calls of a path."""

    place: int
    call: ToolCall


def planned(
    task: Task,
    *,
    knowledge: Knowledge,
    choices: Choices,
    simulator: StrictSimulator,
    rng: Random,
    budget: int,
    taken: set[Place],
) -> Plan:
    """Return what to record around ``task``: what the recordings do not answer yet, within ``budget`` calls.

    Mistakes in the arguments of gold calls and extra reads take turns. Only tools proven to change
    nothing are read; a gold call that changes something is made with a mistake only where its server is
    disposable.

    Args:
        task: a verified one.
        knowledge: of the task's servers.
        choices: what their tools may be given.
        simulator: what is recorded so far.
        rng: of this task alone.
        budget: most calls besides the gold ones.
        taken: places that other tasks' plans hold; those of this one are added.

    """
    path = path_of(task, simulator)
    wrong = turns(mistakes(task.gold_calls, path, knowledge, choices, rng))
    extra = turns(_extra_reads(task, path, knowledge, choices, rng))
    reads, detours = chosen(turns([wrong, extra]), path, knowledge, budget, taken)
    return Plan(task=task.id, reads=reads, detours=detours)


def chosen(
    candidates: Iterable[Candidate],
    path: Path,
    knowledge: Knowledge,
    budget: int,
    taken: set[Place],
    detours: int = _DETOURS,
) -> tuple[tuple[tuple[ToolCall, ...], ...], tuple[Detour, ...]]:
    """Return the first of ``candidates`` that the recordings do not answer, within ``budget`` calls.

    Tools proven to change nothing are called in the states of the path, of others at most ``detours`` calls
    in all, and on disposable servers only.

    Args:
        candidates: the likeliest first.
        path: whose states they are for.
        knowledge: of the servers of the path.
        budget: most calls.
        taken: places that are planned already; those of these calls are added.
        detours: most calls of tools that may change something.

    """
    reads: list[list[ToolCall]] = [[] for _ in path.states]
    changing: list[Detour] = []
    for candidate in candidates:
        if sum(map(len, reads)) + len(changing) >= budget:
            break
        call, place = candidate.call, candidate.place
        found = path.place(place, call)
        if found is None or found in taken or path.answered(found):
            continue
        if is_read(knowledge, call.key):
            reads[place].append(call)
        elif len(changing) < detours and _disposable(knowledge, call.server):
            changing.append(Detour(place=place, call=call))
        else:
            continue
        taken.add(found)
    return tuple(map(tuple, reads)), tuple(changing)


def turns(sequences: Iterable[Iterable[T]]) -> Iterator[T]:
    """Yield the first of each sequence, then the second of each, and so on."""
    nothing: tuple[T, ...] = ()
    ones: list[Iterator[tuple[T, ...]]] = [zip(sequence) for sequence in sequences]
    for row in zip_longest(*ones, fillvalue=nothing):
        yield from chain.from_iterable(row)


# --- mistakes in one argument --------------------------------------------------------------------


def mistakes(
    calls: Sequence[GoldCall],
    path: Path,
    knowledge: Knowledge,
    choices: Choices,
    rng: Random,
) -> list[list[Candidate]]:
    """Return, for each argument of each call, the call with other values of it, the likeliest first.

    Args:
        calls: those of the path.
        path: their states.
        knowledge: of their servers.
        choices: what their tools may be given.
        rng: of this path alone.

    """
    found: list[list[Candidate]] = []
    for place, gold in enumerate(calls):
        if gold.call.key not in knowledge.tools:
            continue
        for name in gold.arguments:
            values = _other_values(gold, name, path, choices, rng)
            found.append([Candidate(place, _with(gold, name, value)) for value in values])
        found.append([Candidate(place, _without(gold, name)) for name in sorted(gold.arguments)])
    return found


def _other_values(gold: GoldCall, name: str, path: Path, choices: Choices, rng: Random) -> list[JsonValue]:
    """Return values beside the right one in the answer it was read from, then what the tool may be given."""
    reference = gold.references.get(name)
    beside = list(_beside(reference, path)) if reference is not None else []
    template = gold.templates.get(name)
    if template is not None:
        beside = [fill(template, value) for value in beside]
    rng.shuffle(beside)
    every = chain(beside, choices.values(gold.call.key, name))
    values = {canonical_json(value): value for value in every if value != gold.arguments[name]}
    return list(values.values())[:_PER_ARGUMENT]


def _beside(reference: Expression, path: Path) -> Iterator[JsonValue]:
    """Yield the other values of the field that ``reference`` reads: another row's, say."""
    output = path.outputs.get(reference.call)
    inner = ("*", *reference.field) if reference.op != "value" else ()
    wanted = general((*reference.path, *inner))
    for where, leaf in leaves(output):
        if general(where) == wanted and leaf is not None:
            yield leaf


def _with(gold: GoldCall, name: str, value: JsonValue) -> ToolCall:
    return gold.call.model_copy(update={"arguments": {**gold.arguments, name: value}})


def _without(gold: GoldCall, name: str) -> ToolCall:
    rest: Mapping[str, JsonValue] = {key: one for key, one in gold.arguments.items() if key != name}
    return gold.call.model_copy(update={"arguments": dict(rest)})


# --- extra reads ---------------------------------------------------------------------------------


def _extra_reads(
    task: Task, path: Path, knowledge: Knowledge, choices: Choices, rng: Random
) -> list[Iterator[Candidate]]:
    """Return, for each tool of the task that is a proven read, calls of it, the likeliest to work first.

    Where nothing on the path changes anything, the states differ in nothing but earlier reads, and each
    call is made in one of them; else in every one.
    """
    used = {gold.call.key for gold in task.gold_calls}
    tools = [key for key in knowledge.tools if is_read(knowledge, key)]
    rng.shuffle(tools)
    tools.sort(key=lambda key: key not in used)
    writes = [place for place, gold in enumerate(task.gold_calls) if not is_read(knowledge, gold.call.key)]
    states = [0, *(place + 1 for place in writes)] if writes else []
    return [_in_states(choices.calls(key), states, len(path.states), rng) for key in tools]


def _in_states(
    calls: Iterable[ToolCall], states: Sequence[int], count: int, rng: Random
) -> Iterator[Candidate]:
    for call in calls:
        for place in states or [rng.randrange(count)]:
            yield Candidate(place, call)


def is_read(knowledge: Knowledge, key: ToolKey) -> bool:
    """Return whether a tool is proven to change nothing."""
    profile = knowledge.profiles.get(key)
    return profile is not None and profile.effect == "read"


def _disposable(knowledge: Knowledge, server: str) -> bool:
    listing = knowledge.listings.get(server)
    return listing is not None and listing.disposable
