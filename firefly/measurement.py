"""What a finished run is worth, measured against fresh live servers, so that runs can be compared.

Nothing here enters the data set. Labels: the gold calls of every kept task are executed once more, whatever
checks the run had. Simulator: random episodes of calls that the run recorded are answered by the run's
simulator and by fresh servers. Both are about calls and answers; whether a question means its answer is
what blind solvers and people say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from firefly.items import Item
from firefly.knowledge import Knowledge
from firefly.protocols import Backend, Trial
from firefly.records import Fidelity
from firefly.reexecution import Again
from firefly.replay.expressions import same
from firefly.replay.masks import agree
from firefly.replay.parsers import parse
from firefly.replay.records import Observation, Task, ToolCall, canonical_json
from firefly.replay.tool_set import ToolSet

if TYPE_CHECKING:
    from firefly.run import Run

__all__ = ["compared", "episodes", "labels", "measure"]

STAGE = "measurement"
_EXAMPLES, _WIDTH = 3, 400
"""Wrong answers of one episode that are kept, and letters of each."""
_ANSWERS = ("success", "failure")


def measure(run: Run) -> None:
    """Set ``run.measured``: what the configuration asks for."""
    knowledge = run.knowledge()
    limits = run.config.measure
    if limits.labels:
        run.measured["labels"] = _labels(run, knowledge)
    if limits.episodes:
        run.measured["simulator"] = _simulator(run, knowledge)


def _labels(run: Run, knowledge: Knowledge) -> dict[str, Any]:
    assert run.cassette is not None
    run.enter(STAGE, 1, (), (STAGE + ".py", "verification", "servers"))
    again = Again(run, knowledge, order=STAGE).execute(run.verified)
    explorations = {one.id: one for one in run.explorations}
    trials = {
        task.id: Trial(
            exploration=explorations[task.provenance.exploration],
            knowledge=knowledge,
            simulator=run.offline(run.cassette),
            reexecuted=again.recordings,
            why_not=again.why_not,
        )
        for task in run.verified
    }
    return labels(run.verified, trials)


def labels(tasks: Sequence[Task], trials: Mapping[str, Trial]) -> dict[str, Any]:
    """Return how many tasks there are, and of which a fresh execution contradicts the label or can't tell.

    Args:
        tasks: what was kept.
        trials: task id -> its exploration and its gold calls as executed once more.

    """
    from firefly.verification.replay import ReExecution

    check = ReExecution()
    found: dict[str, Any] = {"tasks": len(tasks), "contradicted": [], "unknown": []}
    for task in tasks:
        result = check.check(task, trials[task.id])
        if result.status != "pass":
            said = {"task": task.id, **result.evidence}
            found["contradicted" if result.status == "fail" else "unknown"].append(said)
    return found


def _simulator(run: Run, knowledge: Knowledge) -> dict[str, Any]:
    """Return how the simulator answered random episodes, against fresh servers."""
    assert run.cassette is not None
    run.enter(STAGE, 1, ("simulator",), (STAGE + ".py", "simulation", "servers"))
    offline = run.offline(run.cassette)
    live: Backend = run.journaled(lambda: run.live.fresh) if run.asks else run.live.fresh
    groups = sorted({one.sub_dag.servers for one in run.explorations})
    limits = run.config.measure
    items = [
        Item(
            id=name,
            shaped_by=[knowledge.digest, [call.model_dump(mode="json") for call in calls]],
            make=partial(_compared, name, group, calls, offline, live, knowledge, run.config.seed),
        )
        for name, group, calls in episodes(
            groups, knowledge, count=limits.episodes, length=limits.calls, rng=run.rng(STAGE)
        )
    ]
    done = run.items_of(items, Fidelity, part="simulator", waits=True, executes=not run.asks).all
    counts = {name: sum(getattr(one, name) for one in done) for name in ("asked", "answered", "wrong")}
    examples = [example for one in done for example in one.examples]
    return {"episodes": len(done), **counts, "examples": examples[:_EXAMPLES]}


def episodes(
    groups: Sequence[tuple[str, ...]], knowledge: Knowledge, *, count: int, length: int, rng: Random
) -> Iterator[tuple[str, tuple[str, ...], list[ToolCall]]]:
    """Yield named random episodes of recorded calls, for each group of servers in its turn.

    Each is two recorded episodes in one, the calls of either in their order: what is done and looked at stays
    together, and hardly ever was this very sequence recorded. One of the two writes, where any does. Left out
    are calls whose answers change by themselves, and writes to servers that are not disposable.
    """
    known = {group: _recorded(group, knowledge) for group in groups}
    usable = [group for group in groups if len(known[group]) > 1]
    for number in range(count if usable else 0):
        group = usable[number % len(usable)]
        writing = [one for one in known[group] if any(_writes(call, knowledge) for call in one)]
        first = rng.choice(writing or known[group])
        second = rng.choice([one for one in known[group] if one is not first])
        yield f"{'+'.join(group)}-{number}", group, _merged(first, second, rng)[:length]


def _recorded(group: Sequence[str], knowledge: Knowledge) -> list[list[ToolCall]]:
    """Return what may be made again of every recorded episode on some servers, where that is any call."""
    found = []
    for recording in sorted(knowledge.recordings, key=lambda one: one.id):
        calls = [
            step.call
            for step in recording.steps
            if step.call.server in group
            and step.observation.outcome in _ANSWERS
            and _repeatable(step.call, knowledge)
        ]
        if calls:
            found.append(calls)
    return found


def _repeatable(call: ToolCall, knowledge: Knowledge) -> bool:
    profile, listing = knowledge.profiles.get(call.key), knowledge.listings.get(call.server)
    if profile is None or listing is None or profile.determinism == "volatile":
        return False
    return listing.disposable or profile.effect == "read"


def _writes(call: ToolCall, knowledge: Knowledge) -> bool:
    return knowledge.profiles[call.key].effect == "write"


def _merged(one: Sequence[ToolCall], other: Sequence[ToolCall], rng: Random) -> list[ToolCall]:
    turns = [0] * len(one) + [1] * len(other)
    rng.shuffle(turns)
    left = (iter(one), iter(other))
    return [next(left[turn]) for turn in turns]


def _compared(
    name: str,
    group: Sequence[str],
    calls: Sequence[ToolCall],
    offline: Backend,
    live: Backend,
    knowledge: Knowledge,
    seed: int,
) -> list[Fidelity]:
    tools = ToolSet.of(tool for key, tool in knowledge.tools.items() if key[0] in group)
    return [compared(name, calls, tools, offline=offline, live=live, knowledge=knowledge, seed=seed)]


def compared(
    name: str,
    calls: Sequence[ToolCall],
    tools: ToolSet,
    *,
    offline: Backend,
    live: Backend,
    knowledge: Knowledge,
    seed: int = 0,
) -> Fidelity:
    """Make ``calls`` live and offline, and count the answers that differ.

    What the servers do not answer (a time-out, a refusal) ends the episode: what comes after it can't be
    compared. A miss of the simulator is no answer, and never wrong.
    """
    asked = answered = wrong = 0
    examples: list[dict[str, JsonValue]] = []
    with live.episode(tools, seed) as real, offline.episode(tools, seed) as episode:
        for call in calls:
            truth = real.call(call)
            if truth.outcome not in _ANSWERS:
                break
            said = episode.call(call)
            asked += 1
            if said.outcome not in _ANSWERS:
                continue
            answered += 1
            profile = knowledge.profiles.get(call.key)
            if not _alike(truth, said, profile.volatile_paths if profile is not None else ()):
                wrong += 1
                shown = {"said": said.visible[:_WIDTH], "servers": truth.visible[:_WIDTH]}
                text = f"{call.server}.{call.tool} {canonical_json(call.arguments)}"
                examples.append({"call": text[:_WIDTH], **shown})
    return Fidelity(
        episode=name, asked=asked, answered=answered, wrong=wrong, examples=tuple(examples[:_EXAMPLES])
    )


def _alike(truth: Observation, said: Observation, volatile: Sequence[Sequence[Any]]) -> bool:
    """Return whether an agent reads the same: both as data, or letter by letter."""
    if agree(truth, said, volatile):
        return True
    if truth.outcome != said.outcome:
        return False
    one, other = parse(truth), parse(said)
    if one is not None and other is not None and truth.outcome == "success":
        return same(one.value, other.value)
    return truth.visible == said.visible
