"""The two server sets: what choosing one composes, and that every server in it does its work."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from firefly.components import build
from firefly.replay.parsers import parse
from firefly.replay.records import ToolCall
from firefly.replay.tool_set import ToolSet
from firefly.servers.live import LiveBackend
from firefly.servers.prepare import understand
from firefly.servers.spec import ServerSpec, parse_specs

CONF = Path(__file__).resolve().parents[2] / "conf"

MINIMAL = """
defaults:
  - _self_
  - servers: demo
"""
"""A primary configuration of this group alone, as far as the choice of a set goes."""

WORKING = [
    ("sqlite", "read_query", {"query": "SELECT order_id, total FROM orders ORDER BY total DESC LIMIT 3"}),
    ("git", "git_show", {"repo_path": "/workspace/repo", "revision": "main:docs/settled.csv"}),
    (
        "duckdb",
        "execute_query",
        {"sql": "SELECT carrier, count(*) AS n FROM shipments GROUP BY 1 ORDER BY 1"},
    ),
    ("workbooks", "read_range", {"path": "pricing.xlsx", "sheet": "Price list", "range": "A1:F3"}),
    ("contracts", "list_available_documents", {}),
    ("code", "search_code_advanced", {"pattern": "TIERS"}),
    (
        "time",
        "convert_time",
        {"source_timezone": "Asia/Dubai", "time": "10:00", "target_timezone": "Asia/Tokyo"},
    ),
    ("calculator", "calculate", {"expression": "(226.0 + 4.5) * 1.03"}),
    ("units", "convert_to_si", {"expr": "446.0 lb"}),
]
"""One read of each demo server that must answer something."""


def composed(tmp_path: Path, *overrides: str) -> dict[str, Any]:
    """Compose the group ``servers`` with the real option files."""
    for group in ("servers", "world"):
        (tmp_path / group).symlink_to(CONF / group)
    (tmp_path / "config.yaml").write_text(MINIMAL)
    with initialize_config_dir(str(tmp_path), version_base="1.3"):
        found = OmegaConf.to_container(compose("config", overrides=list(overrides)), resolve=True)
    assert isinstance(found, dict)
    return {str(key): value for key, value in found.items()}


@pytest.mark.parametrize(
    ("overrides", "target", "seed"),
    [
        ((), "firefly.worlds.shop.Shop", 0),
        (("world.seed=7",), "firefly.worlds.shop.Shop", 7),
        (("servers=bundled",), "firefly.worlds.workshop.Workshop", 0),
        (("servers=bundled", "world.seed=3"), "firefly.worlds.workshop.Workshop", 3),
        (("world=empty",), "firefly.worlds.folder.Empty", None),
        (("servers=bundled", "world=shop"), "firefly.worlds.shop.Shop", 0),
        (("servers=published",), "firefly.worlds.company.Company", 0),
        (("servers=published", "world=shop", "world.seed=2"), "firefly.worlds.shop.Shop", 2),
    ],
)
def test_choosing_a_set_chooses_its_world_and_the_command_line_still_wins(
    tmp_path: Path, overrides: tuple[str, ...], target: str, seed: int | None
) -> None:
    config = composed(tmp_path, *overrides)
    assert config["world"]["_target_"] == target
    assert config["world"].get("seed") == seed
    assert "world" not in config["servers"]


@pytest.mark.parametrize(("name", "least"), [("demo", 8), ("bundled", 3)])
def test_every_server_of_a_set_is_valid_disposable_and_pinned(tmp_path: Path, name: str, least: int) -> None:
    specs = parse_specs(composed(tmp_path, f"servers={name}")["servers"])
    assert len(specs) >= least
    for spec in specs.values():
        assert spec.disposable
        meant = understand(str(spec.command), spec.args)
        assert getattr(meant, "pinned", True), spec.name
    assert {type(understand(str(spec.command), spec.args)).__name__ for spec in specs.values()} <= {
        "Python",
        "Plain",
    }


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveBackend]:
    yield from live(tmp_path_factory.mktemp("demo"), "demo")


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveBackend]:
    yield from live(tmp_path_factory.mktemp("bundled"), "bundled")


def live(folder: Path, name: str) -> Iterator[LiveBackend]:
    for part in ("conf", "world"):
        (folder / part).mkdir()
    config = composed(folder / "conf", f"servers={name}")
    build(config["world"]).build(folder / "world")
    specs: dict[str, ServerSpec] = parse_specs(config["servers"])
    with LiveBackend(specs, fixture=folder / "world") as backend:
        yield backend


def test_the_bundled_servers_answer_through_the_live_backend(bundled: LiveBackend) -> None:
    listings = {server: bundled.listing(server) for server in bundled.servers}
    assert {listing.health.status for listing in listings.values()} == {"ok"}
    assert {server: listing.scope for server, listing in listings.items()} == {
        "almanac": "none",
        "catalogue": "workspace",
        "desk": "own:desk",
    }
    tools = ToolSet.of(tool for listing in listings.values() for tool in listing.callable_tools)
    with bundled.episode(tools) as episode:
        lent = parse(episode.call(call("desk", "list_loans", {"status": "open"})))
        assert lent is not None
        item = lent.value["loans"][0]["item_id"]  # type: ignore[index,call-overload]
        card = parse(episode.call(call("catalogue", "get_item", {"item_id": item})))
        assert card is not None
        cost = episode.call(
            call("almanac", "loan_cost", {"daily_fee": card.value["daily_fee"]})  # type: ignore[index,call-overload]
        )
        assert cost.outcome == "success"
        refused = episode.call(
            call("desk", "check_out", {"item_id": item, "member_id": "MEM-0", "lent_on": "2024-01-01"})
        )
        assert (refused.outcome, refused.is_error) == ("failure", False)


@pytest.mark.network
@pytest.mark.timeout(600)
def test_every_demo_server_starts_and_answers_through_the_live_backend(demo: LiveBackend) -> None:
    assert {server for server, _, _ in WORKING} == set(demo.servers)
    for server, tool, arguments in WORKING:
        listing = demo.listing(server)
        assert listing.health.status == "ok", (server, listing.health.reason)
        with demo.episode(ToolSet.of(listing.callable_tools)) as episode:
            observation = episode.call(call(server, tool, arguments))
            before, after = episode.steps[-1].before, episode.steps[-1].after
        assert observation.outcome == "success", (server, observation)
        assert before.fingerprint == after.fingerprint, server
        assert parse(observation) is not None or server == "contracts"


@pytest.mark.network
@pytest.mark.timeout(600)
def test_the_demo_database_server_forbids_files_and_the_network(demo: LiveBackend) -> None:
    with demo.episode(ToolSet.of(demo.listing("duckdb").callable_tools)) as episode:
        for statement in ("SELECT * FROM read_csv('/etc/passwd')", "INSTALL httpfs", "COPY stock TO 'x.csv'"):
            assert episode.call(call("duckdb", "execute_query", {"sql": statement})).outcome == "failure"


@pytest.mark.network
@pytest.mark.timeout(600)
def test_no_query_of_the_demo_database_server_leaves_a_trace(demo: LiveBackend) -> None:
    count = call("duckdb", "execute_query", {"sql": "SELECT count(*) AS n FROM depots"})
    with demo.episode(ToolSet.of(demo.listing("duckdb").callable_tools)) as episode:
        before = episode.call(count)
        assert (
            episode.call(call("duckdb", "execute_query", {"sql": "DELETE FROM depots"})).outcome == "success"
        )
        assert episode.call(count) == before


def call(server: str, tool: str, arguments: dict[str, Any]) -> ToolCall:
    return ToolCall(server=server, tool=tool, arguments=arguments)


def test_the_published_set_has_every_server_of_the_survey_pinned_alike(tmp_path: Path) -> None:
    """Each in a sandbox, with the version that ``tests/servers/published.json`` launches."""
    specs = parse_specs(composed(tmp_path, "servers=published")["servers"])
    survey = json.loads((CONF.parent / "tests" / "servers" / "published.json").read_text())
    wanted = {understand(one["command"], one["args"]).package for one in survey.values()}
    assert {understand(spec.command or "", spec.args).package for spec in specs.values()} == wanted
    assert len(specs) == len(survey) == 27
    assert all(spec.disposable for spec in specs.values())


def test_a_published_server_can_be_had_alone(tmp_path: Path) -> None:
    config = composed(tmp_path, "servers=published/chess", "+world=empty")
    assert list(config["servers"]) == ["chess"]
