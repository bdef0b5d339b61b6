"""Worlds that are not generated: a folder of the user's, and nothing at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from firefly.errors import ConfigError
from firefly.plugins import register


@register("world", "folder")
class Folder:
    """A copy of a folder of yours."""

    def __init__(self, *, path: str) -> None:
        self.path = path

    def build(self, folder: Path) -> None:
        """Copy the folder's files; links stay links, sockets and pipes are refused.

        Raises:
            ConfigError: there is no such folder, or it holds something that can't be copied.
        """
        source = Path(self.path).expanduser()
        if not source.is_dir():
            found = "a file" if source.is_file() else "nothing"
            raise ConfigError(
                f"world.path: {self.path!r} should be a folder, but {found} is there. "
                "Name an existing folder: world=folder world.path=FOLDER"
            )
        if folder.resolve().is_relative_to(source.resolve()):
            raise ConfigError(
                f"world.path: {self.path!r} holds the folder that sandboxes are made in ({folder.name}), "
                "so it would be copied into itself. Name a folder without the cache: world.path=FOLDER"
            )
        for place, folders, files in os.walk(source):
            for name in sorted([*folders, *files]):
                entry = Path(place) / name
                if not (entry.is_symlink() or entry.is_dir() or entry.is_file()):
                    raise ConfigError(
                        f"world.path: {entry} is neither a file nor a folder nor a link; "
                        "take it out of the folder."
                    )
        try:
            shutil.copytree(source, folder, symlinks=True, dirs_exist_ok=True)
        except (OSError, shutil.Error) as error:
            raise ConfigError(f"world.path: {self.path!r} can't be copied: {error}") from error


@register("world", "empty")
class Empty:
    """An empty folder."""

    def build(self, folder: Path) -> None:
        """Leave ``folder`` as it is."""
