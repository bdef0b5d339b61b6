from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from firefly.errors import PrepareError, StartError
from firefly.servers.command import Npm, Plain, Python, understand
from firefly.servers.prepare import prepare
from firefly.servers.spec import ServerSpec, parse_specs
from tests.servers.conftest import Start


def spec(**keys: Any) -> ServerSpec:
    return parse_specs({"m": keys})["m"]


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("uvx mcp-a", Python("mcp-a", "mcp-a", ())),
        ("uvx mcp-a@1.2 --flag x", Python("mcp-a==1.2", "mcp-a", ("--flag", "x"))),
        ("uvx mcp-a==1.2 --from y", Python("mcp-a==1.2", "mcp-a", ("--from", "y"))),
        ("uvx mcp-a[cli]@latest", Python("mcp-a[cli]", "mcp-a", ())),
        ("uvx --from mcp-a==1 run-it serve", Python("mcp-a==1", "run-it", ("serve",))),
        (
            "/usr/bin/uvx -q --python=3.12 --with b<2 --with c,d --index-url http://i mcp-a",
            Python("mcp-a", "mcp-a", (), ("b<2", "c", "d"), "3.12", ("--index-url", "http://i")),
        ),
        ("uv tool run --offline mcp-a", Python("mcp-a", "mcp-a", ())),
        ("uv run server.py", Plain("uv", ("run", "server.py"))),
        ("npx -y @s/p@1.2.3 --root /workspace", Npm(("@s/p@1.2.3",), "", ("--root", "/workspace"))),
        ("npx --yes --package=@s/p tool -- x", Npm(("@s/p",), "tool", ("--", "x"))),
        ("npm exec -- p@1", Npm(("p@1",), "", ())),
        ("node server.js", Plain("node", ("server.js",))),
    ],
)
def test_launch_lines_are_understood(line: str, meant: object) -> None:
    command, *args = line.split()
    assert understand(command, args) == meant


@pytest.mark.parametrize("line", ["uvx", "uvx --from", "uvx --frm x y", "npx -y", "npx --call x"])
def test_a_line_that_is_not_understood_says_so(line: str) -> None:
    command, *args = line.split()
    with pytest.raises(PrepareError, match=command):
        understand(command, args)


def test_pins_are_seen() -> None:
    lines = ("uvx a==1", "uvx a", "npx a@1.0", "npx @s/a", "npx a@latest")
    found = [understand(*_split(line)) for line in lines]
    assert [getattr(one, "pinned", None) for one in found] == [True, False, True, False, False]


def _split(line: str) -> tuple[str, list[str]]:
    command, *args = line.split()
    return command, args


def test_python_means_the_interpreter_that_runs_firefly(tmp_path: Path) -> None:
    assert prepare(spec(command="python", args=["-m", "x"]), tmp_path).argv == (sys.executable, "-m", "x")


def test_an_environment_is_not_installed_offline_and_the_command_is_named(tmp_path: Path) -> None:
    with pytest.raises(PrepareError) as caught:
        prepare(spec(command="uvx", args=["mcp-a==1"]), tmp_path, offline=True)
    assert "mcp-a==1" in str(caught.value) and "until=catalog offline=false" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_program_is_a_start_error(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="no program"):
        prepare(spec(command="no-such-program-here"), tmp_path)


def test_node_that_is_not_there_is_said_clearly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PrepareError, match=r"needs Node\.js"):
        prepare(spec(command="npx", args=["-y", "p@1"]), tmp_path)


def local_package(folder: Path, *, program: str = "tiny-server") -> Path:
    """Write a Python package that needs nothing and offers one command."""
    (folder / "tiny_server").mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("misbehaving.py"), folder / "tiny_server" / "serve.py")
    (folder / "tiny_server" / "__init__.py").write_text("def main():\n    import tiny_server.serve\n")
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "tiny-server"\nversion = "1.0"\n'
    )
    (folder / "backend.py").write_text(
        "import zipfile\n"
        "def build_wheel(folder, config_settings=None, metadata_directory=None):\n"
        "    name = 'tiny_server-1.0-py3-none-any.whl'\n"
        "    info = 'tiny_server-1.0.dist-info'\n"
        "    with zipfile.ZipFile(f'{folder}/{name}', 'w') as out:\n"
        "        out.write('tiny_server/__init__.py'); out.write('tiny_server/serve.py')\n"
        "        about = 'Metadata-Version: 2.1\\nName: tiny-server\\nVersion: 1.0\\n'\n"
        "        out.writestr(f'{info}/METADATA', about)\n"
        "        out.writestr(f'{info}/WHEEL', "
        "'Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')\n"
        f"        scripts = '[console_scripts]\\n{program} = tiny_server:main\\n'\n"
        "        out.writestr(f'{info}/entry_points.txt', scripts)\n"
        "        out.writestr(f'{info}/RECORD', '')\n"
        "    return name\n"
    )
    return folder


def test_a_python_server_is_installed_once_and_then_started_directly(start: Start, tmp_path: Path) -> None:
    package = local_package(tmp_path / "package")
    line = {"command": "uvx", "args": ["--from", str(package), "tiny-server"], "disposable": True}
    health = start({"m": line}).listing("m").health
    assert health.status == "ok", health.reason
    assert any("not pinned" in warning for warning in health.warnings)
    shutil.rmtree(package)
    again = prepare(spec(**line), tmp_path / "cache", offline=True)  # nothing is fetched any more
    assert again.argv[0].endswith("/venv/bin/tiny-server") and Path(again.argv[0]).exists()
    (environment,) = [folder for folder in (tmp_path / "cache").iterdir() if folder.is_dir()]
    assert json.loads((environment / "ready.json").read_text())["resolved"]


def test_an_installation_that_broke_off_is_begun_again(tmp_path: Path) -> None:
    package = local_package(tmp_path / "package")
    line = spec(command="uvx", args=["--from", str(package), "tiny-server"])
    prepare(line, tmp_path / "cache")
    (environment,) = [folder for folder in (tmp_path / "cache").iterdir() if folder.is_dir()]
    (environment / "ready.json").unlink()
    (environment / "venv" / "bin" / "tiny-server").unlink()
    assert Path(prepare(line, tmp_path / "cache").argv[0]).exists()


def test_a_failing_installer_shows_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(PrepareError) as caught:
        prepare(spec(command="uvx", args=["--from", str(tmp_path / "nothing-here"), "x"]), tmp_path / "cache")
    message = str(caught.value)
    assert "uv pip install" in message and "nothing-here" in message
    assert not list((tmp_path / "cache").glob("*/ready.json"))


def test_a_command_that_the_package_lacks_names_the_nearest(tmp_path: Path) -> None:
    package = local_package(tmp_path / "package")
    with pytest.raises(PrepareError, match="Did you mean 'tiny-server'"):
        prepare(spec(command="uvx", args=["--from", str(package), "tiny-servr"]), tmp_path / "cache")


def fake_node(folder: Path) -> Path:
    """Write `node` and `npm` programs that stand for real ones: npm "installs" a package with one bin."""
    folder.mkdir()
    (folder / "node").write_text('#!/bin/sh\n[ "$1" = --version ] && echo v20.0.0\n')
    (folder / "npm").write_text(
        "#!/bin/sh\nmkdir -p node_modules/@s/p/dist\n"
        'echo \'{"bin": {"p": "dist/index.js"}}\' > node_modules/@s/p/package.json\n'
        "echo 'console.log(1)' > node_modules/@s/p/dist/index.js\n"
        'echo \'{"dependencies": {"@s/p": "1.0.0"}}\' > package.json\n'
        "env > seen.txt\n"
    )
    for name in ("node", "npm"):
        (folder / name).chmod(stat.S_IRWXU)
    return folder


def test_an_npm_server_is_started_with_node_directly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = fake_node(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "http://127.0.0.1:9/mine")
    found = prepare(spec(command="npx", args=["-y", "@s/p@1.0.0", "/workspace"]), tmp_path / "cache")
    node, script, argument = found.argv
    assert node == str(programs / "node") and script.endswith("node_modules/@s/p/dist/index.js")
    assert argument == "/workspace" and found.package == "@s/p@1.0.0" and found.warnings == ()
    (seen,) = (tmp_path / "cache").glob("*/seen.txt")
    assert "NPM_CONFIG_REGISTRY=http://127.0.0.1:9/mine" in seen.read_text()  # the user's own settings
