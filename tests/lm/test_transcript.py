"""What was answered once is not asked again: recorded, resumed after a kill, replayed without a network."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import dspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firefly.errors import TranscriptError
from firefly.executed import Executed
from firefly.items import Item, Results, run_items
from firefly.lm import JournaledBackend
from firefly.lm.models import Models
from firefly.lm.transcript import Mode, Transcript
from firefly.records import Failure
from firefly.replay.records import Observation, State, Step, ToolCall
from firefly.replay.tool_set import ToolSet
from firefly.store import Store
from tests.lm.endpoint import Chat, Fault, Reply, endpoint
from tests.lm.fixtures import ask, make, models
from tests.lm.personalities import BROKEN, fails, first_fails, says


def count_up(chat: Chat) -> Reply:
    """Never says the same twice."""
    return Reply(f"answer {chat.number}")


# --- answers ------------------------------------------------------------------------------------


def test_a_second_run_sends_nothing_and_gets_the_same_answers(tmp_path: Path) -> None:
    with endpoint(count_up) as there:
        texts = ["a", "b", "a", "a"]
        first, second = (models(there.url, tmp_path) for _ in range(2))
        answers = make(first, "one", lambda: [ask(first, text) for text in texts])
        assert len(set(answers)) == 4
        assert make(second, "one", lambda: [ask(second, text) for text in texts]) == answers
        assert len(there.requests) == 4
        assert second.ledger.sent()["total"]["calls"] == 0
        assert second.ledger.used(1) == first.ledger.used(1)


def test_the_same_request_of_another_item_role_or_endpoint_is_sent(tmp_path: Path) -> None:
    with endpoint(count_up) as one, endpoint(count_up) as other:
        asked = models(one.url, tmp_path)
        make(asked, "one", lambda: ask(asked, "a"))
        make(asked, "two", lambda: ask(asked, "a"))
        make(asked, "one", lambda: ask(asked, "a", "judge"))
        assert len(one.requests) == 3
        elsewhere = models(other.url, tmp_path)
        make(elsewhere, "one", lambda: ask(elsewhere, "a"))
        assert len(other.requests) == 1


def test_a_replay_needs_neither_the_endpoint_nor_its_key_and_repeats_failures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firefly.lm.engine.backoff", lambda attempt, asked: 0.0)

    def act(asked: Models) -> list[str]:
        found = []
        for text in ("good", "bad", "good again"):
            try:
                found.append(ask(asked, text))
            except dspy.LMServerError as error:
                found.append(str(error))
        return found

    with endpoint(lambda chat: BROKEN if "bad" in chat.text else count_up(chat)) as there:
        asked = models(there.url, tmp_path)
        recorded = make(asked, "one", lambda: act(asked))
    replayed = models("http://127.0.0.1:9/v1", tmp_path, mode="replay", key_variable="NO_SUCH_KEY")
    replayed.check()
    assert make(replayed, "one", lambda: act(replayed)) == recorded
    assert replayed.ledger.used(1) == asked.ledger.used(1)


def test_a_failure_is_tried_again_when_the_run_goes_on(tmp_path: Path) -> None:
    with endpoint(first_fails(says("fine now"), Fault(400))) as there:
        asked = models(there.url, tmp_path)
        with pytest.raises(dspy.LMInvalidRequestError):
            make(asked, "one", lambda: ask(asked, "a"))
        assert make(asked, "one", lambda: ask(asked, "a")) == "fine now"


def test_a_replay_that_asks_something_new_ends_and_says_what_differs(tmp_path: Path) -> None:
    with endpoint(count_up) as there:
        asked = models(there.url, tmp_path)
        make(asked, "one", lambda: ask(asked, "the old question"))
    replayed = models("http://127.0.0.1:9/v1", tmp_path, mode="replay")
    with pytest.raises(
        TranscriptError, match=r"role explorer for item one.*the new question.*lm.mode=record"
    ):
        make(replayed, "one", lambda: ask(replayed, "the new question"))
    with pytest.raises(TranscriptError, match=r"nothing is recorded of role judge"):
        make(replayed, "one", lambda: ask(replayed, "the old question", "judge"))


def test_live_mode_keeps_nothing(tmp_path: Path) -> None:
    with endpoint(count_up) as there:
        for _ in range(2):
            asked = models(there.url, tmp_path, mode="live")
            make(asked, "one", lambda: ask(asked, "a"))  # noqa: B023
        assert len(there.requests) == 2
    assert not list(tmp_path.iterdir())


def test_no_key_and_no_header_is_in_a_transcript(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_TOKEN", "sesame-123")
    with endpoint(count_up) as there:
        asked = models(there.url, tmp_path, key_variable="GATEWAY_TOKEN", headers={"x-secret": "sesame-456"})
        make(asked, "one", lambda: ask(asked, "a"))
    written = "".join(path.read_text() for path in tmp_path.rglob("*.jsonl"))
    assert "answer 0" in written
    assert "sesame" not in written


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.lm.fixtures import ask, make, models
asked = models(sys.argv[1], Path(sys.argv[2]))
def act():
    for number in range(5):
        ask(asked, f"question {number}")
        if number == 2:
            os.kill(os.getpid(), signal.SIGKILL)
make(asked, "one", act)
"""


def test_after_a_kill_no_request_in_the_transcript_is_sent_again(tmp_path: Path) -> None:
    with endpoint(count_up) as there:
        killed = subprocess.run([sys.executable, "-c", KILLED, there.url, str(tmp_path)], check=False)
        assert killed.returncode == -signal.SIGKILL
        (path,) = tmp_path.rglob("*.jsonl")
        with path.open("ab") as file:
            file.write(b'{"entry":"answer","role":"expl')  # a line that the end of a process cut short
        asked = models(there.url, tmp_path)
        answers = make(asked, "one", lambda: [ask(asked, f"question {number}") for number in range(5)])
        assert answers == [f"answer {number}" for number in range(5)]
        assert len(there.requests) == 5
        again = models(there.url, tmp_path)
        make(again, "one", lambda: [ask(again, f"question {number}") for number in range(5)])
        assert len(there.requests) == 5


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["x", "y", "\ud800"])), max_size=12), st.data()
)
def test_answers_are_found_by_role_request_and_occurrence_however_the_file_is_cut(
    asked: list[tuple[str, str]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as name:
        transcript = Transcript(Path(name))
        seen: dict[tuple[str, str], int] = {}
        with transcript.item("stage", "item", "shape") as log:
            for number, (role, request) in enumerate(asked):
                occurrence = seen[role, request] = seen.get((role, request), -1) + 1
                entry = {
                    "role": role,
                    "digest": request,
                    "occurrence": occurrence,
                    "where": "here",
                    "request": {},
                }
                log.keep({**entry, "response": number})
            log.close()
        files = list(Path(name).rglob("*.jsonl"))
        kept = 0
        if files:
            whole = files[0].read_bytes()
            cut = data.draw(st.integers(0, len(whole)))
            files[0].write_bytes(whole[:cut])
            kept = whole[:cut].count(b"\n")
        with transcript.item("stage", "item", "shape") as log:
            seen.clear()
            for number, (role, request) in enumerate(asked):
                occurrence = seen[role, request] = seen.get((role, request), -1) + 1
                found = log.answer(role, request, occurrence, "here")
                assert (found or {}).get("response") == (number if number < kept else None)


# --- tool results -------------------------------------------------------------------------------


class Counting:
    """A backend whose one tool counts the calls of its episode, from ``start``."""

    def __init__(self, start: int = 0) -> None:
        self.start, self.calls = start, 0

    def episode(self, tool_set: ToolSet, seed: int = 0) -> CountingEpisode:
        return CountingEpisode(self)


class CountingEpisode:
    def __init__(self, backend: Counting) -> None:
        self.backend, self.steps = backend, list[Step]()

    def call(self, call: ToolCall) -> Observation:
        self.backend.calls += 1
        observation = Observation(text=f"{call.tool} {self.backend.start + len(self.steps)}")
        state = State(history=str(len(self.steps)))
        self.steps.append(
            Step(
                call=call, observation=observation, schema_digest="", scope="none", before=state, after=state
            )
        )
        return observation

    def close(self) -> None:
        pass

    def __enter__(self) -> CountingEpisode:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def explore(asked: Models, backend: Counting, calls: int, *, stop: bool = False) -> list[str]:
    """Ask, call, ask with what came back, and so on; ``stop`` ends the attempt before it is kept."""
    heard: list[str] = []
    with JournaledBackend(lambda: backend).episode(ToolSet.of([])) as episode:
        for number in range(calls):
            heard.append(ask(asked, f"step {number} after {heard}"))
            heard.append(episode.call(ToolCall(server="s", tool="count")).text)
        if stop:
            raise KeyboardInterrupt
        assert len(episode.steps) == calls
    return heard


def interrupted(url: str, folder: Path, calls: int) -> None:
    asked = models(url, folder)
    with pytest.raises(KeyboardInterrupt):
        make(asked, "one", lambda: explore(asked, Counting(), calls, stop=True))


def test_an_interrupted_item_goes_on_in_a_rebuilt_episode_without_asking_again(tmp_path: Path) -> None:
    with endpoint(count_up) as there:
        interrupted(there.url, tmp_path, 2)
        asked, backend = models(there.url, tmp_path), Counting()
        heard = make(asked, "one", lambda: explore(asked, backend, 3))
        assert heard == ["answer 0", "count 0", "answer 1", "count 1", "answer 2", "count 2"]
        assert len(there.requests) == 3
        assert backend.calls == 3  # two to rebuild what the servers knew, one new
        assert asked.ledger.restarts == 0


def test_an_interrupted_item_that_finds_another_world_begins_again_and_is_counted(tmp_path: Path) -> None:
    with endpoint(count_up) as there:
        interrupted(there.url, tmp_path, 2)
        asked = models(there.url, tmp_path)
        heard = make(asked, "one", lambda: explore(asked, Counting(start=10), 3))
        assert heard[:4] == ["answer 0", "count 10", "answer 2", "count 11"]
        assert asked.ledger.restarts == 1
        # the first request is the same as before, so its answer is; the others saw other results
        assert len(there.requests) == 4


def test_an_item_that_calls_something_else_than_its_journal_begins_again(tmp_path: Path) -> None:
    with endpoint(count_up) as there:
        interrupted(there.url, tmp_path, 2)
        asked, backend = models(there.url, tmp_path), Counting()

        def other() -> str:
            with JournaledBackend(lambda: backend).episode(ToolSet.of([])) as episode:
                return episode.call(ToolCall(server="s", tool="weigh")).text

        assert make(asked, "one", other) == "weigh 0"
        assert (asked.ledger.restarts, backend.calls) == (1, 1)


def test_a_finished_item_made_anew_calls_its_tools_anew_and_one_of_another_shape_too(tmp_path: Path) -> None:
    with endpoint(count_up) as there:
        first = models(there.url, tmp_path)
        make(first, "one", lambda: explore(first, Counting(), 2))
        for shape in ("shape", "another"):
            asked, backend = models(there.url, tmp_path), Counting()
            make(asked, "one", lambda: explore(asked, backend, 2), shape=shape)  # noqa: B023
            assert backend.calls == 2
        assert len(there.requests) == 2


def test_a_replay_calls_no_tool_and_never_goes_past_the_journal(tmp_path: Path) -> None:
    with endpoint(count_up) as there:
        asked = models(there.url, tmp_path)
        heard = make(asked, "one", lambda: explore(asked, Counting(), 2))
    replayed, backend = models("http://127.0.0.1:9/v1", tmp_path, mode="replay"), Counting()
    assert make(replayed, "one", lambda: explore(replayed, backend, 2)) == heard

    def more() -> None:
        with JournaledBackend(lambda: backend).episode(ToolSet.of([])) as episode:
            for _ in range(3):
                episode.call(ToolCall(server="s", tool="count"))

    with pytest.raises(TranscriptError, match=r"made 2 calls, and makes one more now: s.count"):
        make(replayed, "one", more)
    assert backend.calls == 0


def test_episodes_outside_of_items_are_the_backend_s_own() -> None:
    backend = Counting()
    assert isinstance(JournaledBackend(lambda: backend).episode(ToolSet.of([])), CountingEpisode)


def test_a_transcript_is_one_json_object_a_line(tmp_path: Path) -> None:
    with endpoint(count_up) as there:
        asked = models(there.url, tmp_path)
        make(asked, "one", lambda: explore(asked, Counting(), 1))
    (path,) = tmp_path.rglob("*.jsonl")
    kinds = [json.loads(line)["entry"] for line in path.read_text().splitlines()]
    assert kinds == ["answer", "begin", "step", "end"]


def test_an_endpoint_that_is_gone_makes_no_difference_to_what_is_recorded(tmp_path: Path) -> None:
    with endpoint(count_up) as there:
        asked = models(there.url, tmp_path)
        make(asked, "one", lambda: ask(asked, "a"))
        there.personality = fails(BROKEN)
        again = models(there.url, tmp_path)
        assert make(again, "one", lambda: ask(again, "a")) == "answer 0"


# --- items that call servers and ask nobody ------------------------------------------------------


def executed(
    mode: Mode, transcript: Path, store: Path, world: list[str], shape: str = ""
) -> Results[Failure]:
    """Run one item for each of what is found in a world; "broken" can't be used where there are three."""

    def look(name: str) -> list[Failure]:
        if name == "broken" and len(world) == 3:
            raise ValueError("no answer")
        return [Failure(stage="look", item=name, error="", message=f"{name} of {len(world)}")]

    items = [Item(id=name, shaped_by=shape, make=partial(look, name)) for name in world]
    return run_items(
        "look", items, Failure, store=Store(store), shaped_by={}, executed=Executed(transcript, mode)
    )


def test_a_replay_takes_from_the_transcript_what_servers_gave_that_no_model_was_asked_about(
    tmp_path: Path,
) -> None:
    transcript = tmp_path / "transcript"
    seen = executed("record", transcript, tmp_path / "store", ["a", "b", "broken"])
    again = executed("replay", transcript, tmp_path / "other", ["broken", "a"])
    assert [one.message for one in again.all] == ["a of 3"]
    assert again.failures == seen.failures
    assert seen.failures[0].error == "ValueError"
    executed("record", transcript, tmp_path / "mended", ["a", "broken"])
    again = executed("replay", transcript, tmp_path / "new", ["a", "broken"])
    assert [one.message for one in again.all] == ["a of 2", "broken of 2"]
    executed("record", transcript, tmp_path / "down", ["a", "b", "broken"])
    assert executed("replay", transcript, tmp_path / "last", ["broken"]).failures == seen.failures
    for world, shape in ((["c"], ""), (["a"], "another")):
        with pytest.raises(TranscriptError, match=f"no result of item {world[0]} of look"):
            executed("replay", transcript, tmp_path / "third", world, shape)


def test_what_the_store_had_already_is_in_the_transcript_too(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    seen = executed("record", first, tmp_path / "store", ["a"])
    executed("record", second, tmp_path / "store", ["a"])
    assert executed("replay", second, tmp_path / "other", ["a"]).all == seen.all
