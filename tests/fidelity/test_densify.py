"""Densify: rollouts that missed something, made again on the price list, while the recordings still hold."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from firefly.coverage.habits import Habits
from firefly.coverage.merging import merged, unlabelled
from firefly.coverage.missed import executed, missing
from firefly.coverage.rollouts import Attempt, attempts_of
from firefly.densify_command import run
from firefly.errors import DatasetError
from firefly.evidence import Evidence
from firefly.live_dataset import profiles
from firefly.replay.cassette import Cassette
from firefly.replay.dataset import load_dataset_tasks
from firefly.replay.records import Recording, ToolCall, canonical_json
from firefly.replay.simulator import StrictSimulator
from firefly.servers.live import LiveBackend
from firefly.servers.spec import parse_specs
from firefly.serving.dataset import ServedDataset
from firefly.serving.episodes import ServedEpisode
from firefly.serving.log import Counts, EpisodeLog
from tests.command_line import content_of
from tests.fidelity.shop import BOLT, DEARER, WASHER, configuration, empty, servers
from tests.fidelity.test_drift import EXPORTERS


def call(tool: str, **arguments: Any) -> ToolCall:
    return ToolCall(server="prices", tool=tool, arguments=arguments)


BOLT_THEN_SCREW = [call("price", item="bolt"), call("price", item="screw"), call("price", item="washer")]
OTHER_PRICE = [call("set_price", item="bolt", price=11), call("price", item="bolt"), call("total")]


def attempt(calls: list[ToolCall]) -> Attempt:
    return Attempt(name="it", task=BOLT.id, servers=("prices",), calls=tuple(calls))


def answers(path: Path, *rollouts: list[ToolCall]) -> Path:
    rows = [
        {"id": BOLT.id, "answer": None, "calls": [one.model_dump(mode="json") for one in calls]}
        for calls in rollouts
    ]
    path.write_text("".join(canonical_json(row) + "\n" for row in rows), encoding="utf-8")
    return path


def logged(dataset: Path, path: Path, *rollouts: list[ToolCall]) -> Path:
    """Let the simulator answer, as behind ``firefly serve``, and keep its log."""
    served = ServedDataset(dataset, StrictSimulator)
    log = EpisodeLog(path)
    for number, calls in enumerate(rollouts):
        log.write("begin", episode=f"e{number}", task=BOLT.id, servers=["prices"])
        episode = ServedEpisode(f"e{number}", served.of_task(BOLT.id), number, log, Counts())
        for one in calls:
            episode.make(one.tool, one)
        log.write("end", episode=f"e{number}", why="done")
    log.close()
    return path


def densified(dataset: Path, folder: Path, rollouts: Path, version: int = 1, **more: Any) -> dict[str, Any]:
    folder.mkdir()
    given = {
        "exporters": EXPORTERS,
        "rollouts": str(rollouts),
        "calls": 100,
        "around": 0,
        "values": {"observed": {"_target_": "firefly.values.observed.Observed"}},
        "denser": str(folder / "dataset"),
        **more,
    }
    run(configuration(dataset, folder, version, **given), folder)
    found: dict[str, Any] = json.loads((folder / "densify.json").read_text(encoding="utf-8"))
    return found


def live_answers(calls: list[ToolCall], folder: Path, cassette: Cassette) -> list[str]:
    with LiveBackend(parse_specs(servers(1)), fixture=empty(folder)) as live:
        tools = StrictSimulator(cassette).tool_set(["prices"])
        with live.episode(tools, fresh=True) as episode:
            return [episode.call(one).text for one in calls]


def offline(calls: list[ToolCall], cassette: Cassette) -> list[str]:
    simulator = StrictSimulator(cassette)
    with simulator.episode(simulator.tool_set(["prices"])) as episode:
        return [episode.call(one).text for one in calls]


def test_what_rollouts_missed_is_answered_as_the_servers_do_and_no_label_changes(
    dataset: Path, tmp_path: Path
) -> None:
    before = content_of(dataset)
    log = logged(dataset, tmp_path / "log.jsonl", BOLT_THEN_SCREW, OTHER_PRICE, BOLT_THEN_SCREW)
    found = densified(dataset, tmp_path / "denser", log)
    assert content_of(dataset) == before
    assert (found["rollouts"], found["distinct_with_misses"], found["executed"]) == (3, 2, 2)
    assert (found["refused"], found["withdrawn"], found["cassette_version"]) == ({}, 0, 2)
    assert found["before"]["episodes_with_a_miss"] == 3 and found["after"]["missed"] == 0
    new = tmp_path / "denser" / "dataset"
    cassette = Cassette.load(new / "cassette")
    for calls in (BOLT_THEN_SCREW, OTHER_PRICE):
        assert offline(calls, cassette) == live_answers(calls, tmp_path, cassette)
    tasks = load_dataset_tasks(new)
    assert tasks and {unlabelled(task, cassette) for task in tasks.values()} == {""}
    after = content_of(new)
    changed = {name for name in before if before[name] != after.get(name)}
    assert {"cassette/entries.jsonl", "manifest.json", "recordings/episodes.jsonl.gz"} <= changed
    assert {name.partition("/")[0] for name in changed} == {"cassette", "manifest.json", "recordings"}
    again = densified(new, tmp_path / "again", answers(tmp_path / "rollouts.jsonl", OTHER_PRICE))
    assert (again["distinct_with_misses"], again["cassette_version"]) == (0, 2)
    assert not (tmp_path / "again" / "dataset").exists()


def test_beside_what_rollouts_missed_other_reads_and_the_same_habits_are_recorded(
    dataset: Path, tmp_path: Path
) -> None:
    habit = [call("price", item="bolt", currency="EUR"), call("weight", item="washer")]
    rollouts = answers(tmp_path / "r.jsonl", OTHER_PRICE, habit)
    found = densified(dataset, tmp_path / "denser", rollouts, around=25)
    made = found["around"]
    assert made["executed"] >= 2 and 0 < made["calls_recorded"] <= 2 * (25 + len(OTHER_PRICE))
    assert found["live_calls"] <= 100 and not found["refused"]
    cassette = Cassette.load(tmp_path / "denser" / "dataset" / "cassette")
    elsewhere = [OTHER_PRICE[0], call("price", item="nut"), call("price", item="nail")]
    for calls in (elsewhere, [call("weight", item="washer", currency="EUR")]):
        assert "(no recorded answer)" in offline(calls, Cassette.load(dataset / "cassette"))
        assert offline(calls, cassette) == live_answers(calls, tmp_path, cassette)
    few = densified(dataset, tmp_path / "few", rollouts, around=25, calls=4)
    assert few["around"]["executed"] == 0 and few["live_calls"] <= 4


def test_a_tool_that_only_declares_to_read_gets_no_sandbox_that_others_go_on_in(
    dataset: Path, tmp_path: Path
) -> None:
    cassette = Cassette.load(dataset / "cassette")
    tools = {tool.name: tool for tool in StrictSimulator(cassette).tool_set(["prices"]).tools}
    assert tools["price"].annotations.read_only and tools["weight"].annotations.read_only
    with LiveBackend(parse_specs(servers(1)), fixture=empty(tmp_path)) as live:
        live.learn(profiles(cassette, [("prices", "price")]))
        assert [live.trusts(tools[name]) for name in ("price", "weight")] == [True, False]


def test_habits_are_tried_only_where_they_are_the_same_mistake(dataset: Path) -> None:
    tools = {key: one.tool for key, one in Cassette.load(dataset / "cassette").tools.items()}
    missed = [
        call("set_price", item=7, price=2),
        call("price", item="screw", currency="EUR"),
        call("unheard_of", x=1),
    ]
    habits = Habits(missed, tools)

    def tried(one: ToolCall) -> list[dict[str, Any]]:
        return [other.arguments for some in habits.applied(one) for other in some]

    assert tried(call("price", item="bolt")) == [
        {"item": "bolt", "currency": "EUR"},
        {"item": 7},
        {"item": "screw"},
    ]
    assert tried(call("set_price", item="bolt", price=2)) == [
        {"item": "bolt", "price": 2, "currency": "EUR"},
        {"item": 7, "price": 2},
        {"item": "screw", "price": 2},
    ]
    assert tried(call("unheard_of", x=1)) == []


def test_servers_of_another_version_are_refused_before_anything_is_called(
    dataset: Path, tmp_path: Path
) -> None:
    found = densified(dataset, tmp_path / "new", answers(tmp_path / "r.jsonl", BOLT_THEN_SCREW), 2)
    assert found["executed"] == 0
    assert list(found["refused"]) == ["prices: the recordings are of 1.0, this is 2.0"]
    assert not (tmp_path / "new" / "dataset").exists()


def test_an_attempt_is_refused_whole_where_a_recorded_call_comes_out_otherwise(
    dataset: Path, tmp_path: Path
) -> None:
    cassette = Cassette.load(dataset / "cassette")
    with LiveBackend(parse_specs(servers(2)), fixture=empty(tmp_path)) as live:
        found = executed(attempt(BOLT_THEN_SCREW), cassette, live, seed=0)
    assert (found.recording, found.new) == (None, 0)
    assert found.why == "call 1, prices/price: the servers answer otherwise than recorded"


def test_an_attempt_that_begins_in_another_world_is_refused(dataset: Path, tmp_path: Path) -> None:
    (empty(tmp_path) / "more.txt").write_text("more", encoding="utf-8")
    with LiveBackend(parse_specs(servers(1)), fixture=empty(tmp_path)) as live:
        found = executed(attempt(BOLT_THEN_SCREW), Cassette.load(dataset / "cassette"), live, seed=0)
    assert found.recording is None and "not those of the recordings" in found.why


def test_what_the_effect_guard_refuses_is_not_called(dataset: Path, tmp_path: Path) -> None:
    guarded = {"prices": {**servers(1)["prices"], "deny": ["set_price"]}}
    rollouts = answers(tmp_path / "r.jsonl", OTHER_PRICE)
    found = densified(dataset, tmp_path / "new", rollouts, servers=guarded)
    assert found["executed"] == 0
    (why,) = found["refused"]
    assert why.startswith("call 1, prices/set_price: refused: on the deny list")


def test_recordings_that_would_cost_a_label_are_withdrawn(dataset: Path, tmp_path: Path) -> None:
    evidence = Evidence.load(dataset / "recordings")
    cassette = Cassette.load(dataset / "cassette")
    tools = [one.tool for one in cassette.tools.values()]
    # the very first call of a task, answered otherwise: now nobody knows which answer is right
    told = next(one for one in evidence.recordings if one.steps[0].call == BOLT.gold_calls[0].call)
    other = told.steps[0].observation.model_copy(update={"text": '{"item": "bolt", "price": 5}'})
    steps = (told.steps[0].model_copy(update={"observation": other}),)
    contrary = Recording(purpose="densify", servers=("prices",), seed=9, steps=steps)
    found = merged(
        cassette,
        [contrary],
        lambda more: evidence.cassette(tools, dict(cassette.versions), more),
        (BOLT, DEARER, WASHER),
    )
    assert (found.added, found.withdrawn) == ((), (contrary,))
    assert BOLT.id in found.lost and "gold_policy earns None" in found.lost[BOLT.id]
    assert found.cassette is cassette


def test_equal_attempts_and_beginnings_of_others_are_made_once(dataset: Path) -> None:
    cassette = Cassette.load(dataset / "cassette")
    screw = BOLT_THEN_SCREW
    every = [screw, screw[:2], screw, OTHER_PRICE, [call("price", item="bolt")]]
    found = missing([attempt(one) for one in every], cassette)
    assert sorted(len(one.calls) for one in found) == [3, 3]


def test_rollouts_that_can_not_be_used_are_told_with_their_place(dataset: Path, tmp_path: Path) -> None:
    tasks = load_dataset_tasks(dataset)
    tools = StrictSimulator(Cassette.load(dataset / "cassette")).tool_set

    def fault(text: str) -> str:
        path = tmp_path / "r.jsonl"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(DatasetError) as error:
            attempts_of(path, tasks, tools)
        return str(error.value)

    assert "has no lines" in fault("\n")
    assert "line 1: not JSON" in fault("calls\n")
    assert "line 1: no id" in fault('{"calls": []}\n')
    assert "no task 'x'" in fault('{"id": "x", "calls": []}\n')
    assert "line 1: call 1 names neither" in fault(
        f'{{"id": "{BOLT.id}", "calls": [{{"arguments": {{}}}}]}}\n'
    )
    assert "no task 'x'" in fault('{"event": "begin", "episode": "e", "task": "x", "servers": ["prices"]}\n')
    with pytest.raises(DatasetError, match="can't be read"):
        attempts_of(tmp_path / "none.jsonl", tasks, tools)


def test_a_data_set_without_its_recordings_can_not_be_made_denser(dataset: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(dataset, bare)
    shutil.rmtree(bare / "recordings")
    with pytest.raises(DatasetError, match="no recorded episodes"):
        densified(bare, tmp_path / "new", answers(tmp_path / "r.jsonl", BOLT_THEN_SCREW))
