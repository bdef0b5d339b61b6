"""Runs are compared by what their data is worth against live servers; baselines are admitted and marked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir

from firefly.app import config_folder
from firefly.comparison import Arm, comparison, table
from firefly.config import RunConfig, load_config
from firefly.errors import ConfigError
from firefly.measurement import compared, episodes, labels
from firefly.protocols import Simulator
from firefly.replay.cassette import Cassette
from firefly.replay.records import Answer, Observation, ToolCall
from firefly.replay.tool_set import ToolSet
from firefly.simulation import freeze
from firefly.simulation.lenient import Lenient
from firefly.simulation.model import Model
from firefly.simulation.naive import Naive
from firefly.simulation.nearest import Nearest
from firefly.simulation.strict import Strict
from firefly.verification import reexecute
from tests.command_line import firefly, printed
from tests.function_servers import FunctionEpisode
from tests.library_servers import EXPLORATION, known, library, task
from tests.lm.competent import competent
from tests.lm.endpoint import endpoint
from tests.lm.fixtures import make, models
from tests.lm.test_runs import model
from tests.verification.test_checks import trial
from tests.writing_servers import Depot, probed, tools

EXPERIMENTS = sorted(path.stem for path in (config_folder() / "experiment").glob("*.yaml"))
ARMS = sorted(path.stem for path in (config_folder() / "arm").glob("*.yaml"))


def composed(*overrides: str) -> RunConfig:
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        return load_config(compose("config", [*overrides, "store.path=x", "dataset.path=y"]))


# --- what is composed ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_composes_to_a_valid_run(name: str) -> None:
    assert composed(f"+experiment={name}", "lm=ollama", "lm.model=m").dataset.name != "firefly"


def test_the_whole_pipeline_is_models_work_that_rules_decide() -> None:
    found = composed("+experiment=full", "lm=ollama", "lm.model=m")
    assert "blind_solver" in found.checks and found.checks["re_execution"] is not None
    parts = (found.explorer, found.synthesizer, found.scorer["scorers"]["llm"])
    assert [part["_target_"].rpartition(".")[2] for part in parts] == ["React", "Backward", "Asked"]


def test_an_arm_of_the_ablation_changes_one_part_of_the_whole_pipeline() -> None:
    plain = {
        arm: composed("+experiment=ablation", f"arm={arm}", "lm=ollama", "lm.model=m").model_dump(mode="json")
        for arm in ARMS
    }
    changed = {
        arm: {group for group in found if found[group] != plain["base"][group]}
        for arm, found in plain.items()
    }
    assert changed == {
        "base": set(),
        "forward": {"synthesizer"},
        "random_sets": {"sampler"},
        "naive": {"simulator", "baseline"},
        "judge": {"checks"},
    }


@pytest.mark.parametrize("name", ["naive", "always"])
def test_a_simulator_that_guesses_is_admitted_as_a_baseline_only(name: str) -> None:
    with pytest.raises(ConfigError, match="baseline=true"):
        composed(f"simulator={name}", "lm=ollama", "lm.model=m")
    assert composed(f"simulator={name}", "baseline=true", "lm=ollama", "lm.model=m").baseline
    if name == "always":
        with pytest.raises(ConfigError, match="asks a language model, and none is chosen"):
            composed(f"simulator={name}", "baseline=true")


def test_a_run_of_several_splits_is_not_measured() -> None:
    with pytest.raises(ConfigError, match="only a run of one split"):
        composed("measure.labels=true", "splits=worlds")


# --- labels -------------------------------------------------------------------------------------


def test_labels_that_fresh_servers_contradict_are_counted_and_what_was_not_tried_is_not_right() -> None:
    right, wrong = task(), task(answer=Answer(type="number", value=333))
    lost = task(question="What was never tried?")
    tasks = [right, wrong, lost]
    every = ToolSet.of(tool for listing in library().listings() for tool in listing.tools)
    again = reexecute(
        [right, wrong],
        fresh=library(),
        tool_sets={every.servers: every},
        knowledge=known((EXPLORATION,)),
        rng=Random(0),
        seed=0,
    )
    found = labels(tasks, {one.id: replace(trial(one), reexecuted=again) for one in tasks})
    assert found["tasks"] == 3
    assert [one["task"] for one in found["contradicted"]] == [wrong.id]
    assert [one["task"] for one in found["unknown"]] == [lost.id]


# --- simulators ---------------------------------------------------------------------------------


def depot() -> tuple[Any, Cassette]:
    knowledge = probed(Depot())
    cassette = freeze(
        listings=knowledge.listings.values(),
        profiles=knowledge.profiles.values(),
        recordings=knowledge.recordings,
    )
    return knowledge, cassette


def counts(simulator: Simulator, *calls: tuple[str, dict[str, Any]]) -> tuple[int, int, int]:
    knowledge, cassette = depot()
    made = [ToolCall(server="depot", tool=name, arguments=arguments) for name, arguments in calls]
    offline, live = simulator.backend(cassette), Depot()
    found = compared("e", made, tools(live), offline=offline, live=live, knowledge=knowledge)
    assert len(found.examples) == min(found.wrong, 3)
    return found.asked, found.answered, found.wrong


CHANGED = (
    ("get_crate", {"code": "CRT-2043"}),
    ("send_off", {"code": "CRT-2042"}),
    ("list_crates", {}),
    ("get_crate", {"code": "CRT-2041"}),
    ("get_crate", {"code": "CRT-2048"}),
)


def test_wrong_answers_are_told_from_misses() -> None:
    asked, answered, wrong = counts(Strict(), *CHANGED)
    assert (asked, wrong) == (5, 0) and answered < 5  # nobody recorded the last crate
    assert counts(Naive(), *CHANGED) == (5, 4, 1)  # the list as it was before
    nearest = Lenient(tiers={"nearest": Nearest(farthest=1e6)})
    asked, answered, wrong = counts(nearest, *CHANGED)
    assert (asked, answered) == (5, 5) and wrong >= 1  # another crate's answer


def test_a_simulator_that_always_answers_has_a_model_write_what_was_not_recorded() -> None:
    with endpoint(competent()) as there:
        asking = models(there.url)
        tiers = {"model": Model(models=asking), "nearest": Nearest(farthest=1e6, order=40)}
        asked, answered, wrong = make(asking, "e", lambda: counts(Lenient(tiers=tiers), *CHANGED))
        assert there.requests
    assert (asked, answered) == (5, 5) and wrong >= 1
    [row] = asking.ledger.sent()["rows"]
    assert row["role"] == "simulator"


def test_after_what_the_servers_do_not_answer_nothing_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = FunctionEpisode.call

    def timed_out(self: FunctionEpisode, call: ToolCall) -> Observation:
        late = Observation(outcome="transient", reason="no answer in time")
        return late if call.tool == "send_off" else usual(self, call)

    assert counts(Naive(), *CHANGED)[0] == 5
    monkeypatch.setattr(FunctionEpisode, "call", timed_out)
    assert counts(Naive(), *CHANGED) == (1, 1, 0)


def test_random_episodes_hold_recorded_calls_in_new_sequences_and_end_in_time() -> None:
    knowledge, _ = depot()
    recorded = {step.call.digest for one in knowledge.recordings for step in one.steps}
    groups = [("depot",), ("nowhere",)]
    made = list(episodes(groups, knowledge, count=20, length=4, rng=Random(1)))
    assert made == list(episodes(groups, knowledge, count=20, length=4, rng=Random(1)))
    assert len({name for name, _, _ in made}) == 20
    for _, group, calls in made:
        assert group == ("depot",) and 2 <= len(calls) <= 4
        assert {call.digest for call in calls} <= recorded
    assert any(call.tool in ("send_off", "set_weight") for _, _, calls in made for call in calls)
    shared = [one.model_copy(update={"disposable": False}) for one in knowledge.listings.values()]
    kept = type(knowledge)(shared, knowledge.profiles.values(), knowledge.recordings)
    reads = [
        call for _, _, calls in episodes(groups, kept, count=9, length=4, rng=Random(1)) for call in calls
    ]
    assert reads and all(call.tool not in ("send_off", "set_weight") for call in reads)


# --- the table ----------------------------------------------------------------------------------


def found(**changes: Any) -> dict[str, Any]:
    usual = {
        "candidates": 8,
        "verified": 4,
        "distinct_tool_sequences": 3,
        "sequence_entropy": {"bits": 1.5, "normalised": 0.9},
        "calls": {"total": 100},
        "live_calls_per_verified_task": 25.0,
        "measured": {
            "labels": {"tasks": 4, "contradicted": [{}], "unknown": []},
            "simulator": {"asked": 20, "answered": 15, "wrong": 2},
        },
        "lm": {"used": {"rows": [spent("synthesis", 8), spent("measurement-simulator", 99)]}},
    }
    return {**usual, **changes}


def spent(stage: str, calls: int) -> dict[str, Any]:
    return {"stage": stage, "calls": calls, "input_tokens": 10, "output_tokens": 2, "usd": 0.5}


def test_arms_are_named_by_what_only_they_have_and_measuring_costs_nothing() -> None:
    shared = ("+experiment=ablation", "lm=openai")
    nothing = {"verified": 0, "live_calls_per_verified_task": None, "measured": {}, "unverified": ["why"]}
    arms = [
        Arm(("arm=base", *shared), found()),
        Arm(("arm=naive", "seed=1", *shared), found(**nothing)),
        Arm(("arm=judge", *shared), {}, failed="Nobody answers"),
    ]
    rows = comparison(arms)
    assert [row["arm"] for row in rows] == ["base", "naive seed=1", "judge"]
    assert (rows[0]["yield"], rows[0]["wrong_labels"]) == (0.5, 1)
    assert rows[0]["lm_per_kept"] == {"calls": 2.0, "tokens": 3.0, "usd": 0.125}
    text = table(rows)
    assert "2 of 15 of 20" in text and "naive seed=1 *" in text and "failed: Nobody answers" in text
    [line] = [line for line in text.splitlines() if line.startswith("naive")]
    assert "0 of 8" in line and line.rstrip().endswith("-")


@pytest.mark.slow
def test_a_sweep_ends_with_one_table_and_a_baseline_says_so_on_its_card(going_on: Path) -> None:
    with endpoint(competent()) as there:
        done = firefly(
            *("-m", "+experiment=ablation", "arm=naive,judge", "servers=bundled", "probing.budget=90"),
            *("sampler.count=5", "explorer=symbolic", "scorer=combined", "synthesizer=template"),
            *("synthesizer.tasks=1", "checks.blind_solver=null", "++checks.re_execution=null"),
            *("measure.episodes=3", *model(there.url)),
            cwd=going_on,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    path = going_on / done.stdout.splitlines()[-1].removeprefix("comparison: ")
    naive, judge = json.loads(path.read_text())
    assert (naive["arm"], judge["arm"]) == ("naive", "judge")
    assert not naive["verified_by_rules"] and not judge["verified_by_rules"]
    for row in (naive, judge):
        assert row["kept"] > 0 and row["wrong_labels"] == row["labels_unknown"] == 0
    assert naive["simulator"]["wrong"] > judge["simulator"]["wrong"] == 0
    assert judge["lm_per_kept"]["calls"] > naive["lm_per_kept"]["calls"] == 0
    assert "naive *" in done.stdout and done.stdout.count("kept of") == 1
    for job, why in (
        ("0", "the simulator (naive) answers beyond"),
        ("1", "a language model decides (judge_only)"),
    ):
        folder = path.parent / job / "dataset"
        card = (folder / "README.md").read_text()
        assert "not-verified-by-rules" in yaml.safe_load(card.split("---\n")[1])["tags"]
        assert "**Not verified by rules.**" in card and why in card
        assert why in json.loads((folder / "manifest.json").read_text())["run"]["unverified"][0]


def test_a_usual_run_is_marked_by_nothing(smoke: tuple[Path, Any]) -> None:
    dataset = printed(smoke[1])["dataset"]
    for name in ("README.md", "manifest.json"):
        text = (dataset / name).read_text()
        assert "ot verified by rules" not in text and "unverified" not in text
