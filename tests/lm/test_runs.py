"""Whole runs with a model: one clear line where it can't be asked, kill and resume, replay, budget, plan."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.command_line import content_of, firefly, once, plan_of, printed, summary_of
from tests.lm.competent import competent
from tests.lm.endpoint import Chat, Fault, Reply, endpoint
from tests.test_bad_input import assert_one_message

SMALL = (
    "+experiment=smoke",
    "~servers.desk",
    "~servers.almanac",
    "probing.budget=30",
    "sampler.count=1",
    "scorer=llm",
)
FULL = (*SMALL, "explorer=react")


def model(url: str) -> tuple[str, ...]:
    return ("lm=openai_compatible", f"lm.base_url={url}", "lm.model=agent", "lm.retries=1")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ((), ["scorer=llm asks a language model, and none is chosen", "lm=ollama", "scorer=combined"]),
        (("lm=openai",), ["OPENAI_API_KEY", "https://api.openai.com/v1", "python -m firefly needs no key"]),
        (("lm=anthropic",), ["ANTHROPIC_API_KEY", "python -m firefly needs no key"]),
        (("lm=ollama",), ["lm.model=VALUE"]),
        (
            ("lm=ollama", "lm.model=m", "lm.base_url=http://127.0.0.1:9/v1"),
            ["Nobody answers at http://127.0.0.1:9/v1 (lm.base_url)", "python -m firefly needs no key"],
        ),
        (("lm=openai", "lm.judge.temprature=1"), ["lm.judge.temprature", "Did you mean 'temperature'?"]),
        (("lm=openai", "lm.mode=reply"), ["lm.mode", "Did you mean 'replay'?"]),
        (("lm=openai", "lm.key_variable=sk-123-abc"), ["never the key itself"]),
    ],
)
def test_a_model_that_can_not_be_asked_is_one_message(
    arguments: tuple[str, ...], parts: list[str], tmp_path: Path
) -> None:
    done = firefly(*SMALL, *arguments, cwd=tmp_path)
    assert_one_message(done, *parts)
    assert len(done.stderr.strip().splitlines()) <= 2
    written = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert "sk-123-abc" not in done.stderr + written


def test_a_model_that_nobody_asks_needs_no_key(tmp_path: Path) -> None:
    done = firefly(*SMALL[:-1], "lm=openai", "until=catalog", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "nothing in this run asks one" in done.stderr


class Recorded(NamedTuple):
    """A finished run."""

    store: Path
    url: str
    """Of the endpoint that it asked; it is gone by now."""
    requests: int
    dataset: dict[str, bytes]

    def copied(self, folder: Path) -> Path:
        """Return ``folder``, from which a run goes on with what this one finished."""
        shutil.copytree(self.store, folder / "multirun" / "store")
        return folder


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    def run(folder: Path) -> Any:
        with endpoint(competent()) as there:
            done = firefly(*FULL, *model(there.url), cwd=folder, anew=True)
            return there.url, len(there.requests), str(folder / printed(done)["dataset"])

    folder, (url, requests, dataset) = once(tmp_path_factory, "recorded", run)
    return Recorded(folder / "multirun" / "store", url, requests, content_of(Path(dataset)))


def test_a_run_keeps_complete_books(recorded: Recorded, tmp_path: Path) -> None:
    dataset = recorded.dataset
    done = firefly(*FULL, *model(recorded.url), "lm.mode=replay", cwd=recorded.copied(tmp_path))
    books = summary_of(done)["lm"]
    rows = books["used"]["rows"]
    assert [(row["stage"], row["role"], row["model"]) for row in rows] == [
        ("exploration", "explorer", "agent"),
        ("graph", "scorer", "agent"),
    ]
    assert rows[1]["calls"] == summary_of(done)["tools"]
    assert sum(row["calls"] for row in rows) == recorded.requests
    card = dataset["README.md"].decode()
    assert f"| exploration | explorer | agent | {rows[0]['calls']} | {rows[0]['input_tokens']} |" in card
    each = books["used"]["per_verified_task"]
    assert each["calls"] > 0
    assert f"for each verified task: {each['calls']:g} calls, {each['tokens']:g} tokens" in done.stdout
    assert f"For each verified task: {each['calls']} calls, {each['tokens']} tokens" in card
    assert books["sent"]["total"]["calls"] == 0
    assert content_of(printed(done)["dataset"]) == dataset
    assert b"127.0.0.1" not in b"".join(dataset.values())


def test_a_run_is_replayed_in_an_empty_store_without_servers_or_endpoint_and_gives_the_same_bytes(
    recorded: Recorded, tmp_path: Path
) -> None:
    transcript = recorded.store / "transcript"
    there = ("lm=openai_compatible", "lm.base_url=http://127.0.0.1:9/v1", "lm.model=agent", "lm.mode=replay")
    done = firefly(*FULL, *there, f"lm.transcript={transcript}", cwd=tmp_path)
    assert content_of(printed(done)["dataset"]) == recorded.dataset
    assert not any(counts["starts"] for counts in summary_of(done)["calls_this_run"].values())
    missing = tmp_path / "none"
    done = firefly(*SMALL, *there, f"lm.transcript={missing}", "redo=graph", "until=graph", cwd=tmp_path)
    assert_one_message(done, "lm.mode=replay: the transcript has no answer", "lm.mode=record")
    done = firefly(*SMALL, *there, f"lm.transcript={missing}", "store.path=none", "until=graph", cwd=tmp_path)
    assert_one_message(done, "has no result of item", "lm.mode=record")


def test_a_run_killed_while_it_explores_sends_nothing_twice(recorded: Recorded, tmp_path: Path) -> None:
    enough = 10  # more than the scorer asks
    recorded.copied(tmp_path)
    shutil.rmtree(tmp_path / "multirun" / "store" / "transcript")
    agent = competent()

    def slow(chat: Chat) -> Reply | Fault:
        time.sleep(0.1)
        return agent(chat)

    with endpoint(slow) as there:
        command = (*FULL, *model(there.url), "until=exploration", "parallel.in_flight=1")
        process = subprocess.Popen(
            [sys.executable, "-m", "firefly", *command], cwd=tmp_path, stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 60
        while len(there.requests) < enough and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        kept = "".join(path.read_text() for path in (tmp_path / "multirun/store/transcript").rglob("*.jsonl"))
        before = len(there.requests)
        assert kept.count('"entry":"answer"') in (before - 1, before)
        summary = summary_of(firefly(*command, cwd=tmp_path))
        bodies = [str(chat.body) for chat in there.requests]
        repeated = len(bodies) - len(set(bodies))
        assert repeated <= before - kept.count('"entry":"answer"')  # what the kill left unanswered
        assert len(set(bodies)) == summary["lm"]["used"]["total"]["calls"]
        assert summary["lm"]["sent"]["restarted_items"] == 0


def test_prompts_are_tuned_on_what_a_run_left_and_their_state_is_saved(
    recorded: Recorded, tmp_path: Path
) -> None:
    recorded.copied(tmp_path)
    with endpoint(competent()) as there:
        tuning = ("--config-name=optimize", *SMALL[:-1], "optimize.part=explorer", "explorer=react")
        sizes = (
            "optimizer=bootstrap",
            "optimizer.demonstrations=1",
            "optimize.train=2",
            "optimize.validation=1",
        )
        done = firefly(*tuning, *sizes, *model(there.url), "optimize.path=tuned", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        summary = Path(done.stdout.splitlines()[-2].removeprefix("summary: "))
        found = json.loads((tmp_path / summary).read_text())
        assert found["after"]["calls"] > 0
        assert found["sent"]["total"]["calls"] == len(there.requests)
        state = json.loads((tmp_path / "tuned" / "state.json").read_text())
        assert ("state" in found["changed"]) == bool(state["demos"])
        assert f"explorer.state={Path('tuned') / 'state.json'}" in done.stdout


def test_a_budget_ends_the_run_cleanly_and_the_same_command_goes_on(
    recorded: Recorded, tmp_path: Path
) -> None:
    recorded.copied(tmp_path)
    with endpoint(competent()) as there:
        command = (*SMALL, *model(there.url), "until=graph", "redo=graph", "lm.transcript=made")
        for _ in range(2):
            done = firefly(*command, "budget.calls=2", cwd=tmp_path)
            assert_one_message(done, "budget.calls=2 is spent", "run the same command again")
        assert len(there.requests) == 4
        assert summary_of(firefly(*command, cwd=tmp_path))["lm"]["sent"]["total"]["calls"] == 2


def test_a_plan_says_what_asking_would_take_and_asks_nothing(tmp_path: Path) -> None:
    with endpoint(competent()) as there:
        price = "lm.price={input: 1, output: 2}"
        more = ("synthesizer=backward", "+checks=[blind_solver,closed_book,judge,ambiguity]")
        done = firefly(*FULL, *more, *model(there.url), price, "mode=plan", cwd=tmp_path)
        estimates = plan_of(done)["lm"]["estimates"]
        asked = [row["role"] for row in estimates]
        assert asked[2:5] == ["writer", "judge", "writer"]  # writes, is read, hides its steps
        assert sorted(asked[6:]) == ["judge", "judge", "solver", "solver"]
        assert all(row["calls"] > 0 and row["input_tokens"] > row["output_tokens"] > 0 for row in estimates)
        scoring, exploring = estimates[:2]
        assert (scoring["role"], scoring["calls"]) == ("scorer", 6)
        assert exploring["role"] == "explorer"
        assert exploring["calls"] % (1 + 5) == 0  # one sub-DAG of the sampler and five that write
        assert exploring["calls"] > 0
        for row in estimates:
            assert row["usd"] == pytest.approx((row["input_tokens"] + 2 * row["output_tokens"]) / 1e6)
        assert there.requests == []
