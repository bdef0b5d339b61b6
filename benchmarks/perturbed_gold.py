"""How far the strict simulator carries an agent that strays from the gold path, and whether it is right.

For every task of a data set a policy makes the gold calls with one thing changed, in turn: one argument
replaced, one extra read, or one step skipped. What replaces an argument, and what an extra read is given,
is what an agent could have come by: values of the same kind in the answers it has seen, and what other
tasks' gold calls give to the same parameter. Nothing of it looks at what is recorded. Every episode is then
made again on the live servers, and each answer of the simulator is compared with theirs.

    python benchmarks/perturbed_gold.py DATASET servers=demo [KEY=VALUE of fidelity ...]
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from pydantic import JsonValue

from firefly.app import config_folder
from firefly.live_dataset import CommandConfig, LiveDataset
from firefly.outputs import leaves
from firefly.parameters import parameters
from firefly.records import ToolKey
from firefly.replay.cassette import Cassette
from firefly.replay.masks import agree
from firefly.replay.parsers import parse
from firefly.replay.records import Observation, Step, Task, Tool, ToolCall, canonical_json
from firefly.replay.simulator import StrictSimulator
from firefly.servers.live import LiveBackend
from firefly.serving.dataset import Offer, ServedDataset
from firefly.values.semantic import declared_type, semantic_type

EACH = 3
"""Episodes of each kind for one task."""
BARS = {"wrong": 0, "answered": 0.80, "free": 0.60}


@dataclass
class Seen:
    """What the tasks of a data set show an agent: what tools are given, and what they said."""

    given: dict[ToolKey, list[dict[str, JsonValue]]] = field(default_factory=lambda: defaultdict(list))
    outputs: dict[str, list[list[JsonValue]]] = field(default_factory=dict)
    """Task -> for each gold call the values in its answer."""


@dataclass
class Counts:
    """Figures of one kind of change."""

    episodes: int = 0
    free: int = 0
    """Episodes without a miss."""
    calls: int = 0
    answered: int = 0
    compared: int = 0
    wrong: int = 0
    uncomparable: int = 0
    """Answered calls that the live servers could not be asked."""


def main() -> None:
    """Measure and print."""
    dataset, overrides = Path(sys.argv[1]), sys.argv[2:]
    served = ServedDataset(dataset, StrictSimulator)
    tasks = [served.tasks[name] for name in sorted(served.tasks)]
    seen = seen_in(tasks, served)
    counts: dict[str, Counts] = defaultdict(Counts)
    missed: Counter[str] = Counter()
    with LiveDataset(configuration(dataset, overrides)) as live:
        for task in tasks:
            for kind, calls in episodes(task, served.of_task(task.id), seen):
                measure(calls, served.of_task(task.id), live.live, counts[kind], missed)
    report(counts, missed)


def configuration(dataset: Path, overrides: Sequence[str]) -> CommandConfig:
    """Return the configuration of a command on the data set and its live servers."""
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        store = f"store.path={tempfile.gettempdir()}/firefly-benchmark"
        found = compose("fidelity", [f"dataset={dataset.absolute()}", store, *overrides])
    plain = OmegaConf.to_container(found, resolve=True)
    assert isinstance(plain, dict)
    fields = {*CommandConfig.model_fields}
    return CommandConfig.model_validate({str(k): one for k, one in plain.items() if k in fields})


def seen_in(tasks: Sequence[Task], served: ServedDataset) -> Seen:
    """Return what the gold calls of all tasks were given and answered."""
    found = Seen()
    for task in tasks:
        offer = served.of_task(task.id)
        with offer.backend.episode(offer.tool_set) as episode:
            found.outputs[task.id] = [_values(episode.call(gold.call)) for gold in task.gold_calls]
        for gold in task.gold_calls:
            found.given[(gold.server, gold.tool)].append(dict(gold.arguments))
    return found


def _values(observation: Observation) -> list[JsonValue]:
    parsed = parse(observation)
    return [] if parsed is None else [leaf for _, leaf in leaves(parsed.value) if leaf not in (None, "")]


def quiet(cassette: Cassette) -> set[ToolKey]:
    """Return the tools that the cassette shows to change nothing."""
    every = cassette.tools
    left_out = {(one.server, one.tool) for rule in every.values() for one in rule.rule.indifferent_to}
    return {key for key, one in every.items() if key in left_out or one.rule.state_independent}


# --- the policies --------------------------------------------------------------------------------


def episodes(task: Task, offer: Offer, seen: Seen) -> Iterator[tuple[str, list[ToolCall]]]:
    """Yield (kind, calls) of each episode; a change that a task has no room for is left out."""
    kinds: dict[str, Callable[[Task, Offer, Seen, Random], list[ToolCall] | None]] = {
        "argument replaced": replaced,
        "extra read": extra_read,
        "step skipped": skipped,
    }
    for kind, change in kinds.items():
        for number in range(EACH):
            calls = change(task, offer, seen, Random(f"{task.id}/{kind}/{number}"))
            if calls:
                yield kind, calls


def replaced(task: Task, offer: Offer, seen: Seen, rng: Random) -> list[ToolCall] | None:
    """Return the gold calls with one argument replaced."""
    calls = [gold.call for gold in task.gold_calls]
    places = [(place, name) for place, call in enumerate(calls) for name in sorted(call.arguments)]
    rng.shuffle(places)
    for place, name in places:
        call = calls[place]
        others = [given[name] for given in seen.given[call.key] if name in given]
        before = [value for output in seen.outputs[task.id][:place] for value in output]
        others += [one for one in before if _alike(one, call.arguments[name])]
        values = sorted({canonical_json(one): one for one in others if one != call.arguments[name]}.items())
        if values:
            given = {**call.arguments, name: rng.choice(values)[1]}
            calls[place] = call.model_copy(update={"arguments": given})
            return calls
    return None


def _alike(one: JsonValue, other: JsonValue) -> bool:
    return type(one) is type(other) and semantic_type(one) == semantic_type(other) != ""


def extra_read(task: Task, offer: Offer, seen: Seen, rng: Random) -> list[ToolCall] | None:
    """Return the gold calls with a read of the task's tools somewhere among them."""
    reads = quiet(offer.backend.cassette)  # type: ignore[attr-defined]
    tools = [tool for tool in offer.tool_set.tools if tool.key in reads]
    rng.shuffle(tools)
    place = rng.randrange(len(task.gold_calls) + 1)
    for tool in tools:
        arguments = _arguments(tool, task, seen, place, rng)
        if arguments is not None:
            calls = [gold.call for gold in task.gold_calls]
            call = ToolCall(server=tool.server, tool=tool.name, arguments=arguments)
            return [*calls[:place], call, *calls[place:]]
    return None


def _arguments(tool: Tool, task: Task, seen: Seen, place: int, rng: Random) -> dict[str, JsonValue] | None:
    """Return what some task gives to the tool, or for each parameter something that would go with it."""
    given = seen.given[tool.key]
    if given and rng.random() < 0.5:
        return rng.choice(given)
    before = [value for output in seen.outputs[task.id][:place] for value in output]
    found: dict[str, JsonValue] = {}
    for parameter in parameters(tool):
        if not parameter.required:
            continue
        values = [
            one[parameter.name]
            for key, ones in sorted(seen.given.items())
            if key[0] == tool.server
            for one in ones
            if parameter.name in one
        ]
        kind = declared_type(parameter)
        values += [one for one in before if kind and semantic_type(one) == kind]
        values += list(parameter.enum)
        if not values:
            return None
        found[parameter.name] = rng.choice(values)
    return found


def skipped(task: Task, offer: Offer, seen: Seen, rng: Random) -> list[ToolCall] | None:
    """Return the gold calls without one of them."""
    calls = [gold.call for gold in task.gold_calls]
    if len(calls) < 2:
        return None
    del calls[rng.randrange(len(calls))]
    return calls


# --- the measure ---------------------------------------------------------------------------------


def measure(
    calls: Sequence[ToolCall], offer: Offer, live: LiveBackend, counts: Counts, missed: Counter[str]
) -> None:
    """Make the calls offline and live, and count."""
    with offer.backend.episode(offer.tool_set) as episode:
        for call in calls:
            episode.call(call)
        steps: Sequence[Step] = tuple(episode.steps)
    answered = [step for step in steps if step.observation.outcome != "miss"]
    counts.episodes += 1
    counts.calls += len(steps)
    counts.answered += len(answered)
    counts.free += len(answered) == len(steps)
    if len(answered) < len(steps):
        first = next(step for step in steps if step.observation.outcome == "miss")
        missed[f"{first.call.server}/{first.call.tool}"] += 1
    cassette: Cassette = offer.backend.cassette  # type: ignore[attr-defined]
    with live.episode(offer.tool_set) as episode:
        for step in steps:
            observation = episode.call(step.call)
            if step.observation.outcome == "miss":
                continue
            if observation.outcome not in ("success", "failure"):
                counts.uncomparable += 1
                continue
            counts.compared += 1
            volatile = cassette.tools[step.call.key].rule.volatile_fields
            if not agree(step.observation, observation, volatile):
                counts.wrong += 1
                print(f"WRONG {step.call.to_json()}")
                print(f"  {step.observation.text[:300]!r}\n  {observation.text[:300]!r}")


def report(counts: dict[str, Counts], missed: Counter[str]) -> None:
    """Print the figures beside their bars."""
    total = Counts()
    for kind, one in counts.items():
        print(
            f"{kind:18} episodes {one.episodes:4}  free of misses {one.free / max(1, one.episodes):6.1%}  "
            f"calls {one.calls:4}  answered {one.answered / max(1, one.calls):6.1%}  "
            f"compared {one.compared:4}  wrong {one.wrong}"
        )
        for name in vars(total):
            setattr(total, name, getattr(total, name) + getattr(one, name))
    free, answered = total.free / max(1, total.episodes), total.answered / max(1, total.calls)
    print(f"wrong           {total.wrong} of {total.compared} compared, {total.uncomparable} not (bar: 0)")
    print(f"calls answered  {answered:.1%} of {total.calls} (bar: {BARS['answered']:.0%})")
    print(f"free of misses  {free:.1%} of {total.episodes} episodes (bar: {BARS['free']:.0%})")
    print("first misses    " + ", ".join(f"{name} {count}" for name, count in missed.most_common(12)))
    if total.wrong or answered < BARS["answered"] or free < BARS["free"]:
        sys.exit("a bar is missed")


if __name__ == "__main__":
    main()
