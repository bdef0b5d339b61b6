"""Runs the reader in standard Python over vectors: ``python run_vectors.py FOLDER vectors.json``."""

import json
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])
import reader

vectors = json.loads(Path(sys.argv[2]).read_bytes())
tapes = {name: reader.Cassette(**tape) for name, tape in vectors["cassettes"].items()}
found = {"canonical": [], "states": [], "episodes": [], "grades": [], "end_states": []}
for one in vectors["canonical"]:
    schema, text = reader.digest(reader.text_of(one["input_schema"])), reader.canonical(one["arguments"], one)
    found["canonical"].append(
        [schema, text, reader.digest("\0".join((one["server"], one["tool"], schema, text)))]
    )
for one in vectors["states"]:
    past = [(e["server"], e["tool"], e["letter"], e["before"], e["after"]) for e in one["events"]]
    found["states"].append(reader.state_of(one["start"], one["mark"], past, one["indifferent_to"]))
for one in vectors["episodes"]:
    found["episodes"].append(tapes[one["cassette"]].replay(one["servers"], one["calls"], one["world"]))
for one in vectors["grades"]:
    task = {"answer": one["answer"], "end_state": [None] * one["end_state"], "servers": []}
    line = {"answer": one["message"], "outcome": one["outcome"]}
    found["grades"].append(reader.graded(None, task, [], line))
for one in vectors["end_states"]:
    task = {**one, "answer": {"type": "number", "value": 1}}
    line = {"answer": 1, "calls": one["calls"]}
    found["end_states"].append(reader.graded(tapes[one["cassette"]], task, one["probes"], line))
print(json.dumps(found, ensure_ascii=False))
