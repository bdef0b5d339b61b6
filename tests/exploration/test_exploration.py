from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from firefly.exploration import explore_sub_dag
from firefly.exploration.symbolic import Symbolic
from firefly.knowledge import Knowledge
from firefly.outputs import parsed_output
from firefly.protocols import Episode
from firefly.records import Exploration, ExploredCall, Link, Node, SubDag
from firefly.replay.expressions import evaluate
from tests.function_servers import FunctionServers
from tests.shop_servers import probed, shop

CHAIN = SubDag(
    nodes=(
        Node(id="n1", tool=("orders", "list_orders")),
        Node(id="n2", tool=("people", "get_person")),
        Node(id="n3", tool=("clock", "get_offset")),
    ),
    links=(
        Link(source="n1", target="n2", parameter="customer_id", output_path=("orders", "*", "customer_id")),
        Link(source="n2", target="n3", parameter="timezone", output_path=("timezone",)),
    ),
)


def explore(
    sub_dag: SubDag = CHAIN,
    backend: FunctionServers | None = None,
    knowledge: Knowledge | None = None,
    seed: int = 0,
    **options: Any,
) -> list[Exploration]:
    variants = options.pop("variants", 3)
    return explore_sub_dag(
        sub_dag,
        explorer=Symbolic(**options),
        backend=backend or shop(),
        knowledge=knowledge or probed(),
        rng=Random(seed),
        seed=seed,
        variants=variants,
    )


def last(exploration: Exploration) -> dict[str, ExploredCall]:
    return {call.node: call for call in exploration.calls}


def test_a_chain_across_three_servers_is_executed_with_references_that_resolve() -> None:
    (exploration, *_) = explore()
    assert exploration.completed
    assert [call.node for call in exploration.calls] == ["n1", "n2", "n3"]
    outputs = {call.id: parsed_output(call.step.observation) for call in exploration.calls}
    for call in exploration.calls[1:]:
        for name, reference in call.references.items():
            assert evaluate(reference, outputs) == call.call.arguments[name]
    assert exploration.recording.servers == ("clock", "orders", "people")
    assert [step.call for step in exploration.recording.steps] == [call.call for call in exploration.calls]


def test_variants_pass_different_values() -> None:
    found = explore(variants=3)
    people = [last(one)["n2"].call.arguments["customer_id"] for one in found]
    assert len(set(people)) == len(people) >= 2


def test_equal_seeds_give_equal_explorations() -> None:
    assert explore(seed=4) == explore(seed=4)


def test_a_failing_value_is_recorded_and_another_one_is_tried() -> None:
    backend = shop()

    def get_person(customer_id: str) -> object:
        """Get a person, unless blocked."""
        if customer_id != "CUS-73":
            raise ValueError("blocked")
        return {"customer_id": customer_id, "timezone": "Asia/Tokyo"}

    backend.functions[("people", "get_person")] = get_person
    explorations = [explore(backend=backend, seed=seed, attempts=3)[0] for seed in range(5)]
    assert all(one.completed for one in explorations)
    outcomes = [
        call.step.observation.outcome for one in explorations for call in one.calls if call.node == "n2"
    ]
    assert {"failure", "success"} == set(outcomes)


def test_an_empty_answer_is_not_taken_for_a_result() -> None:
    backend = shop()
    backend.functions[("clock", "get_offset")] = _nothing
    (exploration,) = explore(backend=backend)
    assert not exploration.completed
    assert "returned nothing" in exploration.reason


def _nothing(timezone: str) -> object:
    return {"timezone": timezone, "offsets": []}


def test_a_value_that_was_an_argument_already_is_not_passed_on() -> None:
    echo = SubDag(
        nodes=(
            Node(id="n1", tool=("people", "get_person")),
            Node(id="n2", tool=("people", "get_person")),
        ),
        links=(Link(source="n1", target="n2", parameter="customer_id", output_path=("customer_id",)),),
    )
    (exploration,) = explore(echo)
    assert not exploration.completed
    assert "nothing that get_person returned" in exploration.reason


BOOKS = {
    "north.xlsx": {"Sales": "A1:B9", "Staff": "A1:C4"},
    "south.xlsx": {"Trips": "A1:D7", "Costs": "A1:E5"},
}


def list_sheets(book: str) -> Any:
    """List the sheets of a workbook."""
    return [
        {"sheet": sheet, "area": area, "owner": f"owner of {sheet}"} for sheet, area in BOOKS[book].items()
    ]


def read_cells(book: str, sheet: str, area: str) -> Any:
    """Read an area of a sheet."""
    if BOOKS[book].get(sheet) != area:
        raise ValueError(f"{book} has no {sheet} {area}")
    return {"cells": [[sheet, 1]]}


def library() -> tuple[FunctionServers, Knowledge]:
    backend = FunctionServers({"books": [list_sheets, read_cells]})
    probes = [("books", "list_sheets", {"book": book}) for book in BOOKS] + [
        ("books", "read_cells", {"book": "north.xlsx", "sheet": "Sales", "area": "A1:B9"})
    ]
    return backend, backend.knowledge(probes)


SHEETS = SubDag(
    nodes=(Node(id="n1", tool=("books", "list_sheets")), Node(id="n2", tool=("books", "read_cells"))),
    links=tuple(
        Link(source="n1", target="n2", parameter=name, output_path=("*", name)) for name in ("sheet", "area")
    ),
)


@pytest.mark.parametrize("seed", range(6))
def test_values_of_one_item_go_together_with_the_parents_own_argument(seed: int) -> None:
    backend, knowledge = library()
    for exploration in explore(SHEETS, backend, knowledge, seed):
        assert exploration.completed
        read = last(exploration)["n2"]
        assert [call.step.observation.outcome for call in exploration.calls] == ["success", "success"]
        assert read.call.arguments["book"] == last(exploration)["n1"].call.arguments["book"]
        assert set(read.references) == {"sheet", "area"}


def test_arguments_that_are_not_linked_repeat_what_worked() -> None:
    sub_dag = SubDag(
        nodes=(
            Node(id="n1", tool=("orders", "find_orders")),
            Node(id="n2", tool=("people", "get_person")),
        ),
        links=(
            Link(
                source="n1", target="n2", parameter="customer_id", output_path=("orders", "*", "customer_id")
            ),
        ),
    )
    (exploration, *_) = explore(sub_dag)
    first = exploration.calls[0]
    assert first.call.arguments == {"status": "open"}
    assert first.sources == {"status": "worked"}
    assert exploration.completed


def test_a_required_parameter_that_nothing_can_fill_is_named() -> None:
    alone = SubDag(nodes=(Node(id="n1", tool=("orders", "get_order")),))
    backend = shop()
    (exploration,) = explore(alone, backend, backend.knowledge([]))
    assert exploration.reason == "no value found for parameter order_id of get_order"
    assert exploration.calls == ()


class Liar:
    """An explorer that claims to be done but passes a value that its reference does not give."""

    def explore(
        self, sub_dag: SubDag, episode: Episode, *, knowledge: Knowledge, rng: Random
    ) -> tuple[Sequence[ExploredCall], str]:
        calls, _ = Symbolic().explore(sub_dag, episode, knowledge=knowledge, rng=rng)
        second, third = calls[1], calls[2]
        forged = second.references["customer_id"].model_copy(update={"op": "count", "where": ()})
        return [calls[0], second.model_copy(update={"references": {"customer_id": forged}}), third], ""


def test_an_explorer_is_not_believed_when_its_references_do_not_resolve() -> None:
    (exploration,) = explore_sub_dag(
        CHAIN, explorer=Liar(), backend=shop(), knowledge=probed(), rng=Random(0), seed=0, variants=1
    )
    assert not exploration.completed
    assert "customer_id" in exploration.reason


def test_impossible_limits_are_refused() -> None:
    with pytest.raises(ValueError, match="attempts"):
        Symbolic(attempts=0)


def get_row(code: str) -> Any:
    """Get a row by its code."""
    return {"code": code, "city": {"A-101": "Bergen", "B-202": "Lisbon"}[code]}


def list_rows() -> Any:
    """List the rows."""
    return {"rows": [{"code": "A-101", "city": "Bergen"}, {"code": "B-202", "city": "Lisbon"}]}


def test_a_call_that_only_repeats_what_its_arguments_came_from_completes_nothing() -> None:
    backend = FunctionServers({"tables": [list_rows, get_row]})
    knowledge = backend.knowledge([("tables", "list_rows", {}), ("tables", "get_row", {"code": "A-101"})])
    sub_dag = SubDag(
        nodes=(Node(id="n1", tool=("tables", "list_rows")), Node(id="n2", tool=("tables", "get_row"))),
        links=(Link(source="n1", target="n2", parameter="code", output_path=("rows", "*", "code")),),
    )
    (exploration,) = explore(sub_dag, backend, knowledge, variants=1)
    assert not exploration.completed
    assert exploration.reason == "get_row returned nothing that earlier calls had not"
