"""Answers that nothing shows to come out twice: those that hand out a value which was seen once only.

A tool that is no proven read may draw what it answers: the hash of a commit, a session's name, the time.
Where such a call was recorded again, the recordings tell (`noise.py`). Where it was not, they can't, and
an answer that holds an identifier-like value which no other recording shows, and nowhere before in its
own, is not replayed: a value that is computed comes out again when the call is made again. Where another
recording was given the value (explorers pass on what they saw), its echo shows nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from .cassette import ToolKey
from .records import Recording, Tool, canonical_json

_IDENTIFIER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9]|[-_.:+](?=[A-Za-z0-9]))+")
_SHORTEST = 5
"""Letters and digits: shorter values are counts and positions more often than not."""


def unrepeated(
    recordings: Sequence[Recording], tools: Mapping[ToolKey, Tool], proven: Collection[ToolKey]
) -> frozenset[tuple[str, int]]:
    """Return (recording, place of the step) of each answer that may have been drawn.

    Args:
        recordings: everything recorded.
        tools: the listed tools; what a declaration says was not drawn.
        proven: tools proven to only read, or to depend on nothing: their calls were repeated.

    """
    suspects = {
        (recording.id, place): fresh
        for recording in recordings
        for place, fresh in _handed_out(recording, tools, proven)
    }
    if not suspects:
        return frozenset()
    wanted = frozenset().union(*suspects.values())
    seen = Counter(value for recording in recordings for value in wanted & _said_first(recording))
    return frozenset(place for place, fresh in suspects.items() if any(seen[value] == 1 for value in fresh))


def _handed_out(
    recording: Recording, tools: Mapping[ToolKey, Tool], proven: Collection[ToolKey]
) -> Iterator[tuple[int, frozenset[str]]]:
    """Yield the steps of unproven tools with the values that they were the first to say."""
    if all(step.call.key in proven for step in recording.steps):
        return
    known: set[str] = set()
    for place, step in enumerate(recording.steps):
        said = _values(step.observation.visible)
        if step.call.key not in proven and step.observation.outcome == "success":
            listed = tools.get(step.call.key)
            declared = _values(listed.to_json()) if listed is not None else frozenset()
            fresh = said - known - declared - _values(canonical_json(step.call.arguments))
            if fresh:
                yield place, fresh
        known |= said | _values(canonical_json(step.call.arguments))


def _said_first(recording: Recording) -> frozenset[str]:
    """Return the values that the servers said before they were given them: an echo repeats nothing."""
    given: set[str] = set()
    said: set[str] = set()
    for step in recording.steps:
        given |= _values(canonical_json(step.call.arguments))
        said |= _values(step.observation.visible) - given
    return frozenset(said)


def _values(text: str) -> frozenset[str]:
    """Return the identifier-like parts of a text: long enough, with a digit in them.

    >>> sorted(_values("Committed 4aecbcbb at 2026-11-29T05:20:18, 3 files, LOA-1003"))
    ['2026-11-29T05:20:18', '4aecbcbb', 'LOA-1003']
    """
    return frozenset(
        found
        for found in _IDENTIFIER.findall(text)
        if sum(map(str.isalnum, found)) >= _SHORTEST and any(map(str.isdigit, found))
    )
