"""A sandbox: a folder of its own with a copy of the fixture, a HOME and a TMPDIR, seen as ``/workspace``."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from firefly.servers.reaper import end_processes_of

__all__ = ["HOME", "INSTALLED", "TMP", "WORKSPACE", "Sandbox", "scrubber"]

WORKSPACE = "/workspace"
HOME = "/home/user"
TMP = "/tmp"
INSTALLED = "/opt/server"
"""Stands for the folder where a server's package is installed."""

_PREFIX = "firefly-"


class Sandbox:
    """The folders of one sandbox and the translation between their real and their visible names."""

    def __init__(self, *, clock_days: int = 0) -> None:
        """Make the folders.

        Args:
            clock_days: by how many days the clock of whatever runs in it is shifted.

        """
        self.clock_days = clock_days
        self.root = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
        self.workspace = self.root / "workspace"
        self.home = self.root / "home"
        self.tmp = self.root / "tmp"
        for folder in (self.workspace, self.home, self.tmp):
            folder.mkdir()

    def fill(self, fixtures: Sequence[Path]) -> None:
        """Copy the fixture folders, later ones over earlier ones."""
        for fixture in fixtures:
            shutil.copytree(fixture, self.workspace, symlinks=True, dirs_exist_ok=True)

    def remove(self) -> None:
        """End whatever still runs in it and delete it."""
        end_processes_of(str(self.root))
        shutil.rmtree(self.root, onerror=_make_writable)

    # --- names -------------------------------------------------------------------------------

    def real(self, value: Any) -> Any:
        """Return ``value`` with the visible names of folders made real, in every text of it."""
        if isinstance(value, str):
            return _VISIBLE.sub(lambda found: str(self._places[found.group()]), value)
        if isinstance(value, list | tuple):
            return [self.real(item) for item in value]
        if isinstance(value, dict):
            return {key: self.real(item) for key, item in value.items()}
        return value

    def launch(self, text: str) -> str:
        """Return a part of a launch line with ``/workspace`` made real; other folders mean themselves."""
        return _VISIBLE.sub(
            lambda found: str(self.workspace) if found.group() == WORKSPACE else found.group(), text
        )

    def visible(self, text: str) -> str:
        """Return ``text`` with every real name replaced by the one that an agent knows."""
        if self._token in text:
            for real, shown in self._shown:
                text = text.replace(real, shown)
        if "..." in text or "…" in text:
            whole, broken = self._abbreviated
            text = whole.sub(lambda found: self._names[found.group(1)], text)
            text = broken.sub("/sandbox", text)
        return text

    @cached_property
    def _names(self) -> dict[str, str]:
        return {"workspace": WORKSPACE, "home": HOME, "tmp": TMP}

    @cached_property
    def _abbreviated(self) -> tuple[re.Pattern[str], re.Pattern[str]]:
        """Return patterns of a folder's name with an ellipsis in it, and of one that breaks off at one.

        Some messages shorten what they quote in the middle, and leave a part of the random name.
        """
        base, fixed = str(self.root), len(str(self.root)) - len(self._token) + len(_PREFIX)
        head = "|".join(re.escape(base[:end]) for end in range(len(base), 0, -1))
        tails = [re.escape(self._token[start:]) for start in range(len(self._token))]
        tail, told = "|".join(tails), "|".join(one for one in tails if len(one) > 2)
        dots, folder = r"(?:\.{3}|…)", "/(workspace|home|tmp)"
        whole = rf"(?:(?:{head}){dots}(?:{tail})|{dots}(?:{told})){folder}"
        broken = "|".join(re.escape(base[:end]) for end in range(len(base), fixed, -1))
        return re.compile(whole), re.compile(rf"(?:{broken})(?={dots})")

    @property
    def _token(self) -> str:
        return self.root.name

    @cached_property
    def _places(self) -> dict[str, Path]:
        return {WORKSPACE: self.workspace, HOME: self.home, TMP: self.tmp}

    @cached_property
    def _shown(self) -> list[tuple[str, str]]:
        bases = {str(self.root), str(Path(tempfile.gettempdir()) / self._token)}
        found: list[tuple[str, str]] = []
        for base in sorted(bases, key=len, reverse=True):
            for inner, shown in (("workspace", WORKSPACE), ("home", HOME), ("tmp", TMP), ("", "/sandbox")):
                real = f"{base}/{inner}" if inner else base
                found += [(real, shown), (quote(real, safe=""), quote(shown, safe=""))]
        return [*found, (self._token, "sandbox")]


_VISIBLE = re.compile(r"(?:(?<=file://)|(?<![\w./~-]))(?:/workspace|/home/user|/tmp)(?![\w.-])")
"""A visible folder where a path begins: ``/workspace/a``, not ``/srv/workspace`` or ``/workspaces``."""


def scrubber(secrets: Sequence[str]) -> Callable[[str], str]:
    """Return a function that takes every secret out of a text."""
    if not secrets:
        return lambda text: text
    pattern = re.compile("|".join(re.escape(secret) for secret in secrets))
    return lambda text: pattern.sub("***", text)


def _make_writable(function: Callable[..., Any], path: str, error: Any) -> None:
    try:
        Path(path).parent.chmod(0o700)
        Path(path).chmod(0o700)
        function(path)
    except OSError:
        pass
