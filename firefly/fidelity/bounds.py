"""How many wrong answers there may be where few or none were seen."""

from __future__ import annotations

from math import exp, lgamma, log

__all__ = ["CONFIDENCE", "at_most"]

CONFIDENCE = 0.95
_STEPS = 60
"""Halvings of the interval: more than a double can tell apart."""


def at_most(found: int, trials: int, confidence: float = CONFIDENCE) -> float | None:
    """Return the exact one-sided upper bound of a share (Clopper and Pearson 1934); None without trials.

    It is the share at which so few as ``found`` of ``trials`` would come up with probability
    1 - ``confidence``, found by bisection of the binomial distribution. Trials must be independent of each
    other: episodes are, the calls of one episode are not quite.

    >>> round(at_most(0, 60), 4), round(at_most(2, 50), 4), at_most(3, 3), at_most(0, 0)
    (0.0487, 0.1206, 1.0, None)

    Raises:
        ValueError: ``found`` is not between 0 and ``trials``.
    """
    if not 0 <= found <= trials:
        raise ValueError(f"{found} of {trials} trials can't be")
    if trials == 0:
        return None
    if found == trials:
        return 1.0
    low, high = found / trials, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _at_most_so_many(found, trials, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _at_most_so_many(found: int, trials: int, share: float) -> float:
    """Return the probability of ``found`` or fewer of ``trials`` at a ``share`` between 0 and 1."""
    if share in (0.0, 1.0):
        return 1.0 - share
    whole = lgamma(trials + 1)
    return sum(
        exp(
            whole
            - lgamma(count + 1)
            - lgamma(trials - count + 1)
            + count * log(share)
            + (trials - count) * log(1 - share)
        )
        for count in range(found + 1)
    )
