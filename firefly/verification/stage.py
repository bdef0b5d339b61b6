"""The verification stage: every candidate's verdict, cheapest checks first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from firefly.knowledge import Knowledge
from firefly.protocols import Backend, Check
from firefly.records import CheckResult, Exploration, Verdict
from firefly.replay.records import Recording, Task
from firefly.verification.recorded import Candidate, Recorded, match
from firefly.verification.rule import LIVE, SELECTION

Reexecute = Callable[[Sequence[Task]], Mapping[str, Recording]]


def verify(
    tasks: Sequence[Task],
    *,
    checks: Sequence[Check],
    simulator: Backend,
    knowledge: Knowledge,
    explorations: Mapping[str, Exploration],
    reexecute: Reexecute,
) -> list[Verdict]:
    """Return the verdicts of all tasks in id order.

    Checks run in the order of their cost, equal ones in the order given. Those below `SELECTION` see every
    candidate, so that the funnel says what each of them would reject; from there on only candidates
    that every required check let through are looked at. ``reexecute`` is called once, before the
    first check that needs live servers, with what is left by then.
    """
    candidates = sorted({task.id: task for task in tasks}.values(), key=lambda task: task.id)
    results: dict[str, list[CheckResult]] = {task.id: [] for task in candidates}
    gold: dict[str, Recorded] = {}
    for task in candidates:
        exploration = explorations.get(task.provenance.exploration)
        if exploration is None:
            why = f"there is no exploration {task.provenance.exploration}"
            results[task.id].append(
                CheckResult(check="exploration", status="fail", evidence={"faults": [why]})
            )
        else:
            gold[task.id] = match(task, exploration.recording.steps)
    surviving = frozenset(gold)
    reexecuted: Mapping[str, Recording] | None = None
    for check in sorted(checks, key=lambda one: one.cost):
        if check.cost >= LIVE and reexecuted is None:
            reexecuted = reexecute([task for task in candidates if task.id in surviving])
        rejected: set[str] = set()
        for task in candidates:
            if task.id not in (gold if check.cost < SELECTION else surviving):
                continue
            trial = Candidate(
                exploration=explorations[task.provenance.exploration],
                knowledge=knowledge,
                simulator=simulator,
                peers=candidates,
                reexecuted=reexecuted or {},
                surviving=surviving,
                earlier={result.check: result for result in results[task.id]},
                gold=gold[task.id],
            )
            result = _judge(check, task, trial)
            results[task.id].append(result)
            if result.required and result.status in ("fail", "unknown"):
                rejected.add(task.id)
        surviving -= rejected
    return [
        Verdict(task=task.id, verified=task.id in surviving, results=tuple(results[task.id]))
        for task in candidates
    ]


def _judge(check: Check, task: Task, trial: Candidate) -> CheckResult:
    """Return what ``check`` says. A check that breaks knows nothing, and unknown is never a pass."""
    try:
        return check.check(task, trial)
    except Exception as error:  # noqa: BLE001 - the boundary to checks of third parties
        name = str(getattr(check, "name", type(check).__name__))
        why = f"the check broke: {type(error).__name__}: {error}"
        return CheckResult(check=name, status="unknown", required=check.required, evidence={"why": why})
