"""The report of what drifted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from firefly.drift.changes import Change
from firefly.drift.labels import Label
from firefly.replay.records import Record
from firefly.store import write_report

__all__ = ["Drift", "written"]

_SHOWN = 20
"""Tasks, and tools of a server, that are named in print; ``labels.jsonl`` and ``drift.json`` have all."""


class Drift(Record):
    """Figures of one look."""

    versions: dict[str, str] = Field(default_factory=dict)
    """Server -> recorded and present version, where they differ."""
    changes: dict[str, int] = Field(default_factory=dict)
    """Kind -> how often; see `Change`."""
    varying: int = 0
    """Changes that came out yet another way when the episode was made once more."""
    per_server: dict[str, dict[str, int]] = Field(default_factory=dict)
    per_tool: dict[str, dict[str, dict[str, int]]] = Field(default_factory=dict)
    """Server -> tool -> kind -> how often."""
    episodes: int = 0
    """Recorded episodes that were made again."""
    of_episodes: int = 0
    calls: int = 0
    """Calls made for them."""
    labels: dict[str, int] = Field(default_factory=dict)
    """Status -> tasks."""
    not_compared: dict[str, str] = Field(default_factory=dict)
    """Server of the data set -> why it was left out."""
    refreshed: bool = False
    why_not_refreshed: str = ""

    def text(self, labels: Sequence[Label]) -> str:
        """Return the figures for people, and the tasks that lost their label."""
        lines = [f"{self.episodes} of {self.of_episodes} recorded episodes made again, {self.calls} calls"]
        lines += [f"{server}: {what}" for server, what in self.versions.items()]
        for server, counts in self.per_server.items():
            lines.append(f"{server}: {_counts(counts)}")
            lines += [f"  {name}: {_counts(one)}" for name, one in self._tools_of(server)]
        lines.append("changes.jsonl has each" if self.changes else "nothing changed")
        if self.varying:
            lines.append(
                f"{self.varying} of these came out yet another way the second time: they vary by themselves"
            )
        lines += [f"{server}: not compared: {why}" for server, why in sorted(self.not_compared.items())]
        lines.append(f"tasks: {_counts(self.labels)}")
        lost = [label for label in labels if label.status != "kept"]
        lines += [f"  {label.task} {label.status}: {label.why}" for label in lost[:_SHOWN]]
        if len(lost) > _SHOWN:
            lines.append(f"  and {len(lost) - _SHOWN} more: see labels.jsonl")
        if self.why_not_refreshed:
            lines.append(f"no new data set: {self.why_not_refreshed}")
        return "\n".join(lines)

    def _tools_of(self, server: str) -> list[tuple[str, dict[str, int]]]:
        """Return the tools of a server that changed, those with most changes first."""
        tools = self.per_tool.get(server, {}).items()
        return sorted(tools, key=lambda one: (-sum(one[1].values()), one[0]))[:_SHOWN]


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"


def written(drift: Drift, changes: Sequence[Change], labels: Sequence[Label], folder: Path) -> None:
    """Write ``drift.json``, ``changes.jsonl`` and ``labels.jsonl``.

    Raises:
        StoreError: the disk is full or not writable.
    """
    files = {
        "changes.jsonl": "".join(f"{one.to_json()}\n" for one in changes),
        "labels.jsonl": "".join(f"{one.to_json()}\n" for one in labels),
        "drift.json": drift.model_dump_json(indent=2) + "\n",
    }
    write_report(files, folder)
