"""How much a source of values is to be trusted for one parameter: what became of the calls it gave values to.

Tallies are counted from finished work in item-id order and stand still while a batch of items is made,
so that no item depends on which others were made before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from firefly.knowledge import Tallies
from firefly.protocols import Proposal
from firefly.records import Exploration, ValueOutcome
from firefly.replay.records import Step, Tool

__all__ = ["factor", "of_explorations", "tallied"]

_PRIOR = 2.0
"""Successes that every source is credited with beforehand."""
_FLOOR = 0.3
_CERTAIN = frozenset({"dictionary", "errors", "enum"})
"""Sources that say what the tool takes; one failure is rather another argument's fault."""


def factor(tool: Tool, parameter: str, proposal: Proposal, tallies: Tallies) -> float:
    """Return 0.3..1: what the record makes of a proposal's weight."""
    good, bad = tallies.get((tool.server, tool.name, parameter, proposal.source), (0.0, 0.0))
    if proposal.source in _CERTAIN:
        bad *= 0.3
    return max(_FLOOR, (good + _PRIOR) / (good + bad + _PRIOR))


def tallied(calls: Iterable[tuple[Step, Mapping[str, str]]]) -> tuple[ValueOutcome, ...]:
    """Return what became of the sources of ``calls``: (step, parameter -> source of its value).

    A success speaks for every source; the blame for a failure is shared.
    """
    counts: dict[tuple[str, str, str, str], list[float]] = {}
    for step, sources in calls:
        outcome = step.observation.outcome
        if outcome not in ("success", "failure") or not sources:
            continue
        for parameter, source in sorted(sources.items()):
            tally = counts.setdefault((step.call.server, step.call.tool, parameter, source), [0.0, 0.0])
            if outcome == "success":
                tally[0] += 1.0
            else:
                tally[1] += 1.0 / len(sources)
    return tuple(
        ValueOutcome(
            server=key[0], tool=key[1], parameter=key[2], source=key[3], good=good, bad=round(bad, 6)
        )
        for key, (good, bad) in sorted(counts.items())
    )


def of_explorations(explorations: Iterable[Exploration]) -> tuple[ValueOutcome, ...]:
    """Return the outcomes of the values that explorations chose, in the order of their ids."""
    ordered = sorted(explorations, key=lambda one: one.id)
    return tallied((call.step, call.sources) for one in ordered for call in one.calls)
