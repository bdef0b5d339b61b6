"""The bundled servers as a client meets them: real processes, spoken to with the official SDK."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters, stdio_client

from firefly.replay.parsers import parse_text
from firefly.worlds.workshop import Workshop

Call = tuple[str, dict[str, Any]]


@pytest.fixture
def workshop(tmp_path: Path) -> Path:
    Workshop(seed=0).build(tmp_path)
    return tmp_path


def talk(name: str, workshop: Path, calls: Sequence[Call], mode: str = "legacy") -> list[Any]:
    """Start a server, make the calls in one session, return (text, structured, is_error) of each."""
    paths = {"catalogue": [str(workshop / "catalogue")], "desk": [str(workshop / "desk.json")], "almanac": []}
    command = StdioServerParameters(
        command=sys.executable, args=["-m", f"firefly.bundled.{name}", *paths[name]]
    )

    async def run() -> list[Any]:
        found = []
        async with Client(stdio_client(command), mode=mode, read_timeout_seconds=30) as client:
            await client.list_tools()
            for tool, arguments in calls:
                result = await client.call_tool(tool, arguments)
                found.append((result.content[0].text, result.structured_content, bool(result.is_error)))
        return found

    return asyncio.run(run())


def first_loan(workshop: Path, status: str) -> dict[str, Any]:
    loans = json.loads((workshop / "desk.json").read_text())["loans"]
    return next(loan for loan in loans if loan["status"] == status)


def test_the_catalogue_answers_in_json_csv_and_lines_that_parse_without_loss(workshop: Path) -> None:
    ((text, structured, _),) = talk("catalogue", workshop, [("list_branches", {})])
    branch = structured["branches"][0]["branch_id"]
    assert json.loads(text) == structured
    ((listed, _, _),) = talk("catalogue", workshop, [("list_items", {"branch_id": branch})])
    rows = parse_text(listed)
    assert rows is not None and rows.parser == "csv"
    item = rows.value[0]["item_id"]  # type: ignore[index,call-overload]
    (one, found) = talk(
        "catalogue",
        workshop,
        [("get_item", {"item_id": item}), ("search_items", {"text": "A", "max_results": 3})],
    )
    card = parse_text(one[0])
    assert card is not None and card.value["branch_id"] == branch  # type: ignore[index,call-overload]
    assert len(found[1]["items"]) == 3 < found[1]["total"]


def test_a_remark_is_kept_in_the_workspace_and_seen_by_the_next_session(workshop: Path) -> None:
    item = first_loan(workshop, "open")["item_id"]
    before, _ = talk(
        "catalogue",
        workshop,
        [("list_remarks", {"item_id": item}), ("add_remark", {"item_id": item, "remark": "lid lost"})],
    )
    (after,) = talk("catalogue", workshop, [("list_remarks", {"item_id": item})])
    assert json.loads(after[0])["remarks"] == [*json.loads(before[0])["remarks"], "lid lost"]


def test_the_desk_keeps_its_state_in_memory_only(workshop: Path) -> None:
    files = {path: path.read_bytes() for path in workshop.rglob("*") if path.is_file()}
    item = first_loan(workshop, "open")["item_id"]
    member = first_loan(workshop, "open")["member_id"]
    holds: Call = ("list_holds", {"item_id": item})
    placed = talk(
        "desk", workshop, [holds, ("place_hold", {"item_id": item, "member_id": member}), holds, holds]
    )
    assert json.loads(placed[0][0])["count"] == 0
    assert placed[2] == placed[3]
    assert json.loads(placed[2][0])["members"] == [member]
    assert json.loads(talk("desk", workshop, [holds])[0][0])["count"] == 0
    assert files == {path: path.read_bytes() for path in workshop.rglob("*") if path.is_file()}


def test_returning_and_lending_change_what_later_reads_answer(workshop: Path) -> None:
    loan = first_loan(workshop, "open")
    history: Call = ("item_history", {"item_id": loan["item_id"]})
    card: Call = ("get_member", {"member_id": loan["member_id"]})
    lend: Call = (
        "check_out",
        {"item_id": loan["item_id"], "member_id": loan["member_id"], "lent_on": "2024-03-01"},
    )
    back: Call = ("return_item", {"loan_id": loan["loan_id"], "returned_on": loan["due_on"]})
    answers = talk("desk", workshop, [history, card, lend, back, card, lend, history])
    assert answers[2] == (
        f"Error: item {loan['item_id']} is already lent, see {loan['loan_id']}",
        None,
        False,
    )
    assert answers[4][1]["points"] == answers[1][1]["points"] + 10
    assert loan["loan_id"] in answers[1][1]["open_loans"]
    assert loan["loan_id"] not in answers[4][1]["open_loans"]
    assert parse_text(answers[5][0]).value["due_on"] == "2024-03-15"  # type: ignore[union-attr,index,call-overload]
    assert answers[6][1]["times_lent"] == answers[0][1]["times_lent"] + 1


def test_lists_of_the_desk_are_python_literals_and_json(workshop: Path) -> None:
    members, loans, loan = talk(
        "desk",
        workshop,
        [
            ("list_members", {}),
            ("list_loans", {"status": "open"}),
            ("get_loan", {"loan_id": first_loan(workshop, "returned")["loan_id"]}),
        ],
    )
    parsed = [parse_text(answer[0]) for answer in (members, loans, loan)]
    assert [one.parser if one else None for one in parsed] == ["python", "json", "python"]
    assert parsed[1].value["count"] == 5  # type: ignore[union-attr,index,call-overload]


def test_errors_come_with_a_flag_and_without(workshop: Path) -> None:
    flagged, unflagged, invalid, unknown = talk(
        "desk",
        workshop,
        [
            ("get_member", {"member_id": "MEM-0000"}),
            ("get_loan", {"loan_id": "LOA-0000"}),
            ("get_member", {}),
            ("get_memebr", {"member_id": "MEM-0000"}),
        ],
    )
    assert flagged == ("Member 'MEM-0000' not found", None, True)
    assert unflagged == ("Error: there is no loan LOA-0000", None, False)
    assert invalid[0].startswith("Input validation error: 'member_id' is a required property")
    assert unknown == ("Unknown tool: get_memebr", None, True)


def test_the_almanac_has_two_volatile_tools_beside_repeatable_ones(workshop: Path) -> None:
    calls: list[Call] = [
        ("now", {}),
        ("draw_ticket", {}),
        ("describe_date", {"date": "2020-02-29"}),
        ("days_between", {"start": "2020-02-28", "end": "2020-03-09"}),
        ("add_days", {"date": "2019-12-31", "days": 60}),
        ("loan_cost", {"daily_fee": 2.5, "days": 10}),
        ("loan_cost", {"daily_fee": 2.5}),
        ("add_days", {"date": "yesterday", "days": 1}),
    ]
    one, two = talk("almanac", workshop, calls), talk("almanac", workshop, calls)
    assert [a == b for a, b in zip(one, two, strict=True)] == [
        False,
        False,
        True,
        True,
        True,
        True,
        True,
        True,
    ]
    assert one[2][0].splitlines()[1:] == [
        "weekday: Saturday",
        "iso_week: 9",
        "day_of_year: 60",
        "quarter: Q1",
    ]
    assert one[3][1] == {"days": 10, "open_days": 8}  # Sundays 1 and 8 March
    assert one[4][1] == {"date": "2020-02-29", "weekday": "Saturday"}
    assert one[5][1] == {"cost": 24.25, "reduced_days": 3}
    assert one[6][1] == {"cost": 33.25, "reduced_days": 7}
    assert one[7][2]


def test_servers_also_speak_the_newest_protocol(workshop: Path) -> None:
    ((text, _, error),) = talk("almanac", workshop, [("describe_date", {"date": "2021-01-01"})], mode="auto")
    assert not error
    assert "quarter: Q1" in text
