"""Counts of wrong, answered and missed calls and episodes, and what they allow to say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic import Field

from firefly.fidelity.bounds import at_most
from firefly.fidelity.comparison import Judged
from firefly.replay.records import Record

__all__ = ["Loose", "Row", "Tally", "row_of"]


class Tally(Record):
    """The triple: wrong, answered, missed. Answered and missed make up the total; wrong ones are answered."""

    wrong: int = 0
    answered: int = 0
    missed: int = 0
    wrong_at_most: float | None = None
    """One-sided 95% bound on the share of wrong ones among the answered; None: nothing was answered."""

    @classmethod
    def of(cls, *, wrong: int, answered: int, missed: int) -> Tally:
        """Return the tally with its bound."""
        return cls(wrong=wrong, answered=answered, missed=missed, wrong_at_most=at_most(wrong, answered))

    @property
    def total(self) -> int:
        """Return how many there were."""
        return self.answered + self.missed


class Loose(Record):
    """How like the answers of a tier are that need not be exact."""

    schema_valid: float | None
    """Share of the answers that fit their tool's output schema, of those whose tool declares one."""
    value_f1: float | None
    """Mean over its answers; 1: every value is the live servers'."""


class Row(Record):
    """What one key did with the episodes of some agents on some servers."""

    server: str
    """``all``: all servers together."""
    agent: str
    """``all``: all agents together."""
    key: str
    calls: Tally
    episodes: Tally
    """An episode is wrong if an answer in it is, and answered if no call in it was missed. So one that is
    wrong and has misses counts as wrong and missed, and its bound is over all episodes with an answer."""
    tiers: dict[str, Tally] = Field(default_factory=dict)
    """Tier -> its answers; of misses there is no tier."""
    loose: dict[str, Loose] = Field(default_factory=dict)
    """Tier -> how like its answers are, for keys whose answers need not be exact."""


def row_of(server: str, agent: str, key: str, episodes: Sequence[Sequence[Judged]]) -> Row:
    """Return the row of episodes, each given as its calls on that server; empty ones are not counted."""
    some = [calls for calls in episodes if calls]
    calls = [call for episode in some for call in episode]
    tiers = sorted({call.answered.tier for call in calls if call.ruling != "missed"})
    by_tier = {tier: [one for one in calls if one.answered.tier == tier] for tier in tiers}
    return Row(
        server=server,
        agent=agent,
        key=key,
        calls=_tally(calls),
        episodes=_of_episodes(some),
        tiers={tier: _tally(found) for tier, found in by_tier.items()},
        loose={tier: loose for tier, found in by_tier.items() if (loose := _loose(found)) is not None},
    )


def _tally(calls: Sequence[Judged]) -> Tally:
    missed = sum(one.ruling == "missed" for one in calls)
    wrong = sum(one.ruling == "wrong" for one in calls)
    return Tally.of(wrong=wrong, answered=len(calls) - missed, missed=missed)


def _of_episodes(episodes: Sequence[Sequence[Judged]]) -> Tally:
    wrong = sum(any(one.ruling == "wrong" for one in calls) for calls in episodes)
    missed = sum(any(one.ruling == "missed" for one in calls) for calls in episodes)
    with_answers = sum(any(one.ruling != "missed" for one in calls) for calls in episodes)
    return Tally(
        wrong=wrong,
        answered=len(episodes) - missed,
        missed=missed,
        wrong_at_most=at_most(wrong, with_answers),
    )


def _loose(calls: Iterable[Judged]) -> Loose | None:
    found = [one.likeness for one in calls if one.likeness is not None]
    if not found:
        return None
    valid = [one.valid for one in found if one.valid is not None]
    return Loose(
        schema_valid=_mean([float(one) for one in valid]),
        value_f1=_mean([one.value_f1 for one in found]),
    )


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None
