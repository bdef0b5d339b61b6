"""One table for the runs of a sweep that measured what they are worth: an arm a line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firefly.errors import RunError

__all__ = ["Arm", "comparison", "table", "write_comparison"]

_UNKNOWN = "-"


@dataclass(frozen=True)
class Arm:
    """One run of the sweep."""

    overrides: tuple[str, ...]
    """What the command line, or the sweep, said of it."""
    found: dict[str, Any]
    """Its ``summary.json``; empty where it failed."""
    failed: str = ""
    """The first line of what went wrong."""


def comparison(arms: Sequence[Arm]) -> list[dict[str, Any]]:
    """Return a row of figures for each arm, named by what only it has of the overrides."""
    shared = set.intersection(*(set(arm.overrides) for arm in arms)) if len(arms) > 1 else set[str]()
    rows = []
    for arm in arms:
        own = [one for one in arm.overrides if one not in shared]
        name = " ".join(one.removeprefix("arm=") for one in own) or "run"
        rows.append({"arm": name, **({"failed": arm.failed} if arm.failed else _row(arm.found))})
    return rows


def _row(found: dict[str, Any]) -> dict[str, Any]:
    kept = found["verified"]
    measured = found.get("measured") or {}
    labels, simulator = measured.get("labels"), measured.get("simulator")
    return {
        "verified_by_rules": "unverified" not in found,
        "candidates": found["candidates"],
        "kept": kept,
        "yield": round(kept / found["candidates"], 3) if found["candidates"] else None,
        "wrong_labels": None if labels is None else len(labels["contradicted"]),
        "labels_unknown": None if labels is None else len(labels["unknown"]),
        "distinct_tool_sequences": found["distinct_tool_sequences"],
        "sequence_entropy": found["sequence_entropy"]["bits"],
        "simulator": None
        if simulator is None
        else {name: simulator[name] for name in ("asked", "answered", "wrong")},
        "live_calls": found["calls"]["total"],
        "live_calls_per_kept": found["live_calls_per_verified_task"],
        "lm_per_kept": _spent(found, kept),
    }


def _spent(found: dict[str, Any], kept: int) -> dict[str, Any]:
    """Return what making the data took of models, for each kept task; measuring it does not count."""
    rows = [
        row
        for row in found.get("lm", {}).get("used", {}).get("rows", ())
        if not row["stage"].startswith("measurement")
    ]
    calls = sum(row["calls"] for row in rows)
    tokens = sum(row["input_tokens"] + row["output_tokens"] for row in rows)
    usd = None if any(row["usd"] is None for row in rows) else sum(row["usd"] for row in rows)
    return {
        "calls": round(calls / kept, 2) if kept else None,
        "tokens": round(tokens / kept, 1) if kept else None,
        "usd": round(usd / kept, 6) if kept and usd is not None else None,
    }


_HEADER = (
    "arm", "kept of", "yield", "wrong labels", "sequences", "entropy", "simulator wrong", "live calls",
    "LM calls", "tokens", "US dollars",
)  # fmt: skip


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the rows as text; an asterisk: no rule verified what is kept."""
    body = [_HEADER, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in body if len(line) > column) for column in range(len(_HEADER))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False)).rstrip()
        if len(line) == len(_HEADER)
        else f"{line[0].ljust(widths[0])}  {line[1]}"
        for line in body
    ]
    lines.insert(1, "-" * min(120, max(map(len, lines))))
    lines.append(
        "Per kept task: live calls, LM calls, tokens, US dollars. Wrong labels: of the kept,\n"
        "executed once more on fresh servers (+n: not known). Simulator wrong: of answers, of all calls.\n"
        "*: not verified by rules."
    )
    return "\n".join(lines)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    if "failed" in row:
        return row["arm"], f"failed: {row['failed']}"
    wrong = _UNKNOWN
    if row["wrong_labels"] is not None:
        unknown = f" +{row['labels_unknown']}" if row["labels_unknown"] else ""
        wrong = f"{row['wrong_labels']}{unknown}"
    simulator = row["simulator"]
    spent = row["lm_per_kept"]
    return (
        row["arm"] + ("" if row["verified_by_rules"] else " *"),
        f"{row['kept']} of {row['candidates']}",
        _UNKNOWN if row["yield"] is None else f"{100 * row['yield']:.0f}%",
        wrong,
        str(row["distinct_tool_sequences"]),
        f"{row['sequence_entropy']:.2f}",
        f"{simulator['wrong']} of {simulator['answered']} of {simulator['asked']}" if simulator else _UNKNOWN,
        *(
            _UNKNOWN if figure is None else f"{figure:.4g}"
            for figure in (row["live_calls_per_kept"], spent["calls"], spent["tokens"], spent["usd"])
        ),
    )


def write_comparison(arms: Sequence[Arm], folder: Path) -> Path:
    """Print the table and write ``comparison.json``; return its path.

    Raises:
        RunError: the folder can't be written.
    """
    rows = comparison(arms)
    path = folder / "comparison.json"
    print(f"\n{table(rows)}")
    try:
        path.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise RunError(f"{path} can't be written: {error.strerror or error}.") from error
    print(f"\ncomparison: {path}")
    return path
