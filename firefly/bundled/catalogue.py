"""Bundled server ``catalogue``: what the workshop lends, read from the workspace at every call.

python -m firefly.bundled.catalogue FOLDER
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from firefly.bundled.serving import (
    READ_ONLY,
    Arguments,
    BundledTool,
    Reply,
    ToolError,
    as_json,
    as_lines,
    serve,
)

_BRANCH = {"type": "string", "description": "Branch, as in list_branches"}
_BRANCH_FIELDS = {
    "branch_id": {"type": "string"},
    "name": {"type": "string"},
    "city": {"type": "string"},
    "timezone": {"type": "string"},
    "benches": {"type": "integer"},
    "opened_on": {"type": "string"},
}
_ITEM = {"type": "string", "description": "Identifier of an item, e.g. ITM-1234"}


class Catalogue:
    """The catalogue in one folder: ``branches.json``, ``items.csv``, ``remarks.json``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def tools(self) -> list[BundledTool]:
        """Return the server's tools."""
        return [
            BundledTool(
                "list_branches",
                "List the branches of the workshop with their city, time zone and when they opened.",
                self._list_branches,
                output={
                    "branches": {"type": "array", "items": {"type": "object", "properties": _BRANCH_FIELDS}}
                },
                hints=READ_ONLY,
            ),
            BundledTool(
                "list_items",
                "List the items of one branch, as CSV with a header line.",
                self._list_items,
                properties={"branch_id": _BRANCH},
                required=["branch_id"],
                hints=READ_ONLY,
            ),
            BundledTool(
                "get_item",
                "Get an item of the catalogue: name, kind, branch, shelf, daily fee and deposit.",
                self._get_item,
                properties={"item_id": _ITEM},
                required=["item_id"],
                hints=READ_ONLY,
            ),
            BundledTool(
                "search_items",
                "List the items whose name or kind holds a word.",
                self._search_items,
                properties={
                    "text": {"type": "string", "description": "Word to look for, upper or lower case"},
                    "max_results": {"type": "integer", "default": 20, "minimum": 1},
                },
                required=["text"],
                output={
                    "query": {"type": "string"},
                    "total": {"type": "integer"},
                    "items": {"type": "array", "items": {"type": "object"}},
                },
            ),
            BundledTool(
                "list_remarks",
                "List the remarks on an item, oldest first.",
                self._list_remarks,
                properties={"item_id": _ITEM},
                required=["item_id"],
            ),
            BundledTool(
                "add_remark",
                "Add a remark to an item. Remarks are kept in the catalogue's folder.",
                self._add_remark,
                properties={"item_id": _ITEM, "remark": {"type": "string", "minLength": 1}},
                required=["item_id", "remark"],
            ),
        ]

    def _items(self) -> list[dict[str, str]]:
        with (self._folder / "items.csv").open(encoding="utf-8", newline="") as lines:
            return list(csv.DictReader(lines))

    def _item(self, identifier: str) -> dict[str, str]:
        for item in self._items():
            if item["item_id"] == identifier:
                return item
        raise ToolError(f"No item {identifier!r} in the catalogue")

    def _remarks(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = json.loads((self._folder / "remarks.json").read_text(encoding="utf-8"))
        return found

    def _list_branches(self, arguments: Arguments) -> Reply:
        branches: list[dict[str, Any]] = json.loads(
            (self._folder / "branches.json").read_text(encoding="utf-8")
        )
        return as_json({"branches": branches})

    def _list_items(self, arguments: Arguments) -> Reply:
        items = [item for item in self._items() if item["branch_id"] == arguments["branch_id"]]
        if not items:
            raise ToolError(f"No branch {arguments['branch_id']!r}")
        out = io.StringIO()
        writer = csv.DictWriter(
            out, [key for key in items[0] if key != "branch_id"], lineterminator="\n", extrasaction="ignore"
        )
        writer.writeheader()
        writer.writerows(items)
        return Reply(out.getvalue())

    def _get_item(self, arguments: Arguments) -> Reply:
        return as_lines(self._item(arguments["item_id"]))

    def _search_items(self, arguments: Arguments) -> Reply:
        wanted = arguments["text"].casefold()
        found = [item for item in self._items() if wanted in f"{item['name']} {item['kind']}".casefold()]
        shown = [
            {"item_id": item["item_id"], "name": item["name"], "branch_id": item["branch_id"]}
            for item in found[: arguments.get("max_results", 20)]
        ]
        return as_json({"query": arguments["text"], "total": len(found), "items": shown})

    def _list_remarks(self, arguments: Arguments) -> Reply:
        self._item(arguments["item_id"])
        remarks = self._remarks().get(arguments["item_id"], [])
        return as_json({"item_id": arguments["item_id"], "count": len(remarks), "remarks": remarks})

    def _add_remark(self, arguments: Arguments) -> Reply:
        self._item(arguments["item_id"])
        remarks = self._remarks()
        mine = remarks.setdefault(arguments["item_id"], [])
        mine.append(arguments["remark"])
        text = json.dumps(remarks, indent=1, sort_keys=True, ensure_ascii=False)
        (self._folder / "remarks.json").write_text(text + "\n", encoding="utf-8")
        return Reply(f"Added remark {len(mine)} to {arguments['item_id']}")


def main(arguments: Sequence[str]) -> None:
    """Serve the catalogue in the folder that the only argument names."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        sys.exit(
            "usage: python -m firefly.bundled.catalogue FOLDER (a folder with branches.json and items.csv)"
        )
    serve("catalogue", Catalogue(Path(arguments[0])).tools())


if __name__ == "__main__":
    main(sys.argv[1:])
