"""Tables, lists and values as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table."""
    lines = [header, ["---"] * len(header), *([one_line(str(cell)) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def listed(names: Iterable[str]) -> str:
    """Return names as code, sorted."""
    return ", ".join(f"`{name}`" for name in sorted(names))


def plural(count: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def counted(counts: Mapping[str, Any]) -> str:
    """Return names with their counts, in their order."""
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"


def inline(value: Any) -> str:
    """Return a value of plain data on one line, without what is empty."""
    if isinstance(value, Mapping):
        shown = {key: one for key, one in value.items() if one not in ({}, [], None)}
        return ", ".join(
            inline(one) if key == "_target_" else f"{key} {inline(one)}" for key, one in shown.items()
        )
    if isinstance(value, list):
        return ", ".join(inline(one) for one in value)
    return one_line(str(value))


def one_line(text: str) -> str:
    """Return a text that breaks neither line nor table."""
    return " ".join(text.replace("|", "\\|").split())
