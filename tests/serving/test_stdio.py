"""A served data set over stdio, and mistakes on its command line."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any, Literal

import pytest
from mcp import Client, StdioServerParameters

from tests.command_line import firefly
from tests.serving.recorded import READING, ROOT, WRITE_C, WRITING, command, lines_of, wait_for


def parameters(dataset: Path, *keys: str) -> StdioServerParameters:
    program, *arguments = command(dataset, *keys)
    return StdioServerParameters(command=program, args=arguments, cwd=ROOT)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_process_is_an_episode_of_the_task_that_it_was_started_for(
    dataset: Path, tmp_path: Path, mode: Literal["auto", "legacy"]
) -> None:
    log = tmp_path / "log.jsonl"

    async def use() -> Any:
        target = parameters(dataset, f"episodes.task={WRITING.id}", f"log={log}")
        async with Client(target, mode=mode) as client:
            names = [tool.name for tool in (await client.list_tools()).tools]
            await client.call_tool("write", WRITE_C.arguments)
            return names, (await client.call_tool("list")).structured_content

    assert asyncio.run(use()) == (["list", "picture", "read", "write"], {"names": ["a", "b", "c"]})
    wait_for(lambda: lines_of(log)[-1]["event"] == "end")
    told = lines_of(log)
    assert [line["event"] for line in told] == ["begin", "call", "call", "end"]
    assert (told[0]["task"], told[1]["tier"]) == (WRITING.id, "exact")

    answers = tmp_path / "answers.jsonl"
    rows = [
        {"id": WRITING.id, "answer": "3", "episode": "stdio"},
        {"id": READING.id, "answer": "3", "episode": "stdio"},
    ]
    answers.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    scored = firefly("score", str(dataset), str(answers), str(log), cwd=tmp_path)
    assert json.loads(scored.stdout.splitlines()[0]) == {
        "id": WRITING.id,
        "reward": 1,
        "reason": json.loads(scored.stdout.splitlines()[0])["reason"],
    }
    assert f"line 2: episode 'stdio' was begun for task {WRITING.id}" in scored.stderr


def test_a_model_answers_what_was_not_recorded_where_one_is_chosen(dataset: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    said = """lm.otherwise='{"answer": "as the model says", "failed": false}'"""
    keys = ("simulator=lenient", "simulator.tiers.nearest=null", "lm=scripted", said, f"log={log}")

    async def use() -> Any:
        async with Client(parameters(dataset, *keys)) as client:
            return (await client.call_tool("read", {"name": "q"})).content[0].text

    assert asyncio.run(use()) == "as the model says"
    assert lines_of(log)[1]["tier"] == "model"


@pytest.mark.parametrize("how", ["signal", "end of input"])
def test_a_process_ends_cleanly_whoever_ends_it(dataset: Path, tmp_path: Path, how: str) -> None:
    log = tmp_path / "log.jsonl"
    process = subprocess.Popen(
        command(dataset, f"log={log}"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdin is not None and process.stdout is not None
    begin = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
    requests = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": begin},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {
            "jsonrpc": "2.0",
            "id": 2,
            "method": "tools/call",
            "params": {"name": "read", "arguments": {"name": "a"}},
        },
    ]
    for one in requests:
        process.stdin.write(json.dumps(one) + "\n")
        process.stdin.flush()
    answers = [json.loads(process.stdout.readline()) for _ in range(2)]
    assert answers[1]["result"]["content"][0]["text"].startswith("the number is")
    if how == "signal":
        process.send_signal(signal.SIGTERM)
    else:
        process.stdin.close()
        process.stdin = None
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "episodes 1, calls: exact 1" in said
    assert "Traceback" not in said
    assert [line["event"] for line in lines_of(log)] == ["begin", "call", "end"]


MISTAKES = [
    (["nowhere"], "There is no data set at", 1),
    (["DATASET", "episodes.task=abc"], "There is no task 'abc'", 1),
    (["DATASET", "episodes.servers=nots"], "There is no server 'nots'. Did you mean 'notes'?", 1),
    (["DATASET", "simulator=lenent"], "Did you mean 'lenient'?", 1),
    (["DATASET", "http.prt=1"], "http.prt: there is no such key of http. Did you mean 'port'?", 1),
    (["DATASET", "transport=htp"], "Did you mean 'http'?", 1),
    (["DATASET", "transport=http", "http.host=0.0.0.0"], "FIREFLY_TOKEN", 1),
    (["DATASET", "lm=scripted"], "this simulator asks no model", 1),
    (["DATASET", "admin.port=0"], "FIREFLY_ADMIN_TOKEN", 1),
    (["DATASET", "faults=[timeout]", "faults.timeout.rate=2"], "it is a share between 0 and 1", 1),
    (["DATASET", "--http"], "'--http' is no KEY=VALUE", 1),
    (["DATASET", "log=/dev/null/x"], "The log /dev/null/x can't be written", 1),
    ([], "usage: firefly serve", 2),
]


@pytest.mark.parametrize(("arguments", "message", "code"), MISTAKES)
def test_a_mistake_on_the_command_line_gets_one_clear_message(
    dataset: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], message: str, code: int
) -> None:
    from firefly.serve import main

    before = os.environ.copy()
    assert main([str(dataset) if one == "DATASET" else one for one in arguments]) == code
    assert dict(os.environ) == dict(before)
    said = capfd.readouterr().err
    assert message in said
    assert "Traceback" not in said


def test_help_shows_every_key(capsys: pytest.CaptureFixture[str]) -> None:
    from firefly.serve import main

    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert "transport: stdio" in said
    assert "firefly serve DATASET" in said
