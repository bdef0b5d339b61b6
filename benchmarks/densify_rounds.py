"""Three rounds of densify: how the misses of unseen rollouts fall.

Unseen rollouts are made once, on the live servers, with seeds of their own, by agents of four habits; their
miss rate is taken on the data set as it is and after each round. In a round, agents act behind the strict
simulator as behind ``firefly serve``, each call and miss goes to a log, and densify makes the missed ones
live and writes the next version. Two arrangements, each from the same data set: every round has agents of
other habits; or every round has agents of the same three, and the fourth is never seen. Every version is
also asked whether all labels stand, and every answered call of the unseen rollouts is compared with what
the servers said.

    python benchmarks/densify_rounds.py DATASET servers=demo [KEY=VALUE of densify ...]
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from random import Random

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf
from pydantic import JsonValue

from firefly.agents.gold import Clumsy, Perturbed, Thorough
from firefly.agents.seeker import Seeker
from firefly.app import config_folder
from firefly.coverage.merging import unlabelled
from firefly.coverage.missed import miss_rate
from firefly.coverage.rollouts import Attempt
from firefly.densify_command import DensifyConfig, run
from firefly.fidelity.episodes import acted, recorded_arguments
from firefly.live_dataset import LiveDataset, checked
from firefly.protocols import Agent, Backend
from firefly.records import ToolKey
from firefly.replay.cassette import Cassette
from firefly.replay.masks import agree
from firefly.replay.records import Recording, Step, Task
from firefly.replay.simulator import StrictSimulator
from firefly.serving.log import EpisodeLog, call_line

TASKS, LENGTH = 24, 8
AGENTS: Mapping[str, Agent] = {
    "perturbed": Perturbed(),
    "thorough": Thorough(),
    "clumsy": Clumsy(rate=1.0),
    "seeker": Seeker(),
}
"""Who makes the unseen rollouts."""
ARRANGEMENTS: Mapping[str, tuple[int, Sequence[Sequence[str]]]] = {
    "other habits each round": (3, [["perturbed", "thorough"], ["clumsy"], ["seeker"]]),
    "three habits in every round, the seeker never": (1, [["perturbed", "thorough", "clumsy"]] * 3),
}
"""Rollouts of each agent for one task in a round, and who acts in each round."""

ALL = "all"

Arguments = Mapping[ToolKey, Sequence[Mapping[str, JsonValue]]]


def main() -> None:
    """Measure and print; fails where a round does not help, an answer is wrong, or a label does not stand."""
    dataset, overrides = Path(sys.argv[1]), sys.argv[2:]
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        config = configuration(dataset, scratch / "none.jsonl", scratch / "0", overrides)
        with LiveDataset(checked(config, DensifyConfig)) as live:
            tasks = Random(0).sample(list(live.tasks.values()), min(TASKS, len(live.tasks)))
            given = recorded_arguments(
                live.cassette
            )  # as of the first version: what agents know stays the same
            unseen = unseen_rollouts(live, tasks, given)
        first = rates(dataset, unseen)
        found = {}
        for number, (arrangement, (repeated, rounds)) in enumerate(ARRANGEMENTS.items()):
            print(f"{arrangement}:", flush=True)
            folder = scratch / f"arrangement{number}"
            measured = [first]
            for version in versions(dataset, tasks, given, folder, rounds, repeated, overrides):
                measured.append(rates(version, unseen))
            found[arrangement] = measured
    for arrangement, measured in found.items():
        print(f"{arrangement}: miss rate of unseen rollouts")
        for agent in measured[0]:
            print(f"  {agent:10}" + " -> ".join(f"{one[agent]:6.1%}" for one in measured))
    helpless = [
        arrangement
        for arrangement, measured in found.items()
        if any(later[ALL] >= earlier[ALL] for earlier, later in pairwise(measured))
    ]
    if helpless:
        sys.exit(f"a round did not make it fall: {'; '.join(helpless)}")


def versions(
    dataset: Path,
    tasks: Sequence[Task],
    given: Arguments,
    folder: Path,
    rounds: Sequence[Sequence[str]],
    repeated: int,
    overrides: Sequence[str],
) -> Iterator[Path]:
    """Yield the data set of each round, which begins with the data set of the one before."""
    for number, agents in enumerate(rounds, start=1):
        print(f" round {number} ({', '.join(agents)})", flush=True)
        own = folder / str(number)
        own.mkdir(parents=True)
        log = own / "log.jsonl"
        act(dataset, tasks, {name: AGENTS[name] for name in agents}, given, log, number, repeated)
        run(configuration(dataset, log, own / "dataset", overrides), own)
        if (own / "dataset").exists():  # else nothing new was recorded
            dataset = own / "dataset"
        yield dataset


def configuration(dataset: Path, rollouts: Path, denser: Path, overrides: Sequence[str]) -> DictConfig:
    """Return what Hydra composes for densify."""
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        own = [f"dataset={dataset.absolute()}", f"rollouts={rollouts}", f"denser={denser}"]
        own.append(f"store.path={denser.parent.parent}/store")
        found = compose("densify", [*own, *overrides])
    OmegaConf.resolve(found)
    return found


def unseen_rollouts(live: LiveDataset, tasks: Sequence[Task], given: Arguments) -> dict[str, list[Recording]]:
    """Return episodes of every agent on the live servers."""
    assert live.evidence is not None
    return {name: acts(name, agent, live.live, live, tasks, given) for name, agent in AGENTS.items()}


def acts(
    name: str, agent: Agent, backend: Backend, live: LiveDataset, tasks: Sequence[Task], given: Arguments
) -> list[Recording]:
    """Return one episode for each task."""
    simulator = StrictSimulator(live.cassette)
    return [
        acted(
            agent,
            backend,
            simulator.tool_set(task.servers),
            task=task,
            recorded=given,
            rng=Random(f"unseen/{name}/{task.id}"),
            length=LENGTH,
            seed=0,
        )
        for task in tasks
    ]


def act(
    dataset: Path,
    tasks: Sequence[Task],
    agents: Mapping[str, Agent],
    given: Arguments,
    log: Path,
    number: int,
    repeated: int,
) -> None:
    """Let agents act behind the simulator, and log it as ``firefly serve`` does."""
    simulator = StrictSimulator(Cassette.load(dataset / "cassette"))
    lines = EpisodeLog(log)
    for name, agent in agents.items():
        for task in tasks:
            for time in range(repeated):
                tools = simulator.tool_set(task.servers)
                rng = Random(f"{number}/{name}/{task.id}/{time}")
                done = acted(
                    agent, simulator, tools, task=task, recorded=given, rng=rng, length=LENGTH, seed=0
                )
                episode = f"{name}/{task.id}/{time}"
                lines.write("begin", episode=episode, task=task.id, servers=list(task.servers))
                for place, step in enumerate(done.steps, start=1):
                    lines.write("call", episode=episode, **call_line(place, step.call.tool, step, {}))
                lines.write("end", episode=episode, why="done")
    lines.close()


def rates(dataset: Path, unseen: Mapping[str, Sequence[Recording]]) -> dict[str, float]:
    """Return each agent's share of missed calls, having made sure that the rest is right and labels stand."""
    cassette = Cassette.load(dataset / "cassette")
    tasks = [json.loads(line) for path in sorted(dataset.glob("tasks/*.jsonl")) for line in path.open()]
    lost = [one for row in tasks if (one := unlabelled(Task.model_validate_json(row["record"]), cassette))]
    groups = {**unseen, ALL: [one for some in unseen.values() for one in some]}
    wrong = sum(
        not right(step, offline, cassette) for one in groups[ALL] for step, offline in beside(one, cassette)
    )
    found = {name: miss_rate(map(attempt, some), cassette) for name, some in groups.items()}
    every = found[ALL]
    print(
        f"  {every.episodes} unseen rollouts, {every.episodes_with_miss} with a miss; {every.missed} of "
        f"{every.calls} calls missed, {wrong} wrong; labels lost: {len(lost)}",
        flush=True,
    )
    if wrong or lost:
        sys.exit("an answer is wrong, or a label is lost")
    return {name: one.missed / max(1, one.calls) for name, one in found.items()}


def attempt(one: Recording) -> Attempt:
    """Return what was asked in an episode."""
    return Attempt(name=one.id, task=None, servers=one.servers, calls=tuple(step.call for step in one.steps))


def beside(recording: Recording, cassette: Cassette) -> list[tuple[Step, Step]]:
    """Return the live steps beside those of the strict simulator."""
    simulator = StrictSimulator(cassette)
    with simulator.episode(simulator.tool_set(recording.servers)) as episode:
        for step in recording.steps:
            episode.call(step.call)
        return list(zip(recording.steps, episode.steps, strict=True))


def right(step: Step, offline: Step, cassette: Cassette) -> bool:
    """Return whether the simulator missed, or said what the servers say."""
    if offline.observation.outcome == "miss" or step.observation.outcome not in ("success", "failure"):
        return True
    return agree(offline.observation, step.observation, cassette.tools[step.call.key].rule.volatile_fields)


if __name__ == "__main__":
    main()
