"""The episodes that are going on: found by name, begun by their first call, many at once.

An episode is known by the name that its client gives it, never by a connection: clients may reconnect,
and one client may have several. Calls of one episode are made one after another, in the order in which
they came; a call that has begun is finished and logged even if its client is gone.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.to_thread
from pydantic import JsonValue, ValidationError

from firefly.errors import FireflyError, nearest
from firefly.replay.backend import made
from firefly.replay.records import EpisodeOutcome, Observation, Rollout, Step, ToolCall, digest
from firefly.serving.config import EpisodesConfig
from firefly.serving.dataset import ALL, Offer, ServedDataset
from firefly.serving.log import Counts, EpisodeLog, LogError, call_line

__all__ = ["Asked", "Episodes", "ServedEpisode", "ServingError", "UnknownToolError"]

_NAME_LENGTH = 200
_REMEMBERED = 100_000
"""Names of ended episodes that are kept, so that none begins anew by mistake."""


class ServingError(FireflyError):
    """A request can't be served; the client is told why."""


class UnknownToolError(ServingError):
    """The episode has no such tool."""


@dataclass(frozen=True)
class Asked:
    """Which episode a request is for, in its client's words."""

    episode: str = ""
    task: str = ""
    servers: tuple[str, ...] = ()


class ServedEpisode:
    """One episode as it is served."""

    def __init__(self, name: str, offer: Offer, seed: int, log: EpisodeLog, counts: Counts) -> None:
        self.name = name
        self.offer = offer
        self.lock = anyio.Lock()
        """Held by a call that leaves the event loop's thread."""
        self.may_block = bool(getattr(offer.backend, "may_block", True))
        self.over = ""
        """Why it is over; empty while it is not."""
        self.last_used = 0.0
        self._log = log
        self._counts = counts
        self._episode = offer.backend.episode(offer.tool_set, seed)
        self._number = 0

    def make(self, name: str, call: ToolCall) -> Observation:
        """Make one call and log it before anybody sees the answer."""
        observation = self._episode.call(call)
        self._number += 1
        step, evidence = self._episode.steps[-1], self._last_evidence
        self._counts.called(step, evidence)
        if self._log.wanted:
            self._log.write("call", episode=self.name, **call_line(self._number, name, step, evidence))
        return observation

    @property
    def _last_evidence(self) -> Mapping[str, JsonValue]:
        found = getattr(self._episode, "evidence", ())
        return found[-1] if found else {}

    @property
    def steps(self) -> Sequence[Step]:
        """Return every call so far."""
        return self._episode.steps

    @property
    def evidence(self) -> Sequence[Mapping[str, JsonValue]]:
        """Return what each answer rests on; empty where everything is proven."""
        return getattr(self._episode, "evidence", ())

    def rollout(self, answer: JsonValue) -> Rollout:
        """Return what the agent did, to be graded; what the simulator could not answer has no reward."""
        outcomes = {step.observation.outcome for step in self.steps}
        outcome: EpisodeOutcome | None = None
        if outcomes & {"miss"}:
            outcome = "miss"
        elif outcomes & {"transient", "refused"}:
            outcome = "infra"
        return Rollout(calls=made(self.steps), answer=answer, outcome=outcome)

    def close(self) -> None:
        """Give back what the episode holds."""
        self._episode.close()


class Episodes:
    """All episodes of a server. Used by one event loop."""

    def __init__(
        self,
        dataset: ServedDataset,
        config: EpisodesConfig,
        *,
        log: EpisodeLog,
        counts: Counts,
        seed: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin without any.

        Raises:
            DatasetError: the configured task, servers or split do not exist.
        """
        self.dataset = dataset
        self.counts = counts
        self._config = config
        self._log = log
        self._seed = seed
        self._clock = clock
        self._going: OrderedDict[str, ServedEpisode] = OrderedDict()
        """The least recently used first."""
        self._over: OrderedDict[str, str] = OrderedDict()
        self._default = self._configured()

    def _configured(self) -> Offer | None:
        if self._config.task is not None:
            return self.dataset.of_task(self._config.task)
        if self._config.servers is not None:
            return self.dataset.of_servers(self._config.servers, self._config.split)
        return None

    @property
    def names(self) -> list[str]:
        """Return the names of the episodes that are going on, sorted."""
        return sorted(self._going)

    def offer(self, asked: Asked) -> Offer:
        """Return the tools that a request may list; begins nothing.

        Where nothing says which, these are all: clients list tools when it suits them, also without naming
        what their calls name, and a name that is there means the same tool in a smaller choice.

        Raises:
            ServingError: the episode was begun with other tools.
            DatasetError: the named task or server does not exist.
        """
        going = self._going.get(asked.episode)
        named = self._named(asked)
        if going is not None:
            if named is not None and named.name != going.offer.name:
                raise ServingError(
                    f"Episode {asked.episode!r} was begun for {going.offer.name}, not for {named.name}. Name "
                    "another episode."
                )
            return going.offer
        return named or self._default or self.dataset.of_servers([ALL], self._config.split)

    def _named(self, asked: Asked) -> Offer | None:
        if asked.task:
            return self.dataset.of_task(asked.task)
        if asked.servers:
            return self.dataset.of_servers(asked.servers, self._config.split)
        return None

    def find(self, asked: Asked) -> ServedEpisode:
        """Return the episode of a request, begun now if it is new.

        Raises:
            ServingError: it has no name, is over, or there are too many.
            DatasetError: the named task or server does not exist.
        """
        name = asked.episode
        if not name:
            raise ServingError(
                "A call needs an episode, whose state it is made in: ?episode=NAME in the URL, the header "
                "X-Firefly-Episode, or firefly/episode in _meta. Any name that is new begins one."
            )
        if len(name) > _NAME_LENGTH:
            raise ServingError(f"The name of an episode has at most {_NAME_LENGTH} characters.")
        if name in self._over:
            raise ServingError(
                f"Episode {name!r} is over: {self._over[name]}. Begin another: a new name does."
            )
        offer = self.offer(asked)
        going = self._going.get(name)
        if going is None:
            if not (asked.task or asked.servers or self._default):
                raise ServingError(
                    f"There is no episode {name!r}. Name a task to begin it: ?task=ID in the URL, the header "
                    "X-Firefly-Task, or firefly/task in _meta; servers=all instead offers every tool."
                )
            going = self._begin(name, offer)
        going.last_used = self._clock()
        self._going.move_to_end(name)
        return going

    def _begin(self, name: str, offer: Offer) -> ServedEpisode:
        while len(self._going) >= self._config.most:
            oldest = next(iter(self._going.values()))
            if self._clock() - oldest.last_used < self._config.idle or oldest.lock.locked():
                raise ServingError(
                    f"{self._config.most} episodes are going on, and no more are allowed. End some, or start "
                    "the server with episodes.most=NUMBER."
                )
            self.end(oldest.name, f"no call for {self._config.idle:g} seconds")
        seed = int(digest([self._seed, name])[:12], 16)
        begun = ServedEpisode(name, offer, seed, self._log, self.counts)
        task = offer.task.id if offer.task else None
        self._log.write("begin", episode=name, task=task, servers=list(offer.tool_set.servers))
        self._going[name] = begun
        self.counts.begun()
        return begun

    async def call(self, asked: Asked, name: str, arguments: Mapping[str, Any] | None) -> Observation:
        """Make one call in the episode of a request.

        Raises:
            ServingError: the episode can't be found or begun, or it has no such tool.
            LogError: the call was made, but could not be logged; the episode is over.
        """
        episode = self.find(asked)
        if not episode.may_block:  # made at once: nothing can come in between, and nobody has to wait
            return self._made(episode, name, self._call(episode, name, arguments))
        async with episode.lock:
            if episode.over:
                raise ServingError(f"Episode {episode.name!r} is over: {episode.over}.")
            call = self._call(episode, name, arguments)
            # not abandoned when the client goes: what has begun is finished and logged
            return await anyio.to_thread.run_sync(self._made, episode, name, call)

    def _call(self, episode: ServedEpisode, name: str, arguments: Mapping[str, Any] | None) -> ToolCall:
        try:
            call = episode.offer.tool_set.call(name, dict(arguments or {}))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise ServingError(f"The arguments can't be read: {first['msg']}") from None
        if call is None:
            self._log.write("refused", episode=episode.name, name=name, reason="no such tool")
            raise UnknownToolError(f"Unknown tool: {name}. {nearest(name, episode.offer.tool_set.names)}")
        return call

    def _made(self, episode: ServedEpisode, name: str, call: ToolCall) -> Observation:
        try:
            return episode.make(name, call)
        except LogError as error:
            self.end(episode.name, str(error), lost=True)
            raise

    def going(self, name: str) -> ServedEpisode:
        """Return an episode that is going on.

        Raises:
            ServingError: there is none of that name.
        """
        found = self._going.get(name)
        if found is None:
            why = f" It is over: {self._over[name]}." if name in self._over else ""
            raise ServingError(f"No episode {name!r} is going on.{why}")
        return found

    def end(self, name: str, why: str, *, lost: bool = False) -> None:
        """End an episode; its name never begins another one.

        Args:
            name: of the episode.
            why: in words; clients that go on are told.
            lost: whether a call of it could not be logged, so that its log gives no reward.

        """
        episode = self._going.pop(name)
        episode.over = why
        self._over[name] = why
        while len(self._over) > _REMEMBERED:
            self._over.popitem(last=False)
        episode.close()
        self.counts.ended()
        try:
            self._log.write("end", episode=name, why=why, **({"lost": True} if lost else {}))
        except LogError:
            if not lost:  # else it is told already
                raise

    async def close(self, patience: float, why: str) -> None:
        """End every episode, each after its running call; at most ``patience`` seconds in all."""
        with anyio.move_on_after(patience):
            for episode in list(self._going.values()):
                async with episode.lock:
                    pass
        for name in list(self._going):
            self.end(name, why)
