"""The conformance vectors of ``docs/cassette.md``: frozen, so a change of the format shows here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from firefly.replay.answers import NoAnswerError, extract_answer, matches
from firefly.replay.canonical import Canonicalizer, letter
from firefly.replay.cassette import Cassette, CassetteTool, Entry, Indifference, Manifest
from firefly.replay.parsers import parse
from firefly.replay.records import Answer, Observation, ToolCall, digest
from firefly.replay.simulator import StrictSimulator
from firefly.replay.state import Event, kept, levels_of, state_id

FOLDER = Path(__file__).parent / "vectors"


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").split("\n") if line]


@pytest.mark.parametrize("row", rows("canonical.jsonl"))
def test_canonical_arguments_and_letters(row: dict[str, Any]) -> None:
    canonical = Canonicalizer(row["schema"], defaults=row["defaults"], merge_numbers=row["merge_numbers"])
    text = canonical.text(row["arguments"])
    assert text == row["canonical"]
    assert digest(row["schema"]) == row["schema_digest"]
    assert letter("server", "tool", row["schema_digest"], text) == row["letter"]


@pytest.mark.parametrize("row", rows("states.jsonl"))
def test_states(row: dict[str, Any]) -> None:
    events = [
        Event.of((one["server"], one["tool"]), one["letter"], one["before"], one["after"])
        for one in row["events"]
    ]
    levels = levels_of(Indifference.model_validate(one) for one in row["indifferent_to"])
    assert [event.item for event in kept(events, levels)] == row["kept"]
    assert state_id(row["start"], row["mark"], events, levels) == row["state"]


@pytest.mark.parametrize("row", rows("parsers.jsonl"))
def test_parsers(row: dict[str, Any]) -> None:
    found = parse(Observation(text=row["text"], structured=row["structured"]))
    assert (found and found.parser, found and found.value) == (row["parser"], row["value"])


@pytest.mark.parametrize("row", rows("answers.jsonl"))
def test_answers(row: dict[str, Any]) -> None:
    expected = Answer.model_validate(row["answer"])
    try:
        right = matches(extract_answer(row["message"], expected), expected)
    except NoAnswerError:
        right = False
    assert right == row["right"]


@pytest.mark.parametrize("row", rows("episodes.jsonl"))
def test_a_stored_cassette_answers_as_it_always_did(row: dict[str, Any]) -> None:
    simulator = StrictSimulator(Cassette.load(FOLDER / "cassette"))
    with simulator.episode(simulator.tool_set(["table"])) as episode:
        found = [episode.call(ToolCall.model_validate(call)) for call in row["calls"]]
    assert [None if one.outcome == "miss" else one.text for one in found] == row["answers"]


def test_the_published_schemas_are_those_of_the_models() -> None:
    published = Path(__file__).parent.parent.parent / "docs" / "cassette-schemas.json"
    models = {"manifest.json": Manifest, "tools.jsonl": CassetteTool, "entries.jsonl": Entry}
    found = {name: model.model_json_schema() for name, model in models.items()}
    assert json.loads(published.read_text(encoding="utf-8")) == found
