"""Faults on purpose: calls that time out, are turned away, or get a broken answer, by configuration.

They are put on top of any backend, drawn from a seed, and marked in the episode's steps: ``fault`` for a
call that was never made, ``damaged`` for one that was made and whose answer was spoilt. What is recorded
is below them and stays as it is. Real trouble of a server has the outcome ``transient`` and ends an
episode without a reward; these are something to cope with, so their outcome is ``failure``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from random import Random

from pydantic import JsonValue

from firefly.plugins import register
from firefly.protocols import Backend, Episode, Fault
from firefly.replay.backend import DAMAGED, FAULT, OnTop
from firefly.replay.records import Observation, State, Step, ToolCall
from firefly.replay.tool_set import ToolSet

__all__ = ["FaultyBackend", "FaultyEpisode", "Malformed", "RateLimit", "Timeout"]

TIMED_OUT = -32001
"""JSON-RPC error code with which MCP clients report a request that got no answer in time."""


class FaultyBackend:
    """A backend whose calls go wrong now and then. Safe to share between threads if the inner one is."""

    def __init__(self, inner: Backend, faults: Mapping[str, Fault], *, seed: int = 0) -> None:
        """Put ``faults`` (by name) on top of ``inner``."""
        self.inner = inner
        self._faults = dict(sorted(faults.items()))
        self._seed = seed

    @property
    def may_block(self) -> bool:
        """Return whether whoever answers may take longer than an event loop can wait."""
        return bool(getattr(self.inner, "may_block", True))

    def episode(self, tool_set: ToolSet, seed: int = 0) -> FaultyEpisode:
        """Begin an episode; equal seeds and calls give equal faults."""
        return FaultyEpisode(self.inner.episode(tool_set, seed), self._faults, f"{self._seed}:{seed}")


class FaultyEpisode(OnTop):
    """One episode; see `FaultyBackend`."""

    def __init__(self, inner: Episode, faults: Mapping[str, Fault], seed: str) -> None:
        super().__init__()
        self._inner = inner
        self._faults = faults
        self._seed = seed
        self._counts: Counter[tuple[str, str]] = Counter()

    def call(self, call: ToolCall) -> Observation:
        """Make one call, or what a fault leaves of it."""
        self._counts[call.key] += 1
        for name, fault in self._faults.items():
            # a draw for each call of a tool and each fault: other tools and other faults change nothing
            rng = Random(f"{self._seed}:{name}:{call.server}/{call.tool}:{self._counts[call.key]}")
            if _strikes(fault, call) and rng.random() < fault.rate:
                return self._struck(call, name, fault, rng)
        observation = self._inner.call(call)
        self._steps.append(self._inner.steps[-1])
        self._evidence.append(_evidence(self._inner))
        return observation

    def _struck(self, call: ToolCall, name: str, fault: Fault, rng: Random) -> Observation:
        evidence: dict[str, JsonValue] = {"fault": name}
        if not fault.reaches:
            spoilt = _marked(fault.damage(None, rng), name)
            state = State(history="")
            step = Step(
                call=call,
                observation=spoilt,
                schema_digest="",
                scope="",
                before=state,
                after=state,
                tier=FAULT,
            )
        else:
            true = self._inner.call(call)
            made = self._inner.steps[-1]
            evidence = {"fault": name, "tier": made.tier, **_evidence(self._inner)}
            if true.outcome not in ("success", "failure"):  # nothing there to spoil
                self._steps.append(made)
                self._evidence.append(_evidence(self._inner))
                return true
            spoilt = _marked(fault.damage(true, rng), name)
            step = made.model_copy(update={"observation": spoilt, "tier": DAMAGED})
        self._steps.append(step)
        self._evidence.append(evidence)
        return spoilt

    def close(self) -> None:
        """End the inner episode."""
        self._inner.close()


def _strikes(fault: Fault, call: ToolCall) -> bool:
    return any(fnmatchcase(f"{call.server}/{call.tool}", pattern) for pattern in fault.tools)


def _evidence(episode: Episode) -> Mapping[str, JsonValue]:
    found: Sequence[Mapping[str, JsonValue]] = getattr(episode, "evidence", ())
    return found[-1] if found else {}


def _marked(observation: Observation, name: str) -> Observation:
    return observation.model_copy(update={"outcome": "failure", "reason": f"a fault on purpose: {name}"})


def _checked(rate: float) -> float:
    if not 0.0 <= rate <= 1.0:
        raise ValueError(f"rate is {rate}; it is a share between 0 and 1")
    return rate


@register("faults", "timeout")
class Timeout:
    """A call gets no answer in time; with ``reaches`` the server does what it was asked all the same."""

    def __init__(self, *, rate: float = 0.05, tools: Sequence[str] = ("*",), reaches: bool = False) -> None:
        """Choose how often and where; the time-out is reported at once, nobody waits for it."""
        self.rate = _checked(rate)
        self.tools = tuple(tools)
        self.reaches = reaches

    def damage(self, observation: Observation | None, rng: Random) -> Observation:
        """Return the error that a client reports of a request without an answer."""
        return Observation(text="Request timed out", is_error=True, error_code=TIMED_OUT)


@register("faults", "rate_limit")
class RateLimit:
    """A call is turned away with "too many requests"; it is never made."""

    reaches = False

    def __init__(self, *, rate: float = 0.05, tools: Sequence[str] = ("*",), most_seconds: int = 30) -> None:
        """Choose how often, where, and the longest wait that the answer asks for."""
        self.rate = _checked(rate)
        self.tools = tuple(tools)
        self._most = max(1, most_seconds)

    def damage(self, observation: Observation | None, rng: Random) -> Observation:
        """Return the refusal."""
        wait = rng.randint(1, self._most)
        return Observation(text=f"429 Too Many Requests. Retry after {wait} seconds.", is_error=True)


@register("faults", "malformed")
class Malformed:
    """A call is made and its answer comes back cut off, without its structured content."""

    reaches = True

    def __init__(self, *, rate: float = 0.05, tools: Sequence[str] = ("*",)) -> None:
        """Choose how often and where."""
        self.rate = _checked(rate)
        self.tools = tuple(tools)

    def damage(self, observation: Observation | None, rng: Random) -> Observation:
        """Return a beginning of the answer; never all of it."""
        text = observation.visible if observation is not None else ""
        kept = text[: rng.randrange(len(text))] if text else ""
        return Observation(text=kept, is_error=bool(observation and observation.is_error))
