"""``python -m firefly --config-name optimize``: from a run's explorations to tuned prompts."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from firefly.components import build
from firefly.config import plain_of
from firefly.errors import ConfigError, RunError
from firefly.optimization.measuring import STAGE, Bench, Measured, total
from firefly.optimization.settings import OptimizeConfig, read
from firefly.pipeline import unroll, walk
from firefly.records import Exploration, SubDag
from firefly.replay.records import digest
from firefly.run import Run

if TYPE_CHECKING:
    from firefly.optimization.program import Program

log = logging.getLogger("firefly")

__all__ = ["run"]

_UNTIL = {"explorer": "sampling", "synthesizer": "exploration"}
"""The last stage before the part that is tuned."""


def run(composed: DictConfig, folder: Path) -> float:
    """Tune, save the states, print what they are worth; return the yield on the validation items.

    Raises:
        FireflyError: the run can't go on; everything finished is in the store and the transcript.
    """
    config, settings, described = read(plain_of(composed))
    if config.mode == "plan":
        raise ConfigError(
            "mode: nothing is planned here. A run's plan says what its parts take; budget.usd, budget.tokens "
            "and budget.calls limit what this may spend."
        )
    state = Run(config, folder)
    try:
        if state.models is not None:
            state.models.check()
        walk(state, unroll(config.rounds, _UNTIL[settings.part]))
        found = _tuned(state, settings, described)
    finally:
        state.close()
        state.write_summary()
    _print(found, settings, folder)
    return float(found["after"]["yield"])


def _tuned(state: Run, settings: OptimizeConfig, described: Mapping[str, Any]) -> dict[str, Any]:
    if state.models is None:
        raise ConfigError(
            f"lm: no model is chosen, and prompts of {settings.part} are for one. Choose one, e.g. lm=ollama "
            "lm.model=NAME, or lm=openai."
        )
    items = _items(state, settings.part)
    names, judged = _drawn(state, items, settings)
    bench = Bench(state, settings.part, items)

    from firefly.optimization.program import Program, examples, metric

    program = Program(bench)
    before, train = _telling(program, names, judged, settings)
    validation = tuple(before)
    optimizer = build(described, {"models": state.models})
    kept: list[Program] = []

    def tune() -> list[Program]:
        with _quiet(state.folder / "optimizer.log"):
            return [
                optimizer.tune(
                    program,
                    metric,
                    train=examples(train),
                    validation=examples(validation),
                    seed=state.config.seed,
                )
            ]

    # an item like any other: what the optimiser itself asks is recorded, too
    name = digest([described, state.config.shaping(settings.part), train, validation, state.config.seed])
    state.models.make(STAGE, f"all-{name}", name, tune, lambda records, rows: kept.extend(records))
    [tuned] = kept
    after = _measured(tuned, validation)
    return {
        "part": settings.part,
        "optimizer": described,
        "items": {"train": list(train), "validation": list(validation)},
        "before": _figures(before),
        "after": _figures(after),
        "changed": sorted(
            keyword
            for keyword in program.keywords
            if _dumped(tuned.by_keyword[keyword]) != _dumped(program.by_keyword[keyword])
        ),
        "states": _saved(tuned, settings.path),
        "models": state.models.settings.shape,
        "sent": state.models.ledger.sent(),
    }


# --- items ------------------------------------------------------------------------------------


def _items(state: Run, part: str) -> dict[str, SubDag | Exploration]:
    """Return what there is to learn from; of several explorations of one sub-DAG only one."""
    if part == "explorer":
        return {one.id: one for one in state.sub_dags}
    found: dict[str, Exploration] = {}
    for one in sorted((one for one in state.explorations if one.completed), key=lambda one: one.id):
        found.setdefault(one.sub_dag.id, one)
    return {one.id: one for one in found.values()}


def _drawn(
    state: Run, items: Mapping[str, SubDag | Exploration], settings: OptimizeConfig
) -> tuple[Sequence[str], int]:
    """Return the items in an order drawn by the seed, and how many are to judge by: fewer of too few."""
    names = sorted(items)
    what = "sub-DAGs" if settings.part == "explorer" else "completed explorations"
    if len(names) < 2:
        raise RunError(
            f"There are {len(names)} {what}, and two are needed: one to learn from, one to judge by. More "
            "servers or a higher sampler.count give more."
        )
    state.rng(STAGE, "items").shuffle(names)
    wanted = settings.train + settings.validation
    judged = settings.validation
    if len(names) < wanted:
        judged = max(1, min(len(names) - 1, round(len(names) * settings.validation / wanted)))
        log.warning(
            "optimize: %s %s, fewer than the %s wanted: %s to learn from, %s to judge by",
            len(names), what, wanted, len(names) - judged, judged,
        )  # fmt: skip
    return names, judged


def _telling(
    program: Program, names: Sequence[str], judged: int, settings: OptimizeConfig
) -> tuple[dict[str, Measured], tuple[str, ...]]:
    """Return items to judge by, measured, and those to learn from. One that asks no model tells nothing."""
    before: dict[str, Measured] = {}
    left = list(names)
    while left and len(before) < judged:
        name = left.pop(0)
        measured = _measured(program, [name])[name]
        if measured.calls:
            before[name] = measured
    if not before or not left:
        raise RunError(
            f"Of {len(names)} items {len(before)} made the {settings.part} ask a model, and two are needed: "
            "one to learn from, one to judge by. More servers or a higher sampler.count give more."
        )
    return before, tuple(left[: settings.train])


# --- results ----------------------------------------------------------------------------------


def _measured(program: Program, names: Sequence[str]) -> dict[str, Measured]:
    from firefly.lm.work import StopRun

    try:
        return {name: program.bench.measure(name, program.by_keyword) for name in names}
    except StopRun as stop:
        raise stop.error from stop


def _figures(found: Mapping[str, Measured]) -> dict[str, Any]:
    whole = total(list(found.values()))
    plain = whole.model_dump(mode="json", exclude={"reasons"})
    each = {name: {**one.model_dump(mode="json"), "yield": one.score} for name, one in found.items()}
    return {**plain, "yield": whole.score, "items": each}


def _dumped(predictor: Any) -> str:
    return digest(predictor.dump_state())


def _saved(tuned: Program, folder: Path) -> dict[str, str]:
    """Save every predictor as JSON; return the paths by keyword."""
    found = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for keyword, predictor in tuned.by_keyword.items():
            path = folder / f"{keyword}.json"
            predictor.save(str(path))
            found[keyword] = str(path)
    except OSError as error:
        raise RunError(
            f"{folder} can't be written: {error.strerror or error}. Choose another place with "
            "optimize.path=FOLDER, and run the same command again: it asks nothing twice."
        ) from error
    return found


def _print(found: Mapping[str, Any], settings: OptimizeConfig, folder: Path) -> None:
    """Print what the prompts are worth; the last lines are paths for scripts."""
    (folder / "optimization.json").write_text(
        json.dumps(found, indent=2, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8"
    )
    print()
    for name in ("before", "after"):
        row = found[name]
        print(
            f"{name}: {row['verified']} of {row['candidates']} task candidates verified for {row['tokens']} "
            f"tokens, {row['yield']:.4g} for each thousand, on {len(found['items']['validation'])} items"
        )
    if not found["changed"]:
        print("the optimiser found nothing better than the prompts as they are")
    elif found["after"]["yield"] <= found["before"]["yield"]:
        print("the tuned prompts are worth no more on these items; think twice before you use them")
    used = found["sent"]["total"]
    dollars = "unknown" if used["usd"] is None else f"{used['usd']:.4g}"
    print(f"sent by this command: {used['calls']} calls, {used['input_tokens']} input tokens, "
          f"{used['output_tokens']} output tokens, US dollars: {dollars}")  # fmt: skip
    print(
        "to use them: " + " ".join(f"{settings.part}.{key}={path}" for key, path in found["states"].items())
    )
    print()
    print(f"summary: {folder / 'optimization.json'}")
    print(f"states: {settings.path}")


@contextlib.contextmanager
def _quiet(path: Path) -> Iterator[None]:
    """Send what optimisers print, and their progress bars, to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        path.open("a", encoding="utf-8") as file,
        contextlib.redirect_stdout(file),
        contextlib.redirect_stderr(file),
    ):
        yield
