"""The neighbourhood stage: what agents that stray are likely to call is recorded, in the smoke run."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from firefly.coverage.merging import unlabelled
from firefly.coverage.recording import PURPOSE
from firefly.evidence import Evidence
from firefly.replay.cassette import Cassette
from firefly.replay.dataset import load_dataset_tasks
from firefly.replay.masks import agree
from firefly.replay.records import Recording, Step, Task, ToolCall
from firefly.replay.simulator import StrictSimulator
from tests.command_line import Run, printed, summary_of

BUDGET = 30


@pytest.fixture(scope="module")
def dataset(smoke: tuple[Path, Run]) -> Path:
    return printed(smoke[1])["dataset"]


@pytest.fixture(scope="module")
def evidence(dataset: Path) -> Evidence:
    return Evidence.load(dataset / "recordings")


@pytest.fixture(scope="module")
def around(evidence: Evidence) -> list[Recording]:
    return [one for one in evidence.recordings if one.purpose == PURPOSE]


@pytest.fixture(scope="module")
def cassette(dataset: Path) -> Cassette:
    return Cassette.load(dataset / "cassette")


@pytest.fixture(scope="module")
def without(evidence: Evidence, cassette: Cassette) -> Cassette:
    """What the cassette would be without the neighbourhood."""
    rest = [one for one in evidence.recordings if one.purpose != PURPOSE]
    tools = [one.tool for one in cassette.tools.values()]
    return Evidence(evidence.claims, rest).cassette(tools, dict(cassette.versions))


def replayed(recording: Recording, cassette: Cassette) -> list[tuple[Step, Step]]:
    """Return the recorded steps beside those that the strict simulator gives."""
    simulator = StrictSimulator(cassette)
    with simulator.episode(simulator.tool_set(recording.servers)) as episode:
        for step in recording.steps:
            episode.call(step.call)
        return list(zip(recording.steps, episode.steps, strict=True))


def test_what_was_recorded_around_gold_paths_is_answered_and_was_not_before(
    around: list[Recording], cassette: Cassette, without: Cassette
) -> None:
    assert around
    missed: Counter[str] = Counter()
    for recording in around:
        for name, one in (("with", cassette), ("without", without)):
            for live, offline in replayed(recording, one):
                if offline.observation.outcome == "miss":
                    missed[name] += 1
                else:
                    volatile = one.tools[live.call.key].rule.volatile_fields
                    assert agree(offline.observation, live.observation, volatile)
    calls = sum(len(one.steps) for one in around)
    assert missed["without"] > 0.5 * calls
    assert missed["with"] < 0.05 * calls


def test_the_published_cassette_follows_from_the_published_recordings(
    evidence: Evidence, cassette: Cassette
) -> None:
    tools = [one.tool for one in cassette.tools.values()]
    again = evidence.cassette(tools, dict(cassette.versions))
    assert [one.to_json() for one in again.entries] == [one.to_json() for one in cassette.entries]
    assert list(again.tools.values()) == list(cassette.tools.values())


def test_no_label_changes(dataset: Path, cassette: Cassette, without: Cassette) -> None:
    tasks = load_dataset_tasks(dataset)
    assert tasks
    for task in tasks.values():
        assert (unlabelled(task, cassette), unlabelled(task, without)) == ("", "")


def test_only_proven_reads_are_made_besides_one_mistake_in_a_change(
    dataset: Path, around: list[Recording], evidence: Evidence
) -> None:
    tasks = load_dataset_tasks(dataset)
    reads = set(evidence.claims.reads)
    gold = {call.digest for task in tasks.values() for call in _gold(task)}
    for recording in around:
        others = [step.call for step in recording.steps if step.call.digest not in gold]
        changing = [call for call in others if call.key not in reads]
        assert len(changing) <= 1
        assert len(others) <= BUDGET


def _gold(task: Task) -> list[ToolCall]:
    return [*(gold.call for gold in task.gold_calls), *(probe.call for probe in task.end_state)]


def test_the_summary_counts_them_apart_from_what_a_task_costs(
    smoke: tuple[Path, Run], around: list[Recording]
) -> None:
    summary = summary_of(smoke[1])
    reached = sum(step.observation.outcome != "refused" for one in around for step in one.steps)
    assert summary["neighbourhood"] == {"recordings": len(around), "calls": reached}
    assert reached <= BUDGET * summary["verified"] + 12 * summary["verified"]
    each = round(summary["calls"]["total"] / summary["verified"], 2)
    assert summary["live_calls_per_verified_task"] == each
