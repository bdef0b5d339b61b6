from __future__ import annotations

from collections.abc import Sequence

import pytest

from firefly import plugins
from firefly.components import build, faults
from firefly.errors import ConfigError, PluginError
from firefly.plugins import register


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "_BY_NAME", dict(plugins._BY_NAME))


@pytest.fixture
def target() -> str:
    @register("scorer", "toy")
    class Toy:
        """A toy. With a second sentence."""

        def __init__(self, *, weight: float, depth: int = 2, parts: Sequence[object] = ()) -> None:
            if depth < 0:
                raise ValueError("depth must not be negative")
            self.weight, self.depth, self.parts = weight, depth, parts

    return f"{Toy.__module__}.{Toy.__qualname__}"


def test_a_described_component_is_built_with_its_parts(target: str) -> None:
    toy = build({"_target_": target, "weight": 1, "parts": [{"_target_": target, "weight": 2}]})
    assert (toy.weight, toy.depth) == (1.0, 2)
    assert toy.parts[0].weight == 2.0


def test_all_faults_are_reported_together_with_their_paths(target: str) -> None:
    found = faults(
        {"scorer": {"_target_": target, "weight": "heavy", "dept": 3}, "sampler": {"_target_": "os.system"}}
    )
    text = "\n".join(found)
    assert len(found) == 3
    assert "scorer.weight: Input should be a valid number" in text
    assert "scorer.dept: there is no such key. Did you mean 'depth'?" in text
    assert "sampler._target_: 'os.system' is not a registered component" in text


@pytest.mark.parametrize(
    "forbidden",
    ["builtins.open", "pathlib.Path.write_text", "subprocess.run", "firefly.store.Store", "nowhere.X"],
)
def test_a_target_that_is_not_registered_is_neither_imported_nor_called(forbidden: str) -> None:
    assert faults({"_target_": forbidden})
    with pytest.raises(PluginError, match="not a registered component"):
        build({"_target_": forbidden})


def test_a_missing_keyword_is_named(target: str) -> None:
    assert faults({"scorer": {"_target_": target}}) == ["scorer.weight: Field required"]


def test_a_component_that_refuses_its_arguments_is_a_config_error(target: str) -> None:
    with pytest.raises(ConfigError, match=r"scorer=toy: depth must not be negative"):
        build({"_target_": target, "weight": 1.0, "depth": -1})


def test_two_classes_of_one_name_collide_and_both_origins_are_shown(target: str) -> None:
    with pytest.raises(PluginError, match=r"scorer/toy: .*Toy of .* and .*Other of "):

        @register("scorer", "toy")
        class Other:
            pass


def test_an_unknown_kind_names_the_nearest() -> None:
    with pytest.raises(PluginError, match="Did you mean 'scorer'"):
        register("scorers", "x")
