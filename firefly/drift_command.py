"""``python -m firefly --config-name drift``: recorded calls made again, and the data set written anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from firefly.components import build
from firefly.drift import Change, changed_servers
from firefly.drift.report import Drift, written
from firefly.export.dataset import write_dataset
from firefly.live_dataset import LiveDataset, checked
from firefly.repetition import DriftConfig, Look


def run(composed: DictConfig, folder: Path) -> None:
    """Compare, print, write ``drift.json``, ``changes.jsonl`` and ``labels.jsonl``, and the new data set.

    Raises:
        FireflyError: there is nothing to compare.
    """
    config = checked(composed, DriftConfig, ("exporters",))
    with LiveDataset(config) as dataset:
        look = Look(config, dataset, folder)
        changes = [*changed_servers(dataset.cassette, dataset.listings), *look.changes()]
        labels = look.labels()
        why_not = look.why_not_refreshed()
        content = None
        if not why_not:
            content, labels = look.refreshed(labels, changes)
        target = None
        if content is not None and config.refreshed is not None:
            exporters = [build(one) for one in config.exporters.values() if one]
            target = write_dataset(content, config.refreshed, exporters)
    drift = Drift(
        versions={change.server: change.what for change in changes if change.kind == "version"},
        changes=Counter(change.kind for change in changes),
        varying=sum(change.steady is False for change in changes),
        per_server={
            server: Counter(change.kind for change in changes if change.server == server)
            for server in sorted({change.server for change in changes})
        },
        per_tool=_per_tool(changes),
        episodes=len(look.repetitions),
        of_episodes=len(look.recordings),
        calls=sum(len(one.live.steps) for one in look.repetitions.values()),
        labels=Counter(label.status for label in labels),
        not_compared={
            name: dataset.broken.get(name, "it is not among the given servers") for name in dataset.absent
        },
        refreshed=target is not None,
        why_not_refreshed=why_not,
    )
    written(drift, changes, labels, folder)
    print(drift.text(labels))
    print(f"drift: {folder / 'drift.json'}")
    if target is not None:
        print(f"dataset: {target}")


def _per_tool(changes: Sequence[Change]) -> dict[str, dict[str, dict[str, int]]]:
    found: dict[str, dict[str, dict[str, int]]] = {}
    for change in changes:
        if change.tool:
            kinds = found.setdefault(change.server, {}).setdefault(change.tool, {})
            kinds[change.kind] = kinds.get(change.kind, 0) + 1
    return found
