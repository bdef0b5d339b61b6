"""The command line as a user meets it: what it prints, what it returns, what it keeps."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import Run, content_of, firefly, plan_of, printed, summary_of


def assert_one_message(done: Run, *parts: str) -> None:
    assert done.returncode != 0
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    for part in parts:
        assert part in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["sampler=chian"], ["sampler/chian", "chain"]),
        (["servers=bundeld"], ["servers/bundeld", "bundled", "demo"]),
        (["sampler.sizes=3"], ["sampler.sizes"]),
        (["seed=abc"], ["seed: Input should be a valid integer", "'abc'"]),
        (["until=verfication"], ["until", "verification", "'verfication'"]),
        (["sampler.size=many"], ["sampler.size: Input should be a valid integer"]),
        (["seed=1.5", "rounds=0"], ["rounds: ", "seed: "]),
        (["world=folder"], ["world.path"]),
        (["+experiment=smok"], ["experiment/smok", "smoke"]),
        (["experiment=smoke"], ["+experiment=smoke"]),
        (["seed=1,2"], ["--multirun"]),
        (["servers=mcp_json"], ["servers.path"]),
        (["servers=mcp_json", "servers.path=nowhere.json"], ["nowhere.json"]),
        (["scorer._target_=os.system"], ["'os.system' is not a registered component", "firefly plugins"]),
        (["+experiment=smoke", "servers.notes_desk.comand=x"], ["comand"]),
    ],
)
def test_a_mistake_on_the_command_line_is_one_clear_message(
    tmp_path: Path, arguments: list[str], parts: list[str]
) -> None:
    assert_one_message(firefly(*arguments, cwd=tmp_path), *parts)
    assert not (tmp_path / "multirun" / "store" / "catalog").exists()


def test_all_faults_of_a_configuration_are_shown_together(tmp_path: Path) -> None:
    done = firefly(
        "seed=x", "sampler.size=y", "probing.budget=0", "checks.schema.required=maybe", cwd=tmp_path
    )
    assert_one_message(done, "seed:", "sampler.size:", "probing.budget:", "checks.schema.required:")


def test_an_unknown_verb_names_those_that_exist(tmp_path: Path) -> None:
    done = firefly("scor", cwd=tmp_path)
    assert done.returncode == 2
    assert "Did you mean 'score'?" in done.stderr


def test_help_and_config_load_nothing_heavy(tmp_path: Path) -> None:
    heavy = ("dspy", "mcp", "litellm", "sklearn", "networkx", "pydantic", "joblib", "diskcache")
    for arguments in (["--help"], ["--cfg", "job"]):
        code = (
            f"import sys; sys.argv = ['firefly', *{arguments!r}]\n"
            "from firefly.__main__ import run\n"
            "try: run(sys.argv[1:])\n"
            "except SystemExit: pass\n"
            f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True
        )
        assert done.stderr.strip() == "[]"
        assert "sampler" in done.stdout


def test_the_smoke_run_ends_with_a_data_set_and_says_where(smoke: tuple[Path, Run]) -> None:
    assert [line.partition(": ")[0] for line in smoke[1].stdout.splitlines()[-2:]] == ["summary", "dataset"]
    summary, dataset = summary_of(smoke[1]), printed(smoke[1])["dataset"]
    assert smoke[1].stderr == "", "quiet when piped"
    assert summary["verified"] >= 10
    assert summary["calls"]["ok"] / summary["calls"]["total"] >= 0.75
    assert {row["status"] for row in summary["servers"]} == {"ok"}
    assert (printed(smoke[1])["summary"].parent / "curve.svg").is_file()
    for name in (
        "README.md",
        "curve.svg",
        "manifest.json",
        "rejected.jsonl",
        "tasks/train.jsonl",
        "sft/train.jsonl",
        "tools/tools.jsonl",
    ):
        assert (dataset / name).is_file(), name
    assert (dataset / "cassette" / "manifest.json").is_file()


def test_the_same_command_again_recomputes_nothing_and_gives_the_same_bytes(
    smoke: tuple[Path, Run], going_on: Path
) -> None:
    again = firefly("+experiment=smoke", cwd=going_on)
    summary = summary_of(again)
    assert sum(counts["made"] for counts in summary["items"].values()) == 0
    assert not any(counts["total"] for counts in summary["calls_this_run"].values())
    assert content_of(printed(again)["dataset"]) == content_of(printed(smoke[1])["dataset"])


def test_until_stops_and_redo_makes_again(going_on: Path) -> None:
    summary = summary_of(firefly("+experiment=smoke", "until=graph", "redo=[graph]", cwd=going_on))
    assert summary["items"]["probing"]["made"] == 0
    assert summary["items"]["graph"]["made"] == summary["items"]["catalog"]["reused"]
    assert "sampling" not in summary["items"]


@pytest.mark.slow
def test_rounds_explore_more_and_reuse_the_first(smoke: tuple[Path, Run], going_on: Path) -> None:
    summary = summary_of(firefly("+experiment=smoke", "rounds=2", "until=exploration", cwd=going_on))
    before = summary_of(smoke[1])
    assert summary["items"]["exploration"]["reused"] >= before["items"]["exploration"]["made"] > 0
    assert summary["sub_dags"] >= before["sub_dags"]


def test_plan_connects_and_calls_nothing(tmp_path: Path) -> None:
    plan = plan_of(firefly("+experiment=smoke", "mode=plan", cwd=tmp_path))
    assert plan["tools"]
    assert set(plan["tools"][0]) == {
        "server",
        "tool",
        "would_call",
        "reason",
        "effect",
        "evidence",
        "sandboxed",
    }
    assert not (tmp_path / "multirun" / "store" / "probing").exists()


def test_one_failed_job_of_a_sweep_does_not_hide_the_others(going_on: Path) -> None:
    done = firefly("-m", "+experiment=smoke", "until=graph", "probing.budget=0,90", cwd=going_on)
    assert_one_message(done, "job 0: The configuration has faults", "probing.budget")
    (sweep,) = (going_on / "multirun" / "sweeps").glob("*/*")
    assert not (sweep / "0" / "summary.json").exists()
    assert json.loads((sweep / "1" / "summary.json").read_text(encoding="utf-8"))["edges"] > 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_sweep_of_samplers_and_sizes_shares_what_comes_before(
    going_on: Path,
) -> None:
    done = firefly(
        "-m", "servers=bundled", "probing.budget=90", "sampler.count=3", "until=sampling",
        "sampler=walk,coverage,random_set", "sampler.size=2,3,4", cwd=going_on,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (sweep,) = (going_on / "multirun" / "sweeps").glob("*/*")
    for number in range(9):
        summary = json.loads((sweep / str(number) / "summary.json").read_text(encoding="utf-8"))
        assert summary["items"]["probing"]["made"] == 0
        assert summary["sub_dags"] > 0


def test_values_of_env_and_headers_are_in_no_file_of_a_run(tmp_path: Path) -> None:
    config = tmp_path / "mine" / "servers"
    config.mkdir(parents=True)
    (config / "secret.yaml").write_text(
        "quiet:\n  command: python\n  args: [-m, firefly.bundled.nothing]\n  env: {TOKEN: hush-hush-value}\n",
        encoding="utf-8",
    )
    done = firefly(
        "-m",
        f"--config-dir={tmp_path / 'mine'}",
        "servers=secret",
        "+servers.quiet.env.OTHER=hush-too-value",
        cwd=tmp_path,
    )
    assert done.returncode != 0
    written = {path: path.read_bytes() for path in (tmp_path / "multirun").rglob("*") if path.is_file()}
    assert written
    for path, content in written.items():
        assert b"hush-" not in content, path
    assert "hush-hush" not in done.stdout + done.stderr


def test_a_run_without_a_working_server_says_why_and_fails(tmp_path: Path) -> None:
    config = tmp_path / "mine" / "servers"
    config.mkdir(parents=True)
    (config / "broken.yaml").write_text(
        "absent:\n  command: a-command-that-is-not-there\n"
        "dying:\n  command: python\n  args: [-c, 'import sys; sys.exit(\"no database here\")']\n",
        encoding="utf-8",
    )
    done = firefly(f"--config-dir={tmp_path / 'mine'}", "servers=broken", cwd=tmp_path)
    assert_one_message(
        done, "None of the 2 servers can be used", "a-command-that-is-not-there", "no database here"
    )
