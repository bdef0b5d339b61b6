"""The live backend: real servers behind `Backend` and `ServerProvider`."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from firefly.components import build
from firefly.errors import ConfigError, PrepareError, ServerError, nearest
from firefly.records import Listing, ServerHealth, ToolKey, ToolProfile
from firefly.replay.backend import Backend
from firefly.replay.records import Step, Tool, digest
from firefly.replay.tool_set import ToolSet
from firefly.servers.command import understand
from firefly.servers.declared import declared_tools
from firefly.servers.episode import LiveEpisode, history_after
from firefly.servers.fingerprint import Fingerprint
from firefly.servers.guard import refusals, unknown_names
from firefly.servers.launch import Launcher
from firefly.servers.loop import EventLoop
from firefly.servers.pool import Pool
from firefly.servers.prepare import default_cache
from firefly.servers.reaper import Reaper
from firefly.servers.sandbox import WORKSPACE, scrubber
from firefly.servers.session import Session
from firefly.servers.spec import ServerSpec

__all__ = ["LiveBackend", "PlannedTool", "ServerCounts"]

log = logging.getLogger("firefly.servers")

_FILES = 300
"""Most fixture files named in a listing."""


@dataclass(frozen=True)
class ServerCounts:
    """What was done with one server."""

    calls: int = 0
    """Calls that reached it."""
    ok: int = 0
    """Calls that succeeded, by the outcome classifier."""
    starts: int = 0


@dataclass(frozen=True)
class PlannedTool:
    """What a run would do with one tool."""

    server: str
    tool: str
    would_call: bool
    effect: str
    evidence: str
    """Why the effect is taken to be that, or why the tool is left out."""


class LiveBackend:
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

    def episode(self, tool_set: ToolSet, seed: int = 0, *, fresh: bool = False) -> LiveEpisode:
        """Begin an episode; ``fresh``: in a new sandbox with new processes, for nobody else afterwards.

        Raises:
            ConfigError: a server of ``tool_set`` does not exist.
        """
        specs = {server: self._spec(server) for server in tool_set.servers}
        return LiveEpisode(tool_set, specs, pool=self._pool, loop=self._loop, owner=self, fresh=fresh)

    @property
    def fresh(self) -> Backend:
        """Return the same servers as a backend whose every episode begins with new processes."""
        return _Fresh(self)

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
            known = self._list(spec)
            with self._lock:
                known = self._listings.setdefault(server, known)
        return known

    def plan(self) -> list[PlannedTool]:
        """Connect, call nothing, and return what a run would do with every tool."""
        rows = []
        for server in self._specs:
            listing = self.listing(server)
            for tool in listing.tools:
                profile = self._profiles.get(tool.key)
                effect, evidence = _effect(tool, profile)
                refused = listing.refused.get(tool.name, "")
                rows.append(PlannedTool(server, tool.name, not refused, effect, refused or evidence))
        return rows

    def _list(self, spec: ServerSpec) -> Listing:
        try:
            package, warnings = "", list(spec.warnings)
            if spec.type == "sse":
                raise ServerError(
                    "it offers only the old HTTP+SSE transport, which is not supported; most servers of that "
                    "kind also answer streamable HTTP, often under /mcp: give that `url` with `type: http`"
                )
            if not spec.remote:
                prepared = self._launcher.prepare(spec)
                package = prepared.package
                warnings += prepared.warnings
            return self._connected(spec, package, warnings)
        except ServerError as error:
            kind = "can't be installed: " if isinstance(error, PrepareError) else "does not start: "
            reason = scrubber(spec.secrets)(str(error))
            log.info("%s %s%s", spec.name, kind, reason)
            health = ServerHealth(
                server=spec.name,
                status="failed",
                reason=kind + reason,
                next_step=_next_step(spec, error),
                package=package,
                warnings=tuple(warnings),
            )
            return Listing(health=health, scope=spec.scope, disposable=spec.disposable)

    def _connected(self, spec: ServerSpec, package: str, warnings: list[str]) -> Listing:
        fixture = ""
        files: tuple[str, ...] = ()
        if not spec.disposable:
            session = self._pool.session(spec.name, None)
        else:
            place = self._pool.acquire(frozenset({spec.name}))
            keep = False
            try:
                fixture, files = place.tree(), _files(place.sandbox.workspace)
                session = self._pool.session(spec.name, place)
                keep = True
            finally:
                self._pool.release(place, keep=keep)
        if spec.name in self._pool.start_writers:
            warnings.append("it writes to the workspace when it starts")
        described = self._describe(spec, session, package, warnings, fixture)
        return described.model_copy(update={"files": files})

    def _describe(
        self, spec: ServerSpec, session: Session, package: str, warnings: list[str], fixture: str
    ) -> Listing:
        listed = session.listed
        tools, faults = declared_tools(spec.name, listed.tools)
        warnings += [*listed.warnings, *faults, *unknown_names(spec, tools)]
        if session.connection.noise:
            warnings.append("it writes to stdout what is no MCP message; that is skipped")
        scrub = scrubber(spec.secrets)
        health = ServerHealth(
            server=spec.name,
            status="ok",
            protocol_version=listed.protocol_version,
            server_version=listed.server_version,
            package=package,
            tool_count=len(tools),
            warnings=tuple(scrub(warning) for warning in warnings),
        )
        return Listing(
            health=health,
            tools=tools,
            refused=refusals(spec, tools),
            scope=spec.scope,
            disposable=spec.disposable,
            launch_values=tuple(scrub(part) for part in _values(spec)),
            fixture=fixture,
        )

    def _spec(self, server: str) -> ServerSpec:
        spec = self._specs.get(server)
        if spec is None:
            raise ConfigError(f"There is no server {server!r}. {nearest(server, self._specs)}")
        return spec

    # --- for episodes ------------------------------------------------------------------------

    def trusts(self, tool: Tool) -> bool:
        """Return whether ``tool`` is taken to change nothing: by its profile, before that by its hint."""
        if self._specs[tool.server].state.scope == "none":
            return True
        profile = self._profiles.get(tool.key)
        if profile is not None:
            return profile.effect == "read"
        return bool(tool.annotations.read_only) and not tool.annotations.destructive

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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Fresh:
    """Episodes in new sandboxes only."""

    def __init__(self, backend: LiveBackend) -> None:
        self._backend = backend

    def episode(self, tool_set: ToolSet, seed: int = 0) -> LiveEpisode:
        """Begin an episode with new processes."""
        return self._backend.episode(tool_set, seed, fresh=True)


def _values(spec: ServerSpec) -> tuple[str, ...]:
    """Return the arguments that the server itself gets."""
    if spec.command is None:
        return ()
    return understand(spec.command, spec.args).args


def _effect(tool: Tool, profile: ToolProfile | None) -> tuple[str, str]:
    if profile is not None:
        return profile.effect, profile.evidence.get("effect", "its profile")
    if tool.annotations.read_only:
        return "read", "declares readOnlyHint"
    if tool.annotations.read_only is False:
        return "write", "declares readOnlyHint: false"
    return "unknown", "declares nothing"


def _files(workspace: Path) -> tuple[str, ...]:
    """Return the files of a workspace as an agent names them, no hidden ones; only the outermost if many."""
    found = (path.relative_to(workspace) for path in workspace.rglob("*") if path.is_file())
    shown = [path for path in found if not any(part.startswith(".") for part in path.parts)]
    kept = sorted(shown, key=lambda path: (len(path.parts), path.as_posix()))[:_FILES]
    return tuple(sorted(f"{WORKSPACE}/{path.as_posix()}" for path in kept))


def _next_step(spec: ServerSpec, error: ServerError) -> str:
    reason = str(error)
    if "401" in reason or "403" in reason:
        return f"give its credentials: servers.{spec.name}.headers.Authorization: Bearer ${{oc.env:TOKEN}}"
    if "did not answer within" in reason:
        return f"raise servers.{spec.name}.start_timeout, or start it by hand: {spec.command}"
    if isinstance(error, PrepareError):
        return f"correct servers.{spec.name}, or switch it off: servers.{spec.name}.enabled=false"
    if "mcp.server" in reason or "fastmcp" in reason:
        return f"it may need an older SDK: servers.{spec.name}.pins: ['mcp<2']"
    return f"start it by hand to see more, or switch it off: servers.{spec.name}.enabled=false"
