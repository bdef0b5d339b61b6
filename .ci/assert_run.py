"""Asserts on a finished run: gold answers earn 1, empty ones 0, offline, and no answer depends on the date.

python .ci/assert_run.py SUMMARY DATASET CLOCK

CLOCK: "tried" where the clock of servers can be shifted, else why the shifted clock was not tried.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path


def totals(dataset: Path, answers: list[dict[str, object]]) -> list[dict[str, object]]:
    """Return the grades that ``firefly score`` prints, one a task."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        file.writelines(json.dumps(answer) + "\n" for answer in answers)
        file.flush()
        command = [sys.executable, "-m", "firefly", "score", str(dataset), file.name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [row for line in done.stdout.splitlines() if "id" in (row := json.loads(line))]


def main(summary: Path, dataset: Path, clock: str) -> None:
    """Check the run's folder."""
    figures = json.loads(summary.read_text(encoding="utf-8"))
    verified = figures["verified"]
    tasks = [
        json.loads(line)
        for path in sorted(dataset.glob("tasks*/*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    assert verified == len(tasks) > 0, f"{verified} verified tasks, {len(tasks)} in {dataset}"
    gold = [
        {
            "id": task["id"],
            "answer": task["answer"]["value"],
            "calls": [
                {key: call[key] for key in ("server", "tool", "arguments")} for call in task["gold_calls"]
            ],
        }
        for task in tasks
    ]
    rewards = [grade["reward"] for grade in totals(dataset, gold)]
    assert rewards == [1] * len(tasks), f"gold earns 1 on {rewards.count(1)} of {len(tasks)} tasks"
    empty = [{"id": task["id"], "answer": "", "calls": []} for task in tasks]
    rewards = [grade["reward"] for grade in totals(dataset, empty)]
    assert rewards == [0] * len(tasks), f"an empty answer earns 0 on {rewards.count(0)} of {len(tasks)} tasks"
    print(f"{len(tasks)} verified tasks; gold earns 1 and empty 0 on all of them")
    shifted = figures["advisory_checks"].get("shifted_clock", {})
    print(f"under a shifted clock ({clock}): {shifted}")
    assert not shifted.get("fail"), "tasks that come out otherwise under another date"
    assert clock != "tried" or shifted.get("pass"), f"no task was tried: {figures['unjudged']}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
