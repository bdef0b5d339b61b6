"""Keeps the home folder of whoever ran Firefly, and with it their account's name, out of a data set.

Servers tell more than they are asked for: their environment, where Python is installed. No verified
task rests on such an answer (the safety check), but the cassette and the rejected candidates hold all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from firefly.evidence import Evidence
from firefly.protocols import DatasetContent
from firefly.replay.cassette import Cassette
from firefly.replay.records import Recording

__all__ = ["LEFT_OUT", "publishable"]

LEFT_OUT = "left_out_for_privacy"
"""Name of the fact that says how much was left out."""


def publishable(content: DatasetContent) -> DatasetContent:
    """Return ``content`` without recorded answers and rejected candidates that name the home folder.

    Where a verified task itself names it (the safety check is off), nothing is left out: that was
    somebody's choice, and the task could not be replayed.
    """
    home = str(Path.home())
    if len(home) < 3:  # "/": no account of its own
        return content
    named = re.compile(rf"(?<![\w.-]){re.escape(home)}(?![\w.-])")
    if any(_names(task, named) for tasks in content.tasks.values() for task in tasks):
        return content
    cassette, answers = _without(content.cassette, named)
    own = {split: _without(one, named) for split, one in content.split_cassettes.items()}
    answers += sum(count for _, count in own.values())
    rejected = [pair for pair in content.rejected if not any(_names(one, named) for one in pair)]
    candidates = len(content.rejected) - len(rejected)
    if not answers and not candidates:
        return content
    counts = {"recorded answer": answers, "rejected candidate": candidates}
    left_out: dict[str, JsonValue] = {name: count for name, count in counts.items() if count}
    return replace(
        content,
        cassette=cassette,
        split_cassettes={split: one for split, (one, _) in own.items()},
        evidence={split: _cut(one, named) for split, one in content.evidence.items()},
        rejected=rejected,
        facts={**content.facts, LEFT_OUT: left_out},
    )


def _without(cassette: Cassette, named: re.Pattern[str]) -> tuple[Cassette, int]:
    """Return the cassette without the answers that name the folder, and how many these are."""
    entries = [entry for entry in cassette.entries if not _names(entry, named)]
    left_out = len(cassette.entries) - len(entries)
    if not left_out:
        return cassette, 0
    kept = Cassette(cassette.tools.values(), entries, cassette.scopes.values(), cassette.versions)
    return kept, left_out


def _cut(evidence: Evidence, named: re.Pattern[str]) -> Evidence:
    """Return the evidence with each episode ended before the first call that names the folder."""
    kept = []
    for one in evidence.recordings:
        steps = tuple(takewhile(lambda step: not _names(step, named), one.steps))
        if len(steps) == len(one.steps):
            kept.append(one)
        elif steps:
            kept.append(Recording(purpose=one.purpose, servers=one.servers, seed=one.seed, steps=steps))
    return Evidence(evidence.claims, tuple(kept))


def _names(record: Any, named: re.Pattern[str]) -> bool:
    return any(named.search(text) for text in _texts(record.model_dump(mode="json")))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, dict):
        yield from value
        for one in value.values():
            yield from _texts(one)
