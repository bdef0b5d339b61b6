"""What a person reads at the end of a run; the last lines are paths for scripts."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from firefly.records import Listing
from firefly.summary import figures

if TYPE_CHECKING:
    from firefly.run import Run

__all__ = ["left_out", "print_tables", "warnings"]

_WARNINGS = 4
"""Warnings of one server that are printed."""


def print_tables(run: Run) -> None:
    """Print what a person wants to know at the end; the two last lines are paths for scripts."""
    found = figures(run)
    print()
    print(_health(found["servers"]))
    for line in [*left_out(run.listings), *warnings(run.listings)]:
        print(line)
    if run.config.mode == "plan":
        if run.models is not None:
            print(_planned(json.loads((run.folder / "plan.json").read_text(encoding="utf-8"))["lm"]))
        print(f"plan: {run.folder / 'plan.json'}")
        return
    print()
    calls = found["calls"]
    share = f" ({100 * calls['ok'] / calls['total']:.0f}%)" if calls["total"] else ""
    rows = [
        ("catalog", "tools", found["tools"]),
        ("probing", "usable tools", found["tools_usable"]),
        ("probing", "live calls that succeed", f"{calls['ok']} of {calls['total']}{share}"),
        ("graph", "edges", found["edges"]),
        ("sampling", "sub-DAGs", found["sub_dags"]),
        (
            "exploration",
            "explorations (completed)",
            f"{found['explorations']} ({found['explorations_completed']})",
        ),
        ("synthesis", "task candidates", found["candidates"]),
        ("verification", _kept(found), found["verified"]),
        ("verification", "distinct tool sequences", found["distinct_tool_sequences"]),
        ("verification", "tasks of three or more necessary calls", found["three_or_more_necessary_calls"]),
        ("verification", "cross-server tasks", found["cross_server"]),
        ("verification", "write-then-read tasks", found["write_then_read"]),
        ("verification", "largest share of a server", _share(found["largest_server"])),
        ("verification", "largest share of a sequence", f"{100 * found['largest_sequence']['share']:.0f}%"),
        *(
            ("verification", f"verified tasks of {split}", len(tasks))
            for split, tasks in run.by_split.items()
            if run.split_report
        ),
        ("neighbourhood", "calls recorded around them", found["neighbourhood"]["calls"]),
        ("catalog", "seconds", f"{found['seconds_total']:.1f}"),
    ]
    reached = [(name, str(value)) for stage, name, value in rows if stage in run.seconds]
    print(_table(("what", "figure"), reached))
    rejecting = {result.check for verdict in run.verdicts for result in verdict.results if result.required}
    lost = [
        (name, str(row["first"]), str(row["any"]))
        for name, row in found["funnel"].items()
        if row["any"] and name in rejecting
    ]
    if lost:
        print()
        print(_table(("rejected by", "first", "at all"), lost))
    if found["advisory_checks"]:
        print()
        print(_table(("advisory check", "pass", "fail", "unknown", "mostly because"), _advisory(found)))
    if found["unresolved"]:
        tools = len({one.tool for one in run.unresolved})
        print(
            f"\n{len(found['unresolved'])} required parameters of {tools} tools could not be filled; "
            f"{run.folder / 'unresolved.yaml'} says why, and what would help"
        )
    if found["without_task"] and "probing" in run.seconds:
        print()
        print(_table(("no task of", "why"), sorted(found["without_task"].items())))
    if "lm" in found:
        print(f"\n{_spending(found['lm'])}")
    if run.failures:
        print(f"\n{len(run.failures)} items failed and were left out; see {run.folder / 'failures.jsonl'}")
    if "verification" in run.seconds:
        for why in found.get("unverified", ()):
            print(f"\nnot verified by rules: {why}")
    print()
    print(f"summary: {run.folder / 'summary.json'}")
    if run.dataset is not None:
        print(f"dataset: {run.dataset}")


def _kept(found: dict[str, Any]) -> str:
    return "tasks kept, not verified by rules" if "unverified" in found else "verified tasks"


def _advisory(found: dict[str, Any]) -> list[tuple[str, ...]]:
    why = {check: row["why"] for check, row in found["unjudged"].items()}
    return [
        (check, *(str(row[one]) for one in ("pass", "fail", "unknown")), why.get(check, ""))
        for check, row in found["advisory_checks"].items()
    ]


def _spending(found: dict[str, Any]) -> str:
    """Return the ledger: what the data took, also for each verified task, and what was sent just now."""
    columns = ("calls", "input_tokens", "output_tokens", "usd")

    def cells(row: dict[str, Any]) -> list[str]:
        return [_dollars(row[one]) if one == "usd" else str(row[one]) for one in columns]

    rows = [(row["stage"], row["role"], row["model"], *cells(row)) for row in found["used"]["rows"]]
    rows += [
        (name, "", "", *cells(found[part]["total"]))
        for name, part in (("in all", "used"), ("sent by this command", "sent"))
    ]
    table = _table(("models", "role", "model", "calls", "input tokens", "output tokens", "US dollars"), rows)
    each = found["used"]["per_verified_task"]
    if each["calls"] is None:
        return table
    return (
        f"{table}\nfor each verified task: {each['calls']:g} calls, {each['tokens']:g} tokens, US dollars: "
        f"{_dollars(each['usd'])}"
    )


def _dollars(amount: float | None) -> str:
    return "unknown" if amount is None else f"{amount:.4g}"


def _planned(found: dict[str, Any]) -> str:
    rows = [
        (
            row["role"],
            row["model"],
            str(row["calls"]),
            str(row["input_tokens"]),
            str(row["output_tokens"]),
            _dollars(row["usd"]),
        )
        for row in found["estimates"]
    ]
    return "\n" + _table(("would ask", "model", "calls", "input tokens", "output tokens", "US dollars"), rows)


def _share(largest: dict[str, Any]) -> str:
    return f"{100 * largest['share']:.0f}% ({largest['name']})" if largest["name"] else "none"


def left_out(listings: Sequence[Listing]) -> list[str]:
    """Return a line for each server and reason: the tools that are not called, and what would admit them."""
    lines = []
    for listing in listings:
        by_reason: dict[str, list[str]] = defaultdict(list)
        for tool, reason in sorted(listing.refused.items()):
            named = rf"(?<![\w.-]){re.escape(tool)}(?![\w.-])"  # not in the name of its server
            by_reason[re.sub(named, "TOOL", reason)].append(tool)
        for reason, tools in by_reason.items():
            shown = ", ".join(tools[:4]) + (f" and {len(tools) - 4} more" if len(tools) > 4 else "")
            lines.append(f"left out of {listing.server}: {shown}: {reason}")
    return lines


def warnings(listings: Sequence[Listing]) -> list[str]:
    """Return a line for each of the first things that a server should not do and got away with."""
    lines = []
    for listing in listings:
        found = listing.health.warnings
        lines += [f"warning of {listing.server}: {one}" for one in found[:_WARNINGS]]
        if len(found) > _WARNINGS:
            lines.append(f"warning of {listing.server}: {len(found) - _WARNINGS} more, see summary.json")
    return lines


def _health(rows: Sequence[dict[str, Any]]) -> str:
    body = [
        (
            row["server"],
            row["status"],
            str(row["tools"]),
            f"{row['calls']['ok']}/{row['calls']['total']}",
            row["trouble"] or row["package"],
        )
        for row in rows
    ]
    return _table(("server", "status", "tools", "calls ok", "package or reason"), body)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header) - 1)]
    lines = []
    for row in [header, *rows]:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    lines.insert(1, "-" * min(100, max(len(line) for line in lines)))
    return "\n".join(lines)
