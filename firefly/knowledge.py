"""What is known of a set of tools: declarations, profiles and observed calls.

Read-only during a batch. Value sources, scorers, explorers, synthesizers and checks take it as
an argument; nobody learns behind its back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from firefly.records import Listing, ToolKey, ToolProfile, ValueOutcome
from firefly.replay.masks import answer_digest
from firefly.replay.records import Recording, Step, Tool, digest

Tallies = Mapping[tuple[str, str, str, str], tuple[float, float]]
"""(server, tool, parameter, source) -> calls that succeeded, and its share of those that failed."""


class Knowledge:
    """Tools, their profiles, and every recorded call, restricted to a set of servers.

    Recordings are kept in an order that follows from the calls alone, and neither that order nor the
    digest depends on what tools answer that are not known to be deterministic: two runs whose clocks
    or dice differ behave equally.
    """

    def __init__(
        self,
        listings: Iterable[Listing],
        profiles: Iterable[ToolProfile] = (),
        recordings: Iterable[Recording] = (),
        value_outcomes: Iterable[ValueOutcome] = (),
    ) -> None:
        self.listings: dict[str, Listing] = {
            listing.server: listing for listing in sorted(listings, key=lambda one: one.server)
        }
        self.profiles: dict[ToolKey, ToolProfile] = {
            profile.key: profile for profile in sorted(profiles, key=lambda one: one.key)
        }
        self.recordings: Sequence[Recording] = tuple(
            sorted(recordings, key=lambda one: (_calls_digest(one), one.id))
        )
        self.tallies: Tallies = _added(value_outcomes)

    @cached_property
    def tools(self) -> dict[ToolKey, Tool]:
        """Return the callable tools of usable servers by (server, tool)."""
        return {
            tool.key: tool
            for listing in self.listings.values()
            if listing.health.status == "ok"
            for tool in listing.callable_tools
        }

    @cached_property
    def steps(self) -> dict[ToolKey, tuple[Step, ...]]:
        """Return every recorded step of each tool, failures too."""
        found: dict[ToolKey, list[Step]] = defaultdict(list)
        for recording in self.recordings:
            for step in recording.steps:
                found[step.call.key].append(step)
        return {key: tuple(steps) for key, steps in found.items()}

    def successes(self, key: ToolKey) -> tuple[Step, ...]:
        """Return the successful steps of one tool."""
        return tuple(step for step in self.steps.get(key, ()) if step.observation.outcome == "success")

    def restricted(self, servers: Iterable[str]) -> Knowledge:
        """Return what is known of ``servers`` alone; adding another server does not change it."""
        names = set(servers)
        return Knowledge(
            (listing for name, listing in self.listings.items() if name in names),
            (profile for key, profile in self.profiles.items() if key[0] in names),
            (recording for recording in self.recordings if set(recording.servers) <= names),
            (
                ValueOutcome(server=key[0], tool=key[1], parameter=key[2], source=key[3], good=good, bad=bad)
                for key, (good, bad) in self.tallies.items()
                if key[0] in names
            ),
        )

    @cached_property
    def digest(self) -> str:
        """Return the digest of everything in it that shapes results."""
        return digest(
            [
                [listing.digest for listing in self.listings.values()],
                [
                    digest(profile.model_dump(mode="json", exclude={"evidence"}))
                    for profile in self.profiles.values()
                ],
                [
                    [_calls_digest(recording), [self._answer_digest(step) for step in recording.steps]]
                    for recording in self.recordings
                ],
                [[*key, *counts] for key, counts in self.tallies.items()],
            ]
        )

    def _answer_digest(self, step: Step) -> str:
        profile = self.profiles.get(step.call.key)
        if profile is not None and profile.determinism == "deterministic":
            return answer_digest(step.observation, profile.volatile_paths)
        return step.observation.outcome


def _added(outcomes: Iterable[ValueOutcome]) -> Tallies:
    found: dict[tuple[str, str, str, str], tuple[float, float]] = {}
    for one in outcomes:
        key = (one.server, one.tool, one.parameter, one.source)
        good, bad = found.get(key, (0.0, 0.0))
        found[key] = (good + one.good, bad + one.bad)
    return {key: found[key] for key in sorted(found)}


def _calls_digest(recording: Recording) -> str:
    return digest(
        [
            recording.purpose,
            recording.servers,
            recording.seed,
            [[step.call.server, step.call.tool, step.call.arguments] for step in recording.steps],
        ]
    )
