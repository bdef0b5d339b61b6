"""The wheel ``firefly-replay``: the same files, alone, under another name."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from uv import find_uv_bin

from tests.replay.datasets import write_dataset

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "firefly" / "replay"

USE = """
import json, sys
from pathlib import Path
from firefly_replay.grading import grade
from firefly_replay.index import open_cassette
from firefly_replay.records import Rollout
from firefly_replay.score import load_dataset_tasks
from firefly_replay.simulator import StrictSimulator

folder = Path(sys.argv[1])
tasks = load_dataset_tasks(folder)
simulator = StrictSimulator(open_cassette(folder / "cassette", index="sqlite", cache=folder / "cache"))
rewards = {}
for name, task in tasks.items():
    calls = tuple(gold.call for gold in task.gold_calls)
    rewards[name] = [
        grade(task, Rollout(calls=calls, answer=f"Answer: {task.answer.value}"), simulator).reward,
        grade(task, Rollout(calls=calls, answer="Answer: 999"), simulator).reward,
    ]
foreign = {name.partition(".")[0] for name in sys.modules} & {
    "firefly", "mcp", "dspy", "hydra", "omegaconf", "networkx", "datasets", "sklearn"
}
print(json.dumps({"rewards": rewards, "foreign": sorted(foreign)}))
"""


def run(*command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(one) for one in command], capture_output=True, text=True, cwd=cwd, check=False)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    built = run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", folder, FOLDER)
    assert built.returncode == 0, built.stderr
    (found,) = folder.glob("*.whl")
    return found


def test_it_holds_exactly_the_modules_of_the_replay_core(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        contents = {
            name.removeprefix("firefly_replay/"): packed.read(name)
            for name in packed.namelist()
            if ".dist-info/" not in name
        }
    files = [*FOLDER.glob("*.py"), FOLDER / "py.typed", *FOLDER.glob("schemas/*.json")]
    assert contents == {str(path.relative_to(FOLDER)): path.read_bytes() for path in files}
    assert "schemas/task.json" in contents


def test_it_has_the_version_of_firefly_and_no_heavy_dependency() -> None:
    alone = tomllib.loads((FOLDER / "pyproject.toml").read_text())["project"]
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert alone["version"] == whole["version"]
    assert [one.partition(">")[0] for one in alone["dependencies"]] == ["pydantic", "jsonschema"]
    assert set(alone["dependencies"]) <= set(whole["dependencies"])


def test_it_replays_and_grades_where_nothing_else_of_firefly_is_installed(
    wheel: Path, tmp_path: Path
) -> None:
    assert run(find_uv_bin(), "venv", "--python", sys.executable, tmp_path / "venv").returncode == 0
    python = tmp_path / "venv" / "bin" / "python"
    installed = run(find_uv_bin(), "pip", "install", "--offline", "--no-deps", "--python", python, wheel)
    assert installed.returncode == 0, installed.stderr
    _share_dependencies(python)
    assert run(python, "-c", "import firefly", cwd=tmp_path).returncode != 0
    tasks = write_dataset(tmp_path / "data")
    used = run(python, "-c", USE, tmp_path / "data", cwd=tmp_path)
    assert used.returncode == 0, used.stderr
    found = json.loads(used.stdout)
    assert found["foreign"] == []
    assert found["rewards"] == {task.id: [1, 0] for task in tasks}
    answers = tmp_path / "answers.jsonl"
    answers.write_text("".join(json.dumps({"id": one.id, "answer": "Answer: 0"}) + "\n" for one in tasks))
    scored = run(python, "-m", "firefly_replay", "score", tmp_path / "data", answers, cwd=tmp_path)
    assert scored.returncode == 0, scored.stderr
    assert json.loads(scored.stdout.splitlines()[-1])["wrong"] == len(tasks)


@pytest.mark.network
@pytest.mark.parametrize("beside", ["mcp<2", "mcp==2.0.0"])
def test_it_is_installed_and_works_beside_any_mcp_sdk(wheel: Path, tmp_path: Path, beside: str) -> None:
    assert run(find_uv_bin(), "venv", "--python", sys.executable, tmp_path / "venv").returncode == 0
    python = tmp_path / "venv" / "bin" / "python"
    installed = run(find_uv_bin(), "pip", "install", "--python", python, wheel, beside)
    assert installed.returncode == 0, installed.stderr
    assert run(python, "-c", "import mcp, firefly_replay.simulator", cwd=tmp_path).returncode == 0
    tasks = write_dataset(tmp_path / "data")
    used = run(python, "-c", f"import mcp\n{USE}", tmp_path / "data", cwd=tmp_path)
    assert used.returncode == 0, used.stderr
    assert json.loads(used.stdout)["rewards"] == {task.id: [1, 0] for task in tasks}


@pytest.mark.network
def test_it_resolves_beside_trl(wheel: Path, tmp_path: Path) -> None:
    wanted = tmp_path / "wanted.in"
    wanted.write_text(f"trl\nfirefly-replay @ {wheel.as_uri()}\n")
    resolved = run(find_uv_bin(), "pip", "compile", "--no-header", "--python", sys.executable, wanted)
    assert resolved.returncode == 0, resolved.stderr
    names = {line.partition("==")[0] for line in resolved.stdout.splitlines() if "==" in line}
    assert {"trl", "torch", "transformers", "pydantic", "jsonschema"} <= names
    assert "firefly-replay @" in resolved.stdout


def _share_dependencies(python: Path) -> None:
    """Let the fresh environment see pydantic and jsonschema (and what those need) of this one."""
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    here = Path(run(sys.executable, "-c", ask).stdout.strip())
    there = Path(run(python, "-c", ask).stdout.strip())
    needed = (
        "pydantic",
        "pydantic_core",
        "annotated_types",
        "typing_extensions.py",
        "typing_inspection",
        "jsonschema",
        "jsonschema_specifications",
        "referencing",
        "rpds",
        "attr",
        "attrs",
    )
    for name in needed:
        for path in (here / name, *here.glob(f"{name.removesuffix('.py')}-*.dist-info")):
            if path.exists():
                (there / path.name).symlink_to(path)
