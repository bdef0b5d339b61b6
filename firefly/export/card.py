"""The data set's card: ``README.md`` with the YAML that the Hugging Face hub and ``datasets`` read."""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from firefly.curves import svg
from firefly.export.card_text import card_text, curve_of
from firefly.export.figures import files_below, verified_tasks
from firefly.export.rows import USUAL_SPLITS
from firefly.export.tables import FEATURES
from firefly.plugins import register
from firefly.protocols import DatasetContent

UNVERIFIED = "not-verified-by-rules"
"""The tag of a data set whose tasks no rule verified."""
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


@dataclass(frozen=True)
class Table:
    """One file of a config."""

    split: str
    path: str
    rows: int
    sha256: str


Tables = dict[str, list[Table]]
"""Config name -> its files."""


@register("exporters", "card")
class Card:
    """Writes the card; every table that lies in the folder becomes a config of it."""

    order = 1

    def __init__(
        self,
        *,
        license: str = "apache-2.0",
        language: Sequence[str] = ("en",),
        pretty_name: str | None = None,
        tags: Sequence[str] = (),
    ) -> None:
        """Set what only its publisher can know.

        Args:
            license: licence id of the hub.
            language: language codes of the questions.
            pretty_name: title; None makes one from the data set's name.
            tags: further tags.

        """
        self.license = license
        self.language = list(language)
        self.pretty_name = pretty_name
        self.tags = list(tags)

    def export(self, content: DatasetContent, folder: Path) -> list[Path]:
        """Write ``README.md`` and the picture it shows, after the tables and before the manifest."""
        tables = _tables(folder)
        front = yaml.safe_dump(self._front(content, tables), sort_keys=False, allow_unicode=True, width=100)
        title = self.pretty_name or _title(content.name)
        rows = {config: [(part.split, part.rows) for part in parts] for config, parts in tables.items()}
        path = folder / "README.md"
        text = f"---\n{front}---\n\n# {title}\n\n{card_text(content, rows)}"
        path.write_text(text, encoding="utf-8", newline="\n", errors="replace")
        written = [path]
        if points := curve_of(content.facts):
            written.append(folder / "curve.svg")
            written[-1].write_text(svg(points), encoding="utf-8", newline="\n")
        return written

    def _front(self, content: DatasetContent, tables: Tables) -> dict[str, Any]:
        count = len(verified_tasks(content))
        size = next((name for limit, name in _SIZES if count < limit), "n>1M")
        return {
            "pretty_name": self.pretty_name or _title(content.name),
            "license": self.license,
            "language": self.language,
            "task_categories": ["text-generation"],
            "tags": [
                *("mcp", "tool-calling", "function-calling", "agents", "synthetic", "firefly"),
                *([UNVERIFIED] if content.facts.get("unverified") else []),
                *self.tags,
            ],
            "size_categories": [size],
            "configs": [_config(name, parts, default=name == "tasks") for name, parts in tables.items()],
            "dataset_info": [
                {
                    "config_name": name,
                    "features": [
                        {"name": column, **copy.deepcopy(feature)} for column, feature in features.items()
                    ],
                }
                for name in tables
                if (features := _features(name)) is not None
            ],
        }


def _tables(folder: Path) -> Tables:
    """Return the tables in the folder: ``CONFIG/SPLIT.jsonl``, and ``CONFIG.jsonl`` at the top.

    A plug-in exporter that writes such a file gets its config by that alone.
    """
    found: Tables = {}
    for path in files_below(folder):
        parts = path.relative_to(folder).with_suffix("").parts
        if path.suffix == ".jsonl" and len(parts) <= 2 and parts[0].partition("_")[0] != "cassette":
            content = path.read_bytes()
            table = Table(
                split=re.sub(r"\W", "_", parts[-1]),
                path=path.relative_to(folder).as_posix(),
                rows=content.count(b"\n"),
                sha256=hashlib.sha256(content).hexdigest(),
            )
            found.setdefault(parts[0], []).append(table)
    rank = {split: number for number, split in enumerate(USUAL_SPLITS)}
    order = {config: number for number, config in enumerate(FEATURES)}
    for tables in found.values():
        tables.sort(key=lambda table: (rank.get(table.split, len(rank)), table.split))
    return {name: found[name] for name in sorted(found, key=lambda name: (order.get(name, len(order)), name))}


def _config(name: str, parts: list[Table], *, default: bool) -> dict[str, Any]:
    """Return the YAML of one config.

    ``datasets`` caches what it loaded from a local folder under the folder's name and this YAML, not
    under the files' content. Without a digest in it, a second data set in another folder of the same
    name would silently load as the first.
    """
    total = hashlib.sha256("".join(part.sha256 for part in parts).encode()).hexdigest()
    config: dict[str, Any] = {"config_name": name}
    if default:
        config["default"] = True
    config["description"] = f"content {total[:32]}"
    config["data_files"] = [{"split": part.split, "path": part.path} for part in parts]
    return config


def _features(config: str) -> dict[str, Any] | None:
    """Return the declared columns of a built-in table, also of those with a split of their own."""
    return FEATURES.get(config) or next(
        (FEATURES[name] for name in ("tasks", "sft") if config.startswith(f"{name}_")), None
    )


def _title(name: str) -> str:
    return " ".join(part.capitalize() for part in name.replace("_", "-").split("-"))
