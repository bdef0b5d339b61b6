from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from firefly.errors import ConfigError
from firefly.graph import annotated, check_annotations, prune
from firefly.graph.annotations import Annotation, read_annotations
from firefly.records import Edge
from tests.graph.scoring import graph_of
from tests.shop_servers import probed

RIGHT = {"source": "orders.list_orders", "target": "people.get_person", "parameter": "customer_id"}


def noted(**changes: Any) -> Annotation:
    return Annotation.model_validate({**RIGHT, "rule": "require", **changes})


def kept(*annotations: Annotation, threshold: float = 0.3) -> list[Edge]:
    knowledge = probed()
    check_annotations(annotations, knowledge)
    return prune(annotated(graph_of(knowledge), annotations, knowledge), threshold=threshold)


def fed(edges: list[Edge]) -> set[tuple[object, ...]]:
    pair = (("orders", "list_orders"), ("people", "get_person"))
    return {edge.output_path for edge in edges if (edge.source, edge.target) == pair}


def test_a_forbidden_edge_is_gone_and_a_required_one_is_never_pruned() -> None:
    assert ("orders", "*", "customer_id") in fed(kept())
    assert ("orders", "*", "customer_id") not in fed(
        kept(noted(rule="forbid", path=["orders", "*", "customer_id"]))
    )
    assert not [
        edge
        for edge in kept(noted(rule="forbid", parameter=""))
        if (edge.source[1], edge.target[1]) == ("list_orders", "get_person")
    ]
    pinned = kept(noted(path=["orders", "*", "order_id"]), threshold=1.0)
    assert [(edge.output_path, edge.score) for edge in pinned] == [(("orders", "*", "order_id"), 1.0)]


def test_without_a_path_the_best_edge_is_pinned() -> None:
    (pinned,) = kept(noted(), threshold=1.0)
    assert pinned.output_path == ("orders", "*", "customer_id")
    assert "observed" in pinned.evidence


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        (
            {"source": "orders.list_order"},
            ["[0].source", "'list_order'", "Did you mean 'orders.list_orders'?"],
        ),
        ({"target": "poeple.get_person"}, ["[0].target", "Did you mean 'people.get_person'?"]),
        ({"parameter": "customer"}, ["[0].parameter", "Did you mean 'customer_id'?"]),
        ({"template": "no slot"}, ["[0].template", "{}"]),
    ],
)
def test_a_mistake_is_told_with_the_nearest_name(changes: dict[str, str], parts: list[str]) -> None:
    with pytest.raises(ConfigError) as raised:
        check_annotations([noted(**changes)], probed())
    for part in parts:
        assert part in str(raised.value)


def test_they_are_read_from_a_list_a_mapping_or_a_file_of_either(tmp_path: Path) -> None:
    row = {**RIGHT, "rule": "require"}
    assert read_annotations(None) == []
    assert read_annotations([row]) == read_annotations({"mine": row, "off": None}) == [row]
    place = tmp_path / "edges.yaml"
    place.write_text(f"- {row}\n", encoding="utf-8")
    assert read_annotations(str(place)) == [row]
    place.write_text("just words", encoding="utf-8")
    with pytest.raises(ValueError, match="must hold a list"):
        read_annotations(str(place))
    with pytest.raises(ValueError, match="can't be read"):
        read_annotations(str(tmp_path / "nothing.yaml"))


def test_tools_of_a_server_that_can_not_be_used_now_are_not_judged() -> None:
    knowledge = probed()
    listing = knowledge.listings["people"]
    health = listing.health.model_copy(update={"status": "failed"})
    knowledge.listings["people"] = listing.model_copy(update={"health": health, "tools": ()})
    check_annotations([noted()], knowledge)
    assert annotated([], [noted()], knowledge) == []
