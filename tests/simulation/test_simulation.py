from __future__ import annotations

from pathlib import Path
from random import Random

from firefly.exploration import explore_sub_dag
from firefly.exploration.symbolic import Symbolic
from firefly.knowledge import Knowledge
from firefly.records import Link, Listing, Node, ServerHealth, SubDag
from firefly.replay.cassette import Cassette
from firefly.replay.records import ToolCall
from firefly.replay.tool_set import ToolSet
from firefly.simulation import freeze
from firefly.simulation.strict import Strict
from tests.shop_servers import probed, shop

SUB_DAG = SubDag(
    nodes=(Node(id="n1", tool=("orders", "list_orders")), Node(id="n2", tool=("people", "get_person"))),
    links=(
        Link(source="n1", target="n2", parameter="customer_id", output_path=("orders", "*", "customer_id")),
    ),
)


def frozen(knowledge: Knowledge, *recordings: object) -> Cassette:
    return freeze(
        listings=knowledge.listings.values(),
        profiles=knowledge.profiles.values(),
        recordings=[*knowledge.recordings, *recordings],  # type: ignore[list-item]
    )


def test_an_exploration_replays_from_the_frozen_cassette_with_equal_answers() -> None:
    knowledge = probed()
    (exploration, *_) = explore_sub_dag(
        SUB_DAG, explorer=Symbolic(), backend=shop(), knowledge=knowledge, rng=Random(1), seed=0
    )
    backend = Strict().backend(frozen(knowledge, exploration.recording))
    tools = [tool for tool in knowledge.tools.values() if tool.server in SUB_DAG.servers]
    with backend.episode(ToolSet.of(tools)) as episode:
        for call in exploration.calls:
            assert episode.call(call.call) == call.step.observation


def test_a_callable_tool_that_was_never_called_is_a_miss_and_a_refused_one_is_not_part_of_it() -> None:
    knowledge = shop().knowledge([])
    listings = [
        listing.model_copy(update={"refused": {"get_order": "writes"}})
        for listing in knowledge.listings.values()
    ]
    cassette = freeze(listings=listings, profiles=(), recordings=())
    assert ("orders", "get_order") not in cassette.tools
    with Strict().backend(cassette).episode(ToolSet.of(knowledge.tools.values())) as episode:
        answer = episode.call(
            ToolCall(server="people", tool="get_person", arguments={"customer_id": "CUS-71"})
        )
    assert answer.outcome == "miss"


def test_a_state_independent_tool_answers_after_any_call() -> None:
    knowledge = probed()
    asked = ToolCall(server="clock", tool="get_offset", arguments={"timezone": "Europe/Stockholm"})
    unseen = ToolCall(server="clock", tool="get_offset", arguments={"timezone": "Mars/Olympus"})
    proven = Knowledge(
        knowledge.listings.values(),
        [one.model_copy(update={"state_independent": True}) for one in knowledge.profiles.values()],
        knowledge.recordings,
    )
    with Strict().backend(frozen(proven)).episode(ToolSet.of(knowledge.tools.values())) as episode:
        episode.call(unseen)
        assert episode.call(asked).outcome == "success"


def test_a_profile_made_of_another_schema_proves_nothing() -> None:
    knowledge = probed()
    stale = [
        one.model_copy(update={"state_independent": True, "schema_digest": "0" * 32})
        for one in knowledge.profiles.values()
    ]
    cassette = freeze(listings=knowledge.listings.values(), profiles=stale, recordings=knowledge.recordings)
    assert not any(one.rule.state_independent for one in cassette.tools.values())


def test_equal_recordings_in_any_order_freeze_to_equal_bytes(tmp_path: Path) -> None:
    knowledge = probed()
    for name, recordings in (("a", knowledge.recordings), ("b", knowledge.recordings[::-1])):
        freeze(
            listings=knowledge.listings.values(),
            profiles=knowledge.profiles.values(),
            recordings=recordings,
        ).save(tmp_path / name)
    for file in sorted((tmp_path / "a").iterdir()):
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_the_tools_of_a_server_that_failed_are_left_out() -> None:
    knowledge = probed()
    failed = Listing(
        health=ServerHealth(server="clock", status="failed", reason="crashed"),
        tools=knowledge.listings["clock"].tools,
    )
    others = [one for name, one in knowledge.listings.items() if name != "clock"]
    cassette = freeze(
        listings=[*others, failed],
        profiles=knowledge.profiles.values(),
        recordings=[one for one in knowledge.recordings if "clock" not in one.servers],
    )
    assert {server for server, _ in cassette.tools} == {"orders", "people"}
