"""What the verified tasks of a run are like: their workflows, how varied they are, and what they cost."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from math import log2
from typing import TYPE_CHECKING, Any

from firefly.domains import outputs_of
from firefly.english import words
from firefly.knowledge import Knowledge
from firefly.outputs import ANY_INDEX, expand, general
from firefly.records import Exploration, Verdict
from firefly.replay.records import Expression, GoldCall, Recording, Task, canonical_json
from firefly.workflows import Workflow, is_write_then_read, workflow

if TYPE_CHECKING:
    from firefly.run import Run

_LONG = 3
"""Necessary calls from which on a task counts as a longer one."""


def workflow_figures(run: Run) -> dict[str, Any]:
    """Return the figures about verified tasks that ``summary.json`` holds besides plain counts."""
    knowledge = run.knowledge()
    tasks = run.verified
    verdicts = {verdict.task: verdict for verdict in run.verdicts}
    sequences = {task.id: workflow(task, knowledge.profiles) for task in tasks}
    needed = {task.id: necessary_calls(task, verdicts[task.id]) for task in tasks}
    counts = Counter(sequences.values())
    probed = live_calls(recording for report in run.probe_reports for recording in report.recordings)
    return {
        "distinct_tool_sequences": len(counts),
        "gold_calls": dict(sorted(Counter(str(len(task.gold_calls)) for task in tasks).items())),
        "three_or_more_necessary_calls": sum((needed[task.id] or 0) >= _LONG for task in tasks),
        "cross_server": sum(
            needed[task.id] is not None and passes_between_servers(task, knowledge) for task in tasks
        ),
        "write_then_read": sum(is_write_then_read(task, knowledge.profiles) for task in tasks),
        "shapes": shapes(tasks, needed),
        "sequence_entropy": entropy(counts),
        "largest_sequence": largest(counts, len(tasks)),
        "largest_server": largest(Counter(server for task in tasks for server in task.servers), len(tasks)),
        "distinct_3": distinct(3, (task.question for task in tasks)),
        "advisory_checks": advisory_checks(tasks, verdicts),
        "unjudged": unjudged(tasks, verdicts),
        "curve": curve(probed, run.explorations, tasks, sequences),
    }


def necessary_calls(task: Task, verdict: Verdict) -> int | None:
    """Return how many gold calls the answer can't be had without; None where no check has shown it."""
    shown = any(one.check == "necessity" and one.status == "pass" for one in verdict.results)
    return len(task.gold_calls) if shown else None


def shapes(tasks: Iterable[Task], needed: Mapping[str, int | None]) -> list[dict[str, int | None]]:
    """Return how many tasks have each number of necessary calls, depth and fan-in.

    Depth: calls on the longest path. Fan-in: most calls that one call, or the answer, takes values from.
    """
    counts = Counter(
        (
            needed[task.id],
            max((depth for depth, _, _ in workflow(task, {})), default=0),
            max(len(task.expression.calls), *(len(call.depends_on) for call in task.gold_calls), 0),
        )
        for task in tasks
    )
    order = sorted(counts, key=lambda shape: (shape[0] is None, shape[0] or 0, shape[1:]))
    return [
        {"necessary_calls": shape[0], "depth": shape[1], "fan_in": shape[2], "tasks": counts[shape]}
        for shape in order
    ]


def passes_between_servers(task: Task, knowledge: Knowledge) -> bool:
    """Return whether a value observed on one server is an argument on another, and is no constant."""
    by_id = {call.id: call for call in task.gold_calls}
    return any(
        by_id[name].server != call.server and not _is_constant(by_id[name], reference, knowledge)
        for call in task.gold_calls
        for reference in call.references.values()
        for name in reference.calls
        if name in by_id
    )


def _is_constant(call: GoldCall, reference: Expression, knowledge: Knowledge) -> bool:
    """Return whether the field that a reference reads was never seen to hold but one value."""
    field = general((*reference.path, *(() if reference.op == "value" else (ANY_INDEX, *reference.field))))
    seen = {
        canonical_json(value)
        for _, output in outputs_of(knowledge, (call.server, call.tool))
        for _, value in expand(output, field)
    }
    return len(seen) == 1


def entropy(counts: Mapping[Any, int]) -> dict[str, float]:
    """Return the entropy in bits, and as a share of what as many kinds could have at most.

    >>> entropy({"a": 2, "b": 2}), entropy({"a": 4})
    ({'bits': 1.0, 'normalised': 1.0}, {'bits': 0.0, 'normalised': 0.0})
    """
    total = sum(counts.values())
    bits = -sum(count / total * log2(count / total) for count in counts.values())
    most = log2(len(counts)) if len(counts) > 1 else 0.0
    return {"bits": round(abs(bits), 3), "normalised": round(bits / most, 3) if most else 0.0}


def largest(counts: Mapping[Any, int], total: int) -> dict[str, Any]:
    """Return what most of the tasks share, how many do, and which share of all tasks that is.

    >>> largest({"git": 3, "time": 1}, 4)
    {'name': 'git', 'tasks': 3, 'share': 0.75}
    """
    if not counts or not total:
        return {"name": "", "tasks": 0, "share": 0.0}
    name = max(sorted(counts), key=lambda one: counts[one])
    said = (
        name
        if isinstance(name, str)
        else " ".join(f"{depth}:{server}.{tool}" for depth, server, tool in name)
    )
    return {"name": said, "tasks": counts[name], "share": round(counts[name] / total, 3)}


def distinct(length: int, texts: Iterable[str]) -> float:
    """Return how many of the runs of ``length`` words in all texts differ, as a share.

    >>> distinct(2, ["one two three", "one two"])
    0.667
    """
    found: list[tuple[str, ...]] = []
    for text in texts:
        spoken = [word.lower() for word in words(text)]
        found += [tuple(spoken[index : index + length]) for index in range(len(spoken) - length + 1)]
    return round(len(set(found)) / len(found), 3) if found else 0.0


def advisory_checks(tasks: Iterable[Task], verdicts: Mapping[str, Verdict]) -> dict[str, dict[str, int]]:
    """Return for each advisory check how many verified tasks it passed, failed, and could not judge."""
    found: dict[str, dict[str, int]] = {}
    total = 0
    for task in tasks:
        total += 1
        for result in verdicts[task.id].results:
            if not result.required:
                row = found.setdefault(
                    result.check, {"pass": 0, "fail": 0, "unknown": 0, "not_applicable": 0, "not_run": 0}
                )
                row[result.status] += 1
    for row in found.values():
        row["not_run"] = total - sum(row.values())
    return dict(sorted(found.items()))


def unjudged(tasks: Iterable[Task], verdicts: Mapping[str, Verdict]) -> dict[str, dict[str, Any]]:
    """Return for each advisory check that could not judge some verified tasks how many, and mostly why."""
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    for task in tasks:
        for result in verdicts[task.id].results:
            if not result.required and result.status == "unknown":
                why = result.evidence.get("why", "")
                reasons[result.check][str(why[0] if isinstance(why, list) and why else why)] += 1
    return {
        check: {"tasks": sum(found.values()), "why": min(found, key=lambda one: (-found[one], one))}
        for check, found in sorted(reasons.items())
    }


def curve(
    probed: int,
    explorations: Iterable[Exploration],
    tasks: Iterable[Task],
    sequences: Mapping[str, Workflow],
) -> list[list[int]]:
    """Return [live calls, distinct sequences, verified tasks] after each exploration, in their order.

    Explorations that gained nothing have no point of their own, but the last one. Calls that verified the
    tasks are not counted.

    Args:
        probed: calls made before the first exploration.
        explorations: in the order in which they were made.
        tasks: the verified ones.
        sequences: task id -> its workflow.

    """
    by_exploration: dict[str, list[str]] = {}
    for task in tasks:
        by_exploration.setdefault(task.provenance.exploration, []).append(task.id)
    calls, verified = probed, 0
    points = [[calls, 0, 0]]
    seen: set[Workflow] = set()
    for exploration in explorations:
        calls += live_calls(exploration.recordings)
        gained = by_exploration.get(exploration.id, [])
        verified += len(gained)
        seen |= {sequences[name] for name in gained}
        if gained:
            points.append([calls, len(seen), verified])
    if points[-1][0] != calls:
        points.append([calls, len(seen), verified])
    return points


def live_calls(recordings: Iterable[Recording]) -> int:
    """Return the calls that reached a server."""
    return sum(step.observation.outcome != "refused" for one in recordings for step in one.steps)
