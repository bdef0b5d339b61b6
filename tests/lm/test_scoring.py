"""``scorer=llm``: one source tool and many candidates a request, whatever the model answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from firefly.components import build, faults
from firefly.graph import score_source
from firefly.graph.asked import Asked
from firefly.graph.candidates import AllPairs
from firefly.graph.observed import Observed
from firefly.knowledge import Knowledge
from firefly.records import Edge, Listing, ServerHealth
from firefly.replay.records import Tool
from tests.lm.competent import competent
from tests.lm.endpoint import Chat, Endpoint, Personality, Reply, endpoint
from tests.lm.fixtures import make, models
from tests.lm.personalities import ALL_BAD, says


def tool(server: str, name: str, *takes: str, gives: str = "") -> Tool:
    schema: dict[str, Any] = {"type": "object", "properties": {one: {"type": "string"} for one in takes}}
    output: dict[str, Any] = {"properties": {"ok": {"type": "boolean"}, gives: {"type": "string"}}}
    return Tool(server=server, name=name, input_schema=schema, output_schema=output if gives else None)


SOURCE = tool("shop", "list_orders", gives="order_id")
TOOLS = [SOURCE, tool("shop", "get_order", "order_id"), tool("post", "track", "order_id", "speed")]
TOOLS += [tool("other", f"tool_{number}", "text") for number in range(30)]


def known(tools: list[Tool]) -> Knowledge:
    servers = sorted({one.server for one in tools})
    return Knowledge(
        Listing(
            health=ServerHealth(server=server, status="ok"),
            tools=tuple(one for one in tools if one.server == server),
        )
        for server in servers
    )


def scored(there: Endpoint, folder: Path | None = None, **keys: Any) -> list[Edge]:
    asked = models(there.url, folder, **keys)
    scorer = Asked(models=asked, limit=40, batch=10)
    knowledge = known(TOOLS)
    return make(
        asked,
        "shop",
        lambda: score_source(SOURCE, candidates=AllPairs(), scorer=scorer, knowledge=knowledge),
    )


@pytest.mark.parametrize("keys", [{}, {"json_schema": False}, {"stream": True}])
def test_a_source_is_scored_in_so_many_requests_as_there_are_batches(keys: dict[str, Any]) -> None:
    with endpoint(competent()) as there:
        edges = scored(there, **keys)
        assert len(there.requests) == 4  # 32 candidates, ten at a time
    found = {(edge.target, edge.parameter, edge.output_path, edge.kind) for edge in edges}
    assert found == {
        (("shop", "get_order"), "order_id", ("order_id",), "produces"),
        (("post", "track"), "order_id", ("order_id",), "produces"),
    }
    assert edges[0].evidence["llm"] == {"score": 0.9, "says": "certain"}


def test_what_was_asked_is_not_asked_again(tmp_path: Path) -> None:
    with endpoint(competent()) as there:
        assert scored(there, tmp_path) == scored(there, tmp_path)
        assert len(there.requests) == 4


def test_only_the_likeliest_candidates_are_shown_and_half_of_them_may_be_of_the_same_server() -> None:
    many = [tool("shop", f"own_{number}", "text") for number in range(9)]
    asked = models("http://127.0.0.1:1/v1")
    scorer = Asked(models=asked, limit=6, batch=6)
    chosen = scorer.candidates(SOURCE, [*many, *TOOLS], evidence=known([*many, *TOOLS]))
    assert [one.server for one in chosen] == ["shop"] * 3 + ["other"] * 3
    only = scorer.candidates(SOURCE, many, evidence=known(many))
    assert len(only) == 6


def test_the_shortlist_is_what_cheap_scorers_say() -> None:
    class Loves:
        def score(self, source: Tool, targets: Any, *, evidence: Knowledge) -> list[Edge]:
            return [Edge(source=source.key, target=("other", "tool_29"), score=0.3)]

    scorer = Asked(models=models("http://127.0.0.1:1/v1"), limit=2, batch=2, shortlist={"it": Loves()})
    chosen = scorer.candidates(SOURCE, TOOLS, evidence=known(TOOLS))
    assert [one.name for one in chosen] == ["get_order", "tool_29"]


def test_an_estimate_is_near_what_is_really_asked() -> None:
    with endpoint(competent()) as there:
        asked = models(there.url)
        scorer = Asked(models=asked, limit=40, batch=10)
        estimate = scorer.estimate(TOOLS)
        knowledge = known(TOOLS)

        def all_scored() -> None:
            for source in TOOLS:
                scorer.score(source, TOOLS, evidence=knowledge)

        make(asked, "all", all_scored)
        sent = asked.ledger.sent()["total"]
        assert estimate.calls == sent["calls"] == len(there.requests)
        assert 0.6 < estimate.input_tokens / sent["input_tokens"] < 1.6


@pytest.mark.parametrize("name", sorted(ALL_BAD))
def test_no_bad_model_crashes_the_scorer_or_names_what_does_not_exist(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firefly.lm.engine.backoff", lambda attempt, asked: 0.0)
    import dspy

    personality: Personality = ALL_BAD[name](competent())
    with endpoint(personality) as there:
        try:
            edges = scored(there)
        except dspy.LMError:  # the item fails and is counted; the run goes on
            assert name in ("garbage", "some never succeed")
            return
    for edge in edges:
        target = next(one for one in TOOLS if one.key == edge.target)
        assert edge.parameter in target.input_schema["properties"]  # type: ignore[operator]
        assert edge.output_path in ((), ("order_id",), ("ok",))


def test_an_answer_that_can_not_be_read_is_asked_for_once_more_and_counted() -> None:
    answers = iter(["nonsense", '{"passed": []}'])

    def act(chat: Chat) -> Reply:
        return Reply(next(answers))

    with endpoint(act) as there:
        asked = models(there.url)
        scorer = Asked(models=asked, limit=5, batch=5)
        assert make(asked, "one", lambda: scorer.score(SOURCE, TOOLS, evidence=known(TOOLS))) == []
        assert asked.ledger.sent()["events"]["scorer"]["unreadable"] == 1


def test_models_are_supplied_by_the_run_and_not_by_a_configuration() -> None:
    described: dict[str, Any] = {"_target_": "firefly.graph.asked.Asked", "limit": 3}
    assert faults({"scorer": described}) == []
    assert any("models" in line for line in faults({"scorer": {**described, "models": "x"}}))
    with endpoint(says("ok")) as there:
        found = build(
            {"_target_": "firefly.graph.combined.Combined", "scorers": {"llm": described}},
            {"models": models(there.url)},
        )
        assert found.score(tool("a", "b"), [], evidence=known([])) == []
    assert Observed().score(SOURCE, TOOLS, evidence=known(TOOLS)) == []
