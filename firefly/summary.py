"""What a run found and what it cost: ``summary.json`` and the plan."""

from __future__ import annotations

import contextlib
import json
import platform
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from inspect import signature
from typing import TYPE_CHECKING, Any

from firefly import __version__
from firefly.components import TARGET
from firefly.curves import svg
from firefly.errors import RunError
from firefly.figures import workflow_figures
from firefly.plugins import resolve
from firefly.protocols import AsksModels
from firefly.reasons import reasons_without_task
from firefly.records import Listing, ToolKey, ToolProfile
from firefly.replay.records import Recording

if TYPE_CHECKING:
    from firefly.run import Run

PACKAGES = ("mcp", "pydantic", "networkx", "hydra-core")


def figures(run: Run) -> dict[str, Any]:
    """Return the figures of ``summary.json``; those of unfinished stages are zero or empty."""
    verified = run.verified
    # Those around the tasks are mistakes on purpose, for the most part.
    neighbours = {one.id for one in run.neighbours}
    calls = call_counts(one for one in recordings(run) if one.id not in neighbours)
    total = sum(one["total"] for one in calls.values())
    around = sum(one["total"] for one in call_counts(run.neighbours).values())
    profiles = _profiles(run)
    return {
        "servers": [_server_row(listing, calls) for listing in run.listings],
        "tools": sum(len(listing.tools) for listing in run.listings),
        "tools_usable": sum(profile.usable for profile in profiles.values()),
        "calls": {"total": total, "ok": sum(one["ok"] for one in calls.values()), "per_server": calls},
        "calls_this_run": run.live_counts,
        "edges": len(run.edges),
        "edges_of_kind": dict(sorted(Counter(edge.kind for edge in run.edges).items())),
        "unresolved": sorted(f"{one.tool}.{one.parameter}" for one in run.unresolved),
        "sub_dags": len(run.explored) or len(run.sub_dags),
        "explorations": len(run.explorations),
        "explorations_completed": sum(exploration.completed for exploration in run.explorations),
        "candidates": len(run.tasks),
        "verified": len(verified),
        "verified_servers": sorted({server for task in verified for server in task.servers}),
        "without_task": without_task(run),
        "verified_per_server": dict(sorted(Counter(s for t in verified for s in t.servers).items())),
        **workflow_figures(run),
        **({"splits": run.split_report} if run.split_report else {}),
        "funnel": funnel(run),
        "shortcuts": shortcuts(run),
        "neighbourhood": {"recordings": len(run.neighbours), "calls": around},
        "live_calls_per_verified_task": round(total / len(verified), 2) if verified else None,
        "items": run.items,
        "failures": len(run.failures),
        **({"unverified": why} if run.tasks and (why := unverified(run)) else {}),
        **({"measured": run.measured} if run.measured else {}),
        **({"lm": model_figures(run)} if run.models is not None else {}),
        "seconds": run.seconds,
        "seconds_total": round(sum(run.seconds.values()), 3),
    }


def facts(run: Run) -> dict[str, Any]:
    """Return what the manifest and the card say of a run; nothing in it depends on the clock."""
    found = figures(run)
    kept = (
        "tools", "tools_usable", "calls", "edges", "sub_dags", "explorations", "explorations_completed",
        "candidates", "verified", "verified_per_server", "distinct_tool_sequences", "gold_calls",
        "three_or_more_necessary_calls", "cross_server", "write_then_read", "shapes", "sequence_entropy",
        "largest_sequence", "largest_server", "distinct_3", "advisory_checks", "curve", "funnel", "shortcuts",
        "neighbourhood", "live_calls_per_verified_task",
    )  # fmt: skip
    return {
        "firefly": __version__,
        "packages": {name: _version(name) for name in PACKAGES},
        "python": ".".join(platform.python_version_tuple()[:2]),
        "seed": run.config.seed,
        "world": run.public_world,
        "config_digest": run.config_digest,
        "synthesis": "template",
        **(
            {"split_rule": run.split_rule, "split_losses": run.split_report["lost"]}
            if run.split_report
            else {}
        ),
        "figures": {name: found[name] for name in kept},
        **({"unverified": found["unverified"]} if "unverified" in found else {}),
        **({"lm": {name: found["lm"][name] for name in ("models", "used")}} if "lm" in found else {}),
    }


def unverified(run: Run) -> list[str]:
    """Return why what the run keeps is not verified by rules; nothing where it is."""
    from firefly.verification.rule import SELECTION

    why = []
    simulator = resolve(run.config.simulator[TARGET])
    if getattr(simulator.cls, "loose", False):
        why.append(
            f"the simulator ({simulator.name}) answers beyond what the recordings prove, so what it said "
            "proves nothing"
        )
    required: dict[str, Any] = {
        name: resolve(described[TARGET]).cls
        for name, described in run.config.checks.items()
        if described is not None and _is_required(described)
    }
    judges = [name for name, cls in required.items() if issubclass(cls, AsksModels)]
    if not any(cls.cost != SELECTION for name, cls in required.items() if name not in judges):
        who = f"a language model decides ({', '.join(judges)})" if judges else "nothing decides"
        why.append(f"no rule decides which tasks are kept: {who}")
    return why


def _is_required(described: Mapping[str, Any]) -> bool:
    parameter = signature(resolve(described[TARGET]).cls).parameters.get("required")
    usual = parameter is not None and parameter.default is not parameter.empty and bool(parameter.default)
    return bool(described.get("required", usual))


def model_figures(run: Run) -> dict[str, Any]:
    """Return who was asked and what it took.

    ``used``: what the items of this data set took, whenever they were made; ``sent``: what this command
    sent, with failures, what was sent again, and items begun again.
    """
    assert run.models is not None
    settings, ledger = run.models.settings, run.models.ledger
    return {
        "mode": settings.mode,
        "models": settings.shape,
        "used": ledger.used(len(run.verified)),
        "sent": ledger.sent(),
    }


def _splits(run: Run) -> dict[str, Any]:
    if not run.split_report:
        return {}
    return {"split_rule": run.split_rule, "split_losses": run.split_report["lost"]}


def without_task(run: Run) -> dict[str, str]:
    """Return server -> why no verified task uses it, as far as the run came."""
    return reasons_without_task(
        run.listings, run.probe_reports, run.explorations, run.tasks, run.verdicts, run.seconds.keys()
    )


def recordings(run: Run) -> list[Recording]:
    """Return every live episode of the run, made now or kept from earlier."""
    return [
        *(recording for report in run.probe_reports for recording in report.recordings),
        *(one for exploration in run.explorations for one in exploration.recordings),
        *{recording.id: recording for recording in run.reexecutions.values()}.values(),
        *run.neighbours,
    ]


def call_counts(episodes: Iterable[Recording]) -> dict[str, dict[str, int]]:
    """Return the calls of each server: all that reached it, and those whose outcome is success."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: {"total": 0, "ok": 0})
    for episode in {one.id: one for one in episodes}.values():
        for step in episode.steps:
            if step.observation.outcome != "refused":
                counts[step.call.server]["total"] += 1
                counts[step.call.server]["ok"] += step.observation.outcome == "success"
    return dict(sorted(counts.items()))


def funnel(run: Run) -> dict[str, dict[str, int]]:
    """Return for each check how many candidates it rejected, first and at all."""
    from firefly.verification import funnel as count

    return count(run.verdicts)


def shortcuts(run: Run) -> dict[str, Any]:
    """Return how many tasks each policy that takes a shortcut solves, overall and in its worst family."""
    from firefly.verification import shortcut_rates

    return shortcut_rates(run.tasks, run.verdicts)


def write(run: Run) -> None:
    """Write ``summary.json`` and the files beside it into the run's folder, each whole or not at all.

    ``curve.svg`` where something was explored, ``unresolved.yaml`` where parameters can't be filled,
    ``failures.jsonl`` where items failed.

    Raises:
        RunError: the folder can't be written, and no other error is on its way to the user.
    """
    already = sys.exc_info()[0]
    found = figures(run)
    files = {"summary.json": json.dumps(found, indent=2, ensure_ascii=False) + "\n"}
    if len(found["curve"]) > 1:
        files["curve.svg"] = svg(found["curve"])
    if run.unresolved:
        from firefly.graph import unresolved_yaml

        files["unresolved.yaml"] = unresolved_yaml(run.unresolved)
    if run.failures:
        files["failures.jsonl"] = "".join(failure.to_json() + "\n" for failure in run.failures)
    for name, text in files.items():
        temporary = run.folder / f".new-{name}"
        try:
            run.folder.mkdir(parents=True, exist_ok=True)
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(run.folder / name)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            if already is None:
                raise RunError(
                    f"{run.folder / name} can't be written: {error.strerror or error}. Everything computed "
                    "is in the store: free some space, or choose another place with hydra.run.dir=FOLDER, "
                    "and run the same command again."
                ) from error


def write_plan(run: Run) -> None:
    """Write ``plan.json``: every tool, whether it would be called, its declared effect, and the budget."""
    tools = []
    for listing in run.listings:
        for tool in listing.tools:
            refusal = listing.refused.get(tool.name, "")
            declared = tool.annotations.read_only
            tools.append(
                {
                    "server": listing.server,
                    "tool": tool.name,
                    "would_call": not refusal,
                    "reason": refusal
                    or (
                        "its server is disposable" if listing.disposable else "declared read-only or allowed"
                    ),
                    "effect": {True: "read", False: "write", None: "unknown"}[declared],
                    "evidence": "annotation readOnlyHint"
                    if declared is not None
                    else "nothing is declared; probing will find out",
                    "sandboxed": listing.disposable,
                }
            )
    calls = {
        one.server: run.config.probing.calls(len(one.callable_tools))
        for one in run.listings
        if one.health.status == "ok"
    }
    plan: dict[str, Any] = {
        "servers": [_server_row(listing, {}) for listing in run.listings],
        "tools": tools,
        "budget": {
            "probing_calls_per_server": calls,
            "probing_calls_at_most": sum(calls.values()),
            "neighbourhood_calls_per_verified_task": run.config.neighbourhood.calls,
        },
    }
    if run.models is not None:
        plan["lm"] = _planned(run)
    run.folder.mkdir(parents=True, exist_ok=True)
    (run.folder / "plan.json").write_text(
        json.dumps(plan, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def _planned(run: Run) -> dict[str, Any]:
    """Return what asking models would take; parts that can't tell before they know more are not in it."""
    assert run.models is not None
    tools = [tool for listing in run.listings for tool in listing.callable_tools]
    rows = []
    for one in run.estimates(tools):
        connection = run.models.connection(one.role)
        price = connection.price
        usd = None if price is None else (one.input_tokens * price[0] + one.output_tokens * price[1]) / 1e6
        counts = {"calls": one.calls, "input_tokens": one.input_tokens, "output_tokens": one.output_tokens}
        rows.append({"role": one.role, "model": connection.model, **counts, "usd": usd})
    return {"models": run.models.settings.shape, "estimates": rows, "budget": run.config.budget.model_dump()}


def _profiles(run: Run) -> dict[ToolKey, ToolProfile]:
    return {profile.key: profile for report in run.probe_reports for profile in report.profiles}


def _server_row(listing: Listing, calls: dict[str, dict[str, int]]) -> dict[str, Any]:
    health = listing.health
    return {
        "server": health.server,
        "status": health.status,
        "reason": health.reason,
        "next_step": health.next_step,
        "trouble": health.trouble,
        "package": health.package,
        "protocol_version": health.protocol_version,
        "tools": len(listing.tools),
        "tools_left_out": len(listing.refused),
        "calls": calls.get(health.server, {"total": 0, "ok": 0}),
        "warnings": list(health.warnings),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
