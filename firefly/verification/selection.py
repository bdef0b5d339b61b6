"""Which of the sound candidates are kept: no duplicates, and nothing above its share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from firefly.plugins import register
from firefly.protocols import Trial
from firefly.records import CheckResult
from firefly.replay.records import Task, digest
from firefly.verification.choice import Choice
from firefly.verification.filling import Candidate, Limits
from firefly.verification.preflight import group_of
from firefly.verification.rule import SELECTION, Rule
from firefly.verification.sources import reads_data
from firefly.verification.uniqueness import wordings
from firefly.workflows import is_cross_server, is_write_then_read, workflow


def _work(task: Task) -> str:
    """Return the digest of what the task is about: its calls and its expression."""
    return digest(
        [
            [gold.model_dump(mode="json") for gold in task.gold_calls],
            task.expression.model_dump(mode="json"),
            [probe.model_dump(mode="json") for probe in task.end_state],
        ]
    )


def _datum(task: Task) -> str:
    """Return the digest of what the answer is: a value that one server's tool says of one field."""
    last = next(gold for gold in task.gold_calls if gold.id == task.expression.call)
    names = [part for part in (*task.expression.path, *task.expression.field) if isinstance(part, str)]
    column = names[-1] if names else ""
    computed = task.expression.op in ("count", "sum")
    return digest([last.server, last.tool if computed else "", column, task.answer.value])


def _survivors(trial: Trial) -> list[Task]:
    return [peer for peer in trial.peers if peer.id in trial.surviving]


@register("checks", "dedup")
class Dedup(Rule):
    """Of candidates with the same calls and expression, or the same words, the first by id is kept."""

    name = "dedup"
    cost = SELECTION

    def __init__(self, *, required: bool = True) -> None:
        """Say whether a duplicate is rejected."""
        super().__init__(required=required)
        self._first: tuple[frozenset[str], Mapping[str, str]] = (frozenset(), {})

    def check(self, task: Task, trial: Trial) -> CheckResult:
        """Look for an earlier candidate about the same."""
        surviving, first = self._first
        if surviving != trial.surviving or not first:
            first = _first_of(_survivors(trial))
            self._first = (trial.surviving, first)
        kept = {first.get(key, task.id) for key in (_work(task), *wordings(task))} - {task.id}
        return self.decide([f"the same as candidate {other}" for other in sorted(kept)])


def _first_of(tasks: Sequence[Task]) -> dict[str, str]:
    first: dict[str, str] = {}
    for task in sorted(tasks, key=lambda one: one.id):
        keys = (_work(task), *wordings(task))
        # A duplicate does not make its own duplicates fail: only kept tasks count.
        if not any(key in first for key in keys):
            first.update(dict.fromkeys(keys, task.id))
    return first


@register("checks", "caps")
class Caps(Rule):
    """No workflow, no kind of question, no server and no guess has more than its share."""

    name = "caps"
    cost = SELECTION

    def __init__(  # noqa: PLR0913 - each cap is a key of the configuration
        self,
        *,
        per_selector: int = 5,
        per_sequence: int = 6,
        per_datum: int = 1,
        server_share: float = 0.35,
        sequence_share: float = 0.08,
        guess_share: float = 0.05,
        guess_family_share: float = 0.15,
        involved_share: float = 0.35,
        at_least: int = 30,
        required: bool = True,
    ) -> None:
        """Set the caps.

        Args:
            per_selector: tasks with the same sequence and the same kind of answer.
            per_sequence: tasks with the same sequence: the tools up to the order of independent calls,
                pure functions dropped.
            per_datum: tasks that ask for one datum, whichever way there.
            server_share: largest share of tasks that involve one server; a task counts in full for each of
                its servers. With few servers it is raised to 2 / (servers + 1), for one server to all.
            sequence_share: largest share of tasks with the same sequence.
            guess_share: largest share of tasks whose answer is the commonest of the others of its family.
            guess_family_share: the same within a family (the last tool, the operation and the field).
            involved_share: share of tasks for which involved ones (three calls or more, or a change
                first) come before all others.
            at_least: up to this many tasks the shares of servers and sequences are not enforced.
            required: whether a task above a cap is rejected.

        """
        super().__init__(required=required)
        shares = (server_share, sequence_share)
        if min(per_selector, per_sequence, per_datum) < 1 or not all(0.0 < share <= 1.0 for share in shares):
            raise ValueError(
                "per_selector, per_sequence, per_datum >= 1 and shares above 0, of 1 at most, are needed"
            )
        if not all(0.0 <= share <= 1.0 for share in (guess_share, guess_family_share, involved_share)):
            raise ValueError("guess_share, guess_family_share and involved_share are shares from 0 to 1")
        self.limits = Limits(
            per_selector=per_selector,
            per_sequence=per_sequence,
            per_datum=per_datum,
            server_share=server_share,
            sequence_share=sequence_share,
            guess_share=guess_share,
            guess_family_share=guess_family_share,
            involved_share=involved_share,
            at_least=at_least,
        )
        self._kept: tuple[frozenset[str], Mapping[str, str]] = (frozenset(), {})

    def check(self, task: Task, trial: Trial) -> CheckResult:
        """Say whether the task is among those kept."""
        surviving, dropped = self._kept
        if surviving != trial.surviving:
            candidates = [_candidate(one, trial) for one in _survivors(trial)]
            dropped = Choice(candidates, self.limits).dropped()
            self._kept = (trial.surviving, dropped)
        why = dropped.get(task.id)
        return self.decide([why] if why else [])


def _candidate(task: Task, trial: Trial) -> Candidate:
    profiles = trial.knowledge.profiles
    reading = [gold for gold in task.gold_calls if reads_data(trial.knowledge, (gold.server, gold.tool))]
    return Candidate(
        task=task.id,
        servers=tuple(sorted({gold.server for gold in task.gold_calls})),
        sequence=workflow(task, profiles),
        kind=task.expression.op,
        selector=(task.expression.op, task.expression.path, task.expression.field),
        datum=_datum(task),
        family=group_of(task),
        answer=digest(task.answer.value),
        is_involved=len(task.gold_calls) >= 3 or is_write_then_read(task, profiles),
        worth=2.0 * (len(reading) >= 3)
        + 1.0 * (len(reading) == 2)
        + 1.5 * is_cross_server(task)
        + 2.0 * is_write_then_read(task, profiles),
    )
