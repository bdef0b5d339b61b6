"""The format as others see it: vectors that stay, schemas that are the models', readers in two languages."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
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
    "python": (sys.executable, "-B", "-S", str(FORMAT / "python" / "reader.py")),  # -S: no site packages
    "javascript": ("node", str(FORMAT / "javascript" / "reader.mjs")),
}


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest) -> Callable[..., str]:
    command = READERS[request.param]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not on this machine; install Node.js 20 or newer to run this reader")

    def run(*arguments: object) -> str:
        found = subprocess.run(
            [*command, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60
        )
        assert found.returncode == 0, found.stderr
        return found.stdout

    return run


def expected(vectors: Vectors) -> dict[str, list[Any]]:
    plain = vectors.model_dump(mode="json")
    return {
        "canonical": [[one["schema_digest"], one["canonical"], one["letter"]] for one in plain["canonical"]],
        "states": [[one["kept"], one["state"]] for one in plain["states"]],
        "episodes": [one["answers"] for one in plain["episodes"]],
        "grades": [one["reward"] for one in plain["grades"]],
    }


def test_the_published_vectors_still_hold() -> None:
    assert list(faults(VECTORS)) == []


def test_there_are_more_than_a_hundred_and_of_every_kind() -> None:
    every = [VECTORS.canonical, VECTORS.states, VECTORS.episodes, VECTORS.grades, VECTORS.parsers]
    assert min(map(len, every)) > 10
    assert sum(map(len, every)) >= 100
    assert {case.reward for case in VECTORS.grades} == {0, 1, None}
    answers = [answer for case in VECTORS.episodes for answer in case.answers]
    assert {answer is None for answer in answers} == {True, False}
    assert {answer.outcome for answer in answers if answer} == {"success", "failure"}


def test_a_reader_comes_to_every_result(reader: Callable[..., str]) -> None:
    found = json.loads(reader("vectors", FORMAT / "vectors.json"))
    wanted = expected(VECTORS)
    for name in ("canonical", "states", "grades"):
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

    bare = {"schema_digest": "", "canonical": "", "letter": ""}
    return Vectors(
        canonical=tuple(
            canonical_case(CanonicalCase(input_schema=schema, arguments={"x": value(3)}, **options, **bare))
            for schema, _, options in CANONICAL
            for _ in range(12)
        ),
        grades=tuple(
            grade_case(GradeCase(answer=answer, message=message, reward=None))
            for answer in answers
            for message in messages
        ),
    )


def test_a_reader_agrees_on_thousands_of_cases_that_nobody_wrote(
    reader: Callable[..., str], tmp_path: Path
) -> None:
    vectors = more()
    assert len(vectors.grades) > 2000
    (tmp_path / "more.json").write_text(vectors.to_json(), encoding="utf-8")
    found = json.loads(reader("vectors", tmp_path / "more.json"))
    wanted = expected(vectors)
    for name, cases in (("canonical", vectors.canonical), ("grades", vectors.grades)):
        for case, one, other in zip(cases, found[name], wanted[name], strict=True):
            assert one == other, case


def test_a_reader_grades_a_data_set_and_leaves_open_what_it_cannot_prove(
    reader: Callable[..., str], tmp_path: Path
) -> None:
    reading, writing = write_dataset(tmp_path / "data")
    lines: list[dict[str, Any]] = [
        {"id": reading.id, "answer": "Answer: 29", "calls": [ROWS.model_dump()]},
        {"id": writing.id, "answer": "Answer: 3", "calls": [ADD.model_dump(), ROWS.model_dump()]},
        {"id": reading.id, "answer": "Answer: 30"},
        {"id": reading.id, "answer": "Answer: 29", "calls": [{**ROWS.model_dump(), "arguments": {"no": 1}}]},
        {"id": writing.id, "answer": "Answer: 4", "calls": [ADD.model_dump(), ROWS.model_dump()]},
    ]
    rewards = []
    for number, line in enumerate(lines):
        path = tmp_path / f"{number}.jsonl"
        path.write_text(json.dumps(line) + "\n")
        found = json.loads(reader("score", tmp_path / "data", path))
        (ours,) = score(tmp_path / "data", path).results
        assert found["reward"] in (ours.reward, None)
        rewards.append(found["reward"])
    assert rewards == [1, None, 0, None, 0]
    with (tmp_path / "data" / "cassette" / "entries.jsonl").open("ab") as file:
        file.write(b"\n")
    with pytest.raises(AssertionError, match=r"entries\.jsonl is damaged"):
        reader("score", tmp_path / "data", tmp_path / "0.jsonl")


@pytest.mark.parametrize("path", sorted([*FORMAT.glob("python/*.py"), *FORMAT.glob("javascript/*.mjs")]))
def test_every_module_of_a_reader_is_short_and_imports_its_language_alone(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) < 250
    if path.suffix == ".py":
        imported = {line.split()[1] for line in lines if line.startswith(("import ", "from "))}
        assert imported <= {*sys.stdlib_module_names, "answers"}
    else:
        sources = [line.rpartition(" from ")[2].strip('";') for line in lines if line.startswith("import ")]
        assert all(source.startswith(("node:", "./")) for source in sources)


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
