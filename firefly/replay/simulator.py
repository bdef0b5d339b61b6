"""The strict simulator: answers what was recorded, and nothing else.

Two tiers, both proven: *exact* (the recorded answer for this call in this state) and *stateless*
(the same for tools proven state-independent, in any state). Everything else is a typed miss that
names the nearest recorded calls. Look-up comes first; only an unrecorded call is validated, and it
gets an error only where the server was seen to give that very error to every such call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .backend import Closing
from .canonical import letter
from .cassette import Cassette, ErrorRule, Scope, Start, ToolKey
from .nearest import miss_of
from .records import Observation, State, Step, ToolCall, digest, shown_json
from .state import Event, Levels, levels_of, state_id
from .tool_set import ToolSet
from .validation import missing_arguments


class _Answerer:
    """One tool's part of the cassette, prepared once."""

    def __init__(self, cassette: Cassette, key: ToolKey) -> None:
        one = cassette.tools[key]
        self.key = key
        self.tool = one.tool
        self.schema_digest = one.schema_digest
        self.canonical = cassette.canonicalizer(key)
        self.answers = cassette.answers(key)
        self.scope = one.rule.scope
        self.levels: Levels = levels_of(one.rule.indifferent_to)
        self.stateless = one.rule.state_independent
        self.volatile = one.rule.volatile
        self.unsettling = one.rule.effect_varies
        self.errors: Sequence[ErrorRule] = one.rule.errors


class _Answerers:
    """The answerers of a cassette's tools, each prepared when it is first asked."""

    def __init__(self, cassette: Cassette) -> None:
        self._cassette = cassette
        self._made: dict[ToolKey, _Answerer] = {}

    def get(self, key: ToolKey) -> _Answerer | None:
        found = self._made.get(key)
        if found is None and key in self._cassette.tools:
            found = self._made[key] = _Answerer(self._cassette, key)
        return found


class StrictSimulator:
    """A backend over a cassette. Safe to share between threads; episodes are not."""

    may_block = False

    def __init__(self, cassette: Cassette, *, world: str = "") -> None:
        """Prepare to answer from ``cassette``.

        Args:
            cassette: what was recorded.
            world: digest of the fixture to begin in, needed only where the cassette holds several.
        """
        self.cassette = cassette
        self._world = world
        self._answerers = _Answerers(cassette)
        self._tool_sets: dict[int, tuple[ToolSet, dict[ToolKey, str], dict[str, Start | str]]] = {}

    def tool_set(self, servers: Sequence[str]) -> ToolSet:
        """Return the recorded tools of ``servers``."""
        wanted = set(servers)
        return ToolSet.of(self.cassette.tools[key].tool for key in self.cassette.tools if key[0] in wanted)

    def episode(self, tool_set: ToolSet, seed: int = 0) -> SimulatedEpisode:
        """Begin an episode in the fixture's state; ``seed`` changes nothing here."""
        # Hashing schemas and finding the starts costs more than an episode, and trainers reuse their tool
        # sets. Keeping the tool set keeps its identity from being given to another object.
        known = self._tool_sets.get(id(tool_set))
        if known is None:
            digests = {tool.key: tool.schema_digest for tool in tool_set.tools}
            known = (tool_set, digests, self._starts(tool_set.servers))
            if len(self._tool_sets) >= 256:
                self._tool_sets.clear()
            self._tool_sets[id(tool_set)] = known
        return SimulatedEpisode(self.cassette, self._answerers, known[1], known[2])

    def _starts(self, servers: tuple[str, ...]) -> dict[str, Start | str]:
        """Return, per scope, where an episode over ``servers`` begins, or why that is not known."""
        return {name: self._start(scope, " ".join(servers)) for name, scope in self.cassette.scopes.items()}

    def _start(self, scope: Scope, servers: str) -> Start | str:
        fitting = [one for one in scope.starts if self._world in ("", one.world)]
        launched = [one for one in fitting if servers in one.launches]
        if len({(one.root, one.mark) for one in launched}) > 1:
            worlds = ", ".join(sorted({one.world for one in launched}))
            return f"recordings begin in several worlds ({worlds}); say which: StrictSimulator(..., world=)"
        if launched:
            return launched[0]
        # Launching other servers made no difference so far, or else it is not known what it would make.
        if len({(one.root, one.mark) for one in fitting}) == 1:
            return fitting[0]
        return "no recording begins with these servers"


class _ScopeState:
    """Where a scope stands in one episode."""

    __slots__ = ("events", "lost", "mark", "start")

    def __init__(self, start: Start | str) -> None:
        self.start = "" if isinstance(start, str) else start.root
        self.mark = "" if isinstance(start, str) else start.mark
        self.events: list[Event] = []
        self.lost = start if isinstance(start, str) else ""
        """Why the state is unknown; empty while it is known."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the preceding calls as ``server/tool``."""
        return tuple("/".join(event.tool) for event in self.events)

    def id_for(self, levels: Levels) -> str:
        """Return the state as a tool with these levels sees it."""
        return state_id(self.start, self.mark, self.events, levels)


class _Made(NamedTuple):
    """One call as it was answered; becomes a `Step` when somebody asks."""

    call: ToolCall
    observation: Observation
    schema_digest: str
    scope: str
    before: str
    after: str
    tier: str


class SimulatedEpisode(Closing):
    """One episode over a cassette; see `StrictSimulator`."""

    def __init__(
        self,
        cassette: Cassette,
        answerers: _Answerers,
        digests: Mapping[ToolKey, str],
        starts: Mapping[str, Start | str],
    ) -> None:
        self._cassette = cassette
        self._answerers = answerers
        self._digests = digests
        self._states = {name: _ScopeState(start) for name, start in starts.items()}
        self._made: list[_Made] = []
        self._steps: list[Step] = []

    def call(self, call: ToolCall) -> Observation:
        """Return the recorded answer, or an observation with outcome ``miss``."""
        key = (call.server, call.tool)
        answerer = self._answerers.get(key)
        if answerer is None or self._digests.get(key) != answerer.schema_digest:
            return self._missed(call, answerer, None, self._why_not(call, answerer))
        try:
            arguments = answerer.canonical.text(call.arguments)
        except ValueError:
            return self._missed(call, answerer, None, "an argument is NaN, infinite or too long a number")
        if answerer.stateless:
            return self._call_stateless(call, answerer, arguments)
        state = self._states.get(answerer.scope)
        if state is None or state.lost:
            return self._missed(call, answerer, state, _why_lost(state))
        found = answerer.answers.get((arguments, state.id_for(answerer.levels)))
        if found is None:
            return self._unrecorded(call, answerer, arguments, state)
        self._advance(call, answerer, arguments, state, found, "exact")
        return found[0]

    def _call_stateless(self, call: ToolCall, answerer: _Answerer, arguments: str) -> Observation:
        found = answerer.answers.get((arguments, ""))
        if found is None:
            return self._unrecorded(call, answerer, arguments, None)
        mark = self._mark(answerer.scope)
        self._made.append(
            _Made(call, found[0], answerer.schema_digest, answerer.scope, mark, mark, "stateless")
        )
        return found[0]

    @property
    def steps(self) -> Sequence[Step]:
        """Return every call so far with its observation, scope and states (marks as fingerprints)."""
        for made in self._made[len(self._steps) :]:
            self._steps.append(self._step(made))
        return tuple(self._steps)

    def supposed_state(self, key: ToolKey) -> str:
        """Return the state as a tool would see it had every call without an answer changed nothing.

        Nothing proves that it is the state: for tiers that say so, never for an exact answer. Empty where
        the tool's answers depend on no state, or none of its server's calls was recorded.
        """
        answerer = self._answerers.get(key)
        state = None if answerer is None or answerer.stateless else self._states.get(answerer.scope)
        return "" if answerer is None or state is None else state.id_for(answerer.levels)

    def _advance(
        self,
        call: ToolCall,
        answerer: _Answerer,
        arguments: str,
        state: _ScopeState,
        found: tuple[Observation, str],
        tier: str,
    ) -> None:
        before = state.mark
        observation, state.mark = found
        name = letter(call.server, call.tool, answerer.schema_digest, arguments)
        state.events.append(Event.of(answerer.key, name, before, state.mark))
        if answerer.unsettling:
            state.lost = f"the effect of {call.server}/{call.tool} varies"
        self._made.append(
            _Made(call, observation, answerer.schema_digest, answerer.scope, before, state.mark, tier)
        )

    def _unrecorded(
        self, call: ToolCall, answerer: _Answerer, arguments: str, state: _ScopeState | None
    ) -> Observation:
        if answerer.errors:
            missing = missing_arguments(answerer.tool, call.arguments)
            for rule in answerer.errors:
                if missing == rule.missing and state is not None:
                    self._advance(call, answerer, arguments, state, (rule.observation, state.mark), "error")
                    return rule.observation
        if answerer.volatile:
            return self._missed(
                call, answerer, state, "the tool answered differently to equal calls, so it is not replayed"
            )
        return self._missed(call, answerer, state, "")

    def _missed(
        self, call: ToolCall, answerer: _Answerer | None, state: _ScopeState | None, why: str
    ) -> Observation:
        miss = miss_of(self._cassette, call, why, state.names if state else ())
        observation = Observation(
            outcome="miss", reason=miss.why, text="(no recorded answer)", is_error=True, miss=miss
        )
        scope = answerer.scope if answerer else ""
        mark = self._mark(scope)
        digest_ = answerer.schema_digest if answerer else ""
        self._made.append(_Made(call, observation, digest_, scope, mark, mark, "miss"))
        if answerer is None or not answerer.stateless:
            self._lose(call, scope)
        return observation

    def _lose(self, call: ToolCall, scope: str) -> None:
        """Forget the state: what the missed call would have done to it is unknown."""
        for name in [scope] if scope in self._states else self._states:
            state = self._states[name]
            state.lost = state.lost or f"{call.server}/{call.tool} was not recorded before it"

    def _mark(self, scope: str) -> str:
        state = self._states.get(scope)
        return state.mark if state else ""

    def _why_not(self, call: ToolCall, answerer: _Answerer | None) -> str:
        if answerer is None:
            return "the tool exists in no recording"
        if (call.server, call.tool) not in self._digests:
            return "the tool is not in the tool set of this episode"
        return "the tool's input schema changed since it was recorded"

    def _step(self, made: _Made) -> Step:
        before = self._history(made.scope, len(self._steps))
        history = before if made.tier == "stateless" else _after(before, made.call)
        return Step(
            call=made.call,
            observation=made.observation,
            schema_digest=made.schema_digest,
            scope=made.scope,
            before=State(history=before, fingerprint=made.before or None),
            after=State(history=history, fingerprint=made.after or None),
            tier=made.tier,
        )

    def _history(self, scope: str, count: int) -> str:
        for step in reversed(self._steps[:count]):
            if step.scope == scope:
                return step.after.history
        state = self._states.get(scope)
        return state.start if state else ""


def _after(history: str, call: ToolCall) -> str:
    try:
        return digest([history, call.model_dump(mode="json")])
    except ValueError:  # what JSON lacks; the call was a miss, and nothing is looked up after it
        return digest([history, shown_json(call.arguments)])


def _why_lost(state: _ScopeState | None) -> str:
    return "no call of this server was recorded" if state is None else f"the state is unknown: {state.lost}"
