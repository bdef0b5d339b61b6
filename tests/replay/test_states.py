"""Scopes and states against real stateful machines: whatever was recorded and whatever is asked."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firefly.replay.freezing import make_cassette
from firefly.replay.records import Observation, Recording, Step, Tool, ToolCall
from firefly.replay.simulator import StrictSimulator
from firefly.replay.tool_set import ToolSet
from tests.replay.machines import FILES, KEYS, _get_memory, _set_memory
from tests.replay.toys import Json, Machine, Toy, call


def _count(m: Machine, a: Json) -> Json:
    m.memory["n"] = m.memory.get("n", 0) + a["by"]
    return m.memory["n"]


# Each part is a world of its own: what happens in one is never seen in another.
PARTS = {
    "workspace": Toy(
        {**FILES, ("cache", "set"): _set_memory, ("cache", "get"): _get_memory},
        [
            *(call("fs", "write", k=k, v=v) for k in KEYS[:2] for v in (1, 2)),
            *(call("fs", "delete", k=k) for k in KEYS[:2]),
            *(call("fs", "read", k=k) for k in KEYS[:2]),
            call("fs", "list"),
            *(call("cache", "set", k="a", v=v) for v in (1, 2)),
            call("cache", "get", k="a"),
        ],
        frozenset({("fs", "read"), ("fs", "list"), ("cache", "get")}),
    ),
    "own:counter": Toy(
        {("counter", "count"): _count},
        [call("counter", "count", by=by) for by in (0, 1)],
        frozenset(),
        scope="own:counter",
    ),
    "none": Toy(
        {("calc", "double"): lambda m, a: 2 * a["x"]},
        [call("calc", "double", x=x) for x in (1, 2)],
        frozenset({("calc", "double")}),
        scope="none",
    ),
}
TOOLS = ToolSet.of(
    Tool(server=server, name=name, input_schema={"type": "object", "properties": {}})
    for part in PARTS.values()
    for server, name in part.tools
)
OF = {key: name for name, part in PARTS.items() for key in part.tools}
READS = frozenset(key for part in PARTS.values() for key in part.reads)
EPISODE = st.lists(st.sampled_from([one for part in PARTS.values() for one in part.calls]), max_size=7)


def run(calls: Sequence[ToolCall]) -> list[Step]:
    """Make the calls on fresh machines, one for each part."""
    machines = {name: Machine() for name in PARTS}
    last: dict[str, Step] = {}
    steps = []
    for one in calls:
        name = OF[one.key]
        before = last[name].after if name in last else None
        last[name] = PARTS[name].step(machines[name], one, before)
        steps.append(last[name])
    return steps


def simulator(episodes: Sequence[Sequence[ToolCall]], *, proven: bool) -> StrictSimulator:
    recordings = [
        Recording(purpose="test", servers=TOOLS.servers, seed=number, steps=tuple(run(calls)))
        for number, calls in enumerate(episodes)
    ]
    return StrictSimulator(
        make_cassette(
            TOOLS.tools,
            recordings,
            reads=READS if proven else (),
            declared=READS,
            independent={("calc", "double")},
        )
    )


def answers(found: StrictSimulator, calls: Sequence[ToolCall]) -> list[Observation]:
    with found.episode(TOOLS) as episode:
        return [episode.call(one) for one in calls]


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(EPISODE, min_size=1, max_size=25), EPISODE, st.booleans())
def test_every_answer_is_the_machines_own_and_what_was_recorded_is_answered(
    recorded: list[list[ToolCall]], asked: list[ToolCall], proven: bool
) -> None:
    found = simulator(recorded, proven=proven)
    for calls in recorded:
        assert answers(found, calls) == [step.observation for step in run(calls)]
    for one, step in zip(answers(found, asked), run(asked), strict=True):
        assert one.outcome == "miss" or one == step.observation


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(EPISODE, min_size=1, max_size=12), st.sampled_from(sorted(PARTS)), EPISODE)
def test_what_happens_in_one_scope_changes_no_answer_of_another(
    recorded: list[list[ToolCall]], part: str, asked: list[ToolCall]
) -> None:
    # A call of a server that no recording has could be of any scope: it loses them all.
    every_scope = [part.calls[0] for part in PARTS.values()]
    found = simulator([every_scope, *recorded], proven=True)
    alone = [one for one in asked if OF[one.key] == part]
    mixed = [one for one, call_ in zip(answers(found, asked), asked, strict=True) if OF[call_.key] == part]
    assert mixed == answers(found, alone)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(EPISODE, min_size=1, max_size=12), st.data())
def test_marks_of_a_replayed_episode_are_those_of_the_machine(
    recorded: list[list[ToolCall]], data: st.DataObject
) -> None:
    calls = data.draw(st.sampled_from(recorded))
    found = simulator(recorded, proven=True)
    with found.episode(TOOLS) as episode:
        for one in calls:
            episode.call(one)
        replayed = episode.steps
    for ours, theirs in zip(replayed, run(calls), strict=True):
        if OF[ours.call.key] == "workspace" and found.cassette.scopes["workspace"].marks == "fingerprint":
            assert (ours.before.fingerprint, ours.after.fingerprint) == (
                theirs.before.fingerprint,
                theirs.after.fingerprint,
            )
