"""What models cost: calls, tokens and dollars, by stage, role and model; and the budget that ends a run."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field

from firefly.errors import BudgetError
from firefly.replay.records import Record

__all__ = ["Budget", "Estimate", "Ledger", "Spent", "Tally", "tokens_of"]

_LETTERS = 4
"""Letters of English or JSON in a token, for estimates."""


def tokens_of(text: str) -> int:
    """Return about how many tokens a text has; for budgets and estimates, where nobody counted."""
    return -(-len(text) // _LETTERS)


class Spent(Record):
    """What one role used of one model, for one item."""

    role: str
    model: str
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    """Of the input: read from the provider's own cache."""
    uncounted: int = 0
    """Calls whose tokens the endpoint did not count, so that they are estimates."""
    usd: float | None = 0.0
    """None: no price is known."""

    def __add__(self, other: Spent) -> Spent:
        """Return the sum; of one role and model."""
        return Spent(
            role=self.role,
            model=self.model,
            calls=self.calls + other.calls,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            uncounted=self.uncounted + other.uncounted,
            usd=None if self.usd is None or other.usd is None else round(self.usd + other.usd, 9),
        )

    @property
    def figures(self) -> dict[str, Any]:
        """Return its counts."""
        return self.model_dump(mode="json", exclude={"role", "model"})


class Tally:
    """Adds up what an attempt at an item uses. Safe for several threads."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], Spent] = {}
        self._lock = threading.Lock()

    def add(self, one: Spent) -> None:
        """Count one call."""
        with self._lock:
            key = (one.role, one.model)
            self._rows[key] = self._rows[key] + one if key in self._rows else one

    @property
    def rows(self) -> list[Spent]:
        """Return one row for each role and model, sorted."""
        with self._lock:
            return [self._rows[key] for key in sorted(self._rows)]


class Budget(Record):
    """The most that one command may spend; the same command again may spend as much again."""

    usd: float | None = Field(default=None, ge=0)
    tokens: int | None = Field(default=None, ge=0)
    """Input and output together."""
    calls: int | None = Field(default=None, ge=0)
    """Answers; what is sent again after a failure does not count."""

    @property
    def limited(self) -> bool:
        """Return whether there is any limit."""
        return any(one is not None for one in (self.usd, self.tokens, self.calls))


@dataclass(frozen=True)
class Estimate:
    """What a part of a run would take, before anything is spent."""

    role: str
    calls: int
    input_tokens: int
    output_tokens: int


@dataclass
class Ledger:
    """The run's books. ``used``: what its items took, now or in earlier commands; ``sent``: this command."""

    budget: Budget = field(default_factory=Budget)
    restarts: int = 0
    """Items begun again because something differed from their journal."""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._used: dict[tuple[str, str, str], Spent] = {}
        self._sent: dict[tuple[str, str, str], Spent] = {}
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)
        self._under_way = [0, 0, 0.0]
        self._total = [0, 0, 0.0]

    # --- the budget -----------------------------------------------------------------------------

    def admit(self, tokens: int, usd: float | None) -> None:
        """Let one request pass, reckoned with ``tokens`` and ``usd`` until its answer is counted.

        Raises:
            BudgetError: what was spent and what is under way use the budget up.
        """
        limits = (self.budget.calls, self.budget.tokens, self.budget.usd)
        with self._lock:
            for name, limit, total, more, now in zip(
                ("calls", "tokens", "usd"), limits, self._total, self._under_way, (1, tokens, usd or 0.0),
                strict=True,
            ):  # fmt: skip
                # a request counts before it is sent; of its tokens only those that are known to be asked
                if limit is not None and (total + more + now > limit):
                    raise BudgetError(
                        f"budget.{name}={limit:g} is spent: {total:g} used by this command. Everything "
                        "finished is kept; run the same command again to spend as much again, or set "
                        f"budget.{name} higher."
                    )
            self._under_way = [
                self._under_way[0] + 1,
                self._under_way[1] + tokens,
                self._under_way[2] + (usd or 0.0),
            ]

    def settle(self, tokens: int, usd: float | None, stage: str, spent: Spent | None) -> None:
        """Replace the reckoned request by what it took; None: it failed."""
        with self._lock:
            self._under_way = [
                self._under_way[0] - 1,
                self._under_way[1] - tokens,
                self._under_way[2] - (usd or 0.0),
            ]
            if spent is not None:
                _add(self._sent, stage, spent)
                taken = (spent.calls, spent.input_tokens + spent.output_tokens, spent.usd or 0.0)
                self._total = [one + other for one, other in zip(self._total, taken, strict=True)]

    # --- counting -------------------------------------------------------------------------------

    def use(self, stage: str, rows: Iterable[Spent]) -> None:
        """Count what an item took, whenever that was."""
        with self._lock:
            for row in rows:
                _add(self._used, stage, row)

    def count(self, role: str, what: str) -> None:
        """Count an event: ``recorded`` (the transcript answered), ``sent_again``, or a kind of failure."""
        with self._lock:
            self._counts[role][what] += 1

    def restart(self) -> None:
        """Count an item that begins again."""
        with self._lock:
            self.restarts += 1

    # --- reporting ------------------------------------------------------------------------------

    def used(self, tasks: int) -> dict[str, Any]:
        """Return what made the data: it depends on the items alone, not on who paid when.

        Args:
            tasks: verified tasks.
        """
        with self._lock:
            return _report(self._used, tasks)

    def sent(self) -> dict[str, Any]:
        """Return what this command sent, and what went wrong."""
        with self._lock:
            events = {role: dict(sorted(counts.items())) for role, counts in sorted(self._counts.items())}
            return {**_report(self._sent, None), "events": events, "restarted_items": self.restarts}


def _add(rows: dict[tuple[str, str, str], Spent], stage: str, one: Spent) -> None:
    key = (stage, one.role, one.model)
    rows[key] = rows[key] + one if key in rows else one


def _report(rows: dict[tuple[str, str, str], Spent], tasks: int | None) -> dict[str, Any]:
    total = _sum(list(rows.values()))
    found: dict[str, Any] = {
        "rows": [
            {"stage": stage, "role": role, "model": model, **rows[stage, role, model].figures}
            for stage, role, model in sorted(rows)
        ],
        "total": total.figures,
    }
    if tasks is not None:
        found["per_verified_task"] = {
            "calls": round(total.calls / tasks, 2) if tasks else None,
            "tokens": round((total.input_tokens + total.output_tokens) / tasks, 1) if tasks else None,
            "usd": round(total.usd / tasks, 6) if tasks and total.usd is not None else None,
        }
    return found


def _sum(rows: Sequence[Spent]) -> Spent:
    total = Spent(role="", model="")
    for row in rows:
        total = total + row
    return total
