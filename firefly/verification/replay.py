"""Do the gold calls come out the same again: offline, and live in a fresh sandbox?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from firefly.plugins import register
from firefly.protocols import Trial
from firefly.records import CheckResult
from firefly.replay.backend import Closing, Episode
from firefly.replay.errors import ReplayError
from firefly.replay.expressions import ExpressionError, evaluate, resolve_references, same
from firefly.replay.masks import Path, agree
from firefly.replay.parsers import parse
from firefly.replay.records import Observation, StateProbe, Step, Task, ToolCall
from firefly.replay.tool_set import ToolSet
from firefly.verification.recorded import agrees, recorded
from firefly.verification.rule import LIVE, SIMULATOR, Rule


@dataclass
class Replayed:
    """The gold calls as made once more; complete unless ``fault`` says why not."""

    calls: dict[str, ToolCall] = field(default_factory=dict)
    observations: dict[str, Observation] = field(default_factory=dict)
    outputs: dict[str, JsonValue] = field(default_factory=dict)
    answer: JsonValue = None
    tools: ToolSet | None = None
    """The tools of the episode."""
    fault: str = ""
    missed: bool = False
    """The fault is no answer of the server: a miss, a time-out, a refusal."""


def make(task: Task, episode: Episode) -> Replayed:
    """Make the gold calls, every reference computed from the outputs just seen."""
    run = Replayed()
    for gold in task.gold_calls:
        try:
            call = resolve_references(gold, run.outputs)
        except ExpressionError as error:
            run.fault = f"{gold.id}: a reference has no single value: {error}"
            return run
        observation = episode.call(call)
        run.calls[gold.id], run.observations[gold.id] = call, observation
        if observation.outcome != "success":
            run.fault = f"{gold.id}: {observation.outcome}: {observation.reason}"
            run.missed = observation.outcome != "failure"
            return run
        parsed = parse(observation)
        if parsed is not None:
            run.outputs[gold.id] = parsed.value
    try:
        run.answer = evaluate(task.expression, run.outputs)
    except ExpressionError as error:
        run.fault = f"the answer has no single value: {error}"
    return run


def replayed(task: Task, trial: Trial) -> Replayed:
    """Return the gold calls as the strict simulator answers them."""
    tools = ToolSet.of(tool for key, tool in trial.knowledge.tools.items() if key[0] in task.servers)
    try:
        with trial.simulator.episode(tools) as episode:
            run = make(task, episode)
    except ReplayError as error:
        return Replayed(fault=str(error), missed=True)
    run.tools = tools
    return run


@register("checks", "replay")
class Replay(Rule):
    """Offline, the strict simulator gives exactly the recorded observations and the same answer."""

    name = "replay"
    cost = SIMULATOR

    def check(self, task: Task, trial: Trial) -> CheckResult:
        """Replay the gold calls; a miss fails."""
        found = recorded(task, trial)
        if found.fault:
            return self.result("unknown", why=found.fault)
        run = replayed(task, trial)
        if run.fault:
            return self.decide([run.fault])
        masks = _masks(task, trial)
        faults = [
            f"{call}: another observation than recorded"
            for call, observation in run.observations.items()
            if not agree(observation, found.observations[call], masks[call])
        ]
        if not agrees(task.answer, run.answer):
            faults.append(f"the answer comes out as {run.answer!r}")
        return self.decide(faults)


@register("checks", "re_execution")
class ReExecution(Rule):
    """Executed again in a fresh sandbox, references computed anew, the gold calls give the same answer."""

    name = "re_execution"
    cost = LIVE

    def check(self, task: Task, trial: Trial) -> CheckResult:
        """Compute the answer from the fresh outputs."""
        recording = trial.reexecuted.get(task.id)
        if recording is None:
            return self.result("unknown", why=trial.why_not.get(task.id, "it was not executed again"))
        again = _Again(recording.steps)
        run = make(task, again)
        if run.fault:
            if run.missed:
                return self.result("unknown", why=run.fault)
            return self.decide([run.fault])
        if not agrees(task.answer, run.answer):
            return self.decide([f"the answer comes out as {run.answer!r}"])
        for number, probe in enumerate(task.end_state, start=1):
            fault = _differs(probe, again)
            if fault:
                return self.decide([f"probe {number} of the end state: {fault}"])
        first = recorded(task, trial)
        masks = _masks(task, trial)
        differing: list[JsonValue] = [
            call
            for call, observation in run.observations.items()
            if not agree(observation, first.observations.get(call), masks[call])
        ]
        return self.result("pass", outputs_that_differ=differing)


@register("checks", "shifted_clock")
class ShiftedClock(ReExecution):
    """Executed again in a fresh sandbox with another date, the gold calls give the same answer."""

    name = "shifted_clock"

    def __init__(self, *, days: int = 200, required: bool = False) -> None:
        """Set the other date.

        Args:
            days: by how many days the clock of the sandboxes is shifted; files keep their times.
            required: whether a task that fails, or can't be tried, is rejected.

        """
        super().__init__(required=required)
        if days == 0:
            raise ValueError("days other than 0 are needed")
        self.clock_days = days


def _masks(task: Task, trial: Trial) -> dict[str, tuple[Path, ...]]:
    """Return for each gold call the fields of its tool's answers that change by themselves."""
    profiles = trial.knowledge.profiles
    return {
        gold.id: profile.volatile_paths if (profile := profiles.get((gold.server, gold.tool))) else ()
        for gold in task.gold_calls
    }


def _differs(probe: StateProbe, again: Episode) -> str:
    """Return how the end state is another than the task says; "" when it is the same."""
    parsed = parse(again.call(probe.call))
    try:
        found = evaluate(probe.expression, {} if parsed is None else {probe.expression.call: parsed.value})
    except ExpressionError as error:
        return str(error)
    return "" if same(found, probe.expected) else f"{found!r} and not {probe.expected!r}"


class _Again(Closing):
    """An episode that answers from the re-execution's own steps, in their order."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = steps
        self._place = 0

    def call(self, call: ToolCall) -> Observation:
        """Return what this call returned in the fresh sandbox, after the calls made before it."""
        for place in range(self._place, len(self.steps)):
            if self.steps[place].call.digest == call.digest:
                self._place = place + 1
                return self.steps[place].observation
        return Observation(outcome="miss", reason="the call was not made in the fresh sandbox")
