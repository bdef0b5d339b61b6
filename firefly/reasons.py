"""Why a server gave no verified task: the first step at which nothing of it was left, in words.

A run over unknown servers is only of use if it says what it could not use and why. The reason is
computed from what was recorded, never guessed: what was tried, what came back, what rejected the rest.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from firefly.contents import is_empty
from firefly.records import Exploration, Listing, ProbeReport, ToolProfile, Verdict
from firefly.replay.records import Recording, Step, Task

__all__ = ["reason_without_task", "reasons_without_task"]

_SHOWN = 160
"""Characters of a server's own words."""


def reasons_without_task(
    listings: Iterable[Listing],
    reports: Iterable[ProbeReport],
    explorations: Sequence[Exploration],
    tasks: Sequence[Task],
    verdicts: Iterable[Verdict],
    reached: Collection[str],
) -> dict[str, str]:
    """Return server -> why no verified task uses it, for every server of which that is so.

    ``reached`` are the stages that the run came to: nothing is said of later ones.
    """
    by_task = {verdict.task: verdict for verdict in verdicts}
    served = {
        server
        for task in tasks
        if (verdict := by_task.get(task.id)) is not None and verdict.verified
        for server in task.servers
    }
    by_server = {report.server: report for report in reports}
    found = {}
    for listing in listings:
        if listing.server in served:
            continue
        reason = reason_without_task(
            listing,
            by_server.get(listing.server),
            [one for one in explorations if listing.server in one.sub_dag.servers],
            [task for task in tasks if listing.server in task.servers],
            by_task,
            reached,
        )
        if reason:
            found[listing.server] = reason
    return found


def reason_without_task(  # noqa: PLR0911 - one return for each step of a run
    listing: Listing,
    report: ProbeReport | None,
    explorations: Sequence[Exploration],
    tasks: Sequence[Task],
    verdicts: Mapping[str, Verdict],
    reached: Collection[str],
) -> str:
    """Return why one server without a verified task has none; "" when the run has not come that far."""
    if listing.health.status != "ok":
        return listing.health.trouble or "it can't be used"
    if not listing.callable_tools:
        return _nothing_to_call(listing)
    if report is None:
        return "it could not be probed; see failures.jsonl" if "graph" in reached else ""
    unusable = _unusable(listing, report)
    if unusable and not tasks:
        return unusable
    if "synthesis" not in reached:
        return ""
    if tasks:
        return _rejected(tasks, verdicts) if "verification" in reached else ""
    if not explorations:
        return _never_explored(report)
    completed = [one for one in explorations if one.completed]
    if not completed:
        why = _commonest(_plain(one.reason) for one in explorations)
        return f"none of its {len(explorations)} explorations was completed: {why}"
    usable = [one for one in report.profiles if one.usable and one.opaque is False]
    alone = all(set(one.sub_dag.servers) == {listing.server} for one in completed)
    if usable and alone and all(one.pure for one in usable):
        return _never_explored(report)
    return f"{_count(len(completed), 'exploration')} completed, but nothing in the answers makes a question"


def _nothing_to_call(listing: Listing) -> str:
    if not listing.tools:
        return "it lists no tool"
    why = _commonest(_plain(reason) for reason in listing.refused.values())
    return f"none of its {len(listing.tools)} tools may be called: {why}"


def _unusable(listing: Listing, report: ProbeReport) -> str:
    """Return why none of its tools can stand in a task that only reads; "" when one can."""
    profiles = {one.tool: one for one in report.profiles}
    callable_ones = [profiles[tool.name] for tool in listing.callable_tools if tool.name in profiles]
    if any(one.usable and one.opaque is False for one in callable_ones):
        return ""
    steps = _steps(report.recordings)
    if not any(one.successes for one in callable_ones):
        failures = [step for tool in steps.values() for step in tool if step.observation.outcome != "success"]
        if not failures:
            return "no tool was called: no argument could be found for any of them"
        why = _commonest(_said(step) for step in failures)
        return f"no tool could be called successfully ({_count(len(failures), 'call')}): {why}"
    groups: dict[str, list[str]] = defaultdict(list)
    for one in callable_ones:
        groups[_fault(one, steps.get(one.tool, ()))].append(one.tool)
    ordered = sorted(groups.items(), key=lambda entry: (-len(entry[1]), entry[0]))
    if len(ordered) == 1:
        return f"every tool: {ordered[0][0]}"
    return "no tool can be used: " + "; ".join(f"{why} ({_listed(tools)})" for why, tools in ordered)


def _fault(profile: ToolProfile, steps: Sequence[Step]) -> str:  # noqa: PLR0911 - one for each fault
    if not steps:
        return "not called, as no arguments were found for it"
    if not profile.successes:
        return "no call succeeded"
    if profile.effect == "write":
        return "changes the state"
    if profile.determinism == "volatile":
        return "the answer changes by itself"
    good = [step for step in steps if step.observation.outcome == "success"]
    if all(is_empty(step.observation) for step in good):
        return "every answer was empty"
    if profile.opaque:
        return "the answer is prose that no parser reads"
    if profile.effect == "unknown":
        return "not proven to only read"
    return "not proven to repeat itself"


def _never_explored(report: ProbeReport) -> str:
    usable = [one for one in report.profiles if one.usable and one.opaque is False]
    if all(one.pure for one in usable):
        return (
            f"its usable tools ({_listed([one.tool for one in usable])}) only compute from their arguments, "
            "and nothing that another server returns was found to fit them"
        )
    return f"no sub-DAG holds one of its usable tools ({_listed([one.tool for one in usable])})"


def _rejected(tasks: Sequence[Task], verdicts: Mapping[str, Verdict]) -> str:
    first: Counter[str] = Counter()
    for task in tasks:
        verdict = verdicts.get(task.id)
        if verdict is None:
            continue
        failed = [one for one in verdict.results if one.required and one.status in ("fail", "unknown")]
        first[failed[0].check if failed else "not verified"] += 1
    counted = ", ".join(
        f"{name} {count}" for name, count in sorted(first.items(), key=lambda one: (-one[1], one[0]))
    )
    return f"all {_count(len(tasks), 'candidate task')} were rejected, first by: {counted}"


def _steps(recordings: Iterable[Recording]) -> dict[str, list[Step]]:
    found: dict[str, list[Step]] = defaultdict(list)
    for recording in recordings:
        for step in recording.steps:
            found[step.call.tool].append(step)
    return found


def _said(step: Step) -> str:
    observation = step.observation
    return _plain(observation.visible or observation.reason)


def _plain(text: str) -> str:
    """Return one line of a text, shortened."""
    flat = " ".join(text.split())
    return flat if len(flat) <= _SHOWN else flat[: _SHOWN - 1] + "…"


def _commonest(texts: Iterable[str]) -> str:
    """Return the text that stands for most, those that differ in numbers and quotations counted together."""
    groups: dict[str, list[str]] = defaultdict(list)
    for text in texts:
        groups[re.sub(r"['\"`][^'\"`]*['\"`]|\d+|/[\w./-]+", "…", text)].append(text)
    if not groups:
        return "no reason was given"
    most = max(groups.values(), key=lambda group: (len(group), group[0]))
    return most[0] or "no reason was given"


def _listed(names: Sequence[str]) -> str:
    shown = sorted(names)
    return ", ".join(shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
