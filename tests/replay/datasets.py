"""A small data set folder: a table server with two reads and a write, recorded and asked about."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from firefly.replay.cassette import Cassette
from firefly.replay.end_state import probe_answers
from firefly.replay.freezing import make_cassette
from firefly.replay.records import (
    Answer,
    Expression,
    GoldCall,
    Provenance,
    StateProbe,
    Task,
    ToolCall,
)
from tests.replay.toys import Json, Machine, Toy, call


def _rows(m: Machine, a: Json) -> Json:
    return json.dumps([{"name": name, "amount": m.files[name]} for name in sorted(m.files)])


def _amount(m: Machine, a: Json) -> Json:
    if a["name"] not in m.files:
        raise ValueError(f"no row {a['name']}")
    return m.files[a["name"]]


def _add(m: Machine, a: Json) -> Json:
    m.files[a["name"]] = a["amount"]
    return "added"


TABLE = Toy(
    tools={("table", "rows"): _rows, ("table", "amount"): _amount, ("table", "add"): _add},
    calls=[
        call("table", "rows"),
        call("table", "amount", name="ann"),
        call("table", "add", name="cy", amount=7),
    ],
    reads=frozenset({("table", "rows"), ("table", "amount")}),
    setup=lambda machine: machine.files.update(ann=25, bob=4),
)
ROWS, AMOUNT, ADD = TABLE.calls


def cassette() -> Cassette:
    episodes: Sequence[Sequence[ToolCall]] = (
        [ROWS, AMOUNT],
        [AMOUNT, ROWS, AMOUNT],
        [ROWS, ROWS, ROWS, ROWS],
        [AMOUNT, AMOUNT, ROWS, AMOUNT],
        [ADD, ROWS],
        [ROWS, ADD, ROWS],
    )
    return make_cassette(
        TABLE.tool_set.tools, [TABLE.recording(calls) for calls in episodes], reads=TABLE.reads
    )


def tasks() -> list[Task]:
    total = Expression(op="sum", call="c1", field=("amount",))
    count = Expression(op="count", call="c1")
    provenance = Provenance(exploration="e", synthesizer="test")
    gold = GoldCall(id="c1", server="table", tool="rows")
    reading = Task(
        question="What do all amounts come to?",
        answer_format="Answer with a number.",
        answer=Answer(type="number", value=29),
        expression=total,
        gold_calls=(gold,),
        servers=("table",),
        provenance=provenance,
    )
    writing = Task(
        question="Add cy with amount 7. How many rows are there then?",
        answer_format="Answer with a number.",
        answer=Answer(type="number", value=3),
        expression=count.model_copy(update={"call": "c2"}),
        gold_calls=(
            GoldCall(id="c1", server="table", tool="add", arguments=ADD.arguments),
            GoldCall(id="c2", server="table", tool="rows"),
        ),
        end_state=(StateProbe(call=ROWS, expression=total, expected=36),),
        servers=("table",),
        provenance=provenance,
    )
    return [reading, writing]


def write_dataset(folder: Path) -> list[Task]:
    found = tasks()
    (folder / "tasks").mkdir(parents=True)
    tape = cassette()
    rows = [
        {
            **task.model_dump(mode="json"),
            "prompt": [],
            "split": "train",
            "probes": [probe_answers(one, tape).model_dump(mode="json") for one in task.end_state],
            "record": task.to_json(),
        }
        for task in found
    ]
    (folder / "tasks" / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    tape.save(folder / "cassette")
    return found
