"""Bundled server ``desk``: who borrowed what. Its state is in memory only and starts from a file.

python -m firefly.bundled.desk FILE
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from firefly.bundled.serving import (
    DATE,
    READ_ONLY,
    WRITES,
    Arguments,
    BundledTool,
    Reply,
    ToolError,
    as_date,
    as_json,
    serve,
)

_LOAN_DAYS = 14
_MEMBER = {"type": "string", "description": "Member number, e.g. MEM-1234"}
_LOAN = {"type": "string", "description": "Loan number"}
_ITEM = {"type": "string", "description": "Identifier of the item in the catalogue"}

_LOAN_FIELDS = {
    "loan_id": {"type": "string"},
    "item_id": {"type": "string"},
    "member_id": {"type": "string"},
    "lent_on": {"type": "string"},
    "due_on": {"type": "string"},
    "status": {"type": "string"},
}

Row = dict[str, Any]


class Desk:
    """Members, loans and holds as they are now."""

    def __init__(self, members: list[Row], loans: list[Row]) -> None:
        self._members = {str(member["member_id"]): member for member in members}
        self._loans = {str(loan["loan_id"]): loan for loan in loans}
        self._holds: list[Row] = []

    def tools(self) -> list[BundledTool]:
        """Return the server's tools."""
        return [
            BundledTool(
                "list_members",
                "List the members of the workshop, each with a home branch and points.",
                self._list_members,
            ),
            BundledTool(
                "get_member",
                "Get a member of the workshop: name, home branch, points and open loans.",
                self._get_member,
                properties={"member_id": _MEMBER},
                required=["member_id"],
                output={
                    "member_id": {"type": "string"},
                    "name": {"type": "string"},
                    "branch_id": {"type": "string"},
                    "joined_on": {"type": "string"},
                    "points": {"type": "integer"},
                    "open_loans": {"type": "array", "items": {"type": "string"}},
                },
                hints=READ_ONLY,
            ),
            BundledTool(
                "list_loans",
                "List loans, newest first, optionally of one member or in one status.",
                self._list_loans,
                properties={
                    "member_id": {"anyOf": [_MEMBER, {"type": "null"}], "default": None},
                    "status": {"type": "string", "enum": ["open", "returned", "all"], "default": "all"},
                },
                hints=READ_ONLY,
            ),
            BundledTool(
                "get_loan",
                "Get a loan: item, member, dates and status.",
                self._get_loan,
                properties={"loan_id": _LOAN},
                required=["loan_id"],
            ),
            BundledTool(
                "item_history",
                "List the loans of an item, oldest first.",
                self._item_history,
                properties={"item_id": _ITEM},
                required=["item_id"],
                output={
                    "item_id": {"type": "string"},
                    "times_lent": {"type": "integer"},
                    "loans": {"type": "array", "items": {"type": "object", "properties": _LOAN_FIELDS}},
                },
            ),
            BundledTool(
                "check_out",
                f"Lend an item to a member for {_LOAN_DAYS} days. An item can be lent once at a time.",
                self._check_out,
                properties={"item_id": _ITEM, "member_id": _MEMBER, "lent_on": DATE},
                required=["item_id", "member_id", "lent_on"],
                hints=WRITES,
            ),
            BundledTool(
                "return_item",
                "Close a loan. The member earns ten points when the item is back in time.",
                self._return_item,
                properties={"loan_id": _LOAN, "returned_on": DATE},
                required=["loan_id", "returned_on"],
                hints=WRITES,
            ),
            BundledTool(
                "place_hold",
                "Reserve an item for a member once it is back.",
                self._place_hold,
                properties={"item_id": _ITEM, "member_id": _MEMBER},
                required=["item_id", "member_id"],
                hints=WRITES,
            ),
            BundledTool(
                "list_holds",
                "List the holds on an item in order of arrival.",
                self._list_holds,
                properties={"item_id": _ITEM},
                required=["item_id"],
                hints=READ_ONLY,
            ),
        ]

    def _member(self, identifier: str) -> Row:
        if identifier not in self._members:
            raise ToolError(f"Member {identifier!r} not found")
        return self._members[identifier]

    def _list_members(self, arguments: Arguments) -> Reply:
        return Reply(repr(list(self._members.values())))

    def _get_member(self, arguments: Arguments) -> Reply:
        member = self._member(arguments["member_id"])
        still_out = [
            loan["loan_id"]
            for loan in self._loans.values()
            if loan["member_id"] == member["member_id"] and loan["status"] == "open"
        ]
        return as_json({**member, "open_loans": still_out})

    def _list_loans(self, arguments: Arguments) -> Reply:
        status = arguments.get("status", "all")
        member = arguments.get("member_id")
        if member is not None:
            self._member(member)
        loans = [
            loan
            for loan in self._loans.values()
            if member in (None, loan["member_id"]) and status in ("all", loan["status"])
        ]
        loans.sort(key=lambda loan: (loan["lent_on"], loan["loan_id"]), reverse=True)
        return Reply(json.dumps({"count": len(loans), "loans": loans}))

    def _get_loan(self, arguments: Arguments) -> Reply:
        # as a good number of published servers do: a failure that only the text tells
        loan = self._loans.get(arguments["loan_id"])
        return Reply(repr(loan) if loan else f"Error: there is no loan {arguments['loan_id']}")

    def _item_history(self, arguments: Arguments) -> Reply:
        loans = [loan for loan in self._loans.values() if loan["item_id"] == arguments["item_id"]]
        if not loans:
            raise ToolError(f"Item {arguments['item_id']!r} was never lent")
        loans.sort(key=lambda loan: (loan["lent_on"], loan["loan_id"]))
        return as_json({"item_id": arguments["item_id"], "times_lent": len(loans), "loans": loans})

    def _check_out(self, arguments: Arguments) -> Reply:
        if arguments["member_id"] not in self._members:
            return Reply(f"Error: member {arguments['member_id']} is unknown")
        lent = as_date(arguments["lent_on"])
        for loan in self._loans.values():
            if loan["item_id"] == arguments["item_id"] and loan["status"] == "open":
                return Reply(f"Error: item {arguments['item_id']} is already lent, see {loan['loan_id']}")
        number = max((int(identifier.partition("-")[2]) for identifier in self._loans), default=1000) + 1
        loan = {
            "loan_id": f"LOA-{number}",
            "item_id": arguments["item_id"],
            "member_id": arguments["member_id"],
            "lent_on": lent.isoformat(),
            "due_on": (lent + timedelta(days=_LOAN_DAYS)).isoformat(),
            "status": "open",
        }
        self._loans[str(loan["loan_id"])] = loan
        return Reply(repr(loan))

    def _return_item(self, arguments: Arguments) -> Reply:
        loan = self._loans.get(arguments["loan_id"])
        if loan is None or loan["status"] != "open":
            raise ToolError(f"Loan {arguments['loan_id']!r} is not open")
        returned = as_date(arguments["returned_on"])
        if returned < date.fromisoformat(loan["lent_on"]):
            raise ToolError("An item can't come back before it was lent")
        loan["status"] = "returned"
        in_time = returned <= date.fromisoformat(loan["due_on"])
        member = self._members[loan["member_id"]]
        member["points"] += 10 if in_time else 0
        return as_json({"loan_id": loan["loan_id"], "in_time": in_time, "points": member["points"]})

    def _place_hold(self, arguments: Arguments) -> Reply:
        self._member(arguments["member_id"])
        hold = {"item_id": arguments["item_id"], "member_id": arguments["member_id"]}
        if hold in self._holds:
            raise ToolError("That member holds the item already")
        self._holds.append(hold)
        place = sum(one["item_id"] == hold["item_id"] for one in self._holds)
        return Reply(f"Hold placed for {hold['member_id']}, number {place} in line")

    def _list_holds(self, arguments: Arguments) -> Reply:
        line = [hold["member_id"] for hold in self._holds if hold["item_id"] == arguments["item_id"]]
        return Reply(json.dumps({"item_id": arguments["item_id"], "count": len(line), "members": line}))


def main(arguments: Sequence[str]) -> None:
    """Serve the desk whose members and loans are in the file that the only argument names."""
    if len(arguments) != 1 or not Path(arguments[0]).is_file():
        sys.exit("usage: python -m firefly.bundled.desk FILE (JSON with members and loans)")
    start = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    serve("desk", Desk(start["members"], start["loans"]).tools())


if __name__ == "__main__":
    main(sys.argv[1:])
