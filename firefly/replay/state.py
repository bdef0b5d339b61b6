"""The state of a scope as one tool sees it.

An answer depends on everything that happened before it, so the safe key is the whole history. It
is also useless when an agent reads once more than the recording did. Here a tool's state is

    the scope's start, its current *mark*, and the preceding calls that may matter to this tool

where the mark is what could be observed of the scope from outside (the fingerprint), and a call is
left out only if the tool's rule says, by evidence, that it is indifferent to such calls
(``learning.py`` finds that out). Each call that stays carries the mark in which it was made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import NamedTuple

from .cassette import Indifference, ToolKey


class Event(NamedTuple):
    """A past call of an episode, as later states refer to it."""

    tool: ToolKey
    item: str
    """The call's letter and the mark before it."""
    changing: bool
    """Whether the mark after it differs from the mark before."""

    @classmethod
    def of(cls, tool: ToolKey, letter: str, before: str, after: str) -> Event:
        """Return the event of one call."""
        return cls(tool, f"{letter}@{before}", before != after)


QUIET_RECENT = 1
QUIET_PAST = 2
QUIET_FOREIGN = 4
CHANGING = 8

Levels = Mapping[ToolKey, int]
"""Tool -> which of its calls do not matter: a sum of the four constants above."""


def levels_of(indifferences: Iterable[Indifference]) -> dict[ToolKey, int]:
    """Return the levels that a rule's ``indifferent_to`` says."""
    return {
        (one.server, one.tool): one.recent * QUIET_RECENT
        + one.past * QUIET_PAST
        + one.foreign * QUIET_FOREIGN
        + one.changing * CHANGING
        for one in indifferences
    }


def state_id(start: str, mark: str, events: Sequence[Event], levels: Levels) -> str:
    """Return the state as a tool with these levels sees it: 32 hex digits.

    SHA-256 of the start, the mark and the items that matter, oldest first, joined by line ends.
    """
    lines = [start, mark]
    if events:
        lines += [event.item for event in kept(events, levels)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]


def kept(events: Sequence[Event], levels: Levels) -> list[Event]:
    """Return the events that matter, oldest first."""
    found: list[Event] = []
    later: set[str] = set()
    for event in reversed(events):
        matters = not levels.get(event.tool, 0) & kind_of(event, later)
        if matters:
            found.append(event)
        if matters or event.changing:
            later.add(event.tool[0])
    found.reverse()
    return found


def kind_of(event: Event, later: Set[str]) -> int:
    """Return which of the four kinds of calls ``event`` is.

    Args:
        event: a past call.
        later: the servers of the calls after it that are changing or matter.
    """
    if event.changing:
        return CHANGING
    if not later:
        return QUIET_RECENT
    return QUIET_PAST if later == {event.tool[0]} else QUIET_FOREIGN
