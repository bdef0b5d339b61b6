"""Tasks written from explorations of the library."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from firefly.exploration import explore_sub_dag
from firefly.exploration.symbolic import Symbolic
from firefly.knowledge import Knowledge
from firefly.mentions import mention
from firefly.records import Exploration, ExploredCall, Link, Node, SubDag
from firefly.replay.expressions import evaluate
from firefly.replay.records import Expression, Observation, Task
from firefly.synthesis import write_tasks
from firefly.synthesis.template import Template
from firefly.verification.recorded import agrees, match
from tests.function_servers import FunctionServers
from tests.library_servers import ALONE, BOOKS, CHAIN, SHORT, explored, known, library


def explored_by(sub_dag: SubDag, seed: int = 1, servers: FunctionServers | None = None) -> list[Exploration]:
    return explore_sub_dag(
        sub_dag,
        explorer=Symbolic(),
        backend=servers or library(),
        knowledge=known(),
        rng=Random(seed),
        seed=0,
        variants=3,
    )


def written(explorations: Sequence[Exploration], seed: int = 0, tasks: int = 6) -> list[Task]:
    knowledge = known(tuple(explorations))
    return [
        task
        for exploration in explorations
        for task in write_tasks(
            exploration,
            writer=Template(tasks=tasks),
            knowledge=knowledge,
            rng=Random(f"{seed}:{exploration.id}"),
        )
    ]


@pytest.fixture(scope="module")
def tasks() -> list[tuple[Task, Exploration]]:
    explorations = [
        one for seed in range(4) for sub_dag in (CHAIN, SHORT, ALONE) for one in explored_by(sub_dag, seed)
    ]
    by_id = {one.id: one for one in explorations}
    found = {task.id: task for seed in range(4) for task in written(list(by_id.values()), seed)}
    return [(task, by_id[task.provenance.exploration]) for task in found.values()]


def test_there_are_many_kinds_of_questions(tasks: list[tuple[Task, Exploration]]) -> None:
    kinds = {task.provenance.template.split("/")[0] for task, _ in tasks}
    assert {"field", "find", "extreme", "fold", "total", "top"} <= kinds
    assert {len(task.gold_calls) for task, _ in tasks} == {1, 2, 3}
    assert len({task.question for task, _ in tasks}) > 40


def test_answers_follow_from_the_recorded_calls(tasks: list[tuple[Task, Exploration]]) -> None:
    for task, exploration in tasks:
        found = match(task, exploration.recording.steps)
        assert not found.fault, found.fault
        assert agrees(task.answer, found.value(task.expression)), task


def test_questions_give_no_value_away(tasks: list[tuple[Task, Exploration]]) -> None:
    for task, exploration in tasks:
        found = match(task, exploration.recording.steps)
        assert mention(task.question, task.answer.value) is None, task.prompt
        for gold in task.gold_calls:
            for reference in gold.references.values():
                assert mention(task.question, found.value(reference)) is None, task.prompt


def test_questions_state_every_literal_and_every_condition(tasks: list[tuple[Task, Exploration]]) -> None:
    for task, _ in tasks:
        expressions = [
            task.expression,
            *(one for gold in task.gold_calls for one in gold.references.values()),
        ]
        for expression in expressions:
            for condition in expression.where:
                assert mention(task.question, condition.value) or isinstance(condition.value, bool)
        for gold in task.gold_calls:
            for name, value in gold.arguments.items():
                assert name in gold.references or mention(task.question, value), task.prompt


def test_only_calls_that_the_answer_needs_are_gold(tasks: list[tuple[Task, Exploration]]) -> None:
    for task, _ in tasks:
        assert [gold.id for gold in task.gold_calls] == [f"c{n}" for n in range(1, len(task.gold_calls) + 1)]
        used = {task.expression.call} | {one for gold in task.gold_calls for one in gold.depends_on}
        assert used == {gold.id for gold in task.gold_calls}


def test_values_are_singled_out_by_what_they_are_and_never_by_position(
    tasks: list[tuple[Task, Exploration]],
) -> None:
    for task, exploration in tasks:
        outputs = match(task, exploration.recording.steps).outputs
        for gold in task.gold_calls:
            for reference in gold.references.values():
                assert reference.op != "value" or not any(isinstance(part, int) for part in reference.path)
                assert evaluate(reference, outputs) == gold.arguments[next(iter(gold.references))]


def test_the_same_generator_writes_the_same_tasks() -> None:
    explorations = explored_by(CHAIN)
    assert written(explorations, 3) == written(explorations, 3)
    assert written(explorations, 3) != written(explorations, 4)


def test_an_exploration_yields_at_most_as_many_tasks_as_asked() -> None:
    (exploration, *_) = explored_by(CHAIN)
    assert 1 <= len(written([exploration], tasks=2)) <= 2


def test_an_incomplete_exploration_yields_nothing() -> None:
    (exploration, *_) = explored_by(CHAIN)
    broken = Exploration.model_validate({**exploration.model_dump(), "id": "", "completed": False})
    assert written([broken]) == []


def test_a_value_of_the_launch_line_is_no_hop() -> None:
    (exploration, *_) = explored_by(SHORT)
    given = next(call.call.arguments["reader_id"] for call in exploration.calls if call.call.arguments)
    base = known((exploration,))
    listings = [one.model_copy(update={"launch_values": (given,)}) for one in base.listings.values()]
    knowledge = Knowledge(listings, base.profiles.values(), base.recordings)
    found = write_tasks(exploration, writer=Template(), knowledge=knowledge, rng=Random(0))
    assert found and all(len(task.gold_calls) == 1 for task in found)
    assert all(mention(task.question, given) is None for task in found)


def cut(limit: int, servers: FunctionServers | None = None) -> list[Task]:
    """Tasks about a listing that is asked for with a limit."""
    backend = servers or library()

    def list_some(limit: int) -> Any:
        """List books in the library."""
        return {"books": BOOKS[:limit]}

    backend.functions[("catalogue", "list_some")] = list_some

    exploration = explored(("catalogue", "list_some", {"limit": limit}), servers=backend)
    base = known()
    profile = base.profiles[("catalogue", "list_books")].model_copy(update={"tool": "list_some"})
    knowledge = Knowledge(backend.listings(), [*base.profiles.values(), profile], [exploration.recording])
    return [
        task
        for seed in range(20)
        for task in write_tasks(exploration, writer=Template(tasks=9), knowledge=knowledge, rng=Random(seed))
    ]


def test_nothing_is_said_of_all_of_a_list_that_may_be_cut() -> None:
    assert {task.expression.op for task in cut(4)} == {"where"}
    assert {"sum", "max", "sort"} <= {task.expression.op for task in cut(50)}


def test_a_switch_says_what_is_listed_and_nothing_is_said_of_what_it_hides() -> None:
    def list_novels(printed: bool = False) -> Any:
        """List the books.

        printed: show only printed books
        """
        return {"books": BOOKS[:4] if printed else BOOKS}

    def list_works(everything: bool = False) -> Any:
        """List the works."""
        return {"works": BOOKS if everything else BOOKS[:4]}

    backend = FunctionServers({"shelf": [list_novels, list_works]})
    for tool, given, other in (
        ("list_novels", {"printed": True}, {}),
        ("list_works", {}, {"everything": True}),
    ):
        exploration = explored(("shelf", tool, given), servers=backend)
        knowledge = backend.knowledge([("shelf", tool, given), ("shelf", tool, other)])
        found = [
            task
            for seed in range(20)
            for task in write_tasks(
                exploration, writer=Template(tasks=9), knowledge=knowledge, rng=Random(seed)
            )
        ]
        if given:
            assert all("printed book" in task.question for task in found)
            assert {"sum", "max", "sort"} <= {task.expression.op for task in found}
        else:
            assert {task.expression.op for task in found} == {"where"}, "there are more works than these"


def test_a_value_found_in_one_place_is_not_used_in_another() -> None:
    servers = library()

    def find_page(book: str, word: str) -> Any:
        """Find pages that hold a word."""
        return {
            "hits": [
                {"page": 112, "word": word, "chapter": "Harbour"},
                {"page": 47, "word": word, "chapter": "Fog"},
            ]
        }

    def read_page(book: str, page: int) -> Any:
        """Read a page."""
        return {"page": page, "first": "Nobody had seen the ferry"}

    servers.functions |= {("catalogue", "find_page"): find_page, ("catalogue", "read_page"): read_page}

    def of(book: str) -> list[Task]:
        exploration = explored(
            ("catalogue", "find_page", {"book": "Salt Roads", "word": "ferry"}),
            ("catalogue", "read_page", {"book": book, "page": 47}),
            servers=servers,
        )
        reference = Expression(op="sort", call="c1", path=("hits",), field=("page",), by=("page",), limit=1)
        second = ExploredCall.model_validate(
            {**exploration.calls[1].model_dump(), "references": {"page": reference}}
        )
        exploration = Exploration.model_validate(
            {**exploration.model_dump(), "id": "", "calls": (exploration.calls[0], second)}
        )
        base = known()
        knowledge = Knowledge(servers.listings(), base.profiles.values(), [exploration.recording])
        return [
            task
            for seed in range(9)
            for task in write_tasks(exploration, writer=Template(), knowledge=knowledge, rng=Random(seed))
            if task.expression.op == "value"
        ]

    assert of("Salt Roads") and not of("Glass Harbour")


def test_rounding_and_types_are_fixed_by_the_format(tasks: list[tuple[Task, Exploration]]) -> None:
    for task, _ in tasks:
        value = task.answer.value
        if isinstance(value, float):
            assert "rounded to" in task.answer_format and task.answer.tolerance > 0
        elif isinstance(value, int):
            assert "in digits" in task.answer_format and task.answer.tolerance == 0
        elif isinstance(value, list):
            assert task.answer.ordered and "first" in task.answer_format
        elif task.answer.type == "date":
            assert "YYYY-MM-DD" in task.answer_format


def test_every_two_hop_chain_across_servers_names_what_is_passed() -> None:
    sub_dag = SubDag(
        nodes=(
            Node(id="n1", tool=("readers", "get_reader")),
            Node(id="n2", tool=("readers", "list_branches")),
        ),
        links=(Link(source="n1", target="n2", parameter="town", output_path=("town",)),),
    )
    found = written(explored_by(sub_dag))
    assert found and any("that town" in task.question for task in found if len(task.gold_calls) == 2)


def test_outputs_that_do_not_parse_yield_nothing() -> None:
    exploration = explored_by(ALONE)[0]
    step = exploration.calls[0].step
    story = step.model_copy(update={"observation": Observation(text="Five books.\n- Salt Roads\n- more")})
    call = exploration.calls[0].model_copy(update={"step": story})
    opaque = Exploration.model_validate({**exploration.model_dump(), "id": "", "calls": (call,)})
    assert written([exploration]) and not written([opaque])


@pytest.mark.parametrize(
    ("launch_values", "is_told"), [(("/workspace/a",), False), (("/workspace/a", "/workspace/b"), True)]
)
def test_a_place_of_the_launch_line_is_told_only_when_there_are_several(
    launch_values: tuple[str, ...], is_told: bool
) -> None:
    servers = library()

    def count_in(folder: str) -> Any:
        """Describe the shelves."""
        return {"shelf_count": 48}

    servers.functions[("catalogue", "count_in")] = count_in
    exploration = explored(("catalogue", "count_in", {"folder": "/workspace/a"}), servers=servers)
    knowledge = Knowledge(servers.listings(launch_values), (), [exploration.recording])
    (task,) = write_tasks(exploration, writer=Template(), knowledge=knowledge, rng=Random(0))
    assert ("folder a" in task.question) is is_told


def test_a_heading_is_no_row_of_the_table_below_it() -> None:
    servers = library()

    def read_sheet(sheet: str) -> Any:
        """Read the cells of a sheet."""
        return {"values": [["Code", "Pieces"], ["A-17", 40], ["B-23", 55], ["C-31", 72]]}

    servers.functions[("catalogue", "read_sheet")] = read_sheet
    exploration = explored(("catalogue", "read_sheet", {"sheet": "Stock"}), servers=servers)
    knowledge = Knowledge(servers.listings(), (), [exploration.recording])
    found = [
        task
        for seed in range(9)
        for task in write_tasks(exploration, writer=Template(tasks=9), knowledge=knowledge, rng=Random(seed))
    ]
    assert {task.expression.op for task in found} > {"where"}
    assert 4 not in {task.answer.value for task in found}
    assert all(
        agrees(task.answer, match(task, exploration.recording.steps).value(task.expression)) for task in found
    )


def test_two_values_of_one_item_are_singled_out_alike() -> None:
    servers = library()

    def get_copy(isbn: str, holder: str) -> Any:
        """Get the copy of a book."""
        return {"shelf": "North gallery, bay 7"}

    servers.functions[("catalogue", "get_copy")] = get_copy
    exploration = explored(
        ("catalogue", "list_books", {}),
        ("catalogue", "get_copy", {"isbn": "978-0-15", "holder": "R-29"}),
        servers=servers,
    )

    def reference(field: str) -> Expression:
        return Expression(
            op="sort", call="c1", path=("books",), field=(field,), by=("pages",), descending=True, limit=1
        )

    second = ExploredCall.model_validate(
        {
            **exploration.calls[1].model_dump(),
            "references": {"isbn": reference("isbn"), "holder": reference("lent_to")},
        }
    )
    exploration = Exploration.model_validate(
        {**exploration.model_dump(), "id": "", "calls": (exploration.calls[0], second)}
    )
    knowledge = Knowledge(servers.listings(), (), [exploration.recording])
    found = [
        task
        for seed in range(9)
        for task in write_tasks(exploration, writer=Template(), knowledge=knowledge, rng=Random(seed))
    ]
    assert found
    for task in found:
        isbn, holder = (task.gold_calls[-1].references[name] for name in ("isbn", "holder"))
        assert isbn.model_copy(update={"field": ()}) == holder.model_copy(update={"field": ()})


ORDERS = [
    {"order_id": "SO-5004", "contact_id": "C-1008", "sku": "AC-SPLIT", "total_aed": 4700.0},
    {"order_id": "SO-5009", "contact_id": "C-1006", "sku": "GAS-410", "total_aed": 1170.0},
    {"order_id": "SO-5010", "contact_id": "C-1005", "sku": "FILTER-7", "total_aed": 225.0},
]
CONTACTS = [
    {
        "id": "C-1005",
        "name": "Hassan Butt",
        "company": "Lahore Logistics",
        "city": "Dubai",
        "spent_eur": 120.5,
    },
    {"id": "C-1006", "name": "Bilal Saleh", "company": "JLT Offices", "city": "Dubai", "spent_eur": 88.0},
    {
        "id": "C-1008",
        "name": "Maya Sheikh",
        "company": "Nasser Trading",
        "city": "Sharjah",
        "spent_eur": 410.25,
    },
    {
        "id": "C-1013",
        "name": "Ali Sheikh",
        "company": "Pearl Pharmacy",
        "city": "Sharjah",
        "spent_eur": 95.75,
    },
    {
        "id": "C-1022",
        "name": "Amira Qureshi",
        "company": "Desert Rose Events",
        "city": "Sharjah",
        "spent_eur": 63.0,
    },
    {
        "id": "C-1011",
        "name": "Bilal Butt",
        "company": "Lahore Logistics",
        "city": "Sharjah",
        "spent_eur": 207.5,
    },
    {
        "id": "C-1007",
        "name": "Zain Fernandes",
        "company": "Skyline Facilities",
        "city": "Sharjah",
        "spent_eur": 31.9,
    },
]
PROJECTS = [
    {"id": f"0e{number}f8a2c-5b1d-4c36-9a70-1f2e3d4c5b6{number}", "name": name, "ends": ends}
    for number, (name, ends) in enumerate(
        [("Garden shed", "2026-07-15"), ("Photo archive", "2026-12-01"), ("Kitchen", "2026-05-30")]
    )
]


def list_orders() -> Any:
    """List all orders."""
    return {"orders": ORDERS}


def check_inventory(sku: str) -> Any:
    """Stock levels. Pass a SKU for one item."""
    return [{"sku": sku, "reorder_level": 30, "supplier": f"Supplier of {sku}"}]


def get_contact(contact_id: str) -> Any:
    """Full view of one contact."""
    return next(one for one in CONTACTS if one["id"] == contact_id)


def search_contacts(query: str) -> Any:
    """Find contacts by name or city."""
    return [one for one in CONTACTS if query.lower() in f"{one['name']} {one['city']}".lower()]


def list_projects() -> Any:
    """List all projects."""
    return PROJECTS


def told_of(*calls: tuple[str, dict[str, Any], dict[str, Expression]]) -> list[Task]:
    """Return what is asked of a chain of calls at one office, each with the references of its arguments."""
    servers = FunctionServers(
        {"office": [list_orders, check_inventory, get_contact, search_contacts, list_projects]}
    )
    exploration = explored(*(("office", name, given) for name, given, _ in calls), servers=servers)
    linked = [
        ExploredCall.model_validate({**call.model_dump(), "references": references})
        for call, (_, _, references) in zip(exploration.calls, calls, strict=True)
    ]
    exploration = Exploration.model_validate({**exploration.model_dump(), "id": "", "calls": linked})
    knowledge = Knowledge(servers.listings(), (), [exploration.recording])
    found = [
        task
        for seed in range(12)
        for task in write_tasks(exploration, writer=Template(), knowledge=knowledge, rng=Random(seed))
    ]
    assert found
    return found


def worded(found: Sequence[Task]) -> str:
    return "\n".join(text for task in found for text in (task.question, *task.phrasings))


def test_a_row_that_was_looked_up_by_its_key_is_called_by_what_it_was_looked_up_by() -> None:
    sku = Expression(op="sort", call="c1", path=("orders",), field=("sku",), by=("total_aed",), limit=1)
    asked = worded(
        told_of(("list_orders", {}, {}), ("check_inventory", {"sku": "FILTER-7"}, {"sku": sku})),
    )
    assert "reorder level of the SKU of the order with the lowest total in AED" in asked
    assert "only" not in asked and "inventory" not in asked


def test_a_thing_called_by_its_name_needs_no_search_that_leads_to_it() -> None:
    searched = told_of(("search_contacts", {"query": "Sheikh"}, {}))
    by_name = worded([task for task in searched if task.expression.op == "where"])
    assert "Maya Sheikh" in by_name and "matching" not in by_name
    city = Expression(op="value", call="c1", path=("city",))
    joined = told_of(
        ("get_contact", {"contact_id": "C-1013"}, {}),
        ("search_contacts", {"query": "Sharjah"}, {"query": city}),
    )
    assert {len(task.gold_calls) for task in joined} == {2}
    named = {condition.field for task in joined for condition in task.expression.where}
    assert not named & {("id",), ("name",)}
    assert "in the city of contact C-1013" in worded(joined)


def test_what_all_that_was_found_share_is_said_of_it() -> None:
    asked = worded(told_of(("search_contacts", {"query": "Dubai"}, {})))
    assert "matching" not in asked and "Dubai" in asked


def test_what_a_machine_drew_to_tell_things_apart_is_neither_asked_nor_said() -> None:
    found = told_of(("list_projects", {}, {}))
    assert any(task.answer.value in ("Photo archive", "Kitchen") for task in found)
    assert not any(
        one["id"] in worded(found) or one["id"] in str(task.answer.value)
        for task in found
        for one in PROJECTS
    )


def test_a_thing_is_not_called_by_what_is_shared_with_others() -> None:
    def orders_from(supplier: str) -> Any:
        """List the orders from a supplier."""
        return {"orders": [{"supplier": supplier, "order_id": "SO-5010", "weight": 41.5}], "page_count": 17}

    servers = FunctionServers({"office": [orders_from]})
    exploration = explored(("office", "orders_from", {"supplier": "SUP-7"}), servers=servers)
    knowledge = Knowledge(servers.listings(), (), [exploration.recording])
    asked = worded(
        [
            task
            for seed in range(9)
            for task in write_tasks(exploration, writer=Template(), knowledge=knowledge, rng=Random(seed))
        ]
    )
    assert "supplier SUP-7" in asked and "order SUP-7" not in asked


def test_the_sort_of_things_that_was_asked_for_is_said() -> None:
    def list_items(item_type: str) -> Any:
        """List items for current project with optional type filters."""
        return {"items": [{"title": name, "effort": effort} for name, effort in ITEMS]}

    servers = FunctionServers({"office": [list_items]})
    exploration = explored(("office", "list_items", {"item_type": "feature"}), servers=servers)
    knowledge = Knowledge(servers.listings(), (), [exploration.recording])
    found = [
        task
        for seed in range(9)
        for task in write_tasks(exploration, writer=Template(), knowledge=knowledge, rng=Random(seed))
    ]
    assert found and all(
        "feature item" in text for task in found for text in (task.question, *task.phrasings)
    )


ITEMS = [("Gift vouchers", 4), ("Barcode labels", 21), ("Email reminder", 15), ("Calendar export", 9)]
