"""How well each scorer tells edges from chance, on labelled (producer, consumer, parameter) triples.

The servers are probed once, live, with the default configuration; what was recorded stays in the
store, so that a change of a scorer costs no call. A triple's score is that of its best edge, whatever
its output path; *affects* edges have no parameter and take no part.

For every scorer: average precision; the best F1 over all thresholds; and F1, precision and recall
when the threshold for a triple is chosen on the triples that share no server with it (leave one server
out). In brackets 95% intervals of 1,000 bootstrap samples of the triples, thresholds chosen anew.

    python benchmarks/edge_scoring.py --labels LABELS.json [--servers SET.yaml] [--world FOLDER]
                                      [--store FOLDER] [--seed N] [--show SCORER]

LABELS: a list of {"producer": "server.tool", "consumer": "server.tool", "param": ..., "label": 0 | 1}.
Needs uv, Node and, the first time, the network.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from firefly.app import config_folder
from firefly.components import build, wanting
from firefly.config import check_config
from firefly.graph import score_source
from firefly.graph.candidates import AllPairs
from firefly.items import source_digest
from firefly.knowledge import Knowledge
from firefly.pipeline import run
from firefly.worlds.draw import Draw
from firefly.worlds.shop import Shop
from firefly.worlds.words import COMPANY_WORDS, FAMILY_NAMES, GIVEN_NAMES, PLACES

SAMPLES = 1000
Triple = tuple[str, str, str]


@dataclass(frozen=True)
class Label:
    """One labelled triple."""

    triple: Triple
    positive: bool

    @property
    def servers(self) -> frozenset[str]:
        """Return the servers of its two tools."""
        return frozenset(name.partition(".")[0] for name in self.triple[:2])


def main() -> None:
    """Probe, score, and print one row for each scorer."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    asked.add_argument("--labels", type=Path, required=True)
    asked.add_argument("--servers", type=Path, default=Path(__file__).with_suffix(".yaml"))
    asked.add_argument("--world", type=Path, help="a folder that sandboxes start from; default: a made one")
    asked.add_argument("--store", type=Path, default=Path("multirun/store"))
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--show", metavar="SCORER", help="print every triple with that scorer's score")
    given = asked.parse_args()
    labels = [
        Label((row["producer"], row["consumer"], row["param"]), bool(row["label"]))
        for row in json.loads(given.labels.read_text(encoding="utf-8"))
    ]
    scorers = {path.stem: _described(path) for path in sorted((config_folder() / "scorer").glob("*.yaml"))}
    knowledge = probed(given)
    missing = sorted({name for one in labels for name in one.triple[:2]} - _names(knowledge))
    print(
        f"{len(labels)} triples, {sum(one.positive for one in labels)} positive; tools {len(knowledge.tools)}"
    )
    if missing:
        print(f"tools that are not called, so that their triples score 0: {', '.join(missing)}")
    print(f"{'scorer':10} {'AP':>18} {'best F1':>18} {'LOSO F1':>18} {'LOSO P':>18} {'LOSO R':>18} {'s':>6}")
    for name, described in scorers.items():
        if name == "affects" or wanting(described, "models"):  # has no parameters; needs a model
            continue
        started = time.perf_counter()
        found = scores(build(described), knowledge)
        seconds = time.perf_counter() - started
        cells = [_cell(measure, labels, found) for measure in (average_precision, best_f1, *LOSO)]
        print(f"{name:10} {' '.join(cells)} {seconds:6.1f}")
        if given.show == name:
            for one in sorted(labels, key=lambda label: -found.get(label.triple, 0.0)):
                mark = "+" if one.positive else " "
                print(f"   {found.get(one.triple, 0.0):.3f} {mark} {' -> '.join(one.triple)}")


def probed(given: argparse.Namespace) -> Knowledge:
    """Return what probing finds of the servers."""
    with tempfile.TemporaryDirectory() as name:
        world = given.world
        if world is None:  # in one place for one content: the store knows it again
            made = source_digest(("worlds", str(Path(__file__).resolve())))
            world = given.store.resolve() / "edge-scoring" / f"{given.seed}-{made}"
            if not world.is_dir():
                build_world(world, given.seed)
        overrides = [
            "servers=bundled",
            "until=probing",
            f"seed={given.seed}",
            f"store.path={given.store.resolve()}",
            f"dataset.path={name}/dataset",
        ]
        with initialize_config_dir(version_base="1.3", config_dir=str(config_folder())):
            plain: Any = OmegaConf.to_container(compose("config", overrides=overrides), resolve=True)
        plain["servers"] = yaml.safe_load(given.servers.read_text(encoding="utf-8"))
        plain["world"] = {"_target_": "firefly.worlds.folder.Folder", "path": str(world)}
        return run(check_config(plain), Path(name) / "run").knowledge()


def build_world(folder: Path, seed: int) -> None:
    """Write the demo's shop, a folder of texts, and a memory of people and places."""
    folder.mkdir(parents=True)
    Shop(seed=seed).build(folder)
    draw = Draw(seed, "edge scoring")
    people = [
        f"{given} {family}"
        for given, family in zip(_some(draw, GIVEN_NAMES), _some(draw, FAMILY_NAMES), strict=True)
    ]
    firms = [f"{word} Works" for word in draw.some(COMPANY_WORDS, 4)]
    lines: list[dict[str, Any]] = [
        {
            "type": "entity",
            "name": name,
            "entityType": "person",
            "observations": [f"lives in {city}", f"pays {zone}"],
        }
        for name, (city, zone) in zip(people, draw.some(PLACES, len(people)), strict=True)
    ]
    lines += [
        {"type": "entity", "name": name, "entityType": "company", "observations": [f"founded in {year}"]}
        for name, year in zip(firms, draw.whole(len(firms), 1950, 2010), strict=True)
    ]
    lines += [
        {"type": "relation", "from": name, "to": draw.one(firms), "relationType": "works for"}
        for name in people
    ]
    (folder / "memory.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
    for place in ("reports", "reports/old", "letters"):
        (folder / "files" / place).mkdir(parents=True)
        for name in draw.some(sorted(COMPANY_WORDS), 3):
            text = f"{draw.one(people)} wrote this.\nAmount: {draw.one(range(100, 999))}\n"
            (folder / "files" / place / f"{name.lower()}.txt").write_text(text, encoding="utf-8")
    (folder / "files" / "people.csv").write_text(
        "name,firm\n" + "".join(f"{name},{draw.one(firms)}\n" for name in people), encoding="utf-8"
    )


def scores(scorer: Any, knowledge: Knowledge) -> dict[Triple, float]:
    """Return the best score of each triple that some edge stands for."""
    found: dict[Triple, float] = {}
    for key in sorted(knowledge.tools):
        source = knowledge.tools[key]
        for edge in score_source(source, candidates=AllPairs(), scorer=scorer, knowledge=knowledge):
            if edge.parameter:
                triple = (".".join(edge.source), ".".join(edge.target), edge.parameter)
                found[triple] = max(found.get(triple, 0.0), edge.score)
    return found


# --- measures ------------------------------------------------------------------------------------

Scores = Mapping[Triple, float]
Measure = Callable[[Sequence[Label], Scores], float]


def average_precision(labels: Sequence[Label], found: Scores) -> float:
    """Return the area under precision over recall; triples of one score count together."""
    total, area, recall = sum(one.positive for one in labels), 0.0, 0.0
    for _, right, taken in _steps(labels, found):
        area += (right / total - recall) * right / taken
        recall = right / total
    return area


def best_f1(labels: Sequence[Label], found: Scores) -> float:
    """Return F1 at the best threshold."""
    return _f1(*_counts(labels, found, lambda one: threshold(labels, found)))


def loso(part: int) -> Measure:
    """Return the measure: 0 F1, 1 precision, 2 recall, each triple's threshold chosen on other servers."""

    def measure(labels: Sequence[Label], found: Scores) -> float:
        limits = {
            group: threshold([one for one in labels if not one.servers & group], found)
            for group in {one.servers for one in labels}
        }
        right, taken, total = _counts(labels, found, lambda one: limits[one.servers])
        return (_f1(right, taken, total), right / max(1, taken), right / max(1, total))[part]

    return measure


LOSO = tuple(loso(part) for part in range(3))


def threshold(labels: Sequence[Label], found: Scores) -> float:
    """Return the score from which on calling a triple an edge gives the best F1."""
    total = sum(one.positive for one in labels)
    steps = list(_steps(labels, found))
    best = max(steps, key=lambda step: _f1(step[1], step[2], total), default=(1.0, 0, 0))
    below = next((score for score, _, _ in steps if score < best[0]), best[0])
    return (best[0] + below) / 2


def _steps(labels: Sequence[Label], found: Scores) -> list[tuple[float, int, int]]:
    """Return (score, positives that reach it, triples that reach it), best first; unscored ones never do."""
    ranked = sorted(((found.get(one.triple, 0.0), one.positive) for one in labels), reverse=True)
    steps: list[tuple[float, int, int]] = []
    right = 0
    for taken, (score, positive) in enumerate(ranked, start=1):
        right += positive
        if steps and steps[-1][0] == score:
            steps.pop()
        if score > 0:
            steps.append((score, right, taken))
    return steps


def _counts(labels: Sequence[Label], found: Scores, limit: Callable[[Label], float]) -> tuple[int, int, int]:
    taken = [one for one in labels if found.get(one.triple, 0.0) >= limit(one)]
    return sum(one.positive for one in taken), len(taken), sum(one.positive for one in labels)


def _f1(right: int, taken: int, total: int) -> float:
    return 2 * right / (taken + total) if taken + total else 0.0


def _cell(measure: Measure, labels: Sequence[Label], found: Scores) -> str:
    rng = Random(0)
    drawn = sorted(measure(rng.choices(labels, k=len(labels)), found) for _ in range(SAMPLES))
    low, high = drawn[int(0.025 * SAMPLES)], drawn[int(0.975 * SAMPLES)]
    return f"{measure(labels, found):.2f} ({low:.2f}-{high:.2f})".rjust(18)


def _described(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _names(knowledge: Knowledge) -> set[str]:
    return {".".join(key) for key in knowledge.tools}


def _some(draw: Draw, names: Sequence[str]) -> list[str]:
    return draw.some(list(names), 7)


if __name__ == "__main__":
    main()
