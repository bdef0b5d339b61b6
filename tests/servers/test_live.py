from __future__ import annotations

import logging
import threading
from itertools import pairwise
from pathlib import Path

import pytest

from firefly.errors import ConfigError, ServerError
from firefly.records import ToolProfile
from firefly.replay.records import ToolCall
from firefly.replay.tool_set import ToolSet
from firefly.servers.live import LiveBackend
from tests.servers.conftest import Start, ask, begin, description


def root(backend: LiveBackend) -> set[Path]:
    """Return the sandboxes that are kept warm."""
    return {place.sandbox.root for place in backend._pool._idle}


def test_a_sandbox_is_seen_as_workspace_in_arguments_and_results(start: Start) -> None:
    backend = start({"m": description()})
    with begin(backend) as episode:
        shown = ask(episode, "where").text
        assert shown == "cwd=/workspace home=/home/user tmp=/tmp uri=file:///workspace"
        assert ask(episode, "read", path="/workspace/docs/b.txt").text == "beta"
        assert ask(episode, "write", path="/tmp/x", text="1").text == "wrote /tmp/x"
        missing = ask(episode, "read", path="/workspace/none")
    assert not Path("/tmp/x").exists()
    everything = "".join(step.to_json() for step in episode.steps) + missing.to_json()
    assert "firefly-" not in everything


def test_a_launch_line_may_name_the_workspace(start: Start) -> None:
    backend = start(
        {"m": description("/workspace/a.txt", env={"PLACE": "/workspace/docs"}, cwd="/workspace/docs")}
    )
    assert "/workspace/a.txt" in backend.listing("m").launch_values
    with begin(backend) as episode:
        assert '"PLACE": "/workspace/docs"' in ask(episode, "environment").text
        assert "cwd=/workspace/docs" in ask(episode, "where").text


def test_a_server_gets_the_minimal_environment_only(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "do-not-pass-me-on")
    backend = start({"m": description(env={"MY_TOKEN": "tell-nobody-123"})})
    with begin(backend) as episode:
        text = ask(episode, "environment").text
    assert "do-not-pass-me-on" not in text
    assert "tell-nobody-123" not in text and '"MY_TOKEN": "***"' in text


def test_every_episode_begins_in_the_state_of_the_fixture(start: Start) -> None:
    backend = start({"m": description()})
    texts = []
    for _ in range(2):
        with begin(backend) as episode:
            texts.append(ask(episode, "read", path="/workspace/a.txt").text)
            ask(episode, "write", path="/workspace/a.txt", text="changed")
            texts.append(ask(episode, "read", path="/workspace/a.txt").text)
            ask(episode, "remember")
            texts.append(ask(episode, "recall").text)
    assert texts == ["alpha", "changed", "1"] * 2


def trust(backend: LiveBackend, *tools: str, server: str = "m") -> None:
    """Say that tools are proven reads."""
    digest = {tool.name: tool.schema_digest for tool in backend.listing(server).tools}
    backend.learn(
        ToolProfile(server=server, tool=name, schema_digest=digest[name], effect="read") for name in tools
    )


def test_a_warm_sandbox_is_used_again_after_proven_reads_only(start: Start) -> None:
    backend = start({"m": description()})
    trust(backend, "echo", "recall")
    with begin(backend) as episode:
        ask(episode, "echo", text="a")
    with begin(backend) as episode:
        ask(episode, "echo", text="b")
    assert backend.counts()["m"].starts == 1
    with begin(backend) as episode:
        ask(episode, "remember")  # changes no file, but nothing proves it a read
    with begin(backend) as episode:
        assert ask(episode, "recall").text == "0"
    assert backend.counts()["m"].starts == 2


def test_what_a_tool_declares_of_itself_is_not_trusted(start: Start) -> None:
    backend = start({"m": description()})
    trust(backend, "unflagged")
    for tool, starts in (("unflagged", 1), ("echo", 1), ("echo", 2)):  # echo says that it only reads
        with begin(backend) as episode:
            ask(episode, tool)
        assert backend.counts()["m"].starts == starts


def test_a_trusted_read_that_changed_a_file_costs_the_sandbox(start: Start) -> None:
    backend = start({"m": description()})
    trust(backend, "write")
    with begin(backend) as episode:
        ask(episode, "write", path="/workspace/new", text="x")
    with begin(backend) as episode:
        ask(episode, "echo", text="x")
        assert ask(episode, "read", path="/workspace/new").outcome != "success"


def test_fresh_episodes_begin_with_new_processes(start: Start) -> None:
    backend = start({"m": description()})
    tools = ToolSet.of(backend.listing("m").tools)
    for count in (2, 3):
        with backend.fresh.episode(tools) as episode:
            ask(episode, "echo", text="x")
        assert backend.counts()["m"].starts == count


def test_states_chain_the_history_and_fingerprint_the_files(start: Start) -> None:
    backend = start({"m": description()})

    def run() -> list[tuple[str, str | None]]:
        with begin(backend) as episode:
            ask(episode, "echo", text="x")
            ask(episode, "write", path="/workspace/n", text="1")
            ask(episode, "write", path="/workspace/n", text="1")
            ask(episode, "write", path="/workspace/n", text="2")
        steps = episode.steps
        assert all(one.after == two.before for one, two in pairwise(steps))
        return [(step.after.history, step.after.fingerprint) for step in (steps[0], *steps)]

    first = run()
    assert run() == first
    marks = [mark for _, mark in first]
    assert marks[1] != marks[2] == marks[3] != marks[4]
    assert len({history for history, _ in first}) == 4


def test_two_runs_record_the_same_bytes(start: Start) -> None:
    def run() -> str:
        backend = start({"m": description(), "n": description(state={"scope": "own"})})
        with begin(backend) as episode:
            for tool, arguments in (
                ("where", {}),
                ("environment", {}),
                ("write", {"path": "/workspace/docs/n", "text": "/workspace"}),
                ("read", {"path": "/workspace/docs/n"}),
                ("read", {"path": "/workspace/none"}),
                ("crash", {}),
                ("recall", {}),
            ):
                ask(episode, tool, **arguments)
                ask(episode, tool, server="n", **arguments)
        return "\n".join([backend.listing("m").to_json(), *(step.to_json() for step in episode.steps)])

    assert run() == run()


def test_a_refused_or_unknown_call_changes_no_state_and_reaches_nobody(start: Start) -> None:
    backend = start({"m": description(deny=["write"])})
    with backend.episode(ToolSet.of(backend.listing("m").tools)) as episode:
        ask(episode, "echo", text="x")
        denied = ask(episode, "write", path="/workspace/n", text="1")
        unknown = ask(episode, "wrote")
        elsewhere = ask(episode, "echo", server="n")
    assert denied.outcome == unknown.outcome == elsewhere.outcome == "refused"
    assert "servers.m.deny" in denied.reason
    assert "'write'" in unknown.reason and "Known: m" in elsewhere.reason
    assert episode.steps[1].before == episode.steps[1].after
    assert backend.counts()["m"].calls == 1


def test_servers_of_one_sandbox_share_its_files_and_own_states_are_apart(start: Start) -> None:
    backend = start(
        {
            "a": description(),
            "b": description(),
            "c": description(state={"scope": "own", "fingerprint": "none"}),
        }
    )
    with begin(backend) as episode:
        ask(episode, "write", server="a", path="/workspace/n", text="1")
        assert ask(episode, "read", server="b", path="/workspace/n").text == "1"
        ask(episode, "echo", server="c", text="x")
    scopes = [step.scope for step in episode.steps]
    assert scopes == ["workspace", "workspace", "own:c"]
    assert episode.steps[1].before == episode.steps[0].after
    assert episode.steps[2].before.fingerprint is None


def test_all_servers_start_before_the_first_write(start: Start) -> None:
    backend = start({"a": description(), "b": description()})
    tools = ToolSet.of([*backend.listing("a").tools, *backend.listing("b").tools])
    trust(backend, "echo", server="a")
    with backend.fresh.episode(tools) as episode:
        ask(episode, "echo", server="a", text="x")
        assert backend.counts()["b"].starts == 1  # lazily: only for its listing
        ask(episode, "write", server="a", path="/workspace/n", text="1")
        assert backend.counts()["b"].starts == 2


def test_a_server_that_writes_when_it_starts_has_one_first_state(start: Start) -> None:
    backend = start({"a": description(), "w": description("starts_writing")})
    assert any("when it starts" in warning for warning in backend.listing("w").health.warnings)
    begins = []
    for first in ("a", "w"):
        with begin(backend, "a", "w") as episode:
            ask(episode, "echo", server=first, text="x")
        begins.append(episode.steps[0].before)
    assert begins[0] == begins[1]


def test_files_that_are_said_to_be_no_state_change_none(start: Start) -> None:
    backend = start(
        {"a": description(), "w": description("starts_writing", state={"ignore": ["made-at-start.txt"]})}
    )
    assert not any("when it starts" in warning for warning in backend.listing("w").health.warnings)


def test_probes_tell_states_apart_that_no_file_shows(start: Start) -> None:
    state = {"scope": "own", "fingerprint": {"probes": [{"tool": "recall"}]}}
    backend = start({"m": description(state=state)})
    with begin(backend) as episode:
        ask(episode, "echo", text="x")
        ask(episode, "remember")
        ask(episode, "echo", text="x")
    marks = [step.after.fingerprint for step in episode.steps]
    assert marks[0] != marks[1] == marks[2]
    assert episode.steps[0].before.fingerprint == marks[0]


def test_a_component_can_fingerprint_a_state(start: Start) -> None:
    state = {
        "scope": "own",
        "fingerprint": {"_target_": "firefly.servers.fingerprint.FileTree", "ignore": ["*.log"]},
    }
    backend = start({"m": description(state=state)})
    with begin(backend) as episode:
        ask(episode, "write", path="/workspace/x.log", text="1")
        ask(episode, "write", path="/workspace/x.txt", text="1")
    logged, written = episode.steps
    assert logged.before.fingerprint == logged.after.fingerprint != written.after.fingerprint


def test_the_cap_on_live_servers_holds_and_idle_ones_make_room(start: Start) -> None:
    backend = start({name: description() for name in "abc"}, max_sessions=2)
    for name in "abcab":
        with begin(backend, name) as episode:
            assert ask(episode, "echo", server=name, text="x").outcome == "success"
        live = sum(len(place.sessions) for place in backend._pool._idle) + backend._pool._stopping
        assert live <= 2
    with pytest.raises(ServerError, match=r"sessions\.live=3"):
        ask(begin(backend), "echo", server="a", text="x")


def test_episodes_in_many_threads_do_not_see_each_other(start: Start) -> None:
    backend = start({"m": description()}, max_sessions=3)
    backend.listing("m")
    failures: list[str] = []

    def work(number: int) -> None:
        for turn in range(3):
            with begin(backend) as episode:
                ask(episode, "write", path="/workspace/n", text=f"{number}.{turn}")
                found = ask(episode, "read", path="/workspace/n").text
                if found != f"{number}.{turn}":
                    failures.append(found)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert backend.counts()["m"].calls == backend.counts()["m"].ok == 36


def test_a_server_that_is_not_disposable_runs_where_it_is_and_only_reads(
    start: Start, tmp_path: Path
) -> None:
    home = str(Path.home())
    plain = description(cwd=str(tmp_path))
    del plain["disposable"]
    backend = start({"m": plain})
    listing = backend.listing("m")
    assert "readOnlyHint" in listing.refused["remember"] and "echo" not in listing.refused
    with begin(backend) as episode:
        assert ask(episode, "where").text.startswith(f"cwd={tmp_path} home={home}")
    assert episode.steps[0].scope == "remote:m"


def test_a_home_can_be_isolated_without_a_sandbox(start: Start) -> None:
    plain = {**description(home="isolated"), "disposable": False}
    with begin(start({"m": plain})) as episode:
        assert f"home={Path.home()} " not in ask(episode, "where").text


def test_a_sandbox_that_cannot_be_made_says_what_to_do(start: Start, world: Path) -> None:
    backend = start({"m": description()}, fixture=world / "gone")
    assert "Can't make a sandbox" in backend.listing("m").health.reason


def test_an_unknown_server_names_the_nearest(start: Start) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'notes'"):
        start({"notes": description()}).listing("note")


def test_a_missing_program_names_the_nearest(start: Start) -> None:
    health = start({"m": {"command": "pyton3", "disposable": True}}).listing("m").health
    assert health.status == "failed"
    assert "no program 'pyton3'" in health.reason and "Did you mean" in health.reason
    with begin(start({"m": {"command": "nothing-of-that-name"}}), "m") as episode:
        assert episode.steps == ()


def test_close_leaves_no_folder_and_may_be_called_twice(start: Start) -> None:
    backend = start({"m": description()})
    backend.listing("m")
    folders = root(backend)
    assert folders and all(folder.is_dir() for folder in folders)
    backend.close()
    backend.close()
    assert not any(folder.exists() for folder in folders)


def test_secrets_stand_in_no_record_and_no_log(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    backend = start({"m": description(env={"API_KEY": "swordfish-42"})})
    listing = backend.listing("m")
    with begin(backend) as episode:
        shown = episode.call(ToolCall(server="m", tool="environment"))
    records = listing.to_json() + shown.to_json() + "".join(step.to_json() for step in episode.steps)
    assert "swordfish-42" not in records + caplog.text
