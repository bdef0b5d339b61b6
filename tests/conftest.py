"""What every test may rely on: no network, no paid models, no writes to the user's home.

In this process a socket reaches loopback and Unix sockets only, unless the test is marked
``network``. Child processes (servers, `python -m firefly`) are not restricted.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.command_line import Run, firefly, once

_SCRATCH = tempfile.TemporaryDirectory(prefix="firefly-tests-")
os.environ["HF_HOME"] = str(Path(_SCRATCH.name) / "huggingface")
os.environ["DSPY_CACHEDIR"] = str(Path(_SCRATCH.name) / "dspy")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
for _name in [name for name in os.environ if name.endswith("_API_KEY")]:
    del os.environ[_name]

# a busy machine draws inputs slowly; that is no fault of the code under test
settings.register_profile("firefly", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("firefly")

_connect = socket.socket.connect
_connect_ex = socket.socket.connect_ex
_lookup = socket.getaddrinfo


class NetworkBlockedError(RuntimeError):
    """A test without the mark ``network`` tried to leave the machine."""


def _is_local(host: object) -> bool:
    if host in (None, "", b"", "localhost", b"localhost"):
        return True
    try:
        return ipaddress.ip_address(str(host).partition("%")[0]).is_loopback
    except ValueError:
        return False


def _check(sock: socket.socket, address: Any) -> None:
    if sock.family in (socket.AF_INET, socket.AF_INET6) and not _is_local(address[0]):
        raise NetworkBlockedError(f"connection to {address}; mark the test with @pytest.mark.network")


@pytest.fixture(autouse=True)
def _loopback_only(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.get_closest_marker("network") is not None:
        return

    def connect(self: socket.socket, address: Any) -> None:
        _check(self, address)
        _connect(self, address)

    def connect_ex(self: socket.socket, address: Any) -> int:
        _check(self, address)
        return _connect_ex(self, address)

    def lookup(host: Any, *arguments: Any, **keywords: Any) -> Any:
        if not _is_local(host):
            raise NetworkBlockedError(f"name lookup of {host!r}; mark the test with @pytest.mark.network")
        return _lookup(host, *arguments, **keywords)

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket.socket, "connect_ex", connect_ex)
    monkeypatch.setattr(socket, "getaddrinfo", lookup)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long tests first, so that no process has one of them left when the other has nothing to do."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder, with the caches inside it."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / ".cache"))
    monkeypatch.delenv("FIREFLY_CACHE", raising=False)
    return folder


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """One finished smoke run and its folder, for all tests of all processes that only look at it."""

    def run(folder: Path) -> Any:
        done = firefly("+experiment=smoke", cwd=folder, anew=True)
        return done.args, done.returncode, done.stdout, done.stderr

    folder, said = once(tmp_path_factory, "smoke", run)
    return folder, Run(*said)


@pytest.fixture
def going_on(smoke: tuple[Path, Run], tmp_path: Path) -> Path:
    """A folder whose store holds all that the smoke run finished, for a test that goes on from there."""
    shutil.copytree(smoke[0] / "multirun" / "store", tmp_path / "multirun" / "store")
    return tmp_path


@pytest.fixture(scope="session", autouse=True)
def _scratch() -> Iterator[None]:
    yield
    _SCRATCH.cleanup()
