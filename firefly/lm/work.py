"""The item that a thread is making, so that calls of models and tools are recorded under its name.

An item is made in one thread. A component that asks models from threads of its own runs them in a copy
of its context (``contextvars.copy_context().run``).
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from firefly.errors import FireflyError
from firefly.lm.ledger import Tally
from firefly.lm.transcript import ItemLog

__all__ = ["RestartItem", "StopRun", "Work", "current_work", "working"]


class StopRun(BaseException):
    """Ends the run from within an item, whatever the item's code catches."""

    def __init__(self, error: FireflyError) -> None:
        super().__init__(str(error))
        self.error = error


class RestartItem(BaseException):
    """What happens now differs from the item's journal: it begins again, without the journal."""


@dataclass
class Work:
    """One attempt at one item."""

    stage: str
    item: str
    log: ItemLog | None
    """Where its calls are recorded; None: nowhere (``lm.mode=live``)."""
    replays: bool = False
    """Whether nothing may be sent or called that is not recorded."""
    tally: Tally = field(default_factory=Tally)
    episodes: int = 0
    _asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def occurrence(self, role: str, request: str) -> int:
        """Return how often this role sent this very request before, in this attempt."""
        with self._lock:
            self._asked[role, request] += 1
            return self._asked[role, request] - 1

    def next_episode(self) -> int:
        """Return the number of the episode that begins."""
        with self._lock:
            self.episodes += 1
            return self.episodes - 1


_current: ContextVar[Work | None] = ContextVar("firefly_work", default=None)


def current_work() -> Work | None:
    """Return the item that is being made here; None outside of items."""
    return _current.get()


@contextmanager
def working(work: Work) -> Iterator[Work]:
    """Record what happens inside under ``work``."""
    token = _current.set(work)
    try:
        yield work
    finally:
        _current.reset(token)
