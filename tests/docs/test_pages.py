"""The pages of docs/ are true: their examples run, and what they list exists."""

from __future__ import annotations

import doctest
import inspect
import re
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from firefly import plugins, protocols
from firefly.components import build, faults
from firefly.config import PLURAL_GROUPS, SINGLE_GROUPS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

PROTOCOLS = {
    "world": protocols.World,
    "values": protocols.ValueSource,
    "candidates": protocols.CandidateGenerator,
    "scorer": protocols.Scorer,
    "sampler": protocols.Sampler,
    "explorer": protocols.Explorer,
    "synthesizer": protocols.TaskWriter,
    "simulator": protocols.Simulator,
    "checks": protocols.Check,
    "exporters": protocols.Exporter,
    "faults": protocols.Fault,
    "agents": protocols.Agent,
}
OTHER_GROUPS = ("agents", "faults")
"""Groups of what works on a finished data set; they hold several."""


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(
        rf"^ *```{language}\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Components registered by a page are forgotten afterwards."""
    monkeypatch.setattr(plugins, "_BY_NAME", dict(plugins._BY_NAME))
    yield
    sys.modules.pop("my_firefly", None)


def test_every_extension_point_has_a_page() -> None:
    assert set(PROTOCOLS) == {*SINGLE_GROUPS, *PLURAL_GROUPS, *OTHER_GROUPS}
    assert {*PROTOCOLS, "servers"} <= {page.stem for page in DOCS.glob("*.md")}


@pytest.mark.parametrize("kind", sorted(PROTOCOLS))
def test_the_example_of_a_page_registers_builds_satisfies_its_protocol_and_runs(
    kind: str, registry: None
) -> None:
    page = DOCS / f"{kind}.md"
    (code,), (option,), (demonstration,) = (blocks(page, name) for name in ("python", "yaml", "pycon"))
    module = types.ModuleType("my_firefly")
    sys.modules["my_firefly"] = module
    exec(compile(f"from __future__ import annotations\n{code}", page.name, "exec"), module.__dict__)
    described = yaml.safe_load(option)
    assert faults(described) == []
    component = build(described)
    registered = plugins.resolve(described["_target_"])
    assert (registered.kind, registered.summary != "") == (kind, True)
    if kind in (*PLURAL_GROUPS, *OTHER_GROUPS):
        assert option.startswith(f"# @package {kind}.{registered.name}\n")
    for name, method in public_methods(PROTOCOLS[kind]):
        assert list(inspect.signature(getattr(type(component), name)).parameters) == list(
            inspect.signature(method).parameters
        )
    scope = {**module.__dict__, "component": component}
    test = doctest.DocTestParser().get_doctest(demonstration, scope, page.name, str(page), 0)
    shown: list[str] = []
    runner = doctest.DocTestRunner()
    runner.run(test, out=shown.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(shown)


def public_methods(protocol: type) -> list[tuple[str, Any]]:
    return [
        (name, value)
        for name, value in vars(protocol).items()
        if inspect.isfunction(value) and name[0] != "_"
    ]


@pytest.mark.parametrize("kind", sorted(set(PROTOCOLS) - {"checks"}))
def test_a_page_names_every_built_in_option_of_its_group(kind: str) -> None:
    text = (DOCS / f"{kind}.md").read_text(encoding="utf-8")
    missing = [path.stem for path in (ROOT / "conf" / kind).glob("*.yaml") if f"`{path.stem}`" not in text]
    assert not missing


def test_the_server_page_shows_a_set_that_is_understood_and_names_every_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from firefly.servers.spec import ServerSpec

    page = DOCS / "servers.md"
    (option,) = blocks(page, "yaml")
    (tmp_path / "conf" / "servers").mkdir(parents=True)
    (tmp_path / "conf" / "servers" / "mine.yaml").write_text(option, encoding="utf-8")
    (tmp_path / "fixture").mkdir()
    monkeypatch.setenv("SEARCH_TOKEN", "t0p-secret-token")
    command = "-m firefly --config-dir conf servers=mine world.path=fixture --cfg job --resolve"
    composed = subprocess.run(
        [sys.executable, *command.split()], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    from firefly.servers.spec import parse_specs

    specs = parse_specs(yaml.safe_load(composed.stdout)["servers"])
    assert list(specs) == ["notes", "search"]
    assert "t0p-secret-token" not in str(specs["search"].public())
    text = page.read_text(encoding="utf-8")
    assert not [key for key in ServerSpec.model_fields if key != "name" and f"`{key}`" not in text]


def test_links_between_pages_lead_somewhere() -> None:
    for page in [*DOCS.glob("*.md"), *ROOT.glob("*.md"), *ROOT.glob("plugins/**/*.md")]:
        for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_page_of_language_models_names_every_option_and_its_examples_work(registry: None) -> None:
    from firefly.lm.models import Models, Settings

    text = (DOCS / "lm.md").read_text(encoding="utf-8")
    assert not [path.stem for path in (ROOT / "conf" / "lm").glob("*.yaml") if f"`{path.stem}`" not in text]
    module = types.ModuleType("my_firefly")
    sys.modules["my_firefly"] = module
    for code in blocks(DOCS / "lm.md", "python"):
        exec(compile(code, "lm.md", "exec"), module.__dict__)
    parrot = {"_target_": "my_firefly.Parrot", "model": "grey"}
    assert faults(parrot) == []
    models = Models(Settings.of({"mode": "live", **parrot}))
    assert models.lm("judge")("hello") == ["hello"]
    assert faults({"_target_": "my_firefly.Opinion", "role": "judge"}) == []
    assert build({"_target_": "my_firefly.Opinion"}, {"models": models}).estimate([1, 2]).calls == 2
