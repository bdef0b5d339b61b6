"""The live backend: real servers behind `Backend` and `ServerProvider`."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from firefly.components import build
from firefly.errors import ConfigError, nearest
from firefly.protocols import Fingerprint
from firefly.records import Listing, ToolKey, ToolProfile
from firefly.replay.backend import Backend, Closing
from firefly.replay.records import Step, Tool, digest
from firefly.replay.tool_set import ToolSet
from firefly.servers.clock import shifted_environment
from firefly.servers.episode import LiveEpisode, history_after
from firefly.servers.launch import Launcher
from firefly.servers.listing import Lister
from firefly.servers.loop import EventLoop
from firefly.servers.pool import Pool
from firefly.servers.prepare import default_cache
from firefly.servers.reaper import Reaper
from firefly.servers.spec import ServerSpec

__all__ = ["LiveBackend", "ServerCounts"]


@dataclass(frozen=True)
class ServerCounts:
    """What was done with one server."""

    calls: int = 0
    """Calls that reached it."""
    ok: int = 0
    """Calls that succeeded, by the outcome classifier."""
    starts: int = 0


class LiveBackend(Closing):
    """Real servers. Implements `Backend` and `ServerProvider`; usable from any thread.

    Every episode begins in the fixture's state: it takes a sandbox for itself and starts servers when
    they are first called. The sandbox is handed out again only if every call in it was a trusted read
    and its files are unchanged. Servers that are not disposable have one session, shared by all.
    """

    def __init__(
        self,
        specs: Mapping[str, ServerSpec],
        *,
        fixture: Path | None = None,
        cache_dir: Path | None = None,
        offline: bool = False,
        max_sessions: int = 24,
    ) -> None:
        self._specs = dict(sorted(specs.items()))
        self._fingerprints: dict[str, Fingerprint] = {
            name: build(spec.state.fingerprint)
            for name, spec in self._specs.items()
            if isinstance(spec.state.fingerprint, dict)
        }
        self._loop = EventLoop()
        self._reaper = Reaper()
        self._launcher = Launcher(cache_dir or default_cache(), offline=offline, reaper=self._reaper)
        self._pool = Pool(
            self._specs,
            launcher=self._launcher,
            loop=self._loop,
            reaper=self._reaper,
            world=fixture,
            most=max_sessions,
        )
        self._lister = Lister(self._launcher, self._pool)
        self._lock = threading.Lock()
        self._listings: dict[str, Listing] = {}
        self._profiles: dict[ToolKey, ToolProfile] = {}
        self._shared_histories: dict[str, str] = {}
        self._calls: Counter[str] = Counter()
        self._ok: Counter[str] = Counter()
        self._closed = False

    @property
    def servers(self) -> tuple[str, ...]:
        """Return the names of the servers, sorted."""
        return tuple(self._specs)

    # --- Backend -----------------------------------------------------------------------------

    def episode(
        self, tool_set: ToolSet, seed: int = 0, *, fresh: bool = False, clock_days: int = 0
    ) -> LiveEpisode:
        """Begin an episode; ``fresh``: in a new sandbox with new processes, for nobody else afterwards.

        ``clock_days``: by how many days the clock of a fresh sandbox is shifted.

        Raises:
            ConfigError: a server of ``tool_set`` does not exist.
        """
        specs = {server: self._spec(server) for server in tool_set.servers}
        return LiveEpisode(
            tool_set, specs, pool=self._pool, loop=self._loop, owner=self, fresh=fresh, clock_days=clock_days
        )

    @property
    def fresh(self) -> Backend:
        """Return the same servers as a backend whose every episode begins with new processes."""
        return _Fresh(self)

    def shifted(self, days: int) -> Backend:
        """Return the same as `fresh`, the clock of every sandbox shifted by ``days``.

        Files keep the times that they have. Servers outside a sandbox have the clock of their machine.

        Raises:
            ClockError: the clock can't be shifted here; says what would help.
        """
        shifted_environment(days, {})
        return _Fresh(self, clock_days=days)

    def learn(self, profiles: Iterable[ToolProfile]) -> None:
        """Trust reads from now on by what they were seen to do, not by what they declare."""
        with self._lock:
            self._profiles.update({profile.key: profile for profile in profiles})

    def counts(self) -> dict[str, ServerCounts]:
        """Return what was done with each server so far."""
        with self._lock:
            return {
                name: ServerCounts(self._calls[name], self._ok[name], self._pool.starts[name])
                for name in self._specs
            }

    # --- ServerProvider ----------------------------------------------------------------------

    def listing(self, server: str) -> Listing:
        """Return what the server declares, or its health with the true reason why there is nothing.

        Raises:
            ConfigError: there is no such server.
        """
        spec = self._spec(server)
        with self._lock:
            known = self._listings.get(server)
        if known is None:
            known = self._lister.listing(spec)
            with self._lock:
                known = self._listings.setdefault(server, known)
        return known

    def _spec(self, server: str) -> ServerSpec:
        spec = self._specs.get(server)
        if spec is None:
            raise ConfigError(f"There is no server {server!r}. {nearest(server, self._specs)}")
        return spec

    # --- for episodes ------------------------------------------------------------------------

    def trusts(self, tool: Tool) -> bool:
        """Return whether ``tool`` is known to change nothing; what it declares may be wrong."""
        if self._specs[tool.server].state.scope == "none":
            return True
        profile = self._profiles.get(tool.key)
        return profile is not None and profile.effect == "read"

    def shared_history(self, server: str) -> str:
        """Return the history digest of a shared server: every call so far that may have changed it."""
        with self._lock:
            return self._shared_histories.get(server) or digest(["remote", server])

    def fingerprint(self, server: str) -> Fingerprint | None:
        """Return the component that fingerprints the server's state, if it has one."""
        return self._fingerprints.get(server)

    def count(self, step: Step) -> None:
        """Take note of a call."""
        call, outcome = step.call, step.observation.outcome
        if outcome == "refused":
            return
        with self._lock:
            self._calls[call.server] += 1
            self._ok[call.server] += outcome == "success"
            if step.scope.startswith("remote:") and call.tool in self._specs[call.server].allow:
                history = self._shared_histories.get(call.server) or digest(["remote", call.server])
                self._shared_histories[call.server] = history_after(history, call)

    # --- the end -----------------------------------------------------------------------------

    def close(self) -> None:
        """Stop every server and delete every sandbox; idempotent."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._pool.close()
        self._loop.close()
        self._reaper.close()


class _Fresh:
    """Episodes in new sandboxes only."""

    def __init__(self, backend: LiveBackend, *, clock_days: int = 0) -> None:
        self._backend = backend
        self._clock_days = clock_days

    def episode(self, tool_set: ToolSet, seed: int = 0) -> LiveEpisode:
        """Begin an episode with new processes."""
        return self._backend.episode(tool_set, seed, fresh=True, clock_days=self._clock_days)
