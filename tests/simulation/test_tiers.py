"""Simulators beyond strict: what each tier says, on what grounds, and that nothing of it is recorded."""

from __future__ import annotations

import json
import multiprocessing
import resource
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from firefly.components import build, faults
from firefly.errors import ConfigError
from firefly.protocols import Backend, Tier
from firefly.replay.cassette import Cassette
from firefly.replay.grading import grade
from firefly.replay.records import Observation, Rollout, State, Step, ToolCall
from firefly.replay.simulator import StrictSimulator
from firefly.replay.tool_set import ToolSet
from firefly.simulation.lenient import Lenient
from firefly.simulation.model import Model
from firefly.simulation.naive import Naive
from firefly.simulation.nearest import Nearest
from firefly.simulation.overlay import Overlay, OverlayError
from firefly.simulation.sandbox import Sandbox
from firefly.simulation.tiered import TieredEpisode
from tests.serving.recorded import (
    HARD,
    LIST,
    READ_A,
    READ_NONE,
    READING,
    ROOT,
    TOOLS,
    WRITE_C,
    call,
    cassette,
    recording,
)


@pytest.fixture(scope="module")
def recorded() -> Cassette:
    return cassette()


def lenient(**tiers: Tier) -> Lenient:
    return Lenient(tiers=tiers)


def begin(simulator: Any, recorded: Cassette) -> Any:
    return simulator.backend(recorded).episode(ToolSet.of(TOOLS))


@pytest.mark.parametrize("name", ["strict", "lenient", "live", "always", "naive"])
def test_every_simulator_answers_the_recorded_episodes_as_they_were(name: str, recorded: Cassette) -> None:
    described = yaml.safe_load((ROOT / "conf" / "simulator" / f"{name}.yaml").read_text(encoding="utf-8"))
    assert faults(described) == []
    episode = begin(build(described), recorded)
    for step in recording([LIST, READ_A, READ_NONE, HARD], ("notes", "other")).steps:
        assert episode.call(step.call) == step.observation
    assert {step.tier for step in episode.steps} == ({"naive"} if name == "naive" else {"exact", "stateless"})


def test_naive_answers_wrongly_after_a_change_where_strict_is_right(recorded: Cassette) -> None:
    naive, strict = begin(Naive(), recorded), begin(_Strict(), recorded)
    for episode in (naive, strict):
        episode.call(WRITE_C)
    assert naive.call(LIST).structured == {"names": ["a", "b"]}
    assert strict.call(LIST).structured == {"names": ["a", "b", "c"]}
    assert naive.call(call("notes", "read", name="q")).outcome == "miss"


class _Strict:
    def backend(self, recorded: Cassette) -> Backend:
        return StrictSimulator(recorded)


def test_the_nearest_recorded_call_answers_and_says_how_near_it_is(recorded: Cassette) -> None:
    episode = begin(lenient(nearest=Nearest(farthest=0.7)), recorded)
    observation = episode.call(call("notes", "read", name="nome"))
    assert observation.text == "no note none"
    assert episode.steps[0].tier == "nearest"
    (evidence,) = episode.evidence
    assert evidence["arguments"] == {"name": "none"}
    assert 0 < evidence["distance"] <= 0.7
    # nothing the agent reads tells where the answer came from
    assert "nearest" not in observation.to_json()


def test_too_far_is_a_miss_that_says_why(recorded: Cassette) -> None:
    episode = begin(lenient(nearest=Nearest(farthest=0.0)), recorded)
    assert episode.call(call("notes", "read", name="zzz")).outcome == "miss"
    assert episode.evidence[0]["declined"]["nearest"]["why"] == "no recorded call is near enough"
    assert episode.steps[0].tier == "miss"


def test_of_equal_arguments_the_supposed_state_decides(recorded: Cassette) -> None:
    episode = begin(lenient(nearest=Nearest(farthest=0.7)), recorded)
    episode.call(WRITE_C)
    episode.call(call("notes", "read", name="nome"))  # from here on the state is unknown
    assert episode.call(LIST).structured == {"names": ["a", "b", "c"]}
    assert (episode.steps[-1].tier, episode.evidence[-1]["state"]) == ("nearest", "supposed")


def test_an_unproven_answer_earns_no_reward(recorded: Cassette) -> None:
    backend = lenient(nearest=Nearest(farthest=0.7)).backend(recorded)
    with backend.episode(ToolSet.of(TOOLS)) as episode:
        episode.call(call("notes", "read", name="nome"))
        rollout = Rollout(calls=tuple(step.call for step in episode.steps), answer=4711)
    assert grade(READING, rollout, StrictSimulator(recorded)).reward is None


def test_the_recordings_are_what_they_were(recorded: Cassette, tmp_path: Path) -> None:
    before = [entry.to_json() for entry in recorded.entries]
    simulator = Lenient(tiers={"nearest": Nearest(farthest=9.0)}, overlay=tmp_path / "overlay.jsonl")
    episode = begin(simulator, recorded)
    for name in "pqrs":
        assert episode.call(call("notes", "read", name=name)).outcome != "miss"
    assert [entry.to_json() for entry in recorded.entries] == before
    with pytest.raises(Exception, match="not a cassette"):
        Cassette.load(tmp_path)


# --- the language model ------------------------------------------------------------------------


class Scripted:
    """Answers with the next of its lines, and keeps what it was asked."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def complete(self, request: Any) -> Any:
        from dspy.lm15 import Message, Response, Usage

        self.asked.append(str(request))
        text = self.answers.pop(0)
        if text == "down":
            raise ConnectionError("no route to the model")
        return Response(
            id=None,
            model="scripted",
            message=Message.assistant(text),
            finish_reason="stop",
            usage=Usage(input_tokens=1, output_tokens=1, total_tokens=2),
        )


def written(answer: str, failed: bool = False) -> str:
    return f"[[ ## answer ## ]]\n{answer}\n\n[[ ## failed ## ]]\n{failed}\n\n[[ ## completed ## ]]"


def scripted(*answers: str) -> tuple[Any, Scripted]:
    import dspy

    engine = Scripted(*answers)
    return dspy.LM("scripted/x", engine=engine, cache=False), engine


def test_a_model_sees_the_schema_and_the_nearest_calls_and_writes_the_answer(recorded: Cassette) -> None:
    lm, engine = scripted(written("third note"), written("no note w", failed=True))
    episode = begin(lenient(model=Model(lm=lm)), recorded)
    episode.call(READ_A)
    observation = episode.call(call("notes", "read", name="q"))
    assert (observation.text, observation.outcome, observation.is_error) == ("third note", "success", False)
    (asked,) = engine.asked
    for shown in ("Read a note.", "no note none", '{"name":"a"}', "the number is 4711", "required"):
        assert shown in asked.replace('\\"', '"')
    assert episode.evidence[-1]["model"] == "scripted/x"
    failure = episode.call(call("notes", "read", name="w"))
    assert (failure.outcome, failure.is_error) == ("failure", True)
    assert [step.tier for step in episode.steps] == ["exact", "model", "model"]


def test_a_written_answer_fits_the_output_schema_or_is_none(recorded: Cassette) -> None:
    lm, engine = scripted(
        written("three notes"), written('{"names": ["a", "q"]}'), written("[1]"), written("[2]")
    )
    episode = begin(lenient(model=Model(lm=lm)), recorded)
    unknown = call("notes", "list", colour="red")
    assert episode.call(unknown).structured == {"names": ["a", "q"]}
    assert "it is no JSON" in engine.asked[1]
    assert episode.call(unknown).outcome == "miss"
    assert "does not fit" in episode.evidence[-1]["declined"]["model"]["why"]


def test_a_model_that_is_down_or_missing_leaves_a_miss(recorded: Cassette) -> None:
    lm, _ = scripted("down")
    for model, why in ((Model(lm=lm), "no route to the model"), (Model(), "there is no language model")):
        episode = begin(lenient(model=model), recorded)
        assert episode.call(call("notes", "read", name="q")).outcome == "miss"
        assert why in episode.evidence[0]["declined"]["model"]["why"]


def test_a_model_may_come_later(recorded: Cassette) -> None:
    lm, _ = scripted(written("here I am"))
    simulator = lenient(model=Model(), nearest=Nearest(farthest=0.0))
    assert not simulator.backend(recorded).may_block
    simulator.use_model(lm)
    assert simulator.backend(recorded).may_block, "whoever serves it leaves the event loop"
    assert begin(simulator, recorded).call(call("notes", "read", name="q")).text == "here I am"


# --- kept answers ------------------------------------------------------------------------------


def test_an_overlay_repeats_a_loose_run_without_its_model(recorded: Cassette, tmp_path: Path) -> None:
    path = tmp_path / "overlay.jsonl"
    lm, _ = scripted(written("first"), written("second"))
    asked = [call("notes", "read", name="q"), call("notes", "read", name="r"), LIST]

    def run(lm: Any) -> list[tuple[str, str]]:
        simulator = Lenient(tiers={"model": Model(lm=lm)}, overlay=path)
        episode = begin(simulator, recorded)
        return [(episode.call(one).text, episode.steps[-1].tier) for one in asked]

    first = run(lm)
    assert first[:2] == [("first", "model"), ("second", "model")]
    assert run(None) == first
    lines = path.read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[0])["format"] == "firefly-overlay"
    assert "no recording proves" in json.loads(lines[0])["note"]
    assert len(lines) == 3


def test_an_overlay_repeats_that_a_model_had_no_answer_fit_for_use_but_asks_again_where_it_was_down(
    recorded: Cassette, tmp_path: Path
) -> None:
    unfit, unknown = call("notes", "list", colour="red"), call("notes", "read", name="q")

    def run(lm: Any, *calls: ToolCall) -> list[tuple[str, str]]:
        simulator = Lenient(tiers={"model": Model(lm=lm, attempts=1)}, overlay=tmp_path / "overlay.jsonl")
        episode = begin(simulator, recorded)
        return [(episode.call(one).outcome, episode.steps[-1].tier) for one in calls]

    first = run(scripted(written("[1]"), "no sections", "no JSON")[0], unfit, unknown)
    assert first == [("miss", "miss")] * 2
    assert run(scripted(written('{"names": []}'), written("now"))[0], unfit, unknown) == first
    assert run(scripted("down")[0], unknown) == [("miss", "miss")]
    assert run(scripted(written("up"))[0], unknown) == [("success", "model")]


def test_a_kept_answer_is_of_its_situation_alone(recorded: Cassette, tmp_path: Path) -> None:
    lm, _ = scripted(written("before"), written("after"))
    simulator = Lenient(tiers={"model": Model(lm=lm)}, overlay=tmp_path / "overlay.jsonl")
    unknown = call("notes", "read", name="q")
    assert begin(simulator, recorded).call(unknown).text == "before"
    other = begin(simulator, recorded)
    other.call(WRITE_C)
    assert other.call(unknown).text == "after"


def _put(path: str, answer: str, start: Any, found: Any) -> None:
    overlay = Overlay(Path(path))
    start.wait()
    kept = [overlay.put(f"key {n}", LIST, "model", {}, Observation(text=answer)) for n in range(20)]
    found.put([one.observation.text for one in kept])


def test_two_processes_that_keep_answers_agree_on_them(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start, found = context.Barrier(2), context.Queue()
    path = tmp_path / "overlay.jsonl"
    both = [context.Process(target=_put, args=(str(path), name, start, found)) for name in ("one", "two")]
    for process in both:
        process.start()
    answers = [found.get(timeout=60) for _ in both]
    for process in both:
        process.join()
    assert answers[0] == answers[1]
    assert len(path.read_text(encoding="utf-8").splitlines()) == 21


def test_an_overlay_on_a_full_disk_keeps_what_it_had_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "overlay.jsonl"
    overlay = Overlay(path)
    overlay.put("a", LIST, "model", {}, Observation(text="kept"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 40, before[1]))
    try:
        with pytest.raises(OverlayError, match="can't be written"):
            overlay.put("b", LIST, "model", {}, Observation(text="lost"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert overlay.get("b") is None
    assert overlay.put("b", LIST, "model", {}, Observation(text="later")).observation.text == "later"
    again = Overlay(path)
    assert [one and one.observation.text for one in map(again.get, "abc")] == ["kept", "later", None]


def test_ten_megabytes_of_arguments_get_no_answer_from_afar(recorded: Cassette) -> None:
    long = call("notes", "read", name="x" * 10_000_000)
    with begin(lenient(nearest=Nearest()), recorded) as episode:
        assert episode.call(long).outcome == "miss"
        assert episode.evidence[0]["declined"]["nearest"]["why"] == "no recorded call is near enough"


def test_a_file_that_is_no_overlay_is_refused_and_a_cut_line_is_not_an_answer(tmp_path: Path) -> None:
    other = tmp_path / "entries.jsonl"
    other.write_text('{"server": "s"}\n', encoding="utf-8")
    with pytest.raises(OverlayError, match="is no overlay"):
        Overlay(other)
    path = tmp_path / "overlay.jsonl"
    Overlay(path).put("a", LIST, "model", {}, Observation(text="kept"))
    with path.open("a", encoding="utf-8") as file:
        file.write('{"key": "b", "cal')
    overlay = Overlay(path)
    assert overlay.get("a") is not None
    overlay.put("c", LIST, "model", {}, Observation(text="next"))
    assert [json.loads(line).get("key") for line in path.read_text(encoding="utf-8").splitlines()] == [
        None,
        "a",
        "c",
    ]


# --- live servers ------------------------------------------------------------------------------


class LiveNotes:
    """Stands for live servers: the very behaviour that was recorded, and one change of it."""

    def __init__(self, changed: str = "") -> None:
        self.changed = changed
        self.begun = 0

    def episode(self, tool_set: ToolSet, seed: int = 0) -> Any:
        self.begun += 1
        return _LiveEpisode(self.changed)


class _LiveEpisode:
    def __init__(self, changed: str) -> None:
        self.changed, self.closed = changed, False
        self._calls: list[ToolCall] = []

    def call(self, one: ToolCall) -> Observation:
        self._calls.append(one)
        found = recording(self._calls, ("notes", "other")).steps[-1].observation
        return found.model_copy(update={"text": "changed"}) if one.tool == self.changed else found

    @property
    def steps(self) -> Sequence[Step]:
        return recording(self._calls, ("notes", "other")).steps

    def close(self) -> None:
        self.closed = True


def live(backend: Any) -> Lenient:
    simulator = lenient(live=Sandbox())
    simulator.use_live(backend)
    return simulator


def test_live_servers_answer_from_where_the_episode_is(recorded: Cassette) -> None:
    servers = LiveNotes()
    episode = begin(live(servers), recorded)
    episode.call(WRITE_C)
    assert servers.begun == 0, "what is recorded needs no server"
    write = call("notes", "write", name="d", text="new")
    assert episode.call(write).text == "written"
    assert episode.call(LIST).structured == {"names": ["a", "b", "c", "d"]}
    assert [step.tier for step in episode.steps] == ["exact", "live", "live"]
    assert (servers.begun, episode.evidence[1]["calls_before"]) == (1, 1)


def test_live_servers_that_answer_otherwise_than_recorded_are_not_believed(recorded: Cassette) -> None:
    episode = begin(live(LiveNotes(changed="list")), recorded)
    episode.call(LIST)
    assert episode.call(call("notes", "read", name="q")).outcome == "miss"
    why = episode.evidence[-1]["declined"]["live"]["why"]
    assert "call 1, notes/list, was answered otherwise" in why


def test_a_sandbox_of_another_world_is_not_believed(recorded: Cassette) -> None:
    class Elsewhere(_LiveEpisode):
        @property
        def steps(self) -> Sequence[Step]:
            before = State(history="another fixture")
            return [step.model_copy(update={"before": before}) for step in super().steps]

    class LiveElsewhere(LiveNotes):
        def episode(self, tool_set: ToolSet, seed: int = 0) -> Any:
            return Elsewhere("")

    episode = begin(live(LiveElsewhere()), recorded)
    assert episode.call(call("notes", "read", name="q")).outcome == "miss"
    assert "another world" in episode.evidence[-1]["declined"]["live"]["why"]


def test_tiers_are_asked_in_their_order_and_each_says_why_it_declined(recorded: Cassette) -> None:
    lm, _ = scripted(written("from the model"))
    simulator = lenient(model=Model(lm=lm), nearest=Nearest(farthest=0.0), live=Sandbox())
    episode: TieredEpisode = begin(simulator, recorded)
    assert episode.call(call("notes", "read", name="zzz")).text == "from the model"
    assert list(episode.evidence[0]["declined"]) == ["live", "nearest"]  # type: ignore[call-overload]


def test_a_run_that_makes_tasks_refuses_an_unproven_simulator() -> None:
    from hydra import compose, initialize_config_dir

    from firefly.config import load_config

    for name in ("lenient", "live", "naive"):
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            composed = compose("config", [f"simulator={name}", "store.path=x", "dataset.path=y"])
        with pytest.raises(ConfigError, match="tasks can't be checked with it"):
            load_config(composed)
