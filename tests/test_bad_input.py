"""What happens when a person, a server or a disk gets it wrong, as the command line shows it."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from firefly.errors import ConfigError, RunError
from firefly.records import Failure
from firefly.run import Run as State
from firefly.summary import write
from tests.command_line import SMOKE, Run, firefly, plan_of, summary_of

ALMANAC = ("+experiment=smoke", "~servers.desk", "~servers.catalogue", "probing.budget=10")
"""The smallest run: one server without a state."""
MISBEHAVING = Path(__file__).parent / "servers" / "misbehaving.py"


def assert_one_message(done: Run, *parts: str) -> None:
    assert done.returncode not in (0, 120), done.stdout + done.stderr
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    for part in parts:
        assert part in done.stderr, done.stderr


# --- the command line ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["samplr=chain"], ["samplr: there is no such key", "Did you mean 'sampler'?"]),
        (["sampler.sizes=3"], ["no such key of sampler", "Did you mean 'size'?"]),
        (["+experiment=smoke", "checks.leekage=null"], ["Did you mean 'leakage'?"]),
        (["+checks=leekage"], ["checks/leekage", "Did you mean 'leakage'?", "+checks=NAME"]),
        (["until=grph"], ["until: ", "Did you mean 'graph'?"]),
        (["redo=synthesi"], ["redo.0: ", "Did you mean 'synthesis'?"]),
        (["+experiment=smoke", "servers.desk.denny=[x]"], ["servers.desk.denny", "Did you mean 'deny'?"]),
        (["+experiment=smoke", "servers.dsk.enabled=false"], ["servers.dsk", "Did you mean 'desk'?"]),
        (["servers.git.command="], ["servers.git", "no `command` and no `url`"]),
        (["hydra.run.dir=/dev/null/run"], ["/dev/null/run", "hydra.run.dir=FOLDER"]),
    ],
)
def test_a_typo_is_told_with_the_nearest_name(tmp_path: Path, arguments: list[str], parts: list[str]) -> None:
    assert_one_message(firefly(*arguments, cwd=tmp_path), *parts)


def test_a_key_of_a_server_needs_no_plus_though_its_yaml_leaves_it_out(tmp_path: Path) -> None:
    done = firefly("+experiment=smoke", "servers.desk.enabled=false", "mode=plan", cwd=tmp_path)
    assert [row["server"] for row in plan_of(done)["servers"]] == ["almanac", "catalogue"]


@pytest.mark.parametrize("arguments", [["plugins", "scorer"], [*ALMANAC, "until=catalog"]])
def test_a_reader_that_goes_away_is_no_fault(tmp_path: Path, arguments: list[str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "firefly", *arguments],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 128 + signal.SIGPIPE


def test_help_names_every_group_and_every_key_of_the_top(tmp_path: Path) -> None:
    shown = firefly("--help", cwd=tmp_path).stdout
    composed = yaml.safe_load(firefly("--cfg", "job", cwd=tmp_path).stdout)
    for name in composed:
        assert f"\n{name}: " in shown or f"  {name}=" in shown or f" {name}." in shown, name
    for key, default in re.findall(
        r"^  ([a-z_.]+)=([^A-Z. ]\S*)", shown.partition("\nKeys\n")[2], re.MULTILINE
    ):
        value = composed
        for part in key.split("."):
            value = value[part]
        assert value == yaml.safe_load(default), key
    assert len(shown.splitlines()) < 80


# --- interruption ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on_and_leaves_nothing_behind(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    kept = tmp_path / "multirun" / "store" / "probing"
    with subprocess.Popen(
        [*SMOKE, "until=sampling", "probing.budget=10"],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        until = time.monotonic() + 60
        while not list(kept.glob("[!.]*.jsonl")) and process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (
        130,
        "firefly: interrupted; run the same command again to go on.\n",
    )
    assert list(scratch.iterdir()) == []
    assert [one for one in Path("/proc").glob("[0-9]*") if runs_in(one, str(scratch))] == []
    again = summary_of(firefly("+experiment=smoke", "probing.budget=10", "until=probing", cwd=tmp_path))
    assert again["items"]["catalog"]["made"] == 0
    assert again["items"]["probing"]["reused"] >= 1


def runs_in(process: Path, scratch: str) -> bool:
    try:
        return scratch.encode() in (process / "environ").read_bytes()
    except OSError:
        return False


# --- servers ------------------------------------------------------------------------------------


@pytest.fixture
def bad_set(tmp_path: Path) -> Path:
    """A folder of options with a set ``mine``: one server that works and some that don't."""

    def misbehaving(*traits: str) -> dict[str, object]:
        return {
            "command": sys.executable,
            "args": [str(MISBEHAVING), *traits],
            "disposable": True,
            "start_timeout": 20,
        }

    servers = {
        "defaults": [{"/world@_global_.world": "workshop"}],
        "almanac": {
            "command": "python",
            "args": ["-m", "firefly.bundled.almanac"],
            "disposable": True,
            "state": {"scope": "none"},
        },
        "dead": misbehaving("dies"),
        "endless": misbehaving("pages"),
        "gone": {"command": "no-such-program", "disposable": True},
        "twins": misbehaving("duplicates"),
    }
    (tmp_path / "conf" / "servers").mkdir(parents=True)
    (tmp_path / "conf" / "servers" / "mine.yaml").write_text(yaml.safe_dump(servers), encoding="utf-8")
    return tmp_path


def test_servers_that_fail_are_shown_with_reason_and_next_step_and_the_others_go_on(bad_set: Path) -> None:
    done = firefly("--config-dir", "conf", "servers=mine", "until=probing", cwd=bad_set)
    assert done.returncode == 0, done.stderr
    status = {row["server"]: row["status"] for row in summary_of(done)["servers"]}
    assert status == {
        "almanac": "ok", "dead": "failed", "endless": "failed", "gone": "failed", "twins": "ok",
    }  # fmt: skip
    for part in (
        "exit code 3: ModuleNotFoundError", "servers.dead.pins", "tools/list does not end",
        "no program 'no-such-program'", "servers.gone.enabled=false",
        "warning of twins: 2 tools are called 'twin'",
    ):  # fmt: skip
        assert part in done.stdout, done.stdout


def test_a_failed_server_ends_the_run_where_that_is_asked_for(bad_set: Path) -> None:
    done = firefly("--config-dir", "conf", "servers=mine", "sessions.on_failure=fail", cwd=bad_set)
    assert_one_message(done, "sessions.on_failure=fail", "dead: does not start", "gone: does not start")


def test_a_run_without_tasks_shows_its_tables_and_fails(tmp_path: Path) -> None:
    done = firefly(*ALMANAC, cwd=tmp_path)
    assert_one_message(done, "No task was verified", "There was no candidate")
    assert "task candidates" in done.stdout


# --- a full disk --------------------------------------------------------------------------------


def on_a_small_disk(folder: Path, script: str) -> Run:
    """Run a script with a disk of 40 kB at ``$DISK`` and the smallest run as ``RUN``."""
    disk = folder / "disk"
    disk.mkdir()
    run = shlex.join((sys.executable, "-m", "firefly", *ALMANAC))
    mount = f"mount -t tmpfs -o size=40k tmpfs {shlex.quote(str(disk))}"
    enter = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    try:
        able = subprocess.run([*enter, mount], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        able = False
    if not able:
        pytest.skip("no user namespaces here")
    return subprocess.run(
        [*enter, f"{mount}; {script.replace('RUN', run)}"],
        cwd=folder,
        env={**os.environ, "DISK": str(disk)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_what_was_kept_before_the_disk_was_full_is_there_when_it_has_room_again(tmp_path: Path) -> None:
    done = on_a_small_disk(
        tmp_path,
        "RUN probing.budget=60 until=probing store.path=$DISK/store; echo first: $?; "
        "mount -o remount,size=9m $DISK; RUN probing.budget=60 until=probing store.path=$DISK/store",
    )
    assert "Traceback" not in done.stderr
    assert (
        f"The disk of the store {tmp_path}/disk/store is full. Everything finished so far is kept"
        in done.stderr
    )
    assert "first: 1\n" in done.stdout
    items = summary_of(done)["items"]
    assert items["catalog"]["reused"] > 0
    assert items["probing"]["made"] > 0


def test_a_run_folder_on_a_full_disk_is_one_message(tmp_path: Path) -> None:
    done = on_a_small_disk(
        tmp_path,
        "dd if=/dev/zero of=$DISK/fill bs=1k count=64 2>/dev/null; RUN hydra.run.dir=$DISK/run mode=plan",
    )
    assert_one_message(done, "No space left on device", "hydra.run.dir=FOLDER")


class _Config:
    store = type("Store", (), {"path": Path("/dev/null")})
    lm: ClassVar[dict[str, Any]] = {}


def test_a_summary_that_can_not_be_written_is_an_error_but_hides_no_other(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    state = State(_Config(), tmp_path / "file")  # type: ignore[arg-type]
    state.verdicts = []
    state.failures = [Failure(stage="graph", item="a", error="E", message="m")]
    with pytest.raises(RunError, match=r"summary\.json can't be written: .*run the same command again"):
        write(state)
    with pytest.raises(ConfigError, match="the first"):
        try:
            raise ConfigError("the first")
        finally:
            write(state)
