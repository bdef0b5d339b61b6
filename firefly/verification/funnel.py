"""What each check rejected."""

from __future__ import annotations

from collections.abc import Sequence

from firefly.records import Verdict


def funnel(verdicts: Sequence[Verdict]) -> dict[str, dict[str, int]]:
    """Return check name -> how many candidates it saw, was the first to reject, and rejected at all.

    ``first`` adds up to the number of rejected candidates. ``unknown`` counts those of ``any`` that were
    rejected because the check could not tell. Advisory checks have no ``first``.
    """
    counts: dict[str, dict[str, int]] = {}
    for verdict in verdicts:
        open_ = True
        for result in verdict.results:
            row = counts.setdefault(
                result.check, {"seen": 0, "first": 0, "any": 0, "unknown": 0, "not_applicable": 0}
            )
            row["seen"] += 1
            row["not_applicable"] += result.status == "not_applicable"
            if result.status in ("fail", "unknown"):
                row["any"] += 1
                row["unknown"] += result.status == "unknown"
                if result.required and open_:
                    row["first"] += 1
                    open_ = False
    return counts
