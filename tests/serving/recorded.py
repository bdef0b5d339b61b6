"""A small recorded world to serve: notes that can be written, errors of both kinds, a name on two servers."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firefly.replay.cassette import Cassette
from firefly.replay.freezing import make_cassette
from firefly.replay.records import (
    Annotations,
    Answer,
    Attachment,
    Expression,
    GoldCall,
    Observation,
    Provenance,
    Recording,
    State,
    StateProbe,
    Step,
    Task,
    Tool,
    ToolCall,
    digest,
)

ROOT = Path(__file__).parents[2]
SECRET_ANSWER = 4711
"""The reference answer of the reading task; nothing an agent gets may hold it."""

NAME = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
TOOLS = [
    Tool(
        server="notes",
        name="list",
        title="All notes",
        description="List the names of all notes.",
        input_schema={"type": "object", "properties": {}, "additionalProperties": False},
        output_schema={
            "type": "object",
            "properties": {"names": {"type": "array", "items": {"type": "string"}}},
            "required": ["names"],
        },
        annotations=Annotations(read_only=True, idempotent=True),
    ),
    Tool(server="notes", name="read", description="Read a note.", input_schema=NAME),
    Tool(
        server="notes",
        name="write",
        input_schema={
            "type": "object",
            "properties": {"name": {"type": "string"}, "text": {"type": "string"}},
            "required": ["name", "text"],
        },
        annotations=Annotations(read_only=False, destructive=True),
    ),
    Tool(server="notes", name="picture", input_schema={"type": "object", "properties": {}}),
    Tool(server="other", name="list", input_schema={"type": "object", "properties": {}}),
    Tool(server="other", name="fail hard/really", input_schema={"type": "object", "properties": {}}),
]
READS = {("notes", "list"), ("notes", "read"), ("notes", "picture"), ("other", "list")}


def call(server: str, tool: str, **arguments: Any) -> ToolCall:
    return ToolCall(server=server, tool=tool, arguments=arguments)


LIST, READ_A, WRITE_C, READ_C = (
    call("notes", "list"),
    call("notes", "read", name="a"),
    call("notes", "write", name="c", text="hello"),
    call("notes", "read", name="c"),
)
READ_NONE = call("notes", "read", name="none")
PICTURE = call("notes", "picture")
OTHER = call("other", "list")
HARD = call("other", "fail hard/really")


def answered(made: ToolCall, notes: dict[str, str]) -> Observation:
    """Act as the servers did when they were recorded."""
    if made.key == ("notes", "list"):
        names = {"names": sorted(notes)}
        return Observation(text=json.dumps(names), structured=names)
    if made.key == ("notes", "read"):
        name = str(made.arguments["name"])
        if name not in notes:
            return Observation(outcome="failure", reason="flag", text=f"no note {name}", is_error=True)
        return Observation(text=notes[name])
    if made.key == ("notes", "write"):
        notes[str(made.arguments["name"])] = str(made.arguments["text"])
        return Observation(text="written")
    if made.key == ("notes", "picture"):
        image = Attachment(kind="image", mime_type="image/png", sha256="0" * 64, size=12)
        link = Attachment(kind="resource_link", uri="file:///workspace/a.txt")
        return Observation(text="two", attachments=(image, link))
    if made.key == ("other", "list"):
        return Observation(text="1\n2")
    return Observation(outcome="failure", reason="code", text="broken on purpose", error_code=-32050)


def recording(calls: Sequence[ToolCall], servers: Sequence[str]) -> Recording:
    tools = {tool.key: tool for tool in TOOLS}
    notes = {"a": f"the number is {SECRET_ANSWER}", "b": "second"}
    history, steps = "fixture", []
    for made in calls:
        before = State(history=history, fingerprint=digest(notes))
        observation = answered(made, notes)
        history = digest([history, made.model_dump(mode="json")])
        after = State(history=history, fingerprint=digest(notes))
        steps.append(
            Step(
                call=made,
                observation=observation,
                schema_digest=tools[made.key].schema_digest,
                scope="workspace" if made.server == "notes" else "none:other",
                before=before,
                after=after,
            )
        )
    return Recording(purpose="test", servers=tuple(servers), steps=tuple(steps))


def cassette() -> Cassette:
    both = ("notes", "other")
    plans = [
        [LIST, READ_A, LIST, READ_NONE, LIST, READ_A],
        [READ_A, LIST, READ_A, READ_A],
        [WRITE_C, LIST, READ_C, LIST, READ_A],
        [LIST, WRITE_C, READ_C, LIST],
        [PICTURE, LIST, OTHER, OTHER, HARD, LIST],
        [OTHER, LIST, HARD],
    ]
    return make_cassette(
        TOOLS,
        [recording(plan, both) for plan in plans],
        reads=READS,
        independent={("other", "list"), ("other", "fail hard/really")},
    )


def tasks() -> tuple[Task, Task]:
    provenance = Provenance(exploration="e", synthesizer="test")
    reading = Task(
        question="What is the number in note a?",
        answer_format="Answer with a number.",
        answer=Answer(type="number", value=SECRET_ANSWER),
        expression=Expression(op="value", call="c1"),
        gold_calls=(GoldCall(id="c1", server="notes", tool="read", arguments={"name": "a"}),),
        servers=("notes", "other"),
        provenance=provenance,
    )
    names = Expression(op="count", call="c2", path=("names",))
    writing = Task(
        question="Write note c with the text hello. How many notes are there then?",
        answer_format="Answer with a number.",
        answer=Answer(type="number", value=3),
        expression=names,
        gold_calls=(
            GoldCall(id="c1", server="notes", tool="write", arguments=WRITE_C.arguments),
            GoldCall(id="c2", server="notes", tool="list"),
        ),
        end_state=(StateProbe(call=LIST, expression=names, expected=3),),
        servers=("notes",),
        provenance=provenance,
    )
    return reading, writing


READING, WRITING = tasks()


def write_dataset(folder: Path) -> Path:
    (folder / "tasks").mkdir(parents=True)
    rows = "".join(json.dumps({"record": task.to_json()}) + "\n" for task in (READING, WRITING))
    (folder / "tasks" / "train.jsonl").write_text(rows, encoding="utf-8")
    cassette().save(folder / "cassette")
    return folder


@dataclass
class Served:
    """A running ``firefly serve``."""

    process: subprocess.Popen[str]
    url: str = ""
    admin: str = ""
    said: list[str] = field(default_factory=list)

    def stop(self) -> tuple[int, str]:
        """Ask it to stop; return its exit code and all that it said."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        _, rest = self.process.communicate(timeout=30)
        return self.process.returncode, "".join(self.said) + rest


def command(dataset: Path, *keys: str) -> list[str]:
    return [sys.executable, "-m", "firefly", "serve", str(dataset), *keys]


@contextmanager
def serving(dataset: Path, *keys: str, **environment: str) -> Iterator[Served]:
    """Serve over HTTP on a free port."""
    process = subprocess.Popen(
        command(dataset, "transport=http", "http.port=0", *keys),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
    )
    served = Served(process)
    try:
        assert process.stderr is not None
        for line in process.stderr:
            served.said.append(line)
            if found := re.match(r"firefly serve: (http|admin) (http://\S+)", line):
                setattr(served, "url" if found[1] == "http" else "admin", found[2].removesuffix("/"))
            if served.url and (served.admin or not any(key.startswith("admin.port") for key in keys)):
                break
        else:
            raise AssertionError("".join(served.said))
        yield served
    finally:
        if process.poll() is None:
            served.stop()
        if process.stderr is not None:
            process.stderr.close()


def lines_of(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def wait_for(condition: Any, seconds: float = 20.0) -> None:
    """Wait until ``condition()`` holds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)
