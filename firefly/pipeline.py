"""The flow: the `STAGES` table is the architecture diagram, `run` walks it.

A stage is a plain function from records to records; this module gives each its inputs by name, its
components, and a key for everything that shapes its items. Rounds repeat graph -> sampling ->
exploration; a round reads only the results of earlier ones.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from firefly import wiring
from firefly.config import STAGE_NAMES, RunConfig
from firefly.errors import RunError
from firefly.measurement import measure
from firefly.run import Run
from firefly.splits import Division, divide, join

log = logging.getLogger("firefly")


@dataclass(frozen=True)
class Stage:
    """One row of the table."""

    name: str
    work: Callable[[Run], None]
    reads: tuple[str, ...]
    writes: str
    groups: tuple[str, ...] = ()
    """Config groups whose components it uses."""
    sources: tuple[str, ...] = ()
    """Sources below ``firefly/`` that shape its items, besides those of its components."""
    live: bool = False
    """Whether it calls servers."""
    in_rounds: bool = False


STAGES = (
    Stage("catalog", wiring.catalog, ("servers",), "listings", ("world",), ("catalog", "servers"), live=True),
    Stage(
        "probing",
        wiring.probing,
        ("listings",),
        "probe_reports",
        ("world", "values"),
        ("probing", "servers", "values"),
        live=True,
    ),
    Stage(
        "graph",
        wiring.graph,
        ("listings", "probe_reports", "explorations"),
        "edges",
        ("candidates", "scorer"),
        ("graph", "lm", "values"),
        in_rounds=True,
    ),
    Stage(
        "sampling",
        wiring.sampling,
        ("edges",),
        "sub_dags",
        ("sampler",),
        ("sampling", "values"),
        in_rounds=True,
    ),
    Stage(
        "exploration",
        wiring.exploration,
        ("sub_dags",),
        "explorations",
        ("explorer", "values"),
        ("exploration", "lm", "servers", "values"),
        live=True,
        in_rounds=True,
    ),
    Stage(
        "simulation",
        wiring.simulation,
        ("probe_reports", "explorations"),
        "cassette",
        (),
        ("lm", "simulation"),
    ),
    Stage(
        "synthesis",
        wiring.synthesis,
        ("explorations",),
        "tasks",
        ("synthesizer",),
        ("synthesis", "lm", "values"),
    ),
    Stage(
        "verification",
        wiring.verification,
        ("tasks", "cassette"),
        "verdicts",
        ("checks", "simulator"),
        ("verification", "lm", "simulation", "servers", "workflows.py"),
        live=True,
    ),
    Stage(
        "neighbourhood",
        wiring.neighbourhood,
        ("tasks", "verdicts", "cassette"),
        "cassette",
        ("values",),
        ("coverage", "episode.py", "lm", "servers", "simulation", "values"),
        live=True,
    ),
    Stage(
        "export",
        wiring.export,
        ("tasks", "verdicts", "cassette"),
        "dataset",
        ("exporters",),
        ("curves.py", "export"),
    ),
)

assert tuple(stage.name for stage in STAGES) == STAGE_NAMES


@dataclass(frozen=True)
class StageInstance:
    """A stage in one round."""

    stage: Stage
    round: int


def unroll(rounds: int, until: str | None = None) -> Iterator[StageInstance]:
    """Yield the stages in order, those of the round repeated.

    >>> [f"{one.stage.name}{one.round}" for one in unroll(2, until="exploration")][:5]
    ['catalog1', 'probing1', 'graph1', 'sampling1', 'exploration1']
    """
    repeated = [stage for stage in STAGES if stage.in_rounds]
    first = next(index for index, stage in enumerate(STAGES) if stage.in_rounds)
    flow = [StageInstance(stage, 1) for stage in STAGES[:first]]
    flow += [StageInstance(stage, number) for number in range(1, rounds + 1) for stage in repeated]
    flow += [StageInstance(stage, 1) for stage in STAGES[first + len(repeated) :]]
    last = max((index for index, one in enumerate(flow) if one.stage.name == until), default=len(flow) - 1)
    yield from flow[: last + 1]


def run(config: RunConfig, folder: Path) -> Run:
    """Run the stages and write the summary into ``folder``.

    Where the data set has several splits, each is run by itself up to the verdicts; they are exported as one.

    Raises:
        FireflyError: the run can't go on; everything finished is in the store.
    """
    state = Run(config, folder)
    flow = list(unroll(config.rounds, config.until))
    try:
        if state.models is not None and config.mode == "run":
            if state.someone_asks:
                state.models.check()
            else:
                log.warning(
                    "lm: a language model is chosen, but nothing in this run asks one (explorer=react would)"
                )
        division = divide(config, state.specs)
        if config.mode == "plan":
            wiring.plan(state)
        elif len(division.parts) == 1:
            walk(state, flow)
            _measure(state)
        else:
            _run_parts(state, division, [one for one in flow if one.stage.name != "export"])
            walk(state, [one for one in flow if one.stage.name == "export"])
    finally:
        state.close()
        state.write_summary()
    return state


def walk(state: Run, flow: Iterable[StageInstance]) -> None:
    """Let a run go through stages."""
    for instance in flow:
        stage = instance.stage
        state.enter(stage.name, instance.round, stage.groups, stage.sources)
        started = time.perf_counter()
        stage.work(state)
        state.leave(time.perf_counter() - started)


def _measure(state: Run) -> None:
    """Measure what a finished run is worth; not part of the data set, which is written by now."""
    if not state.config.measure.any or state.dataset is None:
        return
    started = time.perf_counter()
    measure(state)
    state.seconds["measurement"] = round(time.perf_counter() - started, 3)


def _run_parts(state: Run, division: Division, flow: Sequence[StageInstance]) -> None:
    """Run every split by itself and join what they found; one that can't go on is left out, and told of."""
    parts: list[Run] = []
    failed: dict[str, str] = {}
    try:
        for part in division.parts:
            log.info("split %s", part.split)
            parts.append(Run(part.config, state.folder, part, state.models))
            try:
                walk(parts[-1], flow)
            except RunError as error:
                failed[part.split] = str(error)
                if len(failed) == len(division.parts):
                    raise
            finally:
                parts[-1].close()
    finally:
        join(state, division, parts, failed)


def require_tasks(state: Run) -> None:
    """Refuse a finished run that verified nothing.

    Raises:
        RunError: says where the candidates were lost.
    """
    if "export" not in state.seconds or state.verified:
        return
    events = {} if state.models is None else state.models.ledger.sent()["events"]
    counted = {
        role: ", ".join(f"{what} {number}" for what, number in one.items()) for role, one in events.items()
    }
    trouble = "; ".join(f"{role}: {one}" for role, one in counted.items())
    models = f" Of the models' answers were left out or failed ({trouble})." if trouble else ""
    where = (
        f"The tables above count where its {len(state.tasks)} candidates were lost, and "
        f"{state.config.dataset.path / 'rejected.jsonl'} says why"
        if state.tasks
        else "There was no candidate: nothing could be explored, or nothing in it was written about"
    )
    failed = "".join(
        f"\n  {one.stage} of {one.item} failed: {one.error}: {one.message}" for one in state.failures[:5]
    )
    raise RunError(
        f"No task was verified, so there is no data set worth using. {where}. More servers, a higher "
        f"sampler.count or tools that were left out usually help.{models}{failed}"
    )
