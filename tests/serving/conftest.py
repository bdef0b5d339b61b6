from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.serving.recorded import Served, serving, write_dataset


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("served") / "dataset")


@dataclass
class Shared:
    """One server for all tests that only need one: each takes episodes of its own."""

    served: Served
    log: Path


@pytest.fixture(scope="session")
def shared(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    log = tmp_path_factory.mktemp("served-log") / "log.jsonl"
    with serving(dataset, "admin.port=0", f"log={log}", FIREFLY_ADMIN_TOKEN="t0p") as served:
        yield Shared(served, log)
        assert "Traceback" not in served.stop()[1]
