"""Recordings as visits: each answered call with the state trail that led to it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from pydantic import JsonValue

from .canonical import Canonicalizer, letter
from .cassette import ToolKey
from .masks import Path, answer_digest
from .records import Observation, Recording, Step, Tool, ToolCall, canonical_json, digest
from .state import Event


@dataclass(frozen=True)
class Visit:
    """One recorded, answered call."""

    recording: str
    place: int
    """Which step of the recording it is."""
    servers: tuple[str, ...]
    scope: str
    call: ToolCall
    schema_digest: str
    arguments: str
    """Canonical text."""
    letter: str
    observation: Observation
    world: str
    """Digest of the fixture."""
    root: str
    """Where the episode began: the world, and the launched servers where those matter."""
    mark: str
    after: str
    trail: Sequence[Event]
    """Every event of the scope in this recording; the first ``at`` precede the call."""
    at: int
    volatile: Sequence[Path] = ()
    """Fields of the tool's answers that change by themselves and are not compared."""

    @property
    def key(self) -> ToolKey:
        """Return (server, tool)."""
        return (self.call.server, self.call.tool)

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """Return what happened in the scope before the call."""
        return tuple(self.trail[: self.at])

    @cached_property
    def history(self) -> tuple[str, ...]:
        """Return everything that the answer can depend on, in full."""
        return (self.root, *(event.item for event in self.events))

    @cached_property
    def whole_answer(self) -> str:
        """Return the digest of what came back."""
        return self.observation.digest

    @cached_property
    def answer(self) -> str:
        """Return the digest of what came back, volatile fields aside."""
        return answer_digest(self.observation, self.volatile) if self.volatile else self.whole_answer

    @cached_property
    def result(self) -> tuple[str, str]:
        """Return what came back and the mark after it."""
        return (self.answer, self.after)

    @property
    def canonical_arguments(self) -> dict[str, JsonValue]:
        """Return the arguments in canonical form."""
        found: dict[str, JsonValue] = json.loads(self.arguments)
        return found

    @cached_property
    def raw(self) -> str:
        """Return the arguments as they were given."""
        return canonical_json(self.call.arguments)


@dataclass(frozen=True)
class Visits:
    """All visits of a set of recordings."""

    stateful: Mapping[str, Sequence[Visit]]
    """Scope -> visits of its tools that are not proven state-independent."""
    stateless: Sequence[Visit]
    unmarked: Mapping[str, str]
    """Scope -> why its fingerprints say nothing."""
    unsettled: frozenset[ToolKey]
    """Tools said to be state-independent during whose calls the fingerprint changed."""


def scope_of(step: Step) -> str:
    """Return the scope of a step; servers without state share none."""
    return f"none:{step.call.server}" if step.scope == "none" else step.scope


def visits_of(
    recordings: Iterable[Recording],
    tools: Mapping[ToolKey, Tool],
    canonicalizers: Mapping[ToolKey, Canonicalizer],
    independent: Collection[ToolKey],
    unmarked: Collection[str],
    by_servers: Collection[str],
    masks: Mapping[ToolKey, Sequence[Path]] | None = None,
) -> Visits:
    """Return the visits of ``recordings``.

    A refused call never reached its server. After a transient failure nobody knows the state (a
    restart may have lost it), so the rest of the recording says nothing about that scope.

    Args:
        recordings: in the order of their ids.
        tools: the tools that are listed.
        canonicalizers: one for each of them.
        independent: tools whose calls leave no event.
        unmarked: scopes whose fingerprints are not to be looked at.
        by_servers: scopes whose first state depends on which servers are launched.
        masks: the volatile fields of tools that otherwise answer alike.
    """
    masks = masks or {}
    stateful: dict[str, list[Visit]] = {}
    stateless: list[Visit] = []
    reasons: dict[str, str] = {}
    unsettled: set[ToolKey] = set()
    for recording in recordings:
        trails: dict[str, _Trail] = {}
        for place, step in enumerate(recording.steps):
            if step.observation.outcome == "refused":
                continue
            scope = scope_of(step)
            marked = scope not in unmarked
            trail = trails.get(scope)
            if trail is None:
                trail = trails[scope] = _Trail(
                    step, scope, marked, recording.servers if scope in by_servers else ()
                )
            arguments = _text(step, tools, canonicalizers)
            answered = arguments is not None and step.observation.outcome in ("success", "failure")
            if step.call.key in independent:
                if marked and step.before.fingerprint != step.after.fingerprint:
                    unsettled.add(step.call.key)
                if answered:
                    stateless.append(trail.visit(recording, place, scope, str(arguments), marked, masks))
                continue
            if trail.lost:
                continue
            if not answered:
                trail.lost = True
                continue
            if marked and (step.before.fingerprint or "") != trail.mark:
                reasons[scope] = "it changed between two calls"
            visit = trail.visit(recording, place, scope, str(arguments), marked, masks)
            trail.events.append(Event.of(visit.key, visit.letter, visit.mark, visit.after))
            trail.mark = visit.after
            stateful.setdefault(scope, []).append(visit)
    return Visits(stateful, stateless, {} if unsettled else reasons, frozenset(unsettled))


class _Trail:
    def __init__(self, first: Step, scope: str, marked: bool, servers: tuple[str, ...]) -> None:
        self.world = "" if scope.startswith("none:") else first.before.history
        # What was seen of the first state names it better than how it came about: servers that
        # write files when they start may have been started before or by the first call.
        seen = first.before.fingerprint if marked else None
        root = digest(["seen", seen]) if seen else self.world
        self.root = digest([root, servers]) if servers else root
        self.mark = (first.before.fingerprint or "") if marked else ""
        self.events: list[Event] = []
        self.lost = False

    def visit(
        self,
        recording: Recording,
        place: int,
        scope: str,
        arguments: str,
        marked: bool,
        masks: Mapping[ToolKey, Sequence[Path]],
    ) -> Visit:
        step = recording.steps[place]
        return Visit(
            recording=recording.id,
            place=place,
            servers=recording.servers,
            scope=scope,
            call=step.call,
            schema_digest=step.schema_digest,
            arguments=arguments,
            letter=letter(step.call.server, step.call.tool, step.schema_digest, arguments),
            observation=step.observation,
            world=self.world,
            root=self.root,
            mark=self.mark,
            after=(step.after.fingerprint or "") if marked else "",
            trail=self.events,
            at=len(self.events),
            volatile=masks.get(step.call.key, ()),
        )


def _text(
    step: Step, tools: Mapping[ToolKey, Tool], canonicalizers: Mapping[ToolKey, Canonicalizer]
) -> str | None:
    tool = tools.get(step.call.key)
    try:
        if tool is not None and tool.schema_digest == step.schema_digest:
            return canonicalizers[step.call.key].text(step.call.arguments)
        return canonical_json(step.call.arguments)
    except ValueError:
        return None
