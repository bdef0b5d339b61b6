from __future__ import annotations

import ast
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from firefly.errors import RunError, StoreError
from firefly.items import SHARED_SOURCES, Item, Results, run_items
from firefly.pipeline import STAGES, Stage
from firefly.records import Failure
from firefly.store import Store

PACKAGE = Path(__file__).parent.parent / "firefly"


def record(message: str) -> Failure:
    return Failure(stage="s", item="i", error="", message=message)


def item(
    name: str, make: Callable[[], Sequence[Failure]] | None = None, shaped_by: str = ""
) -> Item[Failure]:
    return Item(id=name, shaped_by=shaped_by, make=make or (lambda: [record(name)]))


def run(store: Store, items: Sequence[Item[Failure]], **options: object) -> Results[Failure]:
    return run_items("s", items, Failure, store=store, shaped_by="v1", in_flight=3, **options)  # type: ignore[arg-type]


def test_finished_items_are_reused_and_new_ones_are_made(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = run(store, [item("b"), item("a")])
    assert (first.made, first.reused) == (2, 0)
    second = run(store, [item("a"), item("b"), item("c")])
    assert (second.made, second.reused) == (1, 2)
    assert list(second.records) == ["a", "b", "c"]


def test_an_item_is_made_again_when_what_shaped_it_changed_or_when_asked(tmp_path: Path) -> None:
    store = Store(tmp_path)
    run(store, [item("a", shaped_by="x")])
    assert run(store, [item("a", shaped_by="y")]).made == 1
    assert run(store, [item("a", shaped_by="y")]).made == 0
    assert run(store, [item("a", shaped_by="y")], redo=True).made == 1


def test_a_failing_item_becomes_a_failure_and_loses_no_other(tmp_path: Path) -> None:
    def fail() -> Sequence[Failure]:
        raise ValueError("boom")

    results = run(Store(tmp_path), [item("a"), item("b", fail), item("c")])
    assert list(results.records) == ["a", "c"]
    assert [(one.item, one.error, one.message) for one in results.failures] == [("b", "ValueError", "boom")]
    assert run(Store(tmp_path), [item("b")]).made == 1, "a failed item is tried again"


def test_an_unfinished_result_is_used_but_not_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    unfinished = Item(id="a", shaped_by="", make=lambda: [record("a")], finished=lambda records: False)
    assert run(store, [unfinished]).all == [record("a")]
    assert run(store, [item("a")]).made == 1


@pytest.mark.parametrize("error", [StoreError("full"), RunError("over")])
def test_an_error_that_ends_the_run_is_raised_after_the_items_in_flight_are_kept(
    tmp_path: Path, error: Exception
) -> None:
    store = Store(tmp_path)
    begun = threading.Event()

    def slow() -> Sequence[Failure]:
        assert begun.wait(10)
        return [record("slow")]

    def fail() -> Sequence[Failure]:
        begun.set()
        raise error

    with pytest.raises(type(error)):
        run(store, [item("slow", slow), item("fail", fail)])
    assert run(store, [item("slow")]).reused == 1


def test_two_processes_make_each_item_once(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import os, sys, time
        from pathlib import Path
        from firefly.items import Item, run_items
        from firefly.records import Failure
        from firefly.store import Store

        root = Path(sys.argv[1])

        def make(name):
            def work():
                with open(root / "log", "a") as log:
                    log.write(name + "\\n")
                time.sleep(0.02)
                return [Failure(stage="s", item=name, error="", message="")]
            return work

        items = [Item(id=f"i{n}", shaped_by="", make=make(f"i{n}")) for n in range(12)]
        results = run_items("s", items, Failure, store=Store(root / "store"), shaped_by="", in_flight=2)
        assert len(results.records) == 12
        """
    )
    jobs = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)]) for _ in range(2)]
    assert [job.wait(60) for job in jobs] == [0, 0]
    made = (tmp_path / "log").read_text(encoding="utf-8").split()
    assert sorted(made) == sorted({f"i{n}" for n in range(12)})


def fail_on_purpose() -> Sequence[Failure]:
    raise ValueError("boom")


def make_one() -> Sequence[Failure]:
    return [record("made elsewhere")]


def test_items_that_compute_may_be_shared_by_processes(tmp_path: Path) -> None:
    items = [item("a", make_one), item("b", fail_on_purpose), item("c", make_one)]
    results = run(Store(tmp_path), items, workers=2)
    assert [list(one) for one in results.records.values()] == [[record("made elsewhere")]] * 2
    assert [(one.item, one.error) for one in results.failures] == [("b", "ValueError")]


def imported(place: Path) -> set[str]:
    """Return the files and packages below ``firefly/`` that a file or package imports."""
    found = set()
    for file in [place] if place.is_file() else place.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            module = node.module if isinstance(node, ast.ImportFrom) and not node.level else None
            if module and module.startswith("firefly."):
                name = module.split(".")[1]
                found.add(name if (PACKAGE / name).is_dir() else f"{name}.py")
    return found


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_the_key_of_an_item_covers_every_source_that_its_stage_is_made_of(stage: Stage) -> None:
    covered = {*SHARED_SOURCES, *stage.sources}
    assert {"neighbourhood": "coverage"}.get(stage.name, stage.name) in covered
    needed = set().union(*(imported(PACKAGE / name) for name in covered))
    builds_and_reports = {"components.py", "errors.py", "plugins.py"}
    assert needed <= covered | builds_and_reports
