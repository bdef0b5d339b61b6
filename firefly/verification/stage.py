"""The verification stage: every candidate's verdict, cheapest checks first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from pydantic import JsonValue

from firefly.knowledge import Knowledge
from firefly.protocols import AsksModels, Backend, Check, Trial
from firefly.records import CheckResult, Exploration, Verdict
from firefly.replay.records import Task
from firefly.verification.recorded import Candidate, Recorded, match
from firefly.verification.reexecution import Reexecuted
from firefly.verification.rule import LIVE, SELECTION

Reexecute = Callable[[Sequence[Task], int], Reexecuted]
"""Executes the gold calls of tasks again, under a clock shifted by a number of days (0: as it is)."""

Consult = Callable[[AsksModels, Mapping[str, Trial], Sequence[Task]], Mapping[str, Mapping[str, JsonValue]]]
"""Has a check ask language models about tasks, each with its trial; returns what was said, by task id."""

_ROUNDS = 5
"""Choices among the sound candidates, at most."""


def verify(
    tasks: Sequence[Task],
    *,
    checks: Sequence[Check],
    simulator: Backend,
    knowledge: Knowledge,
    explorations: Mapping[str, Exploration],
    reexecute: Reexecute,
    consult: Consult | None = None,
) -> list[Verdict]:
    """Return the verdicts of all tasks in id order.

    Checks run in the order of their cost, equal ones in the order given. Those below `SELECTION` see every
    candidate, so that the funnel says what each of them would reject; from there on only candidates
    that every required check let through are looked at. A check on live servers that rejects some of the
    chosen ones has the choice made anew without them, so that what is kept keeps to its shares.
    ``reexecute`` is called, before the first check that needs live servers, with what is left by then and
    was not executed yet; once more for each clock that a check asks for (its ``clock_days``). Checks that ask
    language models have ``consult`` ask about the candidates that got as far as them.
    """
    stage = _Stage(tasks, simulator, knowledge, explorations, reexecute, consult)
    ordered = sorted(checks, key=lambda one: one.cost)
    surviving = stage.run([one for one in ordered if one.cost < SELECTION], frozenset(stage.gold), all_=True)
    choosing = [one for one in ordered if SELECTION <= one.cost < LIVE]
    live = [one for one in ordered if one.cost >= LIVE]
    kept: frozenset[str] = frozenset()
    for left in reversed(range(_ROUNDS)):
        before = {name: list(results) for name, results in stage.results.items()}
        chosen = stage.run(choosing, surviving)
        kept = stage.run(live, chosen)
        unsound = chosen - kept
        if not unsound or not choosing or not left:
            break
        surviving -= unsound
        for name in surviving:
            stage.results[name] = before[name]
    return [
        Verdict(task=task.id, verified=task.id in kept, results=tuple(stage.results[task.id]))
        for task in stage.candidates
    ]


class _Stage:
    """The candidates with what is known of each so far."""

    def __init__(
        self,
        tasks: Sequence[Task],
        simulator: Backend,
        knowledge: Knowledge,
        explorations: Mapping[str, Exploration],
        reexecute: Reexecute,
        consult: Consult | None = None,
    ) -> None:
        self.candidates = sorted({task.id: task for task in tasks}.values(), key=lambda task: task.id)
        self.results: dict[str, list[CheckResult]] = {task.id: [] for task in self.candidates}
        self.gold: dict[str, Recorded] = {}
        self._simulator, self._knowledge, self._explorations = simulator, knowledge, explorations
        self._reexecute, self._consult = reexecute, consult
        self._again: dict[int, Reexecuted] = {}
        for task in self.candidates:
            exploration = explorations.get(task.provenance.exploration)
            if exploration is None:
                why = f"there is no exploration {task.provenance.exploration}"
                result = CheckResult(check="exploration", status="fail", evidence={"faults": [why]})
                self.results[task.id].append(result)
            else:
                self.gold[task.id] = match(task, exploration.recording.steps)

    def run(
        self, checks: Sequence[Check], surviving: frozenset[str], *, all_: bool = False
    ) -> frozenset[str]:
        """Return who is left after ``checks``; ``all_``: they see the others, too."""
        for check in checks:
            again = self._executed(check, surviving) if check.cost == LIVE else Reexecuted()
            rejected: set[str] = set()
            looked_at = [task for task in self.candidates if task.id in (self.gold if all_ else surviving)]
            trials = {task.id: self._trial(task, surviving, again) for task in looked_at}
            if isinstance(check, AsksModels) and self._consult is not None:
                for name, said in self._consult(check, trials, looked_at).items():
                    trials[name] = replace(trials[name], said=said)
            for task in looked_at:
                result = _judge(check, task, trials[task.id])
                self.results[task.id].append(result)
                if result.required and result.status in ("fail", "unknown"):
                    rejected.add(task.id)
            surviving -= rejected
        return surviving

    def _trial(self, task: Task, surviving: frozenset[str], again: Reexecuted) -> Candidate:
        return Candidate(
            exploration=self._explorations[task.provenance.exploration],
            knowledge=self._knowledge,
            simulator=self._simulator,
            peers=self.candidates,
            reexecuted=again.recordings,
            why_not=again.why_not,
            surviving=surviving,
            earlier={result.check: result for result in self.results[task.id]},
            gold=self.gold[task.id],
        )

    def _executed(self, check: Check, surviving: frozenset[str]) -> Reexecuted:
        """Return the tasks as executed again under the clock that the check asks for, each once."""
        days = int(getattr(check, "clock_days", 0))
        done = self._again.get(days, Reexecuted())
        known = done.recordings.keys() | done.why_not.keys()
        missing = [task for task in self.candidates if task.id in surviving and task.id not in known]
        if missing:
            more = self._reexecute(missing, days)
            done = Reexecuted({**done.recordings, **more.recordings}, {**done.why_not, **more.why_not})
            self._again[days] = done
        return done


def _judge(check: Check, task: Task, trial: Candidate) -> CheckResult:
    """Return what ``check`` says. A check that breaks knows nothing, and unknown is never a pass."""
    try:
        return check.check(task, trial)
    except Exception as error:  # noqa: BLE001 - the boundary to checks of third parties
        name = str(getattr(check, "name", type(check).__name__))
        why = f"the check broke: {type(error).__name__}: {error}"
        return CheckResult(check=name, status="unknown", required=check.required, evidence={"why": why})
