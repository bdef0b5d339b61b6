"""What a run would do and take, before it does anything: ``mode=plan``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from inspect import signature
from itertools import combinations
from typing import TYPE_CHECKING, Any

from firefly.components import descriptions
from firefly.config import PLURAL_GROUPS, SINGLE_GROUPS
from firefly.lm import Estimate
from firefly.replay.records import Tool
from firefly.summary import server_row

if TYPE_CHECKING:
    from firefly.run import Run


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
        "servers": [server_row(listing, {}) for listing in run.listings],
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
    for one in estimates(run, tools):
        connection = run.models.connection(one.role)
        price = connection.price
        usd = None if price is None else (one.input_tokens * price[0] + one.output_tokens * price[1]) / 1e6
        counts = {"calls": one.calls, "input_tokens": one.input_tokens, "output_tokens": one.output_tokens}
        rows.append({"role": one.role, "model": connection.model, **counts, "usd": usd})
    return {"models": run.models.settings.shape, "estimates": rows, "budget": run.config.budget.model_dump()}


def estimates(run: Run, tools: Sequence[Tool]) -> list[Estimate]:
    """Return what the components that ask models would take, as far as they can tell beforehand.

    Reckoned with as much as is wanted, of which a run finds less: see `most_sub_dags`; as many
    explorations as the explorer makes of each; one task of each that is left for checks that ask.
    """
    from firefly.exploration import VARIANTS

    sub_dags = most_sub_dags(run, tools)
    explorations = sub_dags * int(getattr(run.component("explorer"), "variants", VARIANTS))
    wanted = {"sub_dags": sub_dags, "explorations": explorations, "tasks": explorations}
    found: list[Estimate] = []
    for group in (*SINGLE_GROUPS, *PLURAL_GROUPS):
        for described in descriptions(run.config.shaping(group), "models"):
            component = run.build(described)
            if hasattr(component, "estimate"):
                asked_for = signature(component.estimate).parameters
                more = {name: count for name, count in wanted.items() if name in asked_for}
                one = component.estimate(tools, **more)
                found += [one] if isinstance(one, Estimate) else one
    return found


def most_sub_dags(run: Run, tools: Sequence[Tool]) -> int:
    """Return how many sub-DAGs would be explored at most, before the graph says which servers join.

    As many as are wanted of each server and each pair of servers, in every round.
    """
    servers = sorted({tool.server for tool in tools})
    sampler = run.component("sampler")
    if not hasattr(sampler, "wanted"):
        return run.config.rounds * len(servers) * int(run.config.sampler.get("count", 1))
    groups = [(server,) for server in servers] + list(combinations(servers, 2))
    writes = run.config.sampling.writes * sum(run.specs[server].disposable for server in servers)
    wanted = sum(int(sampler.wanted(group)) for group in groups)
    return run.config.rounds * (wanted + writes)
