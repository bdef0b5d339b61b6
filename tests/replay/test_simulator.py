from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest

from firefly.replay.cassette import Cassette
from firefly.replay.freezing import make_cassette
from firefly.replay.records import Miss, Observation, Recording, State, Step, Tool, ToolCall
from firefly.replay.simulator import SimulatedEpisode, StrictSimulator
from firefly.replay.tool_set import ToolSet
from tests.replay.datasets import ADD, AMOUNT, ROWS, TABLE, cassette
from tests.replay.toys import Toy, call

KEY = ("s", "t")


def begun(found: Cassette | None = None) -> SimulatedEpisode:
    return StrictSimulator(found or cassette()).episode(TABLE.tool_set)


def miss_of(observation: Observation) -> Miss:
    assert observation.outcome == "miss"
    assert observation.miss is not None
    return observation.miss


def step(
    arguments: dict[str, Any],
    text: str,
    *,
    before: str = "",
    after: str = "",
    schema: dict[str, Any] | None = None,
    **fields: Any,
) -> Step:
    tool = Tool(server="s", name=fields.pop("tool", "t"), input_schema=schema or {})
    return Step(
        call=ToolCall(server="s", tool=tool.name, arguments=arguments),
        observation=Observation(text=text, **fields),
        schema_digest=tool.schema_digest,
        scope="workspace",
        before=State(history="world", fingerprint=before or None),
        after=State(history="later", fingerprint=after or None),
    )


def taped(*episodes: list[Step], schema: dict[str, Any] | None = None, **claims: Any) -> StrictSimulator:
    tools = [Tool(server="s", name=name, input_schema=schema or {}) for name in ("t", "u")]
    recordings = [
        Recording(purpose="test", servers=("s",), seed=n, steps=tuple(one)) for n, one in enumerate(episodes)
    ]
    return StrictSimulator(make_cassette(tools, recordings, **claims))


def answers(simulator: StrictSimulator, *calls: dict[str, Any]) -> list[str]:
    with simulator.episode(simulator.tool_set(["s"])) as episode:
        found = [episode.call(ToolCall(server="s", tool="t", arguments=one)) for one in calls]
    return [one.text if one.outcome != "miss" else "miss" for one in found]


def test_a_recorded_episode_is_answered_word_for_word() -> None:
    calls = [ROWS, ADD, ROWS]
    with begun() as episode:
        found = [episode.call(one) for one in calls]
        steps = episode.steps
    assert found == [one.observation for one in TABLE.run(calls)]
    assert [one.tier for one in steps] == ["exact"] * 3
    assert steps[1].after == steps[2].before != steps[1].before


def test_a_recorded_error_is_replayed_as_it_was() -> None:
    simulator = taped([step({"x": 1}, "Error: no x", outcome="failure", is_error=True)])
    with simulator.episode(simulator.tool_set(["s"])) as episode:
        found = episode.call(ToolCall(server="s", tool="t", arguments={"x": 1}))
    assert (found.text, found.outcome, found.is_error) == ("Error: no x", "failure", True)


def test_a_miss_names_the_nearest_calls_and_what_differs() -> None:
    miss = miss_of(begun().call(call("table", "amount", name="anna")))
    assert miss.why == "never recorded with these arguments"
    assert miss.nearest[0].call == AMOUNT
    assert miss.nearest[0].differences == ('name: asked "anna", recorded "ann"',)
    miss = miss_of(begun().call(call("table", "amount", name="ann", unit="EUR")))
    assert miss.nearest[0].differences == ('unit: asked with "EUR", recorded without it',)


def test_a_miss_in_another_state_says_what_came_before() -> None:
    toy = Toy(TABLE.tools, TABLE.calls, frozenset(), setup=TABLE.setup)
    found = make_cassette(
        toy.tool_set.tools, [toy.recording([ADD, AMOUNT]), toy.recording([ADD, ROWS, AMOUNT])]
    )
    miss = miss_of(begun(found).call(AMOUNT))
    assert miss.why == "recorded with these arguments, but only in another state"
    assert [one.differences[0] for one in miss.nearest] == [
        "state: recorded after: table/add; asked after: nothing",
        "state: recorded after: table/add, table/rows; asked after: nothing",
    ]


def test_a_miss_says_when_the_tool_is_in_no_recording_or_not_offered_or_changed() -> None:
    assert miss_of(begun().call(call("other", "x"))).why == "the tool exists in no recording"
    simulator = StrictSimulator(cassette())
    rows_only = ToolSet.of(one for one in TABLE.tool_set.tools if one.name == "rows")
    assert "not in the tool set" in miss_of(simulator.episode(rows_only).call(AMOUNT)).why
    changed = ToolSet.of(one.model_copy(update={"input_schema": {}}) for one in TABLE.tool_set.tools)
    assert "schema changed" in miss_of(simulator.episode(changed).call(AMOUNT)).why
    unrecorded = make_cassette(TABLE.tool_set.tools, [])
    assert miss_of(begun(unrecorded).call(ROWS)).why == "no call of this server was recorded"


def test_after_a_miss_nothing_that_depends_on_the_state_is_answered() -> None:
    with begun() as episode:
        miss_of(episode.call(call("table", "amount", name="zoe")))
        miss = miss_of(episode.call(ROWS))
    assert miss.why == "the state is unknown: table/amount was not recorded before it"


def test_a_state_independent_tool_is_answered_in_any_state_even_an_unknown_one() -> None:
    tools = {**TABLE.tools, ("table", "double"): lambda m, a: 2 * a["n"]}
    toy = Toy(tools, [], TABLE.reads, setup=TABLE.setup)
    double = call("table", "double", n=4)
    found = make_cassette(
        toy.tool_set.tools,
        [toy.recording([double, ROWS]), toy.recording([ROWS, double])],
        independent={("table", "double")},
    )
    with StrictSimulator(found).episode(toy.tool_set) as episode:
        assert episode.call(double).text == "8"
        assert episode.call(ROWS).outcome == "success"
        miss_of(episode.call(call("table", "double", n=5)))
        assert episode.call(double).text == "8"
        miss_of(episode.call(ADD))
        assert episode.call(double).text == "8"
        assert [one.tier for one in episode.steps] == [
            "stateless",
            "exact",
            "miss",
            "stateless",
            "miss",
            "stateless",
        ]


def test_two_answers_under_one_key_are_no_answer() -> None:
    simulator = taped([step({}, "1")], [step({}, "2")], [step({"x": 1}, "fine")])
    assert answers(simulator, {}) == ["miss"]
    assert answers(simulator, {"x": 1}) == ["miss"]
    with simulator.episode(simulator.tool_set(["s"])) as episode:
        assert "differently to equal calls" in miss_of(episode.call(ToolCall(server="s", tool="t"))).why


def test_transient_failures_and_refusals_are_never_answers() -> None:
    simulator = taped(
        [step({"x": 1}, "", outcome="transient", reason="timed out"), step({"x": 2}, "after a restart")],
        [step({"x": 3}, "", outcome="refused", reason="guard"), step({"x": 4}, "fine")],
    )
    assert answers(simulator, {"x": 1}) == ["miss"]
    assert answers(simulator, {"x": 2}) == ["miss"]
    assert answers(simulator, {"x": 3}) == ["miss"]
    assert answers(simulator, {"x": 4}) == ["fine"]


def test_25_and_25_0_are_one_call_until_the_server_tells_them_apart() -> None:
    schema = {"type": "object", "properties": {"x": {"type": "number"}}}
    assert answers(taped([step({"x": 25}, "a", schema=schema)], schema=schema), {"x": 25.0}) == ["a"]
    apart = taped(
        [step({"x": 25}, "a", schema=schema)], [step({"x": 25.0}, "b", schema=schema)], schema=schema
    )
    assert answers(apart, {"x": 25}) == ["a"]
    assert answers(apart, {"x": 25.0}) == ["b"]


def test_a_default_is_filled_in_only_after_both_forms_were_seen_to_answer_alike() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "default": 10}, "q": {}}}

    def tape(omitted: str, *, default: str = "ten", other: str = "five") -> StrictSimulator:
        return taped(
            [step({"q": 1}, omitted, schema=schema)],
            [step({"q": 1, "n": 10}, default, schema=schema)],
            [step({"q": 1, "n": 5}, other, schema=schema)],
            [step({"q": 2, "n": 10}, "elsewhere", schema=schema)],
            schema=schema,
            reads={KEY},
        )

    assert answers(tape("ten"), {"q": 2}) == ["elsewhere"]
    assert answers(tape("all"), {"q": 2}) == ["miss"]
    assert answers(tape("ten", other="ten"), {"q": 2}) == ["miss"]


REQUIRED = {
    "type": "object",
    "properties": {"p": {"type": "string"}, "q": {"type": "string"}},
    "required": ["p"],
}


def missing(arguments: dict[str, Any], text: str) -> list[Step]:
    return [step(arguments, text, schema=REQUIRED, outcome="failure")]


def test_an_unrecorded_invalid_call_gets_an_error_only_if_the_server_always_gave_that_very_error() -> None:
    always = taped(missing({"q": "a"}, "p is missing"), missing({"q": "b"}, "p is missing"), schema=REQUIRED)
    assert answers(always, {"q": "c"}) == ["p is missing"]
    assert answers(always, {}) == ["p is missing"]
    assert answers(always, {"q": 5}) == ["miss"]
    assert answers(always, {"r": "c"}) == ["miss"]
    assert answers(always, {"p": "c"}) == ["miss"]
    once = taped(missing({"q": "a"}, "p is missing"), schema=REQUIRED)
    assert answers(once, {"q": "c"}) == ["miss"]
    echoing = taped(missing({"q": "a"}, "p? got a"), missing({"q": "b"}, "p? got b"), schema=REQUIRED)
    assert answers(echoing, {"q": "c"}) == ["miss"]


def test_a_claim_of_state_independence_ends_with_its_first_contradiction() -> None:
    simulator = taped(
        [step({"x": 1}, "one")],
        [step({"x": 2}, "two"), step({"x": 1}, "another")],
        independent={KEY},
    )
    assert answers(simulator, {"x": 1}) == ["miss"]
    assert not simulator.cassette.tools[KEY].rule.state_independent


def test_a_writer_with_a_varying_effect_does_not_make_the_reader_unusable() -> None:
    def log(text: str) -> Step:
        return step({}, text)

    def commit() -> Step:
        return step({}, "committed", tool="u")

    episodes = [[log("empty")] for _ in range(4)] + [[commit(), log(f"hash {n}")] for n in range(3)]
    simulator = taped(*episodes, reads={KEY})
    with simulator.episode(simulator.tool_set(["s"])) as episode:
        assert episode.call(ToolCall(server="s", tool="t")).text == "empty"
    with simulator.episode(simulator.tool_set(["s"])) as episode:
        assert episode.call(ToolCall(server="s", tool="u")).text == "committed"
        assert "the effect of s/u varies" in miss_of(episode.call(ToolCall(server="s", tool="t"))).why


def test_a_fingerprint_that_varies_after_equal_calls_is_not_looked_at() -> None:
    episodes = [
        [
            step({"x": 1}, "ok", before="0", after=f"noise {n}"),
            step({"x": 2}, "yes", before=f"noise {n}", after="z"),
        ]
        for n in range(2)
    ]
    simulator = taped(*episodes)
    assert simulator.cassette.scopes["workspace"].marks == "none"
    assert answers(simulator, {"x": 1}, {"x": 2}) == ["ok", "yes"]


def test_worlds_are_never_mixed_up() -> None:
    one, two = step({}, "first world"), step({}, "second world")
    two = two.model_copy(update={"before": State(history="other world")})
    simulator = taped([one], [two])
    assert answers(simulator, {}) == ["miss"]
    for world, text in (("world", "first world"), ("other world", "second world")):
        assert answers(StrictSimulator(simulator.cassette, world=world), {}) == [text]


def test_many_threads_share_one_simulator() -> None:
    simulator = StrictSimulator(cassette())
    truth = [one.observation for one in TABLE.run([ROWS, ADD, ROWS])]

    def replay(seed: int) -> bool:
        with simulator.episode(TABLE.tool_set, seed) as episode:
            return [episode.call(one) for one in (ROWS, ADD, ROWS)] == truth

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(replay, range(200)))


@pytest.mark.parametrize("number", [float("nan"), 10**5000], ids=["nan", "long"])
def test_a_number_that_json_or_python_can_not_write_is_a_miss_and_not_a_crash(number: float) -> None:
    episode = begun()
    assert "NaN" in miss_of(episode.call(call("table", "amount", name=number))).why
    assert episode.steps[0].tier == "miss"


@pytest.mark.parametrize("seed", range(3))
def test_the_cassette_is_the_same_whatever_the_order_of_recordings(seed: int, tmp_path: Any) -> None:
    episodes = TABLE.episodes(Random(seed), 12, 5)
    recordings = [TABLE.recording(one) for one in episodes]
    make_cassette(TABLE.tool_set.tools, recordings, reads=TABLE.reads).save(tmp_path / "a")
    make_cassette(reversed(TABLE.tool_set.tools), reversed(recordings), reads=TABLE.reads).save(
        tmp_path / "b"
    )
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_the_nearest_recorded_call_is_found_among_many_and_equal_ones_come_first() -> None:
    names = [f"customer {n} of {city}" for n in range(300) for city in ("Oslo", "Bergen")]
    steps = [step({"name": name, "limit": 10}, name) for name in names]
    simulator = taped(*([one] for one in steps))

    def nearest(arguments: dict[str, Any]) -> list[dict[str, Any]]:
        with simulator.episode(simulator.tool_set(["s"])) as episode:
            found = miss_of(episode.call(ToolCall(server="s", tool="t", arguments=arguments)))
        return [one.call.arguments for one in found.nearest]

    assert nearest({"name": "customer 217 of Osla", "limit": 10})[0]["name"] == "customer 217 of Oslo"
    assert nearest({"name": "customer 8 of Bergen", "limit": 11})[0]["name"] == "customer 8 of Bergen"
    assert nearest({"name": "customer 8 of Bergen"})[0]["name"] == "customer 8 of Bergen"
    assert len(nearest({"other": [1, {"deep": None}]})) == 3
