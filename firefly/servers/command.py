"""What a launch line means: a Python package (``uvx``), an npm package (``npx``), or a plain command.

Understanding a line is kept apart from installing what it names (``prepare.py``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from firefly.errors import PrepareError

__all__ = ["Npm", "Plain", "Python", "understand"]


@dataclass(frozen=True)
class Python:
    """A command of a Python package, to be run in an environment of its own."""

    requirement: str
    command: str
    args: tuple[str, ...]
    extra: tuple[str, ...] = ()
    python: str = ""
    options: tuple[str, ...] = ()
    """Options for the installer, as given."""

    @property
    def pinned(self) -> bool:
        """Return whether the requirement names one version."""
        return bool(re.search(r"==|===|@\s*\S", self.requirement))

    @property
    def package(self) -> str:
        """Return how records name it."""
        return self.requirement.replace(" ", "")


@dataclass(frozen=True)
class Npm:
    """A command of an npm package."""

    packages: tuple[str, ...]
    command: str
    """Name of the program; "" means the first package's own."""
    args: tuple[str, ...]
    options: tuple[str, ...] = ()

    @property
    def pinned(self) -> bool:
        """Return whether every package names one version."""
        return all(re.search(r".@\d", package) for package in self.packages)

    @property
    def package(self) -> str:
        """Return how records name it."""
        return " ".join(self.packages)


@dataclass(frozen=True)
class Plain:
    """Any other command: run as it is."""

    command: str
    args: tuple[str, ...] = field(default=())


_UVX_VALUE = {"--from", "--with", "--python", "-p"}
_UVX_PASS = {
    "--index", "--index-url", "-i", "--default-index", "--extra-index-url", "--find-links", "-f",
    "--index-strategy", "--prerelease", "--resolution", "--exclude-newer", "--constraints", "-c",
    "--overrides", "--keyring-provider", "--allow-insecure-host", "--config-file",
}  # fmt: skip
_UVX_PASS_FLAG = {"--no-index", "--pre", "--native-tls", "--system-certs", "--no-config"}
_UVX_IGNORED = {
    "--offline", "--quiet", "-q", "--verbose", "-v", "--no-cache", "-n", "--refresh", "--isolated",
    "--no-progress", "--managed-python", "--no-managed-python", "--no-python-downloads", "--no-env-file",
    "--upgrade", "-U", "--reinstall",
}  # fmt: skip
_NPX_VALUE = {"--package", "-p"}
_NPX_PASS = {"--registry", "--userconfig"}
_NPX_IGNORED = {
    "-y", "--yes", "--no-install", "--offline", "--prefer-offline", "--prefer-online", "-q", "--quiet",
    "--silent", "--ignore-existing", "--no",
}  # fmt: skip


def understand(command: str, args: Sequence[str]) -> Python | Npm | Plain:
    """Return what the line ``command args`` means.

    Raises:
        PrepareError: a line for ``uvx`` or ``npx`` that can't be taken apart.
    """
    name = re.sub(r"\.(exe|cmd)$", "", command.replace("\\", "/").rpartition("/")[2])
    if name == "uvx":
        return _uvx(list(args))
    if name == "uv" and list(args[:2]) == ["tool", "run"]:
        return _uvx(list(args[2:]))
    if name == "npx":
        return _npx(list(args))
    if name == "npm" and args and args[0] in ("exec", "x"):
        return _npx(list(args[1:]))
    return Plain(command, tuple(args))


def _split(option: str, rest: list[str], tool: str) -> tuple[str, str]:
    name, equals, value = option.partition("=")
    if equals:
        return name, value
    if not rest:
        raise PrepareError(f"`{tool} {option}` lacks a value.")
    return name, rest.pop(0)


def _uvx(rest: list[str]) -> Python:
    source = python = ""
    extra: list[str] = []
    options: list[str] = []
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        name = option.partition("=")[0]
        if option == "--":
            break
        if name in _UVX_VALUE:
            name, value = _split(option, rest, "uvx")
            if name == "--from":
                source = value
            elif name == "--with":
                extra += [part.strip() for part in _requirements(value)]
            else:
                python = value
        elif name in _UVX_PASS:
            options += _split(option, rest, "uvx")
        elif name in _UVX_PASS_FLAG:
            options.append(option)
        elif name not in _UVX_IGNORED:
            raise PrepareError(
                f"`uvx {option}` is not understood. Give the package with --from, further requirements with "
                "--with or `pins`, and the interpreter with --python."
            )
    if not rest:
        raise PrepareError("`uvx` names no command to run.")
    name, at, version = rest[0].partition("@")
    if source:
        command = rest[0]
    else:
        source = name if not at or version == "latest" else f"{name}=={version}"
        bare = re.match(r"([\w.-]+)", name)
        command = bare.group(1) if bare else name
    return Python(source, command, tuple(rest[1:]), tuple(extra), python, tuple(options))


def _requirements(value: str) -> list[str]:
    """Split ``--with a,b``; a comma between two constraints of one requirement does not split."""
    return re.split(r",(?=\s*[A-Za-z])", value)


def _npx(rest: list[str]) -> Npm:
    packages: list[str] = []
    options: list[str] = []
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        name = option.partition("=")[0]
        if option == "--":
            break
        if name in _NPX_VALUE:
            packages.append(_split(option, rest, "npx")[1])
        elif name in _NPX_PASS:
            options.append("=".join(_split(option, rest, "npx")))
        elif name not in _NPX_IGNORED:
            raise PrepareError(
                f"`npx {option}` is not understood. Write it as `npx -y PACKAGE@VERSION ARGUMENTS`."
            )
    if not rest:
        raise PrepareError("`npx` names no package to run.")
    if rest[0:1] == ["--"]:
        rest.pop(0)
    if packages:
        return Npm(tuple(packages), rest[0], tuple(rest[1:]), tuple(options))
    return Npm((rest[0],), "", tuple(rest[1:]), tuple(options))
