"""What items that only call servers gave, in a run that asks models elsewhere: a replay takes it from here.

A replayed run starts no server. Items that ask models find their tool results in their journals; the
others (what servers list, answer when probed, or answer again) have their records kept whole, in the
transcript's folder ``executed``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from firefly.errors import TranscriptError
from firefly.lm.transcript import Mode
from firefly.records import Failure
from firefly.replay.records import Record, digest
from firefly.store import Store

__all__ = ["Executed", "RecordedFailureError"]

R = TypeVar("R", bound=Record)


class RecordedFailureError(Exception):
    """A replayed item failed when it was recorded."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Executed:
    """The records of items that call servers and ask nobody."""

    def __init__(self, folder: Path | None, mode: Mode) -> None:
        """Begin.

        Args:
            folder: the transcript's; None: nothing is kept.
            mode: ``record`` keeps what is made, ``replay`` makes nothing.

        """
        self._kept = Store(folder / "executed") if folder is not None and mode != "live" else None
        self._replays = mode == "replay"

    def made(
        self, stage: str, item: str, shape: str, make: Callable[[], Sequence[R]], record: type[R]
    ) -> list[R]:
        """Return an item's records: made now and kept, or those that were kept.

        Raises:
            TranscriptError: a replayed run has no record of the item.
            RecordedFailureError: the item failed when it was recorded.
            Exception: whatever ``make`` raises.
        """
        if self._kept is None:
            return list(make())
        key = digest([stage, item, shape])
        if self._replays:
            return self._recorded(self._kept, stage, item, key, record)
        try:
            records = list(make())
        except Exception as error:
            failure = Failure(stage=stage, item=item, error=type(error).__name__, message=str(error))
            self._kept.put(_failed(stage), key, item, [failure])
            raise
        self._keep(self._kept, stage, item, key, records)
        return records

    def note(self, stage: str, item: str, shape: str, records: Sequence[R], record: type[R]) -> None:
        """Keep records that an earlier run made, if the transcript does not have them."""
        key = digest([stage, item, shape])
        if self._kept is not None and not self._replays and self._kept.get(stage, key, record) is None:
            self._keep(self._kept, stage, item, key, records)

    @staticmethod
    def _keep(kept: Store, stage: str, item: str, key: str, records: Sequence[Record]) -> None:
        kept.put(stage, key, item, records)
        if kept.get(_failed(stage), key, Failure):  # the last attempt counts
            kept.put(_failed(stage), key, item, ())

    def _recorded(self, kept: Store, stage: str, item: str, key: str, record: type[R]) -> list[R]:
        for failure in kept.get(_failed(stage), key, Failure) or ():
            raise RecordedFailureError(failure)
        records = kept.get(stage, key, record)
        if records is not None:
            return records
        raise TranscriptError(
            f"lm.mode=replay: the transcript {kept.root.parent} has no result of item {item} of {stage}, "
            "which calls servers. Use the version and configuration that it was recorded with, or record it: "
            "lm.mode=record."
        )


def _failed(stage: str) -> str:
    return f"{stage}-failed"
