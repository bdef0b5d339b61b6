"""What README and ARCHITECTURE show exists: commands compose, verbs and targets are there, tables agree."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from firefly.__main__ import VERBS
from firefly.mistakes import with_open_servers
from firefly.pipeline import STAGES
from tests.command_line import Run, printed

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")]


def commands(page: Path) -> list[list[str]]:
    shells = re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    lines = [line for block in shells for line in block.splitlines()]
    return [words for line in lines if (words := shlex.split(os.path.expandvars(line), comments=True))]


def every_command() -> list[list[str]]:
    return [words for page in [*PAGES, *sorted((ROOT / "docs").glob("*.md"))] for words in commands(page)]


def hydra_commands() -> list[str]:
    shown = [words[3:] for words in every_command() if words[:3] == ["python", "-m", "firefly"]]
    inline = re.findall(
        r"`python -m firefly ([^`]+)`", "".join(page.read_text(encoding="utf-8") for page in PAGES)
    )
    own = (
        "name",
        "mine",
        "brevity",
        "prompts",
        "namesake",
        "till",
    )  # options that the pages themselves define
    rest = [shlex.join(words) for words in shown] + inline
    return sorted(
        {one for one in rest if not one.startswith("--") and not any(f"={name}" in one for name in own)}
    )


@pytest.mark.parametrize("overrides", hydra_commands())
def test_every_shown_run_composes(overrides: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from hydra import compose, initialize_config_dir
    from hydra.core.override_parser.overrides_parser import OverridesParser

    words = with_open_servers([word for word in shlex.split(overrides) if word != "-m"])
    parsed = OverridesParser.create().parse_overrides(words)
    single = [
        f"{one.get_key_element()}={next(iter(one.sweep_string_iterator()))}"
        if one.is_sweep_override()
        else word
        for word, one in zip(words, parsed, strict=True)
    ]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        assert compose("config", single) is not None


@pytest.mark.slow
def test_the_python_of_the_readme_runs_on_a_finished_data_set(smoke: tuple[Path, Run]) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    dataset = printed(smoke[1])["dataset"]
    code = (
        "\n".join(blocks).replace("multirun/runs/DATE/TIME/dataset", str(dataset)) + "\nprint(len(tasks))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines.count("1") >= int(lines[-1]) >= 10, "every gold trajectory earns the reward"


def test_every_shown_verb_and_make_target_exists() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for words in every_command():
        if words[0] == "firefly":
            assert words[1] in VERBS, words
        if words[0] == "make":
            assert words[1] in targets, words
        if words[0].startswith("."):
            assert (ROOT / words[0]).exists() or words[0].startswith(".venv/"), words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_path_in_backticks_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for path in re.findall(r"`((?:firefly|conf|docs|plugins|tests|benchmarks)/[\w./-]*)`", text):
        assert (ROOT / path).exists(), path


def test_the_tree_of_a_data_set_is_what_the_exporters_write(tmp_path: Path) -> None:
    from firefly.export import write_dataset
    from tests.export.content import TASKS, content
    from tests.export.test_dataset import ALL

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    tree = text.partition("dataset/\n")[2].partition("```")[0]
    shown = {line.split()[0].rstrip("/") for line in tree.splitlines()}
    made = write_dataset(content(tasks={"train": TASKS}), tmp_path / "dataset", ALL)
    written = {path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()}
    folders = ("cassette", "recordings")
    assert shown == {folder if (folder := name.split("/")[0]) in folders else name for name in written}


def test_the_task_that_is_shown_has_the_columns_and_records_of_a_task() -> None:
    from firefly.export.tables import FEATURES
    from firefly.replay.records import Answer, Expression, GoldCall

    (block,) = re.findall(
        r"^```json\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    shown = json.loads(block)
    assert set(shown) <= set(FEATURES["tasks"])
    Answer.model_validate(shown["answer"])
    calls = [GoldCall.model_validate(call) for call in shown["gold_calls"]]
    assert Expression.model_validate(shown["expression"]).call in {call.id for call in calls}
    assert {call.server for call in calls} == set(shown["servers"])


def test_the_architecture_page_has_the_stages_and_layers_of_the_code() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+) \| ([\w, ]*) \| (\w+) \| ([\w, ]*) ?\|$", text, re.MULTILINE)
    found = [
        (name, tuple(split(reads)), writes, tuple(split(groups))) for name, reads, writes, groups in rows[1:]
    ]
    assert found == [(one.name, one.reads, one.writes, one.groups) for one in STAGES]
    layers = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    modules = [name for line in layers["contracts"][0]["layers"] for name in re.findall(r"\w+", line)]
    table = text.partition("## Layers")[2].partition("## Seams")[0]
    for module in modules:
        assert re.search(rf"[`/ ]{module}(/|\.py)?`", table), module


def test_the_flow_line_names_every_stage_in_order() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert " -> ".join(("servers", *(stage.name for stage in STAGES))) in text


def test_the_number_of_demo_servers_is_the_one_that_is_told() -> None:
    options = yaml.safe_load((ROOT / "conf" / "servers" / "demo.yaml").read_text(encoding="utf-8"))
    numbers = ("six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    told = numbers[len([name for name in options if name != "defaults"]) - 6]
    assert f"starts {told} published servers" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_nothing_generated_is_tracked() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "multirun"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert listed.stdout.split() == ["multirun/README.md"]


def split(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(",") if part.strip()]
