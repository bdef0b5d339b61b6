"""A third-party package is one wheel: built, installed beside Firefly, chosen by name."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from uv import find_uv_bin

ROOT = Path(__file__).parent.parent
PLUGIN = ROOT / "plugins" / "firefly-lexical-scorer"


def run(*command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(one) for one in command], capture_output=True, text=True, cwd=cwd, check=False)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheels of Firefly and of the plugin; the other packages are shared."""
    folder = tmp_path_factory.mktemp("plugin")
    for project in (ROOT, PLUGIN):
        built = run(
            sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", folder / "wheels", project
        )
        assert built.returncode == 0, built.stderr
    assert run(find_uv_bin(), "venv", "--python", sys.executable, folder / "venv").returncode == 0
    python = folder / "venv" / "bin" / "python"
    wheels = sorted((folder / "wheels").glob("*.whl"))
    installed = run(
        find_uv_bin(),
        "pip",
        "install",
        "--offline",
        "--no-deps",
        "--link-mode",
        "copy",
        "--python",
        python,
        *wheels,
    )
    assert installed.returncode == 0, installed.stderr
    shared = run(
        sys.executable, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"
    ).stdout.strip()
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip()
    others = folder / "others"
    others.mkdir()
    for path in Path(shared).iterdir():
        if "firefly" not in path.name.lower() and not path.name.startswith("__editable__"):
            (others / path.name).symlink_to(path)
    (Path(site) / "shared.pth").write_text(f"{others}\n", encoding="utf-8")
    return python


def test_its_component_is_listed_with_its_package_and_summary(python: Path, tmp_path: Path) -> None:
    listed = run(python, "-m", "firefly", "plugins", "--json", "scorer", cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    rows = {row["name"]: row for row in map(json.loads, listed.stdout.splitlines())}
    assert rows["lexical"] == {
        "kind": "scorer",
        "name": "lexical",
        "package": "firefly-lexical-scorer",
        "summary": "Overlap of words between an output field (with its tool's text) and a parameter.",
    }
    assert rows["combined"]["package"] == "firefly-mcp"


def test_it_is_selected_by_name_and_shapes_the_run(python: Path, tmp_path: Path) -> None:
    done = run(
        python,
        "-m",
        "firefly",
        "+experiment=smoke",
        "scorer=lexical",
        "scorer.floor=0.2",
        "probing.budget=15",
        "until=graph",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    (edges,) = ((tmp_path / "multirun" / "store" / "graph").glob("*.jsonl"),)
    evidence = [
        json.loads(line)["evidence"] for path in edges for line in path.read_text("utf-8").split("\n")[1:-1]
    ]
    assert evidence
    assert all(set(one) == {"lexical"} and one["lexical"] >= 0.2 for one in evidence)


def test_help_and_composition_do_not_import_it(python: Path, tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['firefly', '--cfg', 'job']\n"
        "from firefly.__main__ import run\n"
        "try: run(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "names = ('firefly_lexical_scorer', 'dspy', 'mcp', 'litellm', 'sklearn')\n"
        "print([name for name in names if name in sys.modules], file=sys.stderr)"
    )
    done = run(python, "-c", code, cwd=tmp_path)
    assert done.stderr.strip().endswith("[]"), done.stderr


def test_a_plugin_that_does_not_import_stops_the_run_and_names_its_distribution(
    python: Path, tmp_path: Path
) -> None:
    module = run(python, "-c", "import firefly_lexical_scorer.scorer as m; print(m.__file__)").stdout.strip()
    source = Path(module).read_text(encoding="utf-8")
    broken = source.replace("import re\n", "import re\n\nimport a_module_that_is_not_there\n")
    Path(module).write_text(broken, encoding="utf-8")
    try:
        done = run(
            python, "-m", "firefly", "+experiment=smoke", "scorer=lexical", "until=graph", cwd=tmp_path
        )
    finally:
        Path(module).write_text(source, encoding="utf-8")
    assert done.returncode == 1
    assert "firefly-lexical-scorer does not import" in done.stderr
    assert "a_module_that_is_not_there" in done.stderr
    assert "Traceback" not in done.stderr
