from __future__ import annotations

from pathlib import Path

import pytest

from tests.fidelity.shop import made


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of the first version of the price list."""
    return made(tmp_path_factory.mktemp("prices"))
