"""What Hydra says of a mistake on the command line, said with the nearest name and the next step.

Imports only Hydra and the standard library, like `firefly.app`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, ListConfig
from omegaconf.errors import OmegaConfBaseException

from firefly.errors import nearest

__all__ = ["explained", "with_open_servers"]

_NO_SUCH_KEY = re.compile(r"Could not override '([^']+)'\.\nTo append to your config")
_ADDED = ("experiment", "values", "checks", "exporters")
"""Groups whose options come on top."""
_OPEN_KEY = re.compile(r"(servers\.|lm\.\w+\.)[^=]+=")


def explained(error: Exception, arguments: Sequence[str], folder: Path, name: str = "config") -> str:
    """Return the message for a person; Hydra's own where there is nothing to add.

    Args:
        error: what Hydra raised while it composed the configuration.
        arguments: the command line.
        folder: the built-in configuration.
        name: of the file that composes it.
    """
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        group, _, option = error.missing_cfg_file.rpartition("/")
        return (
            f"There is no option {error.missing_cfg_file}. {nearest(option, error.options)} "
            f"Choose one: {'+' if group in _ADDED else ''}{group}=NAME"
        )
    if isinstance(error, MissingConfigException) and error.missing_cfg_file == name:
        commands = [path.stem for path in folder.glob("*.yaml") if path.stem not in ("command", "serve")]
        return f"There is no configuration {name!r}. {nearest(name, commands)}"
    missing = _NO_SUCH_KEY.search(str(error))
    known = _known_keys(missing[1], arguments, folder, name) if missing else ()
    if missing is None or not known:
        return str(error).split("\n\nConfig search path:")[0].split("\nConfig search path:")[0]
    parent, _, key = missing[1].rpartition(".")
    of = f" of {parent}" if parent else ""
    return f"{missing[1]}: there is no such key{of}. {nearest(key, known)}"


def with_open_servers(arguments: Sequence[str]) -> list[str]:
    """Return the command line with every ``servers.NAME.KEY=VALUE`` adding the key if it is not there.

    All keys of a server have defaults and few stand in its YAML; which exist is checked with the rest
    of its description. The same goes for the keys of a role of language models (``lm.ROLE.KEY``).
    """
    return [f"++{one}" if _OPEN_KEY.match(one) else one for one in arguments]


def _known_keys(key: str, arguments: Sequence[str], folder: Path, name: str) -> Sequence[str]:
    """Return the keys beside ``key`` as composed with the groups that the command line chooses."""
    groups = {path.name for path in folder.iterdir() if path.is_dir()}
    chosen = [one for one in arguments if one.lstrip("+").partition("=")[0] in groups]
    for overrides in (chosen, []):
        found = _composed(overrides, folder, name)
        for part in key.split(".")[:-1]:
            found = found[part] if isinstance(found, DictConfig) and part in found else None
        if isinstance(found, DictConfig):
            return [str(name) for name in found if not str(name).startswith("_")]
        if isinstance(found, ListConfig):
            return ()
    return ()


def _composed(overrides: Sequence[str], folder: Path, name: str) -> Any:
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(folder), version_base="1.3"):
            return compose(name, list(overrides))
    except (HydraException, OmegaConfBaseException):
        return None
