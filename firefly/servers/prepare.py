"""Prepare, then run: installs a server's package once, and says which program to start from then on.

*Prepare* runs the package manager with the user's own settings, so mirrors, proxies and credentials
work as they do by hand. *Run* starts the installed program directly, with the SDK's minimal
environment and nothing that could download.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firefly.errors import PrepareError, StartError, nearest
from firefly.replay.records import digest
from firefly.servers.command import Npm, Plain, Python, understand
from firefly.servers.install import install_once, run
from firefly.servers.spec import ServerSpec

__all__ = ["Prepared", "default_cache", "prepare"]


@dataclass(frozen=True)
class Prepared:
    """A program that can be started at once."""

    argv: tuple[str, ...]
    arguments: int
    """How many parts at the end of ``argv`` are the description's own arguments."""
    folder: Path | None = None
    """Where it is installed."""
    package: str = ""
    """What was installed, e.g. ``mcp-server-git==2026.10.19``; "" for a command that is run as it is."""
    path: tuple[str, ...] = ()
    """Folders to put in front of PATH."""
    env: Mapping[str, str] | None = None
    """Variables that keep its package manager off the network."""
    warnings: tuple[str, ...] = ()


def default_cache() -> Path:
    """Return where installed servers are kept when nothing else is said."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "firefly" / "servers"


def prepare(spec: ServerSpec, cache: Path, *, offline: bool = False) -> Prepared:
    """Install what ``spec`` names unless it is there already.

    Raises:
        PrepareError: it can't be installed; shows what the installer said.
        StartError: a plain command that does not exist.
    """
    if spec.command is None:
        raise PrepareError(f"{spec.name} is reached by URL; there is nothing to install.")
    meant = understand(spec.command, spec.args)
    if isinstance(meant, Plain):
        return _plain(spec, meant)
    if isinstance(meant, Python):
        return _python(spec, meant, cache, offline)
    return _npm(spec, meant, cache, offline)


# --- plain commands --------------------------------------------------------------------------


def _plain(spec: ServerSpec, meant: Plain) -> Prepared:
    warnings = [
        f"`{meant.command}` fetches what it runs by itself; pin and install it for runs that can be repeated"
        for name in [Path(meant.command).name]
        if name in ("bunx", "pnpx", "pipx") or (name in ("uv", "pnpm", "yarn", "deno", "docker", "podman"))
    ]
    if spec.pins:
        warnings.append("`pins` are for `uvx` lines; this command is run as it is")
    if meant.command in ("python", "python3"):
        return Prepared((sys.executable, *meant.args), len(meant.args), warnings=tuple(warnings))
    where = spec.env.get("PATH", os.environ.get("PATH", os.defpath))
    base = (
        Path(spec.cwd)
        if spec.cwd and os.sep in meant.command and not spec.cwd.startswith("/workspace")
        else None
    )
    found = shutil.which(str(base / meant.command) if base else meant.command, path=where)
    if found is None:
        raise StartError(
            f"There is no program {meant.command!r} on the PATH. {_nearest_program(meant.command, where)}"
            f"Install it, or correct {spec.where}.command."
        )
    return Prepared((str(Path(found).absolute()), *meant.args), len(meant.args), warnings=tuple(warnings))


def _nearest_program(command: str, where: str) -> str:
    if os.sep in command:
        return ""
    programs: set[str] = set()
    for folder in where.split(os.pathsep):
        if Path(folder).is_dir():
            programs.update(entry.name for entry in os.scandir(folder))
    return nearest(command, programs).partition("Known:")[0]


# --- Python ----------------------------------------------------------------------------------


def _python(spec: ServerSpec, meant: Python, cache: Path, offline: bool) -> Prepared:
    interpreter = spec.python or meant.python or sys.executable
    requirements = [meant.requirement, *meant.extra, *spec.pins]
    shape = {
        "kind": "python",
        "requirements": requirements,
        "options": meant.options,
        "python": interpreter if interpreter != sys.executable else sys.version,
        "platform": sys.platform,
    }
    folder = cache / digest(shape)
    binaries = folder / "venv" / "bin"

    def install(report: dict[str, Any]) -> None:
        from uv import find_uv_bin

        uv = str(find_uv_bin())
        run(
            [uv, "venv", "--quiet", "--no-project", "--python", interpreter, str(folder / "venv")],
            spec,
            folder,
        )
        target = ["--python", str(binaries / "python")]
        run([uv, "pip", "install", *target, *meant.options, *requirements], spec, folder)
        frozen = run([uv, "pip", "freeze", *target], spec, folder)
        report["resolved"] = frozen.split()

    install_once(spec, folder, " ".join(requirements), install, offline)
    program = binaries / meant.command
    if not program.exists():
        own = ("python", "activate", "pydoc", "deactivate")
        offered = [one.name for one in binaries.iterdir() if not one.name.startswith(own)]
        raise PrepareError(
            f"{meant.requirement} has no command {meant.command!r}. {nearest(meant.command, offered)}"
        )
    return Prepared(
        argv=(str(program), *meant.args),
        arguments=len(meant.args),
        folder=folder,
        package=meant.package,
        path=(str(binaries),),
        env={"UV_OFFLINE": "1"},
        warnings=() if meant.pinned else (_unpinned(meant.requirement, f"{meant.requirement}==VERSION"),),
    )


def _unpinned(package: str, better: str) -> str:
    return f"{package} is not pinned: another day may install another version; write {better}"


# --- Node ------------------------------------------------------------------------------------


def _npm(spec: ServerSpec, meant: Npm, cache: Path, offline: bool) -> Prepared:
    node = shutil.which("node")
    if node is None:
        raise PrepareError(
            f"{spec.name} needs Node.js: there is no `node` on the PATH. Install Node.js 20 or newer, or "
            f"switch the server off: {spec.where}.enabled=false"
        )
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    shape = {"kind": "npm", "packages": meant.packages, "options": meant.options, "node": version}
    folder = cache / digest(shape)

    def install(report: dict[str, Any]) -> None:
        npm = shutil.which("npm")
        if npm is None:
            raise PrepareError(
                f"{spec.name} needs npm: there is no `npm` on the PATH. Install Node.js with npm."
            )
        extra = {"npm_config_nodedir": "/usr"} if Path("/usr/include/node").is_dir() else {}
        (folder / "package.json").write_text('{"private": true}\n')
        common = [
            "--prefix",
            str(folder),
            "--no-audit",
            "--no-fund",
            "--no-update-notifier",
            "--loglevel=error",
        ]
        run([npm, "install", *common, *meant.options, *meant.packages], spec, folder, extra)
        report["resolved"] = sorted(_installed_versions(folder))

    install_once(spec, folder, " ".join(meant.packages), install, offline)
    program = _npm_program(folder, meant)
    argv = (node, str(program)) if _runs_in_node(program) else (str(program),)
    better = " ".join(f"{package.removesuffix('@latest')}@VERSION" for package in meant.packages)
    return Prepared(
        argv=(*argv, *meant.args),
        arguments=len(meant.args),
        folder=folder,
        package=meant.package,
        path=(str(folder / "node_modules" / ".bin"),),
        env={"npm_config_offline": "true"},
        warnings=() if meant.pinned else (_unpinned(meant.package, better),),
    )


def _installed_versions(folder: Path) -> list[str]:
    lock = folder / "package-lock.json"
    packages = json.loads(lock.read_text()).get("packages", {}) if lock.exists() else {}
    return [
        f"{where.rpartition('node_modules/')[2]}@{entry.get('version', '')}"
        for where, entry in packages.items()
        if where
    ]


def _npm_program(folder: Path, meant: Npm) -> Path:
    modules = folder / "node_modules"
    if meant.command:
        program = modules / ".bin" / meant.command
        if program.exists():
            return program.resolve()
        offered = sorted(entry.name for entry in (modules / ".bin").glob("*"))
        raise PrepareError(
            f"{meant.package} has no command {meant.command!r}. {nearest(meant.command, offered)}"
        )
    declared = json.loads((folder / "package.json").read_text()).get("dependencies") or {}
    if len(declared) != 1:
        raise PrepareError(f"{meant.package} installed no package of its own name.")
    name = next(iter(declared))
    bins = json.loads((modules / name / "package.json").read_text()).get("bin") or {}
    if isinstance(bins, str):
        bins = {name.rpartition("/")[2]: bins}
    wanted = name.rpartition("/")[2]
    if not bins:
        raise PrepareError(f"{meant.package} has no command; it is no program but a library.")
    if len(set(bins.values())) > 1 and wanted not in bins:
        raise PrepareError(
            f"{meant.package} has several commands: {', '.join(sorted(bins))}. "
            f"Choose one: npx -y --package {meant.package} COMMAND"
        )
    inner = str(bins.get(wanted, next(iter(bins.values()))))
    return Path(modules, name, inner).resolve()


def _runs_in_node(program: Path) -> bool:
    with program.open("rb") as file:
        first = file.readline(200)
    return (first.startswith(b"#!") and b"node" in first) or program.suffix in (".js", ".mjs", ".cjs")
