"""What differs between a recording and its repetition, and between what servers declared and declare."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Literal

from firefly.episode import comparable
from firefly.records import Listing, ToolKey
from firefly.replay.cassette import Cassette
from firefly.replay.masks import Path, agree
from firefly.replay.records import Observation, Record, Recording, Tool, ToolCall

__all__ = ["Change", "Kind", "changed_answers", "changed_servers"]

Kind = Literal["schema", "version", "value", "error", "unanswered"]


class Change(Record):
    """One difference."""

    kind: Kind
    """``schema``: of what a tool declares. ``version``: of the server. ``value``: of a result. ``error``: a
    result became an error, an error a result, or the error another. ``unanswered``: the call could not be
    made, or a passing failure came in between, so that nothing is known."""
    server: str
    tool: str = ""
    what: str = ""
    """In words."""
    call: ToolCall | None = None
    episode: str = ""
    """Id of the recorded episode."""
    place: int = 0
    """Which call of the episode it is, from 0."""
    follows: bool = False
    """Whether an earlier call of the episode came out differently: this may be its consequence."""
    steady: bool | None = None
    """Whether a second repetition came out as the first; None: there was none."""
    recorded: Observation | None = None
    live: Observation | None = None


def changed_servers(cassette: Cassette, listings: Mapping[str, Listing]) -> Iterator[Change]:
    """Yield what the servers declare otherwise than recorded: versions, tools, schemas, descriptions."""
    for server, listing in sorted(listings.items()):
        recorded_version = cassette.versions.get(server, "")
        version = listing.health.package or listing.health.server_version
        if version != recorded_version:
            yield Change(kind="version", server=server, what=f"{recorded_version or 'unknown'} -> {version}")
        then = {key[1]: one.tool for key, one in cassette.tools.items() if key[0] == server}
        now = {tool.name: tool for tool in listing.callable_tools}
        for name in sorted(then.keys() | now.keys()):
            what = _declared_otherwise(then.get(name), now.get(name))
            if what:
                yield Change(kind="schema", server=server, tool=name, what=what)


def _declared_otherwise(then: Tool | None, now: Tool | None) -> str:
    if now is None:
        return "the tool is gone, or may not be called any more"
    if then is None:
        return "the tool is new"
    parts = {
        "input schema": (then.input_schema, now.input_schema),
        "output schema": (then.output_schema, now.output_schema),
        "description": ((then.title, then.description), (now.title, now.description)),
        "annotations": (then.annotations, now.annotations),
    }
    found = [name for name, (one, other) in parts.items() if one != other]
    return f"another {' and '.join(found)}" if found else ""


def changed_answers(
    recording: Recording,
    live: Recording,
    *,
    volatile: Mapping[ToolKey, Sequence[Path]],
    varying: Collection[ToolKey] = (),
    again: Recording | None = None,
) -> Iterator[Change]:
    """Yield every call of an episode that came out otherwise.

    Args:
        recording: as it was.
        live: the same calls made now.
        volatile: fields of tools' answers that change by themselves and are not compared.
        varying: tools whose answers vary as a whole; they are not compared.
        again: the calls made once more, to tell what changed from what varies.

    """
    then = comparable(recording)
    differed = False
    for place, step in enumerate(then):
        call, now = step.call, live.steps[place] if place < len(live.steps) else None
        after = now.observation if now is not None else None
        paths = volatile.get(call.key, ())
        known = after is not None and after.outcome in ("success", "failure")
        if known and (call.key in varying or agree(step.observation, after, paths)):
            continue
        other = again.steps[place].observation if again is not None and place < len(again.steps) else None
        steady = None if again is None or after is None else agree(after, other, paths)
        yield Change(
            kind=_kind(step.observation, after),
            server=call.server,
            tool=call.tool,
            what=_said(step.observation, after),
            call=call,
            episode=recording.id,
            place=place,
            follows=differed,
            steady=steady,
            recorded=step.observation,
            live=after,
        )
        differed = True


def _kind(then: Observation, now: Observation | None) -> Kind:
    if now is None or now.outcome not in ("success", "failure"):
        return "unanswered"
    return "value" if then.outcome == now.outcome == "success" else "error"


def _said(then: Observation, now: Observation | None) -> str:
    if now is None:
        return "the episode ended before it"
    if now.outcome not in ("success", "failure"):
        return f"{now.outcome}: {now.reason}"
    return f"{then.outcome} -> {now.outcome}" if then.outcome != now.outcome else f"another {then.outcome}"
