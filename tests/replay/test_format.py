"""The format as others see it: vectors that stay, schemas that are the models', readers in two languages."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from firefly.replay.cassette import Cassette
from firefly.replay.conformance import (
    CanonicalCase,
    GradeCase,
    Vectors,
    canonical_case,
    faults,
    grade_case,
    patterns,
    schemas,
)
from firefly.replay.records import Answer, GoldCall
from firefly.replay.score import score
from tests.replay.datasets import ADD, ROWS, write_dataset
from tests.replay.make_vectors import CANONICAL, GRADES

ROOT = Path(__file__).parent.parent.parent
FORMAT = ROOT / "format"
VECTORS = Vectors.model_validate_json((FORMAT / "vectors.json").read_bytes())
READERS = {
    "python": (sys.executable, "-B", "-S"),  # -S: no site packages
    "javascript": ("node",),
}
PROGRAMS = {"python": "reader.py", "javascript": "reader.mjs"}
RUNNERS = {"python": "run_vectors.py", "javascript": "run_vectors.mjs"}


class Reader:
    """One of the readers, as a program of its own and over vectors."""

    def __init__(self, language: str) -> None:
        self.language = language

    def score(self, *arguments: object) -> str:
        return self._run(FORMAT / self.language / PROGRAMS[self.language], *arguments)

    def vectors(self, path: Path) -> Any:
        runner = Path(__file__).with_name(RUNNERS[self.language])
        return json.loads(self._run(runner, FORMAT / self.language, path))

    def _run(self, *arguments: object) -> str:
        command = [*READERS[self.language], *map(str, arguments)]
        found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert found.returncode == 0, found.stderr
        return found.stdout


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest) -> Reader:
    command = READERS[request.param]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not on this machine; install Node.js 20.11 or newer to run this reader")
    return Reader(request.param)


def expected(vectors: Vectors) -> dict[str, list[Any]]:
    plain = vectors.model_dump(mode="json")
    return {
        "canonical": [[one["schema_digest"], one["canonical"], one["letter"]] for one in plain["canonical"]],
        "states": [one["state"] for one in plain["states"]],
        "episodes": [one["answers"] for one in plain["episodes"]],
        "grades": [one["reward"] for one in plain["grades"]],
        "end_states": [one["reward"] for one in plain["end_states"]],
    }


def test_the_published_vectors_still_hold() -> None:
    assert list(faults(VECTORS)) == []


def test_there_are_more_than_a_hundred_and_of_every_kind() -> None:
    every = [VECTORS.canonical, VECTORS.states, VECTORS.episodes, VECTORS.grades, VECTORS.end_states]
    assert min(map(len, every)) > 10
    assert sum(map(len, every)) >= 100
    assert {case.reward for case in VECTORS.grades} == {0, 1, None}
    assert {case.reward for case in VECTORS.end_states} == {0, 1, None}
    answers = [answer for case in VECTORS.episodes for answer in case.answers]
    assert {answer is None for answer in answers} == {True, False}
    assert {answer.outcome for answer in answers if answer} == {"success", "failure"}


def test_a_reader_comes_to_every_result(reader: Reader) -> None:
    found = reader.vectors(FORMAT / "vectors.json")
    wanted = expected(VECTORS)
    for name in ("canonical", "states", "grades", "end_states"):
        assert found[name] == wanted[name]
    for case, answers in zip(VECTORS.episodes, found["episodes"], strict=True):
        plain = case.model_dump(mode="json")["answers"]
        if not case.needs:
            assert answers == plain
        assert all(one is None or one == other for one, other in zip(answers, plain, strict=True))


def more() -> Vectors:
    """Cases that nobody wrote: every message to every reference answer, and arguments at random."""
    messages = [message for _, found in GRADES for message in found]
    answers = [Answer.model_validate(answer) for answer, _ in GRADES]
    rng = Random(5)

    def value(depth: int) -> Any:
        kind = rng.randrange(8 if depth else 6)
        scalars = (None, rng.random() < 0.5, rng.randrange(-9, 9), float(rng.randrange(-9, 9)))
        if kind < 4:
            return scalars[kind]
        if kind == 4:
            return rng.choice((rng.uniform(-1, 1), rng.uniform(-1, 1) * 10.0 ** rng.randrange(-30, 30)))
        if kind == 5:
            return "".join(rng.choice('aZ"\\\n\x01é\u2028\U0001f600\uffee') for _ in range(rng.randrange(4)))
        if kind == 6:
            return [value(depth - 1) for _ in range(rng.randrange(3))]
        return {
            rng.choice(("at", "id", "y", "é", "\U0001f600", "\uffee")): value(depth - 1) for _ in range(3)
        }

    return Vectors(
        canonical=tuple(
            canonical_case(CanonicalCase(input_schema=schema, arguments={"x": value(3)}, **options))
            for schema, _, options in CANONICAL
            for _ in range(12)
        ),
        grades=tuple(
            grade_case(GradeCase(answer=answer, message=message, reward=None))
            for answer in answers
            for message in messages
        ),
    )


def test_a_reader_agrees_on_thousands_of_cases_that_nobody_wrote(reader: Reader, tmp_path: Path) -> None:
    vectors = more()
    assert len(vectors.grades) > 2000
    (tmp_path / "more.json").write_text(vectors.to_json(), encoding="utf-8")
    found = reader.vectors(tmp_path / "more.json")
    wanted = expected(vectors)
    for name, cases in (("canonical", vectors.canonical), ("grades", vectors.grades)):
        for case, one, other in zip(cases, found[name], wanted[name], strict=True):
            assert one == other, case


def test_a_reader_grades_a_data_set_end_states_included(reader: Reader, tmp_path: Path) -> None:
    reading, writing = write_dataset(tmp_path / "data")
    add, rows = ADD.model_dump(), ROWS.model_dump()
    lines: list[dict[str, Any]] = [
        {"id": reading.id, "answer": "Answer: 29", "calls": [rows]},
        {"id": writing.id, "answer": "Answer: 3", "calls": [add, rows]},
        {"id": writing.id, "answer": "Answer: 3", "calls": [rows]},
        {"id": writing.id, "answer": "Answer: 3", "calls": []},
        {"id": writing.id, "answer": "Answer: 3"},
        {"id": reading.id, "answer": "Answer: 30"},
        {"id": reading.id, "answer": "Answer: 29", "calls": [{**rows, "arguments": {"no": 1}}]},
        {"id": writing.id, "answer": "Answer: 4", "calls": [add, rows]},
        {"id": reading.id, "answer": "Answer: 29", "outcome": "truncated"},
    ]
    rewards, ours = [], []
    for number, line in enumerate(lines):
        path = tmp_path / f"{number}.jsonl"
        path.write_text(json.dumps(line) + "\n")
        ours += [one.reward for one in score(tmp_path / "data", path).results]
        table = tmp_path / "data" / "tasks" / "train.jsonl"
        rewards.append(json.loads(reader.score(tmp_path / "data" / "cassette", table, path))["reward"])
    assert rewards == ours == [1, 1, 0, 0, None, 0, None, 0, None]
    with (tmp_path / "data" / "cassette" / "entries.jsonl").open("ab") as file:
        file.write(b"\n")
    with pytest.raises(AssertionError, match=r"entries\.jsonl is damaged"):
        reader.score(tmp_path / "data" / "cassette", table, path)


def test_an_answer_to_a_probe_that_a_data_set_says_nothing_of_leaves_the_reward_open(
    reader: Reader, tmp_path: Path
) -> None:
    _, writing = write_dataset(tmp_path / "data")
    table = tmp_path / "data" / "tasks" / "train.jsonl"
    rows = [json.loads(line) for line in table.read_text().splitlines()]
    for row in rows:
        row["probes"] = [{**one, "right": [], "wrong": []} for one in row["probes"]]
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps({"id": writing.id, "answer": "3", "calls": [ADD.model_dump()]}) + "\n")
    assert json.loads(reader.score(tmp_path / "data" / "cassette", table, path))["reward"] is None


def test_a_reader_is_short_and_imports_its_language_alone() -> None:
    sizes = {}
    for path in sorted([*FORMAT.glob("python/*.py"), *FORMAT.glob("javascript/*.mjs")]):
        lines = path.read_text(encoding="utf-8").splitlines()
        sizes[path.parent.name] = sizes.get(path.parent.name, 0) + len(lines)
        assert max(map(len, lines)) <= 120
        if path.suffix == ".py":
            imported = {line.split()[1] for line in lines if line.startswith(("import ", "from "))}
            assert imported <= set(sys.stdlib_module_names)
        else:
            sources = [
                line.rpartition(" from ")[2].strip('";') for line in lines if line.startswith("import ")
            ]
            assert all(source.startswith("node:") for source in sources)
    assert set(sizes) == {"python", "javascript"} and max(sizes.values()) < 250


def test_the_patterns_of_the_readers_are_those_of_the_package() -> None:
    assert json.loads((FORMAT / "patterns.json").read_text(encoding="utf-8")) == patterns(), (
        "run: python -m firefly.replay.conformance"
    )


def test_the_shipped_schemas_are_those_of_the_models() -> None:
    shipped = {
        path.name: json.loads(path.read_bytes())
        for path in (ROOT / "firefly" / "replay" / "schemas").glob("*.json")
    }
    assert shipped == schemas(), "run: python -m firefly.replay.conformance"
    for schema in shipped.values():
        Draft202012Validator.check_schema(schema)


def test_a_data_set_satisfies_the_shipped_schemas_and_a_later_version_does_not(tmp_path: Path) -> None:
    def check(name: str, value: object) -> None:
        Draft202012Validator(schemas()[name]).validate(value)

    tasks = write_dataset(tmp_path)
    for task in tasks:
        check("task.json", json.loads(task.to_json()))
    for name, kind in (("tools", "tool"), ("entries", "entry")):
        for line in (tmp_path / "cassette" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            check(f"cassette-{kind}.json", json.loads(line))
    manifest = json.loads((tmp_path / "cassette" / "manifest.json").read_bytes())
    check("cassette-manifest.json", manifest)
    check("versions.json", manifest)
    check("vectors.json", VECTORS.model_dump(mode="json"))
    with pytest.raises(ValidationError):
        check("versions.json", {**manifest, "format_version": 2})
    with pytest.raises(ValidationError):
        check("cassette-tool.json", {})
    assert Cassette.load(tmp_path / "cassette").entries
    assert GoldCall.model_fields.keys() <= schemas()["task.json"]["$defs"]["GoldCall"]["properties"].keys()
