"""Figures of a data set, computed from its content for the card and the manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from pydantic import JsonValue

from firefly.export.rows import splits
from firefly.protocols import DatasetContent
from firefly.records import CheckResult, CheckStatus, Verdict
from firefly.replay.records import Task


def files_below(folder: Path) -> Iterator[Path]:
    """Yield every file below ``folder`` in the order of its relative path."""
    yield from sorted(
        (path for path in folder.rglob("*") if path.is_file()),
        key=lambda path: path.relative_to(folder).as_posix(),
    )


def verified_tasks(content: DatasetContent) -> list[Task]:
    """Return the tasks of every split in id order."""
    return sorted((task for tasks in content.tasks.values() for task in tasks), key=lambda task: task.id)


def figures(content: DatasetContent) -> dict[str, JsonValue]:
    """Return the counts of the manifest."""
    tasks = verified_tasks(content)
    return {
        "tasks": len(tasks),
        "tasks_per_split": {split: len(ones) for _, split, ones in splits(content)},
        "tasks_per_server": _counted(server for task in tasks for server in task.servers),
        "tasks_with_end_state": sum(bool(task.end_state) for task in tasks),
        "gold_calls": sum(len(task.gold_calls) for task in tasks),
        "answer_types": _counted(task.answer.type for task in tasks),
        "rejected": len(content.rejected),
        "servers": sum(listing.health.status == "ok" for listing in content.listings),
        "tools": sum(len(listing.tools) for listing in content.listings),
        "synthesis": _counted(task.provenance.synthesizer for task in tasks),
    }


@dataclass(frozen=True)
class CheckFigure:
    """How one check judged the candidates."""

    check: str
    required: bool
    statuses: Counter[CheckStatus]


def checks(content: DatasetContent) -> list[CheckFigure]:
    """Return the figures of each check over all candidates, in the order in which they ran."""
    found: dict[str, CheckFigure] = {}
    for verdict in _verdicts(content):
        for result in verdict.results:
            figure = found.setdefault(result.check, CheckFigure(result.check, result.required, Counter()))
            figure.statuses[result.status] += 1
    return list(found.values())


def verified_results(content: DatasetContent, check: str) -> list[CheckResult]:
    """Return what one check said of the verified tasks."""
    kept = [content.verdicts[task.id] for task in verified_tasks(content) if task.id in content.verdicts]
    return [result for verdict in kept for result in verdict.results if result.check == check]


def disjointness(content: DatasetContent) -> list[tuple[str, str, dict[str, int]]]:
    """Return for each pair of splits how many worlds, servers, tools and questions both have."""
    of: dict[str, Callable[[Task], set[str]]] = {
        "worlds": lambda task: {task.world},
        "servers": lambda task: set(task.servers),
        "tools": lambda task: {f"{call.server}.{call.tool}" for call in task.gold_calls},
        "questions": lambda task: {task.question},
    }
    filled = [(split, tasks) for _, split, tasks in splits(content)]
    pairs = []
    for (first, ones), (second, others) in combinations(filled, 2):
        shared = {what: len(_union(ones, pick) & _union(others, pick)) for what, pick in of.items()}
        pairs.append((first, second, shared))
    return pairs


def _verdicts(content: DatasetContent) -> list[Verdict]:
    every = {verdict.task: verdict for _, verdict in content.rejected} | dict(content.verdicts)
    return sorted(every.values(), key=lambda verdict: (-len(verdict.results), verdict.task))


def _union(tasks: list[Task], pick: Callable[[Task], set[str]]) -> set[str]:
    return {one for task in tasks for one in pick(task)}


def _counted(values: Iterator[str]) -> dict[str, JsonValue]:
    return dict(sorted(Counter(values).items()))
