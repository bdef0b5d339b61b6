"""A data set of the price list, made by hand from episodes on its first version."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

from omegaconf import DictConfig, OmegaConf

from firefly.catalog import list_server
from firefly.evidence import Claims, Evidence
from firefly.export.cassette import CassetteFolder
from firefly.export.dataset import write_dataset
from firefly.export.manifest import Manifest
from firefly.export.recordings import Recordings
from firefly.export.rejected import Rejected
from firefly.export.tasks import Tasks
from firefly.protocols import DatasetContent
from firefly.records import Verdict
from firefly.replay.records import Answer, Expression, GoldCall, Provenance, Recording, Task, ToolCall
from firefly.replay.tool_set import ToolSet
from firefly.servers.live import LiveBackend
from firefly.servers.spec import parse_specs
from firefly.simulation import versions_of

CALLS = [
    ("price", {"item": "bolt"}),
    ("price", {"item": "nut"}),
    ("price", {"item": "nail"}),
    ("total", {}),
    ("weight", {"item": "washer"}),
    ("set_price", {"item": "bolt", "price": 9}),
    ("set_price", {"item": "nail", "price": 3}),
]


def servers(version: int) -> dict[str, Any]:
    script = str(Path(__file__).with_name("prices.py"))
    return {
        "prices": {
            "command": sys.executable,
            "args": [script, str(version)],
            "disposable": True,
            "state": {"scope": "own"},
        }
    }


def task(
    name: str,
    *calls: tuple[str, dict[str, Any]],
    path: str,
    value: int,
    references: Mapping[str, dict[str, Expression]] | None = None,
) -> Task:
    return Task(
        question=f"{name}?",
        answer_format="Answer with the number alone.",
        answer=Answer(type="number", value=value),
        expression=Expression(op="value", call=f"c{len(calls)}", path=(path,)),
        gold_calls=tuple(
            GoldCall(
                id=f"c{place}",
                server="prices",
                tool=tool,
                arguments=arguments,
                references=(references or {}).get(f"c{place}", {}),
            )
            for place, (tool, arguments) in enumerate(calls, start=1)
        ),
        servers=("prices",),
        provenance=Provenance(exploration="e", synthesizer="hand"),
    )


BOLT = task("What does a bolt cost", ("price", {"item": "bolt"}), path="price", value=4)
WASHER = task("What does a washer cost", ("price", {"item": "washer"}), path="price", value=1)
NUT = task("What does a nut cost", ("price", {"item": "nut"}), path="price", value=2)
DEARER = task(
    "What do bolts cost at 9", ("set_price", {"item": "bolt", "price": 9}), ("price", {"item": "bolt"}),
    path="price", value=9,
)  # fmt: skip
PASSED = task(  # nails at the price of bolts: what is handed on moves with it, the answer does not
    "What does a washer cost then", ("price", {"item": "bolt"}), ("set_price", {"item": "nail", "price": 4}),
    ("price", {"item": "washer"}), path="price", value=1,
    references={"c2": {"price": Expression(op="value", call="c1", path=("price",))}},
)  # fmt: skip
TASKS = (BOLT, WASHER, NUT, DEARER, PASSED)


def made(folder: Path, episodes: int = 12) -> Path:
    """Record episodes (each task's gold calls, and random ones) and write the data set."""
    rng = Random(0)
    mixed = [[rng.choice(CALLS) for _ in range(6)] for _ in range(episodes)]
    gold = [[(call.tool, call.arguments) for call in one.gold_calls] for one in TASKS]
    with LiveBackend(parse_specs(servers(1)), fixture=empty(folder)) as live:
        listing = list_server("prices", live)
        tools = ToolSet.of(listing.tools)
        recordings = []
        for number, calls in enumerate([*gold, *mixed]):
            with live.fresh.episode(tools, number) as episode:
                for tool, arguments in calls:
                    episode.call(ToolCall(server="prices", tool=tool, arguments=arguments))
                recordings.append(
                    Recording(
                        purpose="exploration", servers=("prices",), seed=number, steps=tuple(episode.steps)
                    )
                )
    reads = tuple(("prices", name) for name in ("price", "total", "weight"))
    evidence = Evidence(Claims(reads=reads), recordings)
    content = DatasetContent(
        name="prices",
        tasks={"train": TASKS},
        rejected=[],
        verdicts={one.id: Verdict(task=one.id, verified=True, results=()) for one in TASKS},
        explorations={},
        listings=[listing],
        cassette=evidence.cassette(listing.tools, versions_of([listing])),
        facts={"world": {"name": "empty", "fixtures": [listing.fixture]}},
        evidence={"": evidence},
    )
    return write_dataset(
        content, folder / "dataset", [Tasks(), CassetteFolder(), Recordings(), Rejected(), Manifest()]
    )


def empty(folder: Path) -> Path:
    world = folder / "world"
    world.mkdir(exist_ok=True)
    return world


def configuration(dataset: Path, folder: Path, version: int, **more: Any) -> DictConfig:
    """Return what Hydra would compose, but for the servers."""
    return OmegaConf.create(
        {
            "dataset": str(dataset),
            "split": None,
            "servers": servers(version),
            "world": {"_target_": "firefly.worlds.folder.Empty"},
            "parallel": {"in_flight": 2, "workers": 1},
            "sessions": {"live": 4},
            "store": {"path": str(folder / "store")},
            "cache": {"path": str(folder / "cache")},
            "offline": True,
            "seed": 0,
            **more,
        }
    )


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
