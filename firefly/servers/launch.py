"""From a description to a running session: prepares the package, builds the environment, connects."""

from __future__ import annotations

import os
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

from mcp.client.stdio import get_default_environment

from firefly.servers.clock import shifted_environment
from firefly.servers.handshake import CallEnded
from firefly.servers.prepare import Prepared, prepare
from firefly.servers.rate import RateLimit
from firefly.servers.reaper import Reaper
from firefly.servers.sandbox import Sandbox
from firefly.servers.session import Session
from firefly.servers.spec import ServerSpec
from firefly.servers.transport import Connection, Launch, Streams, stdio_connection

__all__ = ["Launcher"]

_REPEATABLE = {"TZ": "UTC", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0"}
"""What a sandboxed server runs with, so that equal calls give equal answers where it can be helped."""


class Launcher:
    """Starts sessions of servers; installs each server's package once. Usable from any thread."""

    def __init__(self, cache: Path, *, offline: bool, reaper: Reaper) -> None:
        self._cache = cache
        self._offline = offline
        self._reaper = reaper
        self._prepared: dict[str, Prepared] = {}
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._rates: dict[str, RateLimit] = {}
        self._homes: dict[str, Path] = {}

    def prepare(self, spec: ServerSpec) -> Prepared:
        """Return the program of ``spec``, installed.

        Raises:
            PrepareError: it can't be installed.
            StartError: a plain command that does not exist.
        """
        with self._locks[spec.name]:
            found = self._prepared.get(spec.name)
            if found is None:
                found = prepare(spec, self._cache, offline=self._offline)
                self._prepared[spec.name] = found
            return found

    def _home(self, server: str) -> str:
        """Return the HOME that a server without a sandbox has for itself."""
        with self._locks[server]:
            found = self._homes.get(server)
            if found is None:
                found = Path(tempfile.mkdtemp(prefix="firefly-home-"))
                self._reaper.watch_folder(found)  # goes with this process
                self._homes[server] = found
        return str(found)

    def folder(self, server: str) -> str:
        """Return where the server's package is installed; "" if it has none."""
        prepared = self._prepared.get(server)
        return str(prepared.folder) if prepared is not None and prepared.folder is not None else ""

    async def open(self, spec: ServerSpec, prepared: Prepared | None, sandbox: Sandbox | None) -> Session:
        """Return a started session. Runs in the event loop.

        Raises:
            CallEnded: it does not start; the true reason in words.
        """
        rate = None
        if spec.requests_per_minute is not None:
            rate = self._rates.setdefault(spec.name, RateLimit(spec.requests_per_minute))
        modes = ["auto", "legacy"] if spec.mode == "auto" else ["legacy"]
        for mode in modes:
            session = Session(
                spec.name,
                self._connector(spec, prepared, sandbox),
                mode=mode,
                start_timeout=spec.start_timeout,
                concurrency=spec.concurrency,
                rate=rate,
                roots=[sandbox.workspace.as_uri()] if sandbox is not None else [],
            )
            try:
                await session.start()
            except CallEnded:
                if mode == modes[-1]:
                    raise
            else:
                break
        return session

    def _connector(
        self, spec: ServerSpec, prepared: Prepared | None, sandbox: Sandbox | None
    ) -> Callable[[Connection], AbstractAsyncContextManager[Streams]]:
        if prepared is None:
            from firefly.servers.http import http_connection

            return partial(http_connection, spec)
        return partial(_stdio, self.command_line(spec, prepared, sandbox), self._reaper)

    def command_line(self, spec: ServerSpec, prepared: Prepared, sandbox: Sandbox | None) -> Launch:
        """Return the direct command line with its whole environment."""
        environment = get_default_environment()
        if prepared.path:
            environment["PATH"] = os.pathsep.join([*prepared.path, environment.get("PATH", os.defpath)])
        environment.update(prepared.env or {})
        argv, given, cwd = prepared.argv, dict(spec.env), spec.cwd
        if sandbox is None and spec.isolated_home:
            environment["HOME"] = self._home(spec.name)
        if sandbox is not None:
            environment.update(_REPEATABLE)
            environment["TMPDIR"] = str(sandbox.tmp)
            if spec.isolated_home:
                environment["HOME"] = str(sandbox.home)
            own = len(argv) - prepared.arguments
            argv = (*argv[:own], *(sandbox.launch(part) for part in argv[own:]))
            given = {name: sandbox.launch(value) for name, value in given.items()}
            cwd = sandbox.launch(cwd) if cwd else str(sandbox.workspace)
        environment = {**environment, **given}
        if sandbox is not None and sandbox.clock_days:
            environment = shifted_environment(sandbox.clock_days, environment)
        return Launch(argv=tuple(argv), env=environment, cwd=Path(cwd).expanduser() if cwd else None)


def _stdio(launch: Launch, reaper: Reaper, connection: Connection) -> AbstractAsyncContextManager[Streams]:
    return stdio_connection(launch, connection, reaper=reaper)
