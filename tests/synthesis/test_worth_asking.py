"""What is asked, what is not, and how it is said: explorations of one or two calls with odd outputs."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from firefly.knowledge import Knowledge
from firefly.records import Exploration, ExploredCall
from firefly.replay.expressions import evaluate
from firefly.replay.records import Expression, Observation, Task
from firefly.synthesis import write_tasks
from firefly.synthesis.answers import answer_of
from firefly.synthesis.clauses import PLACE
from firefly.synthesis.columns import collections
from firefly.synthesis.listed import Listed
from firefly.synthesis.picks import field_picks
from firefly.synthesis.template import Template
from tests.library_servers import explored, library

SHELVES = [
    {"code": "A-17", "hall": "North", "floor": "upper", "books": 40, "checked": "2026-01-03"},
    {"code": "B-23", "hall": "North", "floor": "upper", "books": 55, "checked": "2026-01-09"},
    {"code": "C-31", "hall": "North", "floor": "upper", "books": 72, "checked": "2026-02-01"},
    {"code": "D-44", "hall": "North", "floor": "lower", "books": 91, "checked": "2026-02-11"},
    {"code": "E-58", "hall": "South", "floor": "upper", "books": 23, "checked": "2026-03-05"},
    {"code": "F-60", "hall": "South", "floor": "lower", "books": 37, "checked": "2026-03-21"},
]


def asked(
    function: Any, arguments: dict[str, Any], passes: dict[str, Expression] | None = None
) -> list[Task]:
    """Return the tasks about what ``function`` returns; ``passes`` refer to the list of shelves."""
    servers = library()

    def list_shelves() -> Any:
        """List all shelves of the library."""
        return {"shelves": SHELVES}

    servers.functions[("catalogue", "list_shelves")] = list_shelves
    servers.functions[("catalogue", function.__name__)] = function
    first = [("catalogue", "list_shelves", dict[str, Any]())] if passes else []
    exploration = explored(*first, ("catalogue", function.__name__, arguments), servers=servers)
    last = ExploredCall.model_validate({**exploration.calls[-1].model_dump(), "references": passes or {}})
    exploration = Exploration.model_validate(
        {**exploration.model_dump(), "id": "", "calls": (*exploration.calls[:-1], last)}
    )
    plain = json.loads(exploration.calls[-1].step.observation.text)
    if isinstance(plain, str):  # a server that answers in text
        step = last.step.model_copy(update={"observation": Observation(text=plain)})
        recording = exploration.recording.model_copy(update={"steps": (step,), "id": ""})
        exploration = exploration.model_copy(
            update={"calls": (last.model_copy(update={"step": step}),), "recording": recording}
        )
    knowledge = Knowledge(servers.listings(), (), [exploration.recording])
    return [
        task
        for seed in range(12)
        for task in write_tasks(exploration, writer=Template(tasks=9), knowledge=knowledge, rng=Random(seed))
    ]


def test_a_field_that_a_parameter_sets_is_not_asked() -> None:
    def read_shelf(shelf: str, span: str = "") -> Any:
        """Read a shelf."""
        return {"shelf": shelf, "span": "A1 to F40", "keeper": "Lena Okafor"}

    assert {task.expression.path for task in asked(read_shelf, {"shelf": "A-17"})} == {("keeper",)}


def test_a_key_that_is_data_is_no_field_name() -> None:
    def trace(hall: str) -> Any:
        """Trace a hall."""
        return {"found": {"Targets": ["loan desk"]}, "keeper": "Lena Okafor"}

    assert {task.expression.path for task in asked(trace, {"hall": "Targets"})} == {("keeper",)}
    assert ("found", "Targets", 0) in {task.expression.path for task in asked(trace, {"hall": "North"})}


def test_a_quantity_is_asked_for_in_the_unit_that_stands_beside_it() -> None:
    said = {}
    for unit in ("kg", "1", "square metres"):
        picks = list(field_picks("c1", {"value": 29.4835, "dimension": unit}))
        assert [pick.expression.path for pick in picks] == [("value",)]
        said[unit] = answer_of(picks[0])
    assert said["kg"] and said["kg"][0].unit == "kg"
    assert said["kg"][1] == "Answer with the number only, in kg, rounded to 4 decimal places."
    assert said["1"] and said["1"][0].unit == "" and "in 1" not in said["1"][1]
    assert said["square metres"] and "in square metres" in said["square metres"][1]
    two = field_picks("c1", {"length": 2.5, "weight": 7.25, "weight_unit": "kg"})
    assert {pick.label: pick.unit for pick in two} == {"length": "", "weight": "kg"}


def listed() -> Listed:
    (collection,) = collections("c1", SHELVES)
    return Listed(collection, "shelf", cut_off=False, rng=Random(0))


def test_the_highest_of_those_that_share_a_value_can_be_meant() -> None:
    nouns = {pick.noun.replace(PLACE, ""): pick.value for pick in listed().items()}
    assert nouns["the code of the shelf with hall North that has the fewest books"] == "A-17"
    assert nouns["the code of the shelf with the fewest books"] == "E-58"


def test_two_conditions_are_joined_where_both_matter() -> None:
    totals = {pick.items: pick.value for pick in listed().folds() if pick.template == "total"}
    assert totals["shelves with hall North and floor upper"] == 40 + 55 + 72
    assert not any("South and floor" in items for items in totals), "too few to add up"


def test_things_on_one_side_of_a_round_value_are_asked_about() -> None:
    found = {pick.items: pick for pick in listed().folds() if pick.template == "count"}
    sided = [
        pick
        for pick in found.values()
        if pick.expression.where[:1] and pick.expression.where[0].compare != "equals"
    ]
    assert sided
    for pick in sided:
        (condition, *_) = pick.expression.where
        assert all(row[str(condition.field[0])] != condition.value for row in SHELVES), (
            "no item is on the edge"
        )
        assert evaluate(pick.expression, {"c1": SHELVES}) == pick.value


def test_nobody_names_a_thing_by_a_formula() -> None:
    rows = [{"formula": f"{n}7 * 3 - {n}", "title": f"Plan {'ABCD'[n]}{'x' * n} of May"} for n in range(4)]
    (collection,) = collections("c1", rows)
    picks = list(Listed(collection, "plan", cut_off=False, rng=Random(0)).items())
    assert picks and {str(pick.column.name) for pick in picks if pick.column} == {"formula"}


REFERENCE = Expression(
    op="where", call="c1", path=("shelves",), field=("code",), where=({"field": ("books",), "value": 55},)
)


@pytest.mark.parametrize(("hall", "is_asked"), [("North", True), ("South", False)])
def test_a_value_is_not_passed_beside_another_that_contradicts_its_item(hall: str, is_asked: bool) -> None:
    def get_keeper(code: str, hall: str) -> Any:
        """Get the keeper of a shelf."""
        return {"keeper": "Lena Okafor"}

    found = asked(get_keeper, {"code": "B-23", "hall": hall}, {"code": REFERENCE})
    assert bool(found) is is_asked


def test_words_that_single_out_one_value_state_no_other_that_is_passed() -> None:
    def get_keeper(code: str, checked: str) -> Any:
        """Get the keeper of a shelf."""
        return {"keeper": "Lena Okafor"}

    day = REFERENCE.model_copy(update={"field": ("checked",)})
    found = asked(get_keeper, {"code": "B-23", "checked": "2026-01-09"}, {"code": REFERENCE, "checked": day})
    assert len(found) == 12, "no attempt is lost to words that give the other value away"
    assert all("2026-01-09" not in task.question and "B-23" not in task.question for task in found)


@pytest.mark.parametrize(
    ("order", "is_asked"), [("code", True), ("hall", False), ("books", False), ("absent", False)]
)
def test_the_first_rows_are_spoken_of_only_where_none_can_tie(order: str, is_asked: bool) -> None:
    def run_query(query: str) -> Any:
        """Run a query."""
        return SHELVES[:5]

    found = asked(run_query, {"query": f"SELECT * FROM shelves ORDER BY {order} LIMIT 5"})
    assert bool(found) is is_asked
    assert asked(run_query, {"query": f"SELECT * FROM shelves ORDER BY {order} LIMIT 9"}) or order == "absent"


def test_items_of_a_table_in_text_form_are_rows_where_nothing_names_them() -> None:
    def show(name: str) -> Any:
        """Show the contents of a file."""
        return "code,keeper\nA-17,Lena Okafor\nB-23,Ivo Brandt\nC-31,Ada Moss\n"

    questions = [task.question for task in asked(show, {"name": "keepers"})]
    assert questions and all(" row " in one or " rows " in one for one in questions)
