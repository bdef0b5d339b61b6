"""Splits: train, validation and test of other worlds or other servers, and what tasks between them become."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firefly.config import RunConfig, SplitsConfig
from firefly.errors import ConfigError
from firefly.records import Verdict
from firefly.replay.cassette import Cassette
from firefly.replay.records import Answer, Task
from firefly.run import Run
from firefly.servers.spec import parse_specs
from firefly.splits import REPEATED, STRADDLING, Division, Part, divide, join
from tests.command_line import firefly, printed
from tests.library_servers import task

SERVERS = {
    **{name: {"command": "python", "disposable": True} for name in ("a", "b", "c", "d", "e", "f")},
    **{
        name: {"command": "python", "disposable": True, "state": {"scope": "none"}}
        for name in ("sum", "clock", "dice")
    },
}
THREE = {
    "train": {"world": 0, "share": 0.6},
    "validation": {"world": 1, "share": 0.2},
    "test": {"world": 2, "share": 0.2},
}


def config(specs: Any = None, seed: int = 0, world: Any = None, **splits: Any) -> RunConfig:
    """A configuration of which only servers, world, seed and splits count."""
    return RunConfig.model_construct(
        servers=specs or SERVERS,
        world={"_target_": "firefly.worlds.shop.Shop", "seed": 5} if world is None else world,
        seed=seed,
        splits=SplitsConfig(**splits) if splits else SplitsConfig(),
    )


def divided(chosen: RunConfig) -> Division:
    return divide(chosen, parse_specs(chosen.servers))


def test_without_splits_there_is_one_part_with_every_server() -> None:
    (only,) = divided(config()).parts
    assert (only.split, only.world_seed, only.servers) == ("train", 5, frozenset(SERVERS))
    assert only.samples(["a", "sum"])


def test_every_split_has_a_world_of_its_own() -> None:
    division = divided(config(parts=THREE))
    assert [part.world_seed for part in division.parts] == [5, 6, 7]
    assert [part.config.world["seed"] for part in division.parts] == [5, 6, 7]
    assert "5 (train), 6 (validation), 7 (test)" in division.rule
    assert all(part.servers == frozenset(SERVERS) for part in division.parts)


def test_where_there_are_enough_servers_none_is_in_two_splits() -> None:
    division = divided(config(parts=THREE, servers="divided"))
    owned = [part.servers for part in division.parts]
    assert frozenset.union(*owned) == frozenset(SERVERS) and sum(map(len, owned)) == len(SERVERS)
    data = [len(own & set("abcdef")) for own in owned]
    assert data == [4, 1, 1]
    again = divided(config(parts=THREE, servers="divided"))
    assert [part.servers for part in again.parts] == owned
    others = {
        tuple(part.servers for part in divided(config(seed=seed, parts=THREE, servers="divided")).parts)
        for seed in range(8)
    }
    assert len(others) > 1


def test_what_joins_servers_of_several_splits_is_sampled_in_the_first_world_alone() -> None:
    train, validation, test = divided(config(parts=THREE, servers="divided")).parts
    across = [min(train.servers), min(test.servers)]
    assert train.samples(across) and not validation.samples(across) and not test.samples(across)
    assert not train.samples(test.servers) and test.samples(test.servers)
    joined = task(servers=tuple(sorted(across)))
    assert train.split_of(joined) == STRADDLING
    assert train.split_of(task(servers=(min(train.servers),))) == "train"


def test_straddling_can_be_left_out_and_the_others_servers_are_then_not_even_started() -> None:
    train, _, test = divided(config(parts=THREE, servers="divided", straddling=False)).parts
    assert train.starts == train.servers and not train.samples([min(train.servers), min(test.servers)])


def test_too_few_servers_are_shared_and_the_rule_says_so() -> None:
    few = {name: SERVERS[name] for name in ("a", "b", "sum")}
    division = divided(config(few, parts=THREE, servers="divided"))
    assert all(part.servers == frozenset(few) for part in division.parts)
    assert "2 servers with data are too few to divide among 3 splits" in division.rule


def test_a_world_without_a_seed_can_not_be_several() -> None:
    empty = {"_target_": "firefly.worlds.folder.Empty"}
    with pytest.raises(ConfigError, match=r"splits\.parts\.validation\.world=0"):
        divided(config(world=empty, parts=THREE))
    one = {name: {**part, "world": 0} for name, part in THREE.items()}
    assert {part.world_seed for part in divided(config(world=empty, parts=one)).parts} == {None}


@pytest.mark.parametrize("name", ["straddling", "Train", "a-b"])
def test_a_split_needs_a_name_of_its_own(name: str) -> None:
    with pytest.raises(ValueError, match="no name for a split"):
        SplitsConfig(parts={name: {}})


def finished(part: Part, *tasks: Task) -> Run:
    state = Run.__new__(Run)
    state.__dict__.update(
        config=part.config,
        part=part,
        listings=[],
        probe_reports=[],
        edges=[],
        scored_edges=[],
        sub_dags=[],
        explored=set(),
        explorations=[],
        tasks=list(tasks),
        verdicts=[Verdict(task=one.id, verified=True, results=()) for one in tasks],
        reexecutions={},
        neighbours=[],
        evidence={},
        failures=[],
        seconds={"catalog": 1.0},
        items={},
        live_counts={"a": {"total": 2}},
        split_of={},
        split_cassettes={},
        cassette=Cassette(),
    )
    return state


def test_a_task_that_an_earlier_split_asks_with_the_same_answer_is_left_out() -> None:
    division = divided(config(parts=THREE))
    train, validation, test = division.parts
    same = task(servers=("a",), world="w2", phrasings=("Another way to ask it?",))
    other = task(servers=("a",), world="w3", answer=Answer(type="number", value=999))
    run = finished(train)
    run.cassette = None
    run.seconds, run.live_counts = {}, {}
    states = [finished(train, task(servers=("a",))), finished(validation, same), finished(test, other)]
    join(run, division, states, {})
    assert {split: len(tasks) for split, tasks in run.by_split.items()} == {"train": 1, "test": 1}
    (left_out,) = [verdict for verdict in run.verdicts if not verdict.verified]
    assert left_out.task == same.id and left_out.results[-1].check == REPEATED
    assert run.split_report["splits"]["validation"] == {
        "world_seed": 6,
        "servers": sorted(SERVERS),
        "candidates": 1,
        "verified": 0,
    }
    assert any("validation: nothing was verified" in line for line in run.split_report["lost"])
    assert any("an earlier split asks the same" in line for line in run.split_report["lost"])
    assert run.seconds == {"catalog": 3.0} and run.live_counts == {"a": {"total": 6}}
    assert sorted(run.split_cassettes) == ["test", "validation"]


def test_a_split_that_could_not_go_on_is_told_of() -> None:
    division = divided(config(parts=THREE))
    run = finished(division.parts[0])
    run.cassette = None
    join(run, division, [finished(division.parts[0], task())], {"test": "None of the 2 servers can be used"})
    assert "None of the 2 servers" in run.split_report["splits"]["test"]["failed"]
    assert any(line.startswith("test: None of the 2 servers") for line in run.split_report["lost"])


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("splits")
    done = firefly(
        "+experiment=smoke", "splits=worlds", "~splits.parts.validation", "splits.parts.test.world=1",
        "servers.desk.enabled=false", "sampler.count=3", "sampling.writes=0", cwd=folder,
    )  # fmt: skip
    yield printed(done)["dataset"]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_splits_of_a_real_run_share_no_world_and_each_is_graded_by_its_own_cassette(
    dataset: Path,
) -> None:
    from firefly.replay.score import score

    train, test = rows(dataset / "tasks" / "train.jsonl"), rows(dataset / "tasks" / "test.jsonl")
    assert train and test
    worlds = [{row["world"] for row in part} - {""} for part in (train, test)]
    assert worlds[0] and worlds[1] and not worlds[0] & worlds[1]
    assert (dataset / "cassette" / "manifest.json").is_file()
    assert (dataset / "cassette_test" / "manifest.json").is_file()
    for split, part in (("train", train), ("test", test)):
        assert len(rows(dataset / "sft" / f"{split}.jsonl")) == len(part)
    gold = dataset.parent / "gold.jsonl"
    lines = [
        {
            "id": row["id"],
            "answer": json.loads(row["record"])["answer"]["value"],
            "calls": [
                {key: call[key] for key in ("server", "tool", "arguments")}
                for call in json.loads(row["record"])["gold_calls"]
            ],
        }
        for row in (*train, *test)
    ]
    gold.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert [result.reward for result in score(dataset, gold).results] == [1] * len(lines)
    card = (dataset / "README.md").read_text(encoding="utf-8")
    assert "0 (train), 1 (test)" in card and "| train, test | 0 |" in card
