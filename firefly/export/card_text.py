"""Fills the card's text (``card.md``). Every figure is computed; nothing is claimed without one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from firefly.export.figures import checks, disjointness, figures, verified_results, verified_tasks
from firefly.export.markdown import counted, inline, listed, markdown_table, plural
from firefly.export.privacy import LEFT_OUT
from firefly.plugins import components
from firefly.protocols import DatasetContent

Rows = Mapping[str, Sequence[tuple[str, int]]]
"""Config name -> (split, number of rows)."""

_TABLES = {
    "tasks": "questions with verified answers, gold calls, provenance, and the result of every check",
    "sft": "the gold calls as a chat: OpenAI messages, arguments as objects, all tools of the task's servers",
    "tools": "every tool as declared; `allowed` says whether tasks may use it",
    "rejected": "candidates that did not pass, and why; not for training",
    "adjudication": "tasks whose blind solvers came to other answers, and what that hints at",
}

_FACTS = {
    "firefly": "Firefly",
    "packages": "packages",
    "python": "Python",
    "seed": "seed",
    "world": "world",
    "config_digest": "configuration digest",
    "cassette_version": "version of the cassette, denser than the first",
    "refreshed": "made anew from an earlier data set; the figures below are of that one's run",
}

_FIGURES = {
    "edges": "edges of the tool graph",
    "sub_dags": "sub-graphs",
    "explorations": "explorations",
    "candidates": "task candidates",
    "verified": "verified tasks",
    "distinct_tool_sequences": "distinct tool sequences",
    "three_or_more_necessary_calls": "tasks of three or more necessary calls",
    "cross_server": "tasks across servers",
    "write_then_read": "write-then-read tasks",
}

_REPRODUCING = ("replay", "re_execution")
"""The checks that execute the gold calls again, offline and live."""


def card_text(content: DatasetContent, rows: Rows) -> str:
    """Return the body of the card in Markdown."""
    found: Any = figures(content)
    first = next(iter(rows), "tasks")
    return Template(Path(__file__).with_name("card.md").read_text(encoding="utf-8")).substitute(
        unverified=_unverified(content.facts),
        tasks=plural(found["tasks"], "task"),
        used_servers=plural(len(found["tasks_per_server"]), "MCP server"),
        synthesis=counted(found["synthesis"]),
        answer_types=counted(found["answer_types"]),
        tasks_per_server=counted(found["tasks_per_server"]),
        tasks_with_end_state=found["tasks_with_end_state"],
        servers=markdown_table(
            ("server", "status", "package", "protocol", "tools", "left out"), _servers(content)
        ),
        tables=markdown_table(("config", "split", "rows", "what it holds"), _tables(rows)),
        splits=_splits(content),
        facts="\n".join(_facts(content.facts)) or "No facts of the run were recorded.",
        models=_models(content.facts),
        candidates=plural(found["tasks"] + found["rejected"], "candidate"),
        verified=f"{found['tasks']} {'kept' if content.facts.get('unverified') else 'verified'}",
        rejected=found["rejected"],
        checks=f"{_checks(content)}\n\n{_opinions(content)}".rstrip(),
        reproducible=_reproducible(content),
        shortcuts=_shortcuts(content.facts),
        correct=inline(content.facts.get("correctness") or _solved(content)),
        first_config=first,
        first_split=rows[first][0][0] if rows.get(first) else "train",
        limitations="".join(f"- {line}\n" for line in _limitations(content, rows)),
    )


def _unverified(facts: Mapping[str, Any]) -> str:
    """Return the warning above everything else of a data set that is a baseline; "" for a usual one."""
    why = _lines(facts.get("unverified"))
    if not why:
        return ""
    return (
        f"> **Not verified by rules.** {inline('; '.join(str(one) for one in why))}. These tasks are a "
        "baseline to compare with: where this card says verified, it means kept.\n\n"
    )


def _servers(content: DatasetContent) -> Iterator[Sequence[object]]:
    for listing in sorted(content.listings, key=lambda one: one.server):
        health = listing.health
        status = health.status if health.status == "ok" else f"{health.status}: {health.reason}"
        package = health.package or "not named"
        yield (
            listing.server,
            status,
            package,
            health.protocol_version,
            len(listing.tools),
            len(listing.refused),
        )


def _tables(rows: Rows) -> Iterator[Sequence[object]]:
    for config, parts in rows.items():
        for split, count in parts:
            yield f"`{config}`", f"`{split}`", count, _TABLES.get(config.partition("_")[0], "")


def _checks(content: DatasetContent) -> str:
    summaries = {one.name: one.summary for one in components() if one.kind == "checks"}
    total = len(verified_tasks(content)) + len(content.rejected)
    header = ("check", "kind", "pass", "fail", "unknown", "does not apply", "not run", "what it decides")
    return markdown_table(
        header,
        (
            (
                f"`{figure.check}`",
                "required" if figure.required else "advisory",
                figure.statuses["pass"],
                figure.statuses["fail"],
                figure.statuses["unknown"],
                figure.statuses["not_applicable"],
                total - figure.statuses.total(),
                summaries.get(figure.check, ""),
            )
            for figure in checks(content)
        ),
    )


def _opinions(content: DatasetContent) -> str:
    """Return what is said of checks that ask language models; "" where none does."""
    results = [one for verdict in content.verdicts.values() for one in verdict.results]
    results += [one for _, verdict in content.rejected for one in verdict.results]
    opinions = {one.check for one in results if one.evidence.get("by") == "a language model"}
    if not opinions:
        return ""
    said = f"{listed(opinions)} ask a language model: opinions, on top of the rules."
    if all(one.check in opinions for one in results if one.required):
        said += " **No rule decided here: these tasks are judged by a model, a baseline, and not verified.**"
    return said


def _solved(content: DatasetContent) -> str:
    """Return how often blind solvers came to the answer, by where they worked."""
    said = []
    for check in ("blind_solver", "blind_solver_live"):
        results = [one.evidence for one in verified_results(content, check)]
        rates: list[Any] = [one["pass_rate"] for one in results if "pass_rate" in one]
        if rates:
            said.append(
                f"a model that sees only question and tools (`{check}`) earned the reward in "
                f"{sum(rates) / len(rates):.0%} of its attempts at {len(rates)} of {len(results)} tasks"
            )
    return "; ".join(said) or "not measured for this data set"


def _shortcuts(facts: Mapping[str, Any]) -> str:
    reached = facts.get("figures")
    rates = reached.get("shortcuts") if isinstance(reached, Mapping) else None
    if not rates:
        return "Not measured for this data set."
    header = ("policy", "verified tasks", "solved", "worst family", "without the check")
    return markdown_table(
        header,
        (
            (
                f"`{policy}`",
                found["verified"]["tasks"],
                f"{found['verified']['rate']:.1%}",
                f"{found['verified'].get('largest_family_rate', {'rate': 0.0})['rate']:.0%}",
                f"{found['before']['rate']:.1%} of {found['before']['tasks']}",
            )
            for policy, found in rates.items()
        ),
    )


def _reproducible(content: DatasetContent) -> str:
    total = len(verified_tasks(content))
    proven = [
        f"`{check}` passed on {sum(result.status == 'pass' for result in results)} of {total} verified tasks"
        for check in _REPRODUCING
        if (results := verified_results(content, check))
    ]
    return "; ".join(proven) or "not measured for this data set"


def _splits(content: DatasetContent) -> str:
    found: Any = figures(content)
    text = f"Tasks per split: {counted(found['tasks_per_split'])}."
    if rule := content.facts.get("split_rule"):
        text += f" Rule: {inline(rule)}."
    for loss in _lines(content.facts.get("split_losses")):
        text += f" Lost: {inline(loss)}."
    pairs = disjointness(content)
    if not pairs:
        return f"{text} Nothing is held out."
    header = ("splits", "shared worlds", "shared servers", "shared tools", "equal questions")
    table = markdown_table(header, ((f"{one}, {two}", *shared.values()) for one, two, shared in pairs))
    return f"{text} What they share, counted (0: disjoint):\n\n{table}"


def _facts(facts: Mapping[str, Any]) -> Iterator[str]:
    for key, label in _FACTS.items():
        if facts.get(key) not in (None, "", {}):
            yield f"- {label}: {inline(facts[key])}"
    reached = facts.get("figures")
    if isinstance(reached, Mapping):
        for key, label in _FIGURES.items():
            if reached.get(key) is not None:
                yield f"- {label}: {inline(reached[key])}"
        calls = reached.get("calls")
        if isinstance(calls, Mapping):
            yield f"- live calls: {calls.get('total')}, of which {calls.get('ok')} succeeded"
    if curve_of(facts):
        yield (
            "- distinct tool sequences and verified tasks against live calls, in the order of explorations: "
            "![curve](curve.svg)"
        )


def _models(facts: Mapping[str, Any]) -> str:
    """Return the ledger: what the items of the data set took of language models, whenever they were made."""
    asked = facts.get("lm")
    used = asked.get("used") if isinstance(asked, Mapping) else None
    rows = used.get("rows") if isinstance(used, Mapping) else None
    if not isinstance(used, Mapping) or not rows:
        return "None was asked."
    counts = ("calls", "input_tokens", "output_tokens")
    table = markdown_table(
        ("stage", "role", "model", "calls", "input tokens", "output tokens", "US dollars"),
        (
            (row["stage"], row["role"], row["model"], *(row[one] for one in counts), _dollars(row["usd"]))
            for row in [*rows, {"stage": "all", "role": "", "model": "", **used["total"]}]
        ),
    )
    each = used.get("per_verified_task", {})
    if each.get("calls") is None:
        return table
    return (
        f"{table}\n\nFor each verified task: {each['calls']} calls, {each['tokens']} tokens, "
        f"{_dollars(each['usd'])} US dollars. {used['total']['uncounted']} of the calls came without a count "
        "of tokens, which is then an estimate."
    )


def _dollars(usd: float | None) -> str:
    return "unknown" if usd is None else f"{usd:.4f}"


def curve_of(facts: Mapping[str, Any]) -> list[list[int]]:
    """Return the points of the curve among the facts of a run; none where there are fewer than two."""
    reached = facts.get("figures")
    points = reached.get("curve") if isinstance(reached, Mapping) else None
    return points if isinstance(points, list) and len(points) > 1 else []


def _limitations(content: DatasetContent, rows: Rows) -> Iterator[str]:
    tasks = verified_tasks(content)
    if any(task.provenance.synthesizer == "template" for task in tasks):
        yield "Template questions are plain and uniform; expect less variety than in human requests."
    written = [
        count for config, parts in rows.items() if config.partition("_")[0] == "sft" for _, count in parts
    ]
    if written and (missing := len(tasks) - sum(written)):
        yield f"{plural(missing, 'task')} without a trajectory: gold calls the cassette does not answer."
    left_out = content.facts.get(LEFT_OUT)
    if isinstance(left_out, Mapping):
        counts = " and ".join(plural(int(str(count)), name) for name, count in sorted(left_out.items()))
        yield f"{counts} left out: they named the home folder of whoever made this data set."
    decimal = sum(any(_has_decimal(call.arguments) for call in task.gold_calls) for task in tasks)
    if decimal:
        yield f"{plural(decimal, 'task')} with decimal numbers in gold arguments: mind JSON columns."


def _has_decimal(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_has_decimal(one) for one in value.values())
    if isinstance(value, list):
        return any(_has_decimal(one) for one in value)
    return isinstance(value, float) and not value.is_integer()


def _lines(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
