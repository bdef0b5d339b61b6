"""Runs the items of one stage: reuse, locks, threads, progress, and failures that lose nothing else."""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import JsonValue

from firefly import __version__
from firefly.errors import ConfigError, RunError, StoreError
from firefly.executed import Executed, RecordedFailureError
from firefly.lm import Models, Spent
from firefly.plugins import Component
from firefly.records import Failure
from firefly.replay.records import Record, digest
from firefly.store import Store

R = TypeVar("R", bound=Record)

log = logging.getLogger("firefly")

SHARED_SOURCES = (
    "replay",
    "contents.py",
    "contexts.py",
    "domains.py",
    "english.py",
    "episode.py",
    "evidence.py",
    "knowledge.py",
    "mentions.py",
    "novelty.py",
    "outcomes.py",
    "outputs.py",
    "parameters.py",
    "protocols.py",
    "records.py",
    "wording.py",
)
"""Sources that shape every stage, relative to the package."""


@dataclass(frozen=True)
class Item(Generic[R]):
    """One piece of a stage's work."""

    id: str
    shaped_by: JsonValue
    """Digests of everything it is made from."""
    make: Callable[[], Sequence[R]]
    finished: Callable[[Sequence[R]], bool] = lambda records: True
    """Whether the result may be kept: a server that did not start is tried again next time."""


@dataclass
class Results(Generic[R]):
    """What became of a stage's items."""

    records: dict[str, list[R]] = field(default_factory=dict)
    """Item id -> records, in item-id order."""
    failures: list[Failure] = field(default_factory=list)
    made: int = 0
    reused: int = 0

    @property
    def all(self) -> list[R]:
        """Return all records in item-id order."""
        return [record for records in self.records.values() for record in records]


def run_items(  # noqa: PLR0913 - each is a choice of the stage's own
    stage: str,
    items: Iterable[Item[R]],
    record: type[R],
    *,
    store: Store,
    shaped_by: JsonValue,
    in_flight: int = 1,
    workers: int = 1,
    redo: bool = False,
    models: Models | None = None,
    executed: Executed | None = None,
) -> Results[R]:
    """Make every item that the store does not have; return all of them in item-id order.

    An item that raises becomes a `Failure`; errors that stop the run (a full disk, say) are raised
    after the items in flight have been kept. ``in_flight`` threads serve items that wait on something;
    ``workers`` processes serve items that only compute, whose ``make`` must then be picklable. What items
    ask of ``models`` is recorded, and what they used is kept with them; with ``executed``, what they give is
    recorded.
    """
    results: Results[R] = Results()
    shelf = _Shelf(stage, record, store, shaped_by, redo, models, executed)
    made: dict[str, list[R]] = {}
    missing: list[tuple[Item[R], str]] = []
    for item in items:
        key = _key(store, stage, item, shaped_by)
        kept = shelf.kept(item, key)
        if kept is None:
            missing.append((item, key))
        else:
            made[item.id] = kept
            results.reused += 1
    computed = _compute([item for item, _ in missing], workers) if workers > 1 and len(missing) > 1 else {}

    def work(item: Item[R], key: str) -> tuple[list[R], bool]:
        with store.lock(stage, key):
            kept = shelf.kept(item, key)
            return (kept, False) if kept is not None else (shelf.made(item, key, computed), True)

    pending: dict[Future[tuple[list[R], bool]], Item[R]] = {}
    fatal: BaseException | None = None
    with progress(stage, len(missing)) as advance, ThreadPoolExecutor(in_flight, f"firefly-{stage}") as pool:
        queue = iter(missing)
        try:
            while True:
                while fatal is None and len(pending) < in_flight and (task := next(queue, None)) is not None:
                    pending[pool.submit(work, *task)] = task[0]
                if not pending:
                    break
                done, _ = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    item = pending.pop(future)
                    advance()
                    error = future.exception()
                    if error is None:
                        records, is_new = future.result()
                        made[item.id] = records
                        results.made += is_new
                        results.reused += not is_new
                    elif _stops_the_run(error):
                        fatal = fatal or error
                    else:
                        log.debug("%s item %s failed", stage, item.id, exc_info=error)
                        results.failures.append(_failure(stage, item.id, error))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if fatal is not None:
        raise fatal
    results.records = {item_id: made[item_id] for item_id in sorted(made)}
    results.failures.sort(key=lambda failure: failure.item)
    return results


@dataclass(frozen=True)
class _Shelf(Generic[R]):
    """The place of a stage's items in the store, with what they used of language models."""

    stage: str
    record: type[R]
    store: Store
    shaped_by: JsonValue
    redo: bool
    models: Models | None
    executed: Executed | None

    @property
    def _spending(self) -> str:
        return f"{self.stage}-spent"

    def kept(self, item: Item[R], key: str) -> list[R] | None:
        found = None if self.redo else self.store.get(self.stage, key, self.record)
        if found is not None and self.executed is not None:
            self.executed.note(self.stage, item.id, self._shape(item), found, self.record)
        if found is not None and self.models is not None:
            self.models.ledger.use(self.stage, self.store.get(self._spending, key, Spent) or ())
        return found

    def made(self, item: Item[R], key: str, computed: dict[str, Callable[[], list[R]]]) -> list[R]:
        def keep(records: Sequence[R], spent: Sequence[Spent] = ()) -> None:
            if item.finished(records):
                if spent:
                    self.store.put(self._spending, key, item.id, spent)
                self.store.put(self.stage, key, item.id, records)

        if self.executed is not None:
            shape = self._shape(item)
            records = self.executed.made(self.stage, item.id, shape, item.make, self.record)
            keep(records)
            return records
        if self.models is not None:
            return self.models.make(self.stage, item.id, self._shape(item), item.make, keep)
        records = computed.pop(item.id)() if item.id in computed else list(item.make())
        keep(records)
        return records

    def _shape(self, item: Item[R]) -> str:
        """Return what shapes an item but for versions and addresses: who goes on may have been updated."""
        assert isinstance(self.shaped_by, dict)
        stable = {name: one for name, one in self.shaped_by.items() if name not in ("sources", "addresses")}
        return digest([item.shaped_by, stable])


def missing_items(
    stage: str, items: Iterable[Item[R]], record: type[R], *, store: Store, shaped_by: JsonValue
) -> list[Item[R]]:
    """Return the items that the store does not have."""
    return [item for item in items if store.get(stage, _key(store, stage, item, shaped_by), record) is None]


def count_spent(
    stage: str, items: Iterable[Item[R]], *, store: Store, shaped_by: JsonValue, models: Models
) -> None:
    """Count what finished items used of language models, where nobody needs their records."""
    for item in items:
        key = _key(store, stage, item, shaped_by)
        models.ledger.use(stage, store.get(f"{stage}-spent", key, Spent) or ())


def _key(store: Store, stage: str, item: Item[R], shaped_by: JsonValue) -> str:
    return store.key(stage=stage, item=item.id, inputs=item.shaped_by, shaped_by=shaped_by)


def _compute(items: Sequence[Item[R]], workers: int) -> dict[str, Callable[[], list[R]]]:
    """Make items in processes of their own; each result is returned, or its error raised, when called."""
    from joblib import Parallel, delayed

    attempts = Parallel(n_jobs=workers)(delayed(_attempt)(item.make) for item in items)

    def outcome(records: list[R] | None, error: Exception | None) -> list[R]:
        if error is not None:
            raise error
        return records or []

    return {
        item.id: partial(outcome, records, error)
        for item, (records, error) in zip(items, attempts, strict=True)
    }


def _attempt(make: Callable[[], Sequence[R]]) -> tuple[list[R] | None, Exception | None]:
    try:
        return list(make()), None
    except Exception as error:  # noqa: BLE001 - carried to the parent, where it becomes a Failure
        return None, error


def source_digest(packages: Iterable[str], components: Iterable[Component] = ()) -> str:
    """Return the digest of the sources that shape a stage: Firefly's version and file contents.

    Args:
        packages: files or packages below ``firefly/``, such as ``graph`` or ``outcomes.py``.
        components: classes whose whole package counts too.
    """
    root = Path(__file__).parent
    places = {root / name for name in (*SHARED_SOURCES, *packages)}
    for component in components:
        parts = component.cls.__module__.split(".")
        module = sys.modules[parts[0]]
        base = Path(str(module.__file__)).parent
        places.add(root / parts[1] if parts[0] == "firefly" else base)
    total = hashlib.sha256(__version__.encode())
    for one in sorted(_file_digest(place) for place in places):
        total.update(one.encode())
    return total.hexdigest()[:32]


@cache
def _file_digest(place: Path) -> str:
    files = [place] if place.is_file() else sorted(place.rglob("*.py"))
    total = hashlib.sha256()
    for file in files:
        total.update(f"{file.relative_to(place.parent)}\0".encode())
        total.update(file.read_bytes())
    return total.hexdigest()


def _failure(stage: str, item: str, error: BaseException) -> Failure:
    if isinstance(error, RecordedFailureError):
        return error.failure
    return Failure(stage=stage, item=item, error=type(error).__name__, message=str(error))


def _stops_the_run(error: BaseException) -> bool:
    return isinstance(error, (ConfigError, RunError, StoreError)) or not isinstance(error, Exception)


class progress:  # noqa: N801 - reads as the context manager it is
    """A progress bar on standard error; silent where that is not a terminal."""

    def __init__(self, stage: str, total: int) -> None:
        self.stage, self.total = stage, total

    def __enter__(self) -> Callable[[], None]:
        if self.total == 0 or not sys.stderr.isatty():
            self.bar = None
            return lambda: None
        from tqdm import tqdm

        bar = self.bar = tqdm(
            total=self.total, desc=f"{self.stage:<13}", unit="item", leave=True, dynamic_ncols=True
        )

        def advance() -> None:
            bar.update(1)

        return advance

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.close()
