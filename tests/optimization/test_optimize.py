"""Prompts that optimisers change: measured by rules, saved as JSON, taken by the components' YAML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from firefly import plugins
from firefly.app import config_folder
from firefly.components import build, states_of
from firefly.errors import BudgetError, ConfigError, EndpointError
from firefly.exploration import explore_sub_dag
from firefly.lm import Models
from firefly.lm.ledger import Budget
from firefly.lm.work import StopRun
from firefly.optimization.measuring import Bench, Measured
from firefly.optimization.optimizers import BootstrapFewShot, Gepa
from firefly.optimization.program import Program, examples, metric
from firefly.optimization.settings import read
from firefly.records import Exploration, SubDag
from firefly.run import Run
from tests.library_servers import CHAIN, SHORT, known, library
from tests.lm.agent import Agent
from tests.lm.competent import competent
from tests.lm.endpoint import Chat, Endpoint, Fault, Personality, Reply, endpoint
from tests.lm.fixtures import make, models
from tests.synthesis.test_template import explored_by

TUNED = "Make every call on the list, then say what you found."


def config(*overrides: str) -> dict[str, Any]:
    GlobalHydra.instance().clear()
    where = [f"{name}=x" for name in ("store.path", "dataset.path", "optimize.path", "lm.transcript")]
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        composed = compose("optimize", ["servers=bundled", *where, *overrides])
    found = OmegaConf.to_container(composed, resolve=False)
    assert isinstance(found, dict)
    found.pop("hydra", None)
    return {str(key): value for key, value in found.items()} | {"cache": {"path": "x"}}


def option(group: str, name: str, **more: Any) -> dict[str, Any]:
    """The component that a YAML option describes."""
    text = (config_folder() / group / f"{name}.yaml").read_text(encoding="utf-8")
    return {**yaml.safe_load(text), **more}


def bench(
    asked: Models, part: str, items: Mapping[str, SubDag | Exploration], folder: Path, *overrides: str
) -> Bench:
    """A bench over the library, answered by its functions instead of by live servers."""
    plain = config("lm=openai_compatible", "lm.base_url=http://127.0.0.1:9", "lm.model=m", *overrides)
    run = Run(read(plain)[0], folder)
    run.models = asked
    knowledge = known(tuple(one for one in items.values() if isinstance(one, Exploration)))
    run.knowledge = lambda: knowledge  # type: ignore[method-assign]
    run.__dict__["live"] = library()
    run.__dict__["trusting_live"] = library()
    return Bench(run, part, items)


def two_minds(good: Agent) -> Personality:
    """Works well only if it is told so; as a writer of instructions it says so."""
    good.fields["new_instruction"] = lambda chat: TUNED

    def act(chat: Chat) -> Reply | Fault:
        if chat.tools and TUNED not in chat.said_by("system")[0]:
            return Reply("I would rather not.")
        return good(chat)

    return act


def tuned_explorer(there: Endpoint, folder: Path, **more: Any) -> tuple[Program, Any, Bench]:
    asked = models(there.url, folder / "transcript", **more)
    items = {"one": CHAIN, "two": SHORT}
    found = bench(asked, "explorer", items, folder, "explorer=react")
    program = Program(found)
    optimizer = Gepa(models=asked, evaluations=4, batch=1, merge=False, threads=1)
    train, validation = examples(("one",)), examples(("two",))
    better = make(
        asked,
        "all",
        lambda: optimizer.tune(program, metric, train=train, validation=validation, seed=0),
    )
    return program, better, found


def test_gepa_finds_instructions_that_verify_more_and_the_option_takes_their_state(tmp_path: Path) -> None:
    with endpoint(two_minds(competent_explorer())) as there:
        program, better, found = tuned_explorer(there, tmp_path)
        before = found.measure("two", program.by_keyword)
        after = found.measure("two", better.by_keyword)
        assert (before.verified, before.score) == (0, 0.0)
        assert after.verified > 0
        assert after.score == pytest.approx(1000 * after.verified / after.tokens, rel=1e-4)
        state = tmp_path / "state.json"
        better.state.save(str(state))
        assert json.loads(state.read_text())["signature"]["instructions"] == TUNED

        reflected = [chat for chat in there.requests if "new_instruction" in chat.text]
        assert "0 of 0 task candidates were verified" in reflected[0].text
        asked = len(there.requests)
        tuned_explorer(there, tmp_path)
        assert len(there.requests) == asked  # all of it is in the transcript

        described = option("explorer", "react", state=str(state))
        assert states_of(described)
        one = models(there.url)
        explorer = build(described, {"models": one})
        [explored] = make(
            one,
            "explored",
            lambda: explore_sub_dag(
                CHAIN, explorer=explorer, backend=library(), knowledge=known(), rng=Random(0), seed=0
            ),
        )
        assert explored.completed
        assert there.requests[-1].said_by("system")[0].startswith(TUNED)


def competent_explorer() -> Agent:
    return Agent()


def test_examples_are_what_was_verified_and_the_writer_is_shown_them(tmp_path: Path) -> None:
    found = {one.sub_dag.id: one for one in explored_by(CHAIN) if one.completed}
    with endpoint(competent()) as there:
        asked = models(there.url)
        measured = bench(asked, "synthesizer", found, tmp_path, "synthesizer=backward")
        program = Program(measured)
        better = BootstrapFewShot(demonstrations=2).tune(
            program, metric, train=examples(tuple(found)), validation=[], seed=0
        )
        [demo, *_] = better.state.demos
        assert demo.calls.startswith("c1: list_books")
        for keyword in ("state", "obscuring_state"):
            getattr(better, keyword).save(str(tmp_path / f"{keyword}.json"))
        described = option(
            "synthesizer",
            "backward",
            state=str(tmp_path / "state.json"),
            obscuring_state=str(tmp_path / "obscuring_state.json"),
        )
        one = models(there.url)
        writer = build(described, {"models": one})
        [shorter] = [one for one in explored_by(SHORT) if one.completed][:1]
        before = len(there.requests)
        make(one, "written", lambda: writer.write(shorter, knowledge=known((shorter,)), rng=Random(0)))
        first = there.requests[before]
        assert json.dumps(demo.tasks[0].question)[1:-1] in "".join(first.said_by("assistant"))


def test_pickles_and_states_of_other_prompts_are_refused(tmp_path: Path) -> None:
    asked = models("http://127.0.0.1:1/v1")
    pickled = tmp_path / "program.pkl"
    pickled.write_bytes(b"\x80\x04.")
    for group, name in (("explorer", "react"), ("explorer", "hybrid"), ("synthesizer", "backward")):
        described = option(group, name, state=str(pickled))
        described.pop("values", None)
        with pytest.raises(ConfigError, match="pickled programs are never loaded"):
            build(described, {"models": asked})
    with pytest.raises(ConfigError, match=r"explorer\.state: .* is no JSON file"):  # before anything is done
        read(config("explorer=react", f"explorer.state={pickled}", "lm=openai"))
    state = tmp_path / "state.json"
    build(option("explorer", "react"), {"models": asked}).worker.predictor.save(str(state))
    writer = build(option("synthesizer", "backward", state=str(state)), {"models": asked})
    with pytest.raises(ConfigError, match="state of another prompt: its fields are Task:"):
        _ = writer.prompt.module


@pytest.mark.parametrize(
    ("personality", "budget", "error"),
    [
        (two_minds(Agent()), Budget(calls=2), BudgetError),
        (lambda chat: Fault(500), Budget(), EndpointError),
    ],
)
def test_a_budget_or_a_broken_endpoint_ends_it_at_once(
    personality: Personality,
    budget: Budget,
    error: type[Exception],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("firefly.lm.engine.backoff", lambda attempt, asked: 0.0)
    with endpoint(personality) as there:
        with pytest.raises(error):
            tuned_explorer(there, tmp_path, budget=budget, retries=1)
        assert len(there.requests) == 2


def test_what_asked_nobody_is_not_worth_infinitely_much() -> None:
    assert Measured(verified=2).score == 20.0
    assert Measured(tokens=10).score == 0.0


def test_mistakes_are_told_together(tmp_path: Path) -> None:
    plain = config("optimize.train=0", "explorer=react", "~optimizer")
    with pytest.raises(ConfigError) as told:
        read(plain)
    for part in ("optimizer: none is chosen", "optimize.train: ", "explorer: explorer=react asks"):
        assert part in str(told.value)
    with pytest.raises(ConfigError, match="synthesizer=template has no prompts"):
        bench(models("http://127.0.0.1:1/v1"), "synthesizer", {}, tmp_path)


def test_a_stopped_item_ends_whatever_an_optimiser_catches(tmp_path: Path) -> None:
    with endpoint(lambda chat: Fault(500)) as there:
        asked = models(there.url, budget=Budget(calls=0))
        found = bench(asked, "explorer", {"one": CHAIN}, tmp_path, "explorer=react")
        with pytest.raises(StopRun):
            Program(found)(item="one")


def test_the_optimiser_of_the_page_keeps_what_is_worth_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugins, "_BY_NAME", dict(plugins._BY_NAME))
    page = (config_folder().parent / "docs" / "optimize.md").read_text(encoding="utf-8")
    code = page.split("```python\n")[1].split("```")[0]
    names: dict[str, Any] = {"__name__": "my_firefly"}
    exec(compile(code, "optimize.md", "exec"), names)
    agent = Agent()

    def brief(chat: Chat) -> Reply:
        return agent.act(chat) if "Be brief." in chat.said_by("system")[0] else Reply("Well, where to begin?")

    with endpoint(brief) as there:
        found = bench(models(there.url), "explorer", {"one": CHAIN}, tmp_path, "explorer=react")
        program = Program(found)
        better = names["Terse"]().tune(program, metric, train=[], validation=examples(("one",)), seed=0)
    assert better.state.signature.instructions == f"{program.state.signature.instructions} Be brief."
