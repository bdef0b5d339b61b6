"""What one server declares: connects once, and tells the tools or the true reason why there are none."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from firefly.errors import PrepareError, ServerError
from firefly.records import Listing, ServerHealth
from firefly.servers.command import understand
from firefly.servers.declared import declared_tools
from firefly.servers.guard import refusals, unknown_names
from firefly.servers.launch import Launcher
from firefly.servers.pool import Pool
from firefly.servers.sandbox import WORKSPACE, scrubber
from firefly.servers.session import CAPABILITIES, Session
from firefly.servers.spec import ServerSpec

__all__ = ["Lister"]

log = logging.getLogger("firefly.servers")

_OTHER_SDK = re.compile(r"mcp\.server|fastmcp|'(?:Server|FastMCP)' object has no attribute")
"""What servers that were made for another version of the protocol's SDK end with."""
_FILES = 300
"""Most fixture files named in a listing."""


class Lister:
    """Makes listings."""

    def __init__(self, launcher: Launcher, pool: Pool) -> None:
        self._launcher = launcher
        self._pool = pool

    def listing(self, spec: ServerSpec) -> Listing:
        """Return the server's tools, or its health with the true reason why there are none."""
        package, warnings = "", list(spec.warnings)
        try:
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
            reason = " ".join(reason.split())  # one line of the health table
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
        described = self._describe(spec, session, package, warnings)
        return described.model_copy(update={"files": files, "fixture": fixture})

    def _describe(self, spec: ServerSpec, session: Session, package: str, warnings: list[str]) -> Listing:
        listed = session.listed
        tools, faults = declared_tools(spec.name, listed.tools)
        warnings += [*faults, *unknown_names(spec, tools)]
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
            values={key: tuple(values) for key, values in sorted(spec.values.items())},
            client_capabilities=CAPABILITIES,
        )


def _values(spec: ServerSpec) -> tuple[str, ...]:
    """Return the arguments that the server itself gets."""
    if spec.command is None:
        return ()
    return understand(spec.command, spec.args).args


def _files(workspace: Path) -> tuple[str, ...]:
    """Return the files of a workspace as an agent names them, no hidden ones; the outermost if many."""
    found = (path.relative_to(workspace) for path in workspace.rglob("*") if path.is_file())
    shown = [path for path in found if not any(part.startswith(".") for part in path.parts)]
    kept = sorted(shown, key=lambda path: (len(path.parts), path.as_posix()))[:_FILES]
    return tuple(sorted(f"{WORKSPACE}/{path.as_posix()}" for path in kept))


def _next_step(spec: ServerSpec, error: ServerError) -> str:
    reason = str(error)
    if "401" in reason or "403" in reason:
        return f"give its credentials: {spec.where}.headers.Authorization: Bearer ${{oc.env:TOKEN}}"
    if "did not answer within" in reason:
        return f"raise {spec.where}.start_timeout, or start it by hand to see more"
    if isinstance(error, PrepareError):
        return f"correct {spec.where}, or switch it off: {spec.where}.enabled=false"
    if _OTHER_SDK.search(reason):
        return f"it may need an older SDK: {spec.where}.pins: ['mcp<2']"
    return f"start it by hand to see more, or switch it off: {spec.where}.enabled=false"
