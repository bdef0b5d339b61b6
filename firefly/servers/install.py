"""Installs into a folder, once, and says what an installer said when it fails."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from firefly.errors import PrepareError
from firefly.servers.spec import ServerSpec

log = logging.getLogger("firefly.servers")

_READY = "ready.json"
_INSTALL_SECONDS = 1800
_TAIL = 2500
"""Characters of an installer's output that a message shows."""


def install_once(
    spec: ServerSpec, folder: Path, what: str, install: Callable[[dict[str, Any]], None], offline: bool
) -> None:
    """Install into ``folder`` unless its marker says that it is complete; one installer at a time.

    Args:
        spec: the server that it is for.
        folder: where to.
        what: the packages, in words.
        install: does it, and adds to the report that it is given.
        offline: whether nothing may be installed.

    Raises:
        PrepareError: it is not there and may not, or can't, be installed.
    """
    marker = folder / _READY
    if marker.exists():
        return
    if offline:
        raise PrepareError(
            f"{spec.name}: {what} is not installed and `offline: true` forbids to install it. "
            f"Prepare it once with the network on: python -m firefly until=catalog offline=false"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if marker.exists():
            return
        if folder.exists():
            shutil.rmtree(folder)  # an earlier installation did not come to its end
        folder.mkdir()
        log.info("installing %s for %s", what, spec.name)
        report: dict[str, Any] = {"server": spec.name, "package": what}
        install(report)
        draft = folder / f"{_READY}.new"
        draft.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n")
        draft.replace(marker)


def run(
    command: Sequence[str], spec: ServerSpec, folder: Path, extra: Mapping[str, str] | None = None
) -> str:
    """Run one step of an installation with the user's whole environment; return its stdout.

    Raises:
        PrepareError: it failed, or took too long; shows what it said.
    """
    environment = {
        key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")
    }
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**environment, **(extra or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PrepareError(f"{spec.name}: the installer did not end within {_INSTALL_SECONDS} s.") from None
    if done.returncode:
        said = (done.stderr.strip() + "\n" + done.stdout.strip()).strip()[-_TAIL:]
        step = " ".join([Path(command[0]).name, *command[1:]]).replace(str(folder), "ENVIRONMENT")
        raise PrepareError(
            f"{spec.name}: `{step}` failed with exit code {done.returncode}:\n{said or '(it said nothing)'}"
        )
    return done.stdout
