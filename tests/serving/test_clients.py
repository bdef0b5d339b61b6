"""Clients of other makes, installed from their registries: the same answers over stdio and HTTP."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.serving.conftest import Shared
from tests.serving.recorded import ROOT, WRITING, command

pytestmark = [pytest.mark.network, pytest.mark.slow, pytest.mark.timeout(400)]

HERE = Path(__file__).parent
EXPECTED = {
    "tools": ["list", "picture", "read", "write"],
    "names": ["a", "b", "c"],
    "failed": [True, "no note none"],
    "unknown": -32602,
}


def run(words: Sequence[str], cwd: Path) -> str:
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("npm") is None:
        pytest.skip("there is no npm")
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text('{"private": true}', encoding="utf-8")
    run(
        [
            "npm",
            "install",
            "--no-audit",
            "--no-fund",
            "@modelcontextprotocol/sdk",
            "@modelcontextprotocol/inspector",
        ],
        folder,
    )
    shutil.copy(HERE / "foreign_client.mjs", folder)
    return folder


@pytest.fixture(scope="session")
def older_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("older")
    run([sys.executable, "-m", "venv", str(folder / "venv")], folder)
    run([str(folder / "venv/bin/python"), "-m", "pip", "install", "--quiet", "mcp<2"], folder)
    return folder / "venv/bin/python"


def targets(shared: Shared, dataset: Path, name: str) -> dict[str, list[str]]:
    return {
        "http": ["http", f"{shared.served.url}?episode={name}&task={WRITING.id}"],
        "stdio": ["stdio", *command(dataset, f"episodes.task={WRITING.id}")],
    }


@pytest.mark.parametrize("how", ["http", "stdio"])
def test_a_client_of_the_sdk_before_version_2(
    shared: Shared, dataset: Path, older_python: Path, how: str
) -> None:
    target = targets(shared, dataset, f"old-{how}")[how]
    assert json.loads(run([str(older_python), str(HERE / "foreign_client.py"), *target], ROOT)) == EXPECTED


@pytest.mark.parametrize("how", ["http", "stdio"])
def test_a_client_of_the_typescript_sdk(shared: Shared, dataset: Path, node: Path, how: str) -> None:
    target = targets(shared, dataset, f"node-{how}")[how]
    assert json.loads(run(["node", "foreign_client.mjs", *target], node)) == EXPECTED


@pytest.mark.parametrize("how", ["http", "stdio"])
def test_the_inspector_on_the_command_line(shared: Shared, dataset: Path, node: Path, how: str) -> None:
    def ask(*options: str) -> Any:
        inspector = [str(node / "node_modules/.bin/mcp-inspector"), "--cli"]
        _, *target = targets(shared, dataset, f"inspected-{how}")[how]
        transport = ["--transport", "http"] if how == "http" else []
        return json.loads(run([*inspector, *target, *transport, *options], node))

    assert [tool["name"] for tool in ask("--method", "tools/list")["tools"]] == EXPECTED["tools"]
    read = ["--method", "tools/call", "--tool-name", "read", "--tool-arg", "name=a"]
    assert ask(*read)["content"][0]["text"].startswith("the number is")
