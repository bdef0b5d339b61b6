"""Makes the calls of rollouts that the recordings could not answer, live, where these still hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from firefly.coverage.rollouts import Attempt
from firefly.records import Listing
from firefly.replay.backend import Backend
from firefly.replay.cassette import Cassette
from firefly.replay.masks import agree
from firefly.replay.records import Record, Recording, Step, ToolCall
from firefly.replay.simulator import StrictSimulator

__all__ = [
    "Executed",
    "Rate",
    "executed",
    "first_missed",
    "miss_rate",
    "missing",
    "unlike",
    "within",
]

PURPOSE = "densify"


class Executed(Record):
    """What became of one attempt."""

    attempt: Attempt
    recording: Recording | None = None
    """None: refused."""
    new: int = 0
    """Calls in it that the recordings did not answer."""
    why: str = ""
    """Why it was refused, or ended early."""


@dataclass(frozen=True)
class Rate:
    """How much of a number of attempts the recordings answer."""

    episodes: int
    episodes_with_miss: int
    calls: int
    missed: int


def miss_rate(attempts: Iterable[Attempt], cassette: Cassette) -> Rate:
    """Return how often the strict simulator misses."""
    every = [[step.tier == "miss" for step in _replayed(one, cassette)] for one in attempts]
    return Rate(len(every), sum(map(any, every)), sum(map(len, every)), sum(map(sum, every)))


def missing(attempts: Iterable[Attempt], cassette: Cassette) -> list[Attempt]:
    """Return the attempts that the recordings do not answer to the end, each up to its last missed call.

    Of equal ones, and of those that another one begins with, only one is left.
    """
    found: dict[tuple[tuple[str, ...], tuple[str, ...]], Attempt] = {}
    for one in attempts:
        steps = _replayed(one, cassette)
        last = max((place for place, step in enumerate(steps) if step.tier == "miss"), default=-1)
        if last >= 0:
            calls = one.calls[: last + 1]
            key = (one.servers, tuple(call.digest for call in calls))
            found.setdefault(key, one.model_copy(update={"calls": calls}))
    beginnings = {(servers, calls[:end]) for servers, calls in found for end in range(1, len(calls))}
    rest = [(key, one) for key, one in found.items() if key not in beginnings]
    return [one for _, one in sorted(rest, key=lambda pair: (-len(pair[0][0]), pair[0]))]


def first_missed(attempt: Attempt, cassette: Cassette) -> int:
    """Return how many calls the recordings answer before the first that they do not."""
    steps = _replayed(attempt, cassette)
    return next((place for place, step in enumerate(steps) if step.tier == "miss"), len(steps))


def _replayed(attempt: Attempt, cassette: Cassette) -> Sequence[Step]:
    simulator = StrictSimulator(cassette)
    with simulator.episode(simulator.tool_set(attempt.servers)) as episode:
        for call in attempt.calls:
            episode.call(call)
        return episode.steps


def unlike(
    cassette: Cassette, servers: Iterable[str], listing_of: Callable[[str], Listing | None]
) -> dict[str, str]:
    """Return server -> how it is not the recorded one: another version, or another schema of a tool."""
    found: dict[str, str] = {}
    for server in sorted(set(servers)):
        why = _unlike(cassette, server, listing_of(server))
        if why:
            found[server] = why
    return found


def _unlike(cassette: Cassette, server: str, listing: Listing | None) -> str:
    if listing is None:
        return "it is not among the given servers, or does not start"
    health = listing.health
    if health.status != "ok":
        return f"it can't be used: {health.trouble}"
    recorded, present = cassette.versions.get(server, ""), health.package or health.server_version
    if recorded != present:
        return f"the recordings are of {recorded or 'no known version'}, this is {present or 'unversioned'}"
    tools = {tool.name: tool for tool in listing.tools}
    for (of, name), one in cassette.tools.items():
        if of == server and name not in tools:
            return f"the recorded tool {name} is gone"
        if of == server and tools[name].schema_digest != one.tool.schema_digest:
            return f"the input schema of {name} changed"
    return ""


def within(attempts: Sequence[Attempt], most: int) -> list[Attempt]:
    """Return the first of ``attempts`` that take at most this many calls in all."""
    chosen: list[Attempt] = []
    for one in attempts:
        most -= len(one.calls)
        if most < 0:
            break
        chosen.append(one)
    return chosen


def executed(attempt: Attempt, cassette: Cassette, backend: Backend, *, seed: int) -> Executed:
    """Make the calls of ``attempt`` live, from its first one on.

    What is recorded already is compared: where an answered call comes out otherwise, or the episode begins
    in another world, the recorded snapshot does not hold, and nothing of the attempt is used. It ends
    where the servers do not answer, or the effect guard keeps a call from being made.

    Args:
        attempt: up to its last missed call.
        cassette: what is recorded.
        backend: the live servers.
        seed: of the episode.

    """
    simulator = StrictSimulator(cassette)
    tools = simulator.tool_set(attempt.servers)
    steps: list[Step] = []
    new = 0
    why = ""
    with simulator.episode(tools) as offline, backend.episode(tools, seed) as live:
        for number, call in enumerate(attempt.calls, start=1):
            recorded = offline.call(call)
            observation = live.call(call)
            step = live.steps[-1]
            if observation.outcome not in ("success", "failure"):
                why = f"{_named(number, call)}: {observation.outcome}: {observation.reason}"
                break
            if not _same_world(step, steps, cassette):
                return Executed(attempt=attempt, why=_ANOTHER_WORLD)
            volatile = _volatile(cassette, call)
            if recorded.outcome == "miss":
                new += 1
            elif not agree(recorded, observation, volatile):
                why = f"{_named(number, call)}: the servers answer otherwise than recorded"
                return Executed(attempt=attempt, why=why)
            steps.append(step)
    if not new:
        return Executed(attempt=attempt, why=why or "nothing of it is new")
    recording = Recording(purpose=PURPOSE, servers=attempt.servers, seed=seed, steps=tuple(steps))
    return Executed(attempt=attempt, recording=recording, new=new, why=why)


_ANOTHER_WORLD = (
    "the servers' files are not those of the recordings: choose their world (world=…, world.seed=…)"
)


def _same_world(step: Step, before: Sequence[Step], cassette: Cassette) -> bool:
    """Return whether the first call in a scope begins in a recorded world."""
    if step.scope.startswith("none") or any(one.scope == step.scope for one in before):
        return True
    scope = cassette.scopes.get(step.scope)
    return scope is None or step.before.history in {start.world for start in scope.starts}


def _volatile(cassette: Cassette, call: ToolCall) -> tuple[tuple[str | int, ...], ...]:
    one = cassette.tools.get(call.key)
    return one.rule.volatile_fields if one is not None else ()


def _named(number: int, call: ToolCall) -> str:
    return f"call {number}, {call.server}/{call.tool}"
