"""The pool of sandboxes and sessions: warm ones are handed out again, the cap on live servers holds."""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from firefly.errors import ServerError, StartError
from firefly.servers.clock import loaded
from firefly.servers.fingerprint import FileTree
from firefly.servers.handshake import CallEnded
from firefly.servers.launch import Launcher
from firefly.servers.loop import EventLoop
from firefly.servers.reaper import Reaper
from firefly.servers.sandbox import INSTALLED, Sandbox, scrubber
from firefly.servers.session import Session
from firefly.servers.spec import ServerSpec

__all__ = ["Place", "Pool"]

log = logging.getLogger("firefly.servers")

_BACKOFF = (0.0, 0.2, 1.0)
"""Seconds before each start of a server within one place; then it is given up."""


@dataclass(eq=False)
class Place:
    """A sandbox with the sessions that run in it; used by one episode at a time."""

    sandbox: Sandbox
    fixtures: tuple[Path, ...]
    sessions: dict[str, Session] = field(default_factory=dict)
    starts: Counter[str] = field(default_factory=Counter)
    writers: set[str] = field(default_factory=set)
    """Servers that changed the workspace when they started."""
    files: FileTree = field(default_factory=FileTree)
    reserved: int = 0
    """Sessions that it may have at once."""
    used: int = 0

    def tree(self) -> str:
        """Return the digest of the workspace's files."""
        return self.files.digest(self.sandbox.workspace)


class Pool:
    """Hands out places and sessions. Usable from any thread; all waiting happens here."""

    def __init__(
        self, specs: Mapping[str, ServerSpec], *, launcher: Launcher, loop: EventLoop, reaper: Reaper,
        world: Path | None, most: int,
    ) -> None:  # fmt: skip
        self._specs = specs
        self._launcher = launcher
        self._loop = loop
        self._reaper = reaper
        self._world = world
        self._ignored = [pattern for spec in specs.values() for pattern in spec.state.ignore]
        self._most = most
        self._changed = threading.Condition()
        self._idle: list[Place] = []
        self._busy: list[Place] = []
        self._shared: dict[str, Session] = {}
        self._shared_locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._stopping = 0
        self._clock = 0
        self._closed = False
        self.start_writers: set[str] = set()
        """Servers seen to change the workspace when they start."""
        self.starts: Counter[str] = Counter()

    # --- places ------------------------------------------------------------------------------

    def fixtures(self, servers: Iterable[str]) -> tuple[Path, ...]:
        """Return the folders that a sandbox for ``servers`` is filled from, in order."""
        own = [self._specs[name].fixture for name in sorted(servers)]
        layers = [self._world, *own]
        return tuple(layer for layer in layers if layer is not None)

    def acquire(self, servers: frozenset[str], *, fresh: bool = False, clock_days: int = 0) -> Place:
        """Return a place in the fixture's state for ``servers``; wait while the cap is reached.

        Args:
            servers: their names.
            fresh: a new one, that nobody used before.
            clock_days: by how many days its clock is shifted; a fresh one only.

        Raises:
            ServerError: more servers than may live at once.
        """
        if len(servers) > self._most:
            raise ServerError(
                f"{len(servers)} servers are needed at once, but sessions.live is {self._most}. "
                f"Raise it: sessions.live={len(servers)}"
            )
        fixtures = self.fixtures(servers)
        with self._changed:
            place = self._reserve(servers, fixtures, fresh)
        if place is not None:
            return place
        try:
            place = Place(
                        Sandbox(clock_days=clock_days), fixtures,
                        files=FileTree(ignore=self._ignored), reserved=len(servers),
                    )  # fmt: skip
        except OSError as error:
            with self._changed:
                self._stopping -= len(servers)
            raise ServerError(_no_sandbox(error)) from error
        self._reaper.watch_folder(place.sandbox.root)
        with self._changed:
            self._stopping -= len(servers)  # the reservation moves to the place
            self._busy.append(place)
        try:
            place.sandbox.fill(fixtures)
        except (OSError, shutil.Error) as error:
            self.release(place, keep=False)
            raise ServerError(_no_sandbox(error)) from error
        return place

    def _reserve(self, servers: frozenset[str], fixtures: tuple[Path, ...], fresh: bool) -> Place | None:
        while True:
            if self._closed:
                raise ServerError("The live servers are closed.")
            place = None if fresh else self._warm(servers, fixtures)
            need = len(servers | place.sessions.keys()) if place is not None else len(servers)
            rest = [one for one in self._idle if one is not place]
            if self._live(rest) + need <= self._most:
                break
            if rest:
                self._discard(min(rest, key=lambda one: one.used))
            elif place is not None and need > len(servers):
                self._discard(place)
            elif not self._end_idle_shared():
                self._changed.wait(1.0)
        if place is None:
            self._stopping += len(servers)  # holds the reservation until the place exists
            return None
        self._idle.remove(place)
        self._busy.append(place)
        place.reserved = need
        return place

    def _warm(self, servers: frozenset[str], fixtures: tuple[Path, ...]) -> Place | None:
        fitting = [
            place
            for place in self._idle
            if place.fixtures == fixtures and place.writers <= servers and servers & place.sessions.keys()
        ]
        return max(
            fitting,
            key=lambda place: (
                len(servers & place.sessions.keys()),
                -len(place.sessions.keys() - servers),
                place.used,
            ),
            default=None,
        )

    def release(self, place: Place, *, keep: bool) -> None:
        """Take a place back: keep it warm, or destroy it in the background."""
        alive = {name: session for name, session in place.sessions.items() if session.alive}
        with self._changed:
            self._busy.remove(place)
            self._clock += 1
            place.used = self._clock
            place.starts.clear()
            if keep and alive and len(alive) == len(place.sessions) and not self._closed:
                place.reserved = 0
                self._idle.append(place)
            else:
                self._idle.append(place)
                self._discard(place)
            self._changed.notify_all()

    def _discard(self, place: Place) -> None:
        self._idle.remove(place)
        count = len(place.sessions)
        self._stopping += count

        def gone(_: object) -> None:
            with self._changed:
                self._stopping -= count
                self._changed.notify_all()

        self._loop.submit(self._destroy(place)).add_done_callback(gone)

    async def _destroy(self, place: Place) -> None:
        await asyncio.gather(*(session.stop() for session in place.sessions.values()))
        await asyncio.to_thread(place.sandbox.remove)
        self._reaper.forget_folder(place.sandbox.root)

    # --- sessions ----------------------------------------------------------------------------

    def session(self, server: str, place: Place | None) -> Session:
        """Return the live session of ``server`` in ``place`` (None: the shared one), started if needed.

        Raises:
            ServerError: it can't be installed, or does not start; the true reason.
        """
        if place is None:
            with self._shared_locks[server]:
                session = self._shared.get(server)
                if session is None or not session.alive:
                    if session is not None:
                        self._loop.run(session.stop())
                    self._make_room_for_shared(server)
                    session = self._start(server, None)
                    with self._changed:
                        self._shared[server] = session
                return session
        session = place.sessions.get(server)
        if session is not None and session.alive:
            return session
        if session is not None:
            self._loop.run(session.stop())
        began = place.starts[server]
        if began >= len(_BACKOFF):
            raise StartError(f"{server} ended {began} times in one episode; it is not started again.")
        time.sleep(_BACKOFF[began])
        place.starts[server] += 1
        before = place.tree()
        place.sessions[server] = self._start(server, place)
        if place.tree() != before:
            place.writers.add(server)
            self.start_writers.add(server)
        return place.sessions[server]

    def drop(self, server: str, place: Place) -> None:
        """End the session of ``server`` in ``place``; the next one begins anew."""
        session = place.sessions.pop(server, None)
        if session is not None:
            self._loop.run(session.stop())

    def rewriter(self, spec: ServerSpec, place: Place | None) -> Callable[[str], str]:
        """Return what takes real paths and secrets out of a server's texts."""
        scrub = scrubber(spec.secrets)
        folder = self._launcher.folder(spec.name)

        def rewrite(text: str) -> str:
            if place is not None:
                text = place.sandbox.visible(text)
            return scrub(text.replace(folder, INSTALLED) if folder else text)

        return rewrite

    def _start(self, server: str, place: Place | None) -> Session:
        spec = self._specs[server]
        prepared = None if spec.remote else self._launcher.prepare(spec)
        sandbox = place.sandbox if place is not None else None
        self.starts[server] += 1
        try:
            session = self._loop.run(self._launcher.open(spec, prepared, sandbox))
        except CallEnded as error:
            raise StartError(self.rewriter(spec, place)(str(error))) from error
        if sandbox is not None and sandbox.clock_days and not loaded(session.connection.pid or 0):
            self._loop.run(session.stop())
            raise StartError(f"{server} does not load libfaketime: its clock can't be shifted")
        return session

    def _make_room_for_shared(self, server: str) -> None:
        """End what is idle to stay below the cap; never waits, as whoever asks may hold a place already."""
        with self._changed:
            self._shared.pop(server, None)
            while self._idle and self._live(self._idle) + 1 > self._most:
                self._discard(min(self._idle, key=lambda one: one.used))
            if self._live(self._idle) + 1 > self._most:
                self._end_idle_shared()

    def _live(self, idle: Iterable[Place]) -> int:
        """Return how many sessions live, or may at any moment, with those of ``idle`` places."""
        taken = sum(one.reserved for one in self._busy) + sum(len(one.sessions) for one in idle)
        return taken + self._stopping + len(self._shared)

    def _end_idle_shared(self) -> bool:
        for name, session in self._shared.items():
            if not session.busy:
                del self._shared[name]
                self._stopping += 1

                def gone(_: object) -> None:
                    with self._changed:
                        self._stopping -= 1
                        self._changed.notify_all()

                self._loop.submit(session.stop()).add_done_callback(gone)
                return True
        return False

    # --- the end -----------------------------------------------------------------------------

    def close(self) -> None:
        """Stop every session and delete every sandbox; idempotent."""
        with self._changed:
            self._closed = True
            for place in list(self._idle):
                self._discard(place)
            for place in list(self._busy):
                self._busy.remove(place)
                self._idle.append(place)
                self._discard(place)
            shared = list(self._shared.values())
            self._shared.clear()
        for session in shared:
            self._loop.run(session.stop())
        with self._changed:
            self._changed.wait_for(lambda: self._stopping == 0, timeout=30.0)


def _no_sandbox(error: Exception) -> str:
    place = tempfile.gettempdir()
    return f"Can't make a sandbox in {place}: {error}. Free space there, or set TMPDIR elsewhere."
