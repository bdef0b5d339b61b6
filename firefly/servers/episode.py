"""One episode on live servers: guard, call, classify, and the state before and after every call."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from firefly.errors import ServerError, StartError, nearest
from firefly.protocols import Fingerprint
from firefly.replay.backend import Closing
from firefly.replay.records import Observation, State, Step, Tool, ToolCall, digest
from firefly.replay.tool_set import ToolSet
from firefly.servers.guard import refusals
from firefly.servers.handshake import CallEnded
from firefly.servers.loop import EventLoop
from firefly.servers.observe import failed_call, observe
from firefly.servers.pool import Place, Pool
from firefly.servers.session import Session
from firefly.servers.spec import Probes, ServerSpec
from firefly.servers.standins import StandIns, stored_identifiers

__all__ = ["LiveEpisode", "Owner", "history_after"]

log = logging.getLogger("firefly.servers")


def history_after(history: str, call: ToolCall) -> str:
    """Return the history digest of a scope after ``call``."""
    return digest([history, call.server, call.tool, call.arguments])


def _both(first: Callable[[str], str], then: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: then(first(text))


class Owner(Protocol):
    """What an episode needs of the backend that it belongs to."""

    def trusts(self, tool: Tool) -> bool:
        """Return whether ``tool`` is taken to change nothing."""

    def shared_history(self, server: str) -> str:
        """Return the history digest of a shared server's state."""

    def fingerprint(self, server: str) -> Fingerprint | None:
        """Return the component that fingerprints the server's state, if it has one."""

    def count(self, step: Step) -> None:
        """Take note of a call."""


@dataclass(frozen=True)
class _Seen:
    """A server's fingerprint as of a number of calls."""

    calls: int
    value: str | None


class LiveEpisode(Closing):
    """An episode on real servers. Not shared between threads."""

    def __init__(
        self,
        tool_set: ToolSet,
        specs: Mapping[str, ServerSpec],
        *,
        pool: Pool,
        loop: EventLoop,
        owner: Owner,
        fresh: bool,
        clock_days: int = 0,
    ) -> None:
        self._specs = specs
        self._pool = pool
        self._loop = loop
        self._owner = owner
        self._fresh = fresh
        self._clock_days = clock_days
        self._tools = {tool.key: tool for tool in tool_set.tools}
        self._servers = tool_set.servers
        self._refused = {
            (server, name): reason
            for server in self._servers
            for name, reason in refusals(
                specs[server], [tool for tool in tool_set.tools if tool.server == server]
            ).items()
        }
        self._place: Place | None = None
        self._base = ""
        self._clean = True
        self._histories: dict[str, str] = {}
        self._seen: dict[str, _Seen] = {}
        self._steps: list[Step] = []
        self._closed = False
        self._stand_ins: StandIns | None = None

    @property
    def steps(self) -> Sequence[Step]:
        """Return every call so far."""
        return tuple(self._steps)

    def call(self, call: ToolCall) -> Observation:
        """Make one call; what the server does never raises."""
        if self._closed:
            raise ServerError("The episode is closed.")
        tool = self._tools.get(call.key)
        spec = self._specs.get(call.server)
        reason = self._refusal(call)
        if reason or tool is None or spec is None:
            return self._refuse(call, tool, spec, reason)
        place = self._take() if spec.disposable else None
        try:
            if place is not None and not self._owner.trusts(tool):
                self._start_rest(place)
            session = self._session(spec, place)
        except ServerError as error:
            self._clean = False
            state = State(history=self._history_of(spec.scope))
            return self._record(call, tool, spec, state, state, failed_call(str(error)))
        before = self._state(spec, place, session)
        observation = self._ask(call, tool, spec, place, session)
        if observation.outcome == "transient" or not self._owner.trusts(tool):
            self._clean = False
        if spec.scope != "none":
            self._histories[spec.scope] = history_after(before.history, call)
        after = State(
            history=self._history_of(spec.scope), fingerprint=self._fingerprint(spec, place, session)
        )
        if isinstance(spec.state.fingerprint, Probes):  # files are cheap to look at again, calls are not
            self._seen[spec.name] = _Seen(len(self._steps) + 1, after.fingerprint)
        return self._record(call, tool, spec, before, after, observation)

    def close(self) -> None:
        """Give the sandbox back: warm if nothing observable changed in it, else to be destroyed."""
        if self._closed:
            return
        self._closed = True
        place, self._place = self._place, None
        if place is not None:
            keep = self._clean and not self._fresh and place.tree() == self._base
            self._pool.release(place, keep=keep)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._clean = False
        self.close()

    # --- one call ----------------------------------------------------------------------------

    def _refusal(self, call: ToolCall) -> str:
        if call.server not in self._servers:
            return f"server {call.server!r} is not in this episode. {nearest(call.server, self._servers)}"
        if call.key not in self._tools:
            names = [name for server, name in self._tools if server == call.server]
            return f"tool {call.tool!r} of {call.server} is not in this episode. {nearest(call.tool, names)}"
        return self._refused.get(call.key, "")

    def _refuse(self, call: ToolCall, tool: Tool | None, spec: ServerSpec | None, reason: str) -> Observation:
        observation = Observation(outcome="refused", reason=reason)
        state = State(history=self._history_of(spec.scope) if spec is not None else "")
        return self._record(call, tool, spec, state, state, observation)

    def _ask(
        self, call: ToolCall, tool: Tool | None, spec: ServerSpec, place: Place | None, session: Session
    ) -> Observation:
        arguments = dict(call.arguments)
        rewrite = self._pool.rewriter(spec, place)
        if place is not None:
            names = self._stand_ins_of(place)
            names.begin(call)
            arguments = place.sandbox.real(names.real(arguments))
            rewrite = _both(rewrite, names.visible)
        try:
            answer = self._loop.run(session.call(call.tool, arguments, spec.call_timeout))
        except CallEnded as ended:
            log.info("%s.%s: %s", call.server, call.tool, rewrite(str(ended)))
            return failed_call(rewrite(str(ended)))
        return observe(answer, tool=tool, rewrite=rewrite, limit=spec.max_result_bytes)

    def _record(
        self,
        call: ToolCall,
        tool: Tool | None,
        spec: ServerSpec | None,
        before: State,
        after: State,
        observation: Observation,
    ) -> Observation:
        step = Step(
            call=call,
            observation=observation,
            schema_digest=tool.schema_digest if tool is not None else "",
            scope=spec.scope if spec is not None else "none",
            before=before,
            after=after,
        )
        self._steps.append(step)
        self._owner.count(step)
        return observation

    def _stand_ins_of(self, place: Place) -> StandIns:
        if self._stand_ins is None:
            stored = [stored_identifiers(fixture) for fixture in place.fixtures]
            self._stand_ins = StandIns(frozenset().union(*stored))
        return self._stand_ins

    # --- place and state ---------------------------------------------------------------------

    def _take(self) -> Place:
        if self._place is None:
            names = frozenset(name for name in self._servers if self._specs[name].disposable)
            self._place = self._pool.acquire(names, fresh=self._fresh, clock_days=self._clock_days)
            try:
                for name in sorted(names & self._pool.start_writers):
                    self._pool.session(name, self._place)  # so that the first state is always the same
            except ServerError as error:
                log.info("%s", error)
            self._base = self._place.tree()
        return self._place

    def _start_rest(self, place: Place) -> None:
        """Start the other servers before anything changes: each must begin in the fixture's state."""
        for name in self._servers:
            if self._specs[name].disposable and name not in place.sessions:
                try:
                    self._session(self._specs[name], place)
                except ServerError as error:
                    log.info("%s: %s", name, error)  # its own calls will say so

    def _session(self, spec: ServerSpec, place: Place | None) -> Session:
        if place is None:
            return self._pool.session(spec.name, None)
        running = place.sessions.get(spec.name)
        if running is not None and running.alive:
            return running
        if running is not None:
            self._clean = False
            if self._last_outcome(spec.name) in ("success", "failure"):
                why = running.why_ended
                self._pool.drop(spec.name, place)
                raise StartError(f"it ended after its last answer, and what it remembered is lost: {why}")
        before = place.tree()
        session = self._pool.session(spec.name, place)
        after = place.tree()
        if after != before:
            self._clean = False
            self._seen.clear()
            self._histories["workspace"] = digest([self._history_of("workspace"), "start", spec.name, after])
        return session

    def _last_outcome(self, server: str) -> str:
        """Return what became of the last call that reached ``server`` in this episode; "" for none."""
        return next(
            (
                step.observation.outcome
                for step in reversed(self._steps)
                if step.call.server == server and step.observation.outcome != "refused"
            ),
            "",
        )

    def _history_of(self, scope: str) -> str:
        found = self._histories.get(scope)
        if found is None:
            server = scope.removeprefix("remote:")
            if server != scope:
                return self._owner.shared_history(server)
            return digest(["fixture", self._base]) if self._base else ""
        return found

    def _state(self, spec: ServerSpec, place: Place | None, session: Session) -> State:
        seen = self._seen.get(spec.name)
        if seen is not None and seen.calls == len(self._steps):
            value: str | None = seen.value
        else:
            value = self._fingerprint(spec, place, session)
        return State(history=self._history_of(spec.scope), fingerprint=value)

    def _fingerprint(self, spec: ServerSpec, place: Place | None, session: Session) -> str | None:
        wanted = spec.state.fingerprint or ("files" if spec.scope == "workspace" else "none")
        if isinstance(wanted, Probes):
            return self._probe(spec, wanted, place, session) if session.alive else None
        component = self._owner.fingerprint(spec.name)
        if place is not None and component is not None:
            return component.digest(place.sandbox.workspace)
        return place.tree() if place is not None and wanted == "files" else None

    def _probe(self, spec: ServerSpec, wanted: Probes, place: Place | None, session: Session) -> str:
        results = []
        for probe in wanted.probes:
            call = ToolCall(server=spec.name, tool=probe.tool, arguments=probe.arguments)
            results.append(self._ask(call, self._tools.get(call.key), spec, place, session).digest)
        return digest(results)
