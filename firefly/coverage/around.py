"""What lies next to rollouts that missed something: the calls that other agents will make there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from random import Random

from pydantic import JsonValue

from firefly.coverage.choices import Choices
from firefly.coverage.habits import Habits
from firefly.coverage.neighbours import Candidate, Place, chosen, is_read, mistakes, turns
from firefly.coverage.path import path_along
from firefly.coverage.rollouts import Attempt
from firefly.knowledge import Knowledge
from firefly.records import ToolKey
from firefly.replay.records import GoldCall, ToolCall, canonical_json
from firefly.replay.simulator import StrictSimulator

__all__ = ["Around"]

_DETOURS = 2
"""Other calls that change something, beside one rollout: each takes a sandbox of its own."""


class Around:
    """Plans what is made beside rollouts; no call is planned twice for one state."""

    def __init__(
        self,
        knowledge: Knowledge,
        choices: Choices,
        habits: Habits,
        simulator: StrictSimulator,
        *,
        budget: int,
        rng_of: Callable[[str], Random],
    ) -> None:
        """Prepare.

        Args:
            knowledge: of every server.
            choices: what tools may be given.
            habits: what the rollouts gave tools in calls that they missed.
            simulator: what is recorded by now, the rollouts themselves among it.
            budget: most calls beside one rollout.
            rng_of: gives each rollout its generator.

        """
        self._knowledge = knowledge
        self._choices = choices
        self._habits = habits
        self._simulator = simulator
        self._budget = budget
        self._rng_of = rng_of
        self._restricted: dict[tuple[str, ...], Knowledge] = {}
        self._taken: set[Place] = set()

    def attempts(self, beside: Attempt, first: int) -> list[Attempt]:
        """Return what to make beside a rollout: attempts of their own, its calls with others among them.

        Three kinds take turns: its calls with an argument as rollouts gave it to other tools; with other
        values of one argument or without one; and reads of any tool on offer, with recorded arguments
        first, in the states from the first missed call on.

        Args:
            beside: a rollout that was made again, so that its states are recorded.
            first: number of its calls before the first one that it missed.

        """
        rng = self._rng_of(beside.digest)
        knowledge = self._known(beside.servers)
        calls = [
            GoldCall(id=f"c{place}", server=call.server, tool=call.tool, arguments=call.arguments)
            for place, call in enumerate(beside.calls, start=1)
        ]
        path = path_along(calls, beside.servers, self._simulator)
        candidates = turns(
            [
                turns(_habitual(beside.calls, self._habits)),
                turns(mistakes(calls, path, knowledge, self._choices, rng)),
                turns(self._reads(beside, range(first, len(calls) + 1), knowledge, rng)),
            ]
        )
        reads, detours = chosen(candidates, path, knowledge, self._budget, self._taken, _DETOURS)
        found = [_attempt(beside, "reads", _with_reads(beside.calls, reads))] if any(reads) else []
        for number, one in enumerate(detours, start=1):
            made = (*beside.calls[: one.place], one.call, *beside.calls[one.place :])
            found.append(_attempt(beside, f"detour {number}", made))
        return found

    def _known(self, servers: tuple[str, ...]) -> Knowledge:
        if servers not in self._restricted:
            self._restricted[servers] = self._knowledge.restricted(servers)
        return self._restricted[servers]

    def _reads(
        self, beside: Attempt, places: Sequence[int], knowledge: Knowledge, rng: Random
    ) -> list[Iterator[Candidate]]:
        """Return, for each tool that is a proven read, its calls in each of the states."""
        tools = [key for key in knowledge.tools if is_read(knowledge, key)]
        rng.shuffle(tools)
        touched = {text for call in beside.calls for text in _texts(call.arguments)}
        return [_in_states(self._likely(key, touched, rng), places) for key in tools]

    def _likely(self, key: ToolKey, touched: set[str], rng: Random) -> Iterator[ToolCall]:
        """Yield calls: recorded ones with a value of the rollout, other recorded ones, new ones, in turns."""
        entries = self._simulator.cassette.entries_of(key)
        given = {canonical_json(one.arguments): one.arguments for one in entries}
        texts = sorted(given)
        rng.shuffle(texts)
        near = {text for text in texts if touched.intersection(_texts(given[text]))}
        recorded = [
            [_call(key, given[text]) for text in texts if (text in near) is related]
            for related in (True, False)
        ]
        return turns([*recorded, self._choices.calls(key)])


def _attempt(attempt: Attempt, what: str, calls: Sequence[ToolCall]) -> Attempt:
    return attempt.model_copy(update={"name": f"{attempt.name}, {what}", "calls": tuple(calls)})


def _with_reads(calls: Sequence[ToolCall], reads: Sequence[Sequence[ToolCall]]) -> list[ToolCall]:
    last = max(place for place, some in enumerate(reads) if some)
    found: list[ToolCall] = []
    for place in range(last + 1):
        found += reads[place]
        found += calls[place : place + 1] if place < last else ()
    return found


def _habitual(calls: Sequence[ToolCall], habits: Habits) -> Iterator[Iterator[Candidate]]:
    for place, call in enumerate(calls):
        for some in habits.applied(call):
            yield _at(place, some)


def _at(place: int, calls: Iterable[ToolCall]) -> Iterator[Candidate]:
    return (Candidate(place, call) for call in calls)


def _in_states(calls: Iterable[ToolCall], places: Sequence[int]) -> Iterator[Candidate]:
    return (Candidate(place, call) for call in calls for place in places)


def _call(key: ToolKey, arguments: Mapping[str, JsonValue]) -> ToolCall:
    return ToolCall(server=key[0], tool=key[1], arguments=dict(arguments))


def _texts(arguments: Mapping[str, JsonValue]) -> Iterator[str]:
    return (canonical_json(value) for value in arguments.values())
