"""Fidelity: bounds, comparisons that can fail, and a measurement on a real server."""

from __future__ import annotations

import json
from math import comb
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firefly.errors import ConfigError, RunError
from firefly.fidelity import by_backend, by_history, judged, row_of
from firefly.fidelity.bounds import at_most
from firefly.fidelity.likeness import likeness
from firefly.fidelity_command import run
from firefly.replay.cassette import Cassette, Entry
from firefly.replay.freezing import make_cassette
from firefly.replay.records import Observation, Recording, Tool
from firefly.replay.simulator import StrictSimulator
from firefly.simulation.naive import Naive
from tests.command_line import firefly
from tests.fidelity.shop import configuration, rows
from tests.replay.machines import files
from tests.replay.toys import Toy

AGENTS = {
    "mixed": {"_target_": "firefly.agents.mixed.Mixed", "new": 0.2},
    "perturbed": {"_target_": "firefly.agents.gold.Perturbed"},
    "thorough": {"_target_": "firefly.agents.gold.Thorough"},
    "clumsy": {"_target_": "firefly.agents.gold.Clumsy"},
    "seeker": {"_target_": "firefly.agents.seeker.Seeker"},
}
SIMULATORS = {
    "state": {"_target_": "firefly.simulation.strict.Strict"},
    "naive": {"_target_": "firefly.simulation.naive.Naive"},
    "near": {
        "_target_": "firefly.simulation.lenient.Lenient",
        "tiers": {"nearest": {"_target_": "firefly.simulation.nearest.Nearest", "farthest": 1.0}},
    },
}


@given(st.integers(1, 200), st.data())
def test_a_bound_is_the_share_at_which_so_few_wrong_ones_come_up_in_one_of_twenty(
    trials: int, data: st.DataObject
) -> None:
    found = data.draw(st.integers(0, trials - 1))
    share = at_most(found, trials)
    assert share is not None and found / trials < share < 1
    chance = sum(comb(trials, k) * share**k * (1 - share) ** (trials - k) for k in range(found + 1))
    assert chance == pytest.approx(0.05, abs=1e-6)


def toy_episodes() -> tuple[Toy, list[Recording], list[Recording]]:
    toy = files()
    made = [toy.recording(calls) for calls in toy.episodes(Random(3), 60)]
    return toy, made[:40], made[40:]


def test_each_key_is_held_to_what_happened_and_a_liar_is_found() -> None:
    toy, recorded, held_out = toy_episodes()
    cassette = make_cassette(toy.tool_set.tools, recorded, reads=toy.reads, declared=toy.reads)

    def row(answerer: Any) -> Any:
        calls = [list(judged(answerer, one, volatile={}, tools={})) for one in held_out]
        return row_of("all", "random", "key", calls)

    tools = toy.tool_set.tools
    state = row(by_backend(StrictSimulator(cassette), tools))
    history = row(by_history(recorded))
    naive = row(by_backend(Naive().backend(cassette), tools))
    lying = row(by_backend(StrictSimulator(said_otherwise(cassette)), tools))
    calls = sum(len(one.steps) for one in held_out)
    assert {one.calls.total for one in (state, history, naive, lying)} == {calls}
    assert state.calls.wrong == history.calls.wrong == 0 < naive.calls.wrong
    assert naive.calls.answered > state.calls.answered > history.calls.answered > 0
    assert (state.calls.wrong_at_most or 1) < (naive.calls.wrong_at_most or 0)
    assert lying.calls.wrong == lying.calls.answered == state.calls.answered
    assert lying.episodes.wrong > 0 == state.episodes.wrong
    assert sum(tally.answered for tally in state.tiers.values()) == state.calls.answered


def said_otherwise(cassette: Cassette) -> Cassette:
    def other(entry: Entry) -> Entry:
        said = entry.observation.model_copy(update={"text": entry.observation.text + "!"})
        return entry.model_copy(update={"observation": said})

    entries = [other(one) for one in cassette.entries]
    return Cassette(cassette.tools.values(), entries, cassette.scopes.values(), cassette.versions)


def test_an_answer_that_need_not_be_exact_is_measured_by_its_schema_and_its_values() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    tool = Tool(server="s", name="t", output_schema=schema)

    def said(value: Any) -> Observation:
        return Observation(text=json.dumps(value), structured=value)

    live = said({"a": 1, "b": [1, 2]})
    assert likeness(live, live, tool) == likeness(said({"b": [2, 1], "a": 1}), live, tool)
    assert (likeness(live, live, tool).valid, likeness(live, live, tool).value_f1) == (True, 1.0)
    off = likeness(said({"a": "1", "b": [1, 3]}), live, tool)
    assert off.valid is False and 0 < off.value_f1 < 1
    error = likeness(Observation(outcome="failure", text="no"), live, tool)
    assert error.valid is None and error.value_f1 == 0


def measured(dataset: Path, folder: Path, **more: Any) -> dict[str, Any]:
    given = {"agents": AGENTS, "simulators": SIMULATORS, "lm": {}, "episodes": 3, "length": 6, **more}
    folder.mkdir(exist_ok=True)
    run(configuration(dataset, folder.parent, 1, **given), folder)
    found: dict[str, Any] = json.loads((folder / "fidelity.json").read_text(encoding="utf-8"))
    return found


def test_a_measurement_reports_every_key_agent_and_tier_and_finds_a_cassette_that_lies(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = measured(dataset, tmp_path / "first")
    by = {(row["server"], row["agent"], row["key"]): row for row in report["rows"]}
    assert {key[1] for key in by} == {"all", *AGENTS}
    assert {key[2] for key in by} == {"history", *SIMULATORS}
    total = {key: by["all", "all", key]["calls"] for key in ("state", "history", "naive", "near")}
    assert total["state"]["wrong"] == total["history"]["wrong"] == 0
    assert total["state"]["answered"] >= total["history"]["answered"] > 0
    assert len({one["answered"] + one["missed"] for one in total.values()}) == 1
    near = by["all", "all", "near"]
    assert near["loose"]["nearest"]["value_f1"] <= 1.0 and "nearest" in near["tiers"]
    episodes = rows(tmp_path / "first" / "episodes.jsonl")
    assert len(episodes) <= sum(report["episodes"].values()) == 3 * len(AGENTS)
    assert "state" in capsys.readouterr().out

    lying = tmp_path / "lying"
    said_otherwise(Cassette.load(dataset / "cassette")).save(lying / "cassette")
    (lying / "tasks").symlink_to(dataset / "tasks")
    with pytest.raises(RunError, match=r"wrong\.jsonl"):
        measured(lying, tmp_path / "second")
    again = rows(tmp_path / "second" / "episodes.jsonl")
    assert again == episodes, "equal episodes come from the store"
    wrong = [one for one in rows(tmp_path / "second" / "wrong.jsonl") if one["key"] == "state"]
    assert wrong and all(one["exact"] and one["repeated"] for one in wrong)
    assert all(one["said"]["text"] == one["live"]["text"] + "!" for one in wrong)


def test_what_can_not_be_measured_is_refused_with_what_would_help(dataset: Path, tmp_path: Path) -> None:
    given = {"agents": AGENTS, "simulators": SIMULATORS, "lm": {}, "episodes": 1, "length": 4}
    other = {"clock": {"command": "python", "args": []}}
    with pytest.raises(ConfigError, match="prices"):
        run(configuration(dataset, tmp_path, 1, **{**given, "servers": other}), tmp_path)
    with pytest.raises(ConfigError, match=r"agents\.mixed\.nwe"):
        wrong = {"mixed": {"_target_": "firefly.agents.mixed.Mixed", "nwe": 1}}
        run(configuration(dataset, tmp_path, 1, **{**given, "agents": wrong}), tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("another world", encoding="utf-8")
    elsewhere = {"_target_": "firefly.worlds.folder.Folder", "path": str(tmp_path / "other")}
    with pytest.raises(RunError, match="another world"):
        run(configuration(dataset, tmp_path / "x", 1, **{**given, "world": elsewhere}), tmp_path)


def test_a_command_says_on_the_command_line_what_it_needs(tmp_path: Path) -> None:
    done = firefly("--config-name", "fidelity", "servers=bundled", cwd=tmp_path)
    assert done.returncode == 1 and "dataset=VALUE" in done.stderr and "Traceback" not in done.stderr
