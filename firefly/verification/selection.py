"""Which of the sound candidates are kept: no duplicates, no tool and no server above its share.

Longer chains come first, then those across more servers, for they are rarer; among equals the task id
decides, which is a hash: the choice is arbitrary, and the same in every run.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction

from firefly.plugins import register
from firefly.protocols import Trial
from firefly.records import CheckResult
from firefly.replay.records import Task, digest
from firefly.verification.rule import SELECTION, Rule


def sequence(task: Task) -> tuple[tuple[str, str], ...]:
    """Return the tools of the gold calls in order."""
    return tuple((gold.server, gold.tool) for gold in task.gold_calls)


def _work(task: Task) -> str:
    """Return the digest of what the task is about: its calls and its expression."""
    return digest(
        [
            [gold.model_dump(mode="json") for gold in task.gold_calls],
            task.expression.model_dump(mode="json"),
            [probe.model_dump(mode="json") for probe in task.end_state],
        ]
    )


def _words(task: Task) -> str:
    return " ".join(task.prompt.casefold().split())


def _rank(task: Task) -> tuple[int, int, str]:
    return (-len(task.gold_calls), -len(task.servers), task.id)


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
        kept = {first.get(_work(task), task.id), first.get(_words(task), task.id)} - {task.id}
        return self.decide([f"the same as candidate {other}" for other in sorted(kept)])


def _first_of(tasks: Sequence[Task]) -> dict[str, str]:
    first: dict[str, str] = {}
    for task in sorted(tasks, key=lambda one: one.id):
        keys = (_work(task), _words(task))
        # A duplicate does not make its own duplicates fail: only kept tasks count.
        if not any(key in first for key in keys):
            first.update(dict.fromkeys(keys, task.id))
    return first


@register("checks", "caps")
class Caps(Rule):
    """No (tool sequence, selector), no sequence and no server has more than its share."""

    name = "caps"
    cost = SELECTION

    def __init__(
        self,
        *,
        per_selector: int = 3,
        per_sequence: int = 6,
        per_datum: int = 1,
        server_share: float = 0.4,
        at_least: int = 30,
        required: bool = True,
    ) -> None:
        """Set the caps.

        Args:
            per_selector: tasks with the same tools in the same order and the same kind of answer.
            per_sequence: tasks with the same tools in the same order.
            per_datum: tasks that ask for one datum, whichever way there.
            server_share: largest share of tasks that involve one server; with few servers it is raised to
                2 / (servers + 1), for one server to all.
            at_least: below this many tasks the share is not enforced.
            required: whether a task above a cap is rejected.

        """
        super().__init__(required=required)
        if min(per_selector, per_sequence, per_datum) < 1 or not 0.0 < server_share <= 1.0:
            raise ValueError(
                "per_selector, per_sequence, per_datum >= 1 and 0 < server_share <= 1 are needed"
            )
        self.per_selector = per_selector
        self.per_sequence = per_sequence
        self.per_datum = per_datum
        self.server_share = server_share
        self.at_least = at_least
        self._kept: tuple[frozenset[str], Mapping[str, str]] = (frozenset(), {})

    def check(self, task: Task, trial: Trial) -> CheckResult:
        """Say whether the task is among those kept."""
        surviving, dropped = self._kept
        if surviving != trial.surviving:
            dropped = self._dropped(_survivors(trial))
            self._kept = (trial.surviving, dropped)
        why = dropped.get(task.id)
        return self.decide([why] if why else [])

    def _dropped(self, tasks: Sequence[Task]) -> dict[str, str]:
        dropped: dict[str, str] = {}
        by_sequence: Counter[object] = Counter()
        by_selector: Counter[object] = Counter()
        by_datum: Counter[str] = Counter()
        kept: list[Task] = []
        for task in sorted(tasks, key=_rank):
            tools = sequence(task)
            datum = _datum(task)
            selector = (tools, task.expression.op, task.expression.path, task.expression.field)
            kind = (tools, task.expression.op)
            if by_datum[datum] >= self.per_datum:
                dropped[task.id] = "another task asks for the same datum"
            elif by_selector[selector] >= 1 and by_sequence[tools] >= self.per_sequence // 2:
                dropped[task.id] = "the same answer field of the same tools was asked for before"
            elif by_selector[kind] >= self.per_selector:
                dropped[task.id] = (
                    f"{self.per_selector} tasks with these tools and this selector are kept already"
                )
            elif by_sequence[tools] >= self.per_sequence:
                dropped[task.id] = f"{self.per_sequence} tasks with these tools are kept already"
            else:
                by_datum[datum] += 1
                by_sequence[tools] += 1
                by_selector[kind] += 1
                by_selector[selector] += 1
                kept.append(task)
        return dropped | self._above_share(kept)

    def _above_share(self, kept: list[Task]) -> dict[str, str]:
        """Drop tasks of the commonest server, last ids first, until no server is above its share.

        A task that joins servers counts for each of them in part, and goes last: such tasks are rarer. Of the
        others, those of the commonest tool sequence go first.
        """
        dropped: dict[str, str] = {}
        servers = {server for task in kept for server in task.servers}
        share = max(self.server_share, 2 / (len(servers) + 1))
        while len(kept) > self.at_least:
            weights: dict[str, Fraction] = defaultdict(Fraction)
            by_tools = Counter(sequence(task) for task in kept)
            for task in kept:
                for server in task.servers:
                    weights[server] += Fraction(1, len(task.servers))
            server, weight = max(weights.items(), key=lambda pair: (pair[1], pair[0]))
            if weight <= share * len(kept):
                break
            last = max(
                (task for task in kept if server in task.servers),
                key=lambda task: (
                    -len(task.servers),
                    -len(task.gold_calls),
                    by_tools[sequence(task)],
                    task.id,
                ),
            )
            kept.remove(last)
            dropped[last.id] = f"{server} has more than {share:.0%} of the tasks"
        return dropped
