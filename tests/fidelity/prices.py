"""A small stdio MCP server, standard library only: a price list in memory, in two versions.

usage: python prices.py 1|2

The second asks another price for bolts, has forgotten nuts, and tells weights by another name.
"""

from __future__ import annotations

import json
import sys

VERSION = int(sys.argv[1])
TEXT = {"type": "string"}
PRICES = {"bolt": 4, "nut": 2, "washer": 1} if VERSION == 1 else {"bolt": 5, "washer": 1}
WEIGHED = "item" if VERSION == 1 else "name"


def tool(name: str, /, *, read_only: bool = True, **properties: object) -> dict:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"name": name, "inputSchema": schema, "annotations": {"readOnlyHint": read_only}}


TOOLS = [
    tool("price", item=TEXT),
    tool("total"),
    tool("weight", **{WEIGHED: TEXT}),
    tool("set_price", read_only=False, item=TEXT, price={"type": "integer"}),
]


def answer(name: str, given: dict) -> dict:
    if name == "price":
        if given.get("item") not in PRICES:
            return failed(f"no item {given.get('item')}")
        return said({"item": given["item"], "price": PRICES[given["item"]]})
    if name == "set_price":
        PRICES[given["item"]] = given["price"]
        return said({"items": len(PRICES)})
    if name == "weight":
        return said({"grams": 7 * len(given[WEIGHED])}) if WEIGHED in given else failed("missing argument")
    return said({"total": sum(PRICES.values())})


def said(value: dict) -> dict:
    return {"content": [{"type": "text", "text": json.dumps(value)}], "isError": False}


def failed(text: str) -> dict:
    return {"content": [{"type": "text", "text": f"Error: {text}"}], "isError": True}


for line in sys.stdin:
    request = json.loads(line)
    if "id" not in request:
        continue
    params = request.get("params") or {}
    if request["method"] == "initialize":
        result = {
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "prices", "version": f"{VERSION}.0"},
        }
    elif request["method"] == "tools/list":
        result = {"tools": TOOLS}
    elif request["method"] == "tools/call":
        result = answer(params["name"], params.get("arguments") or {})
    else:
        result = {}
    print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}), flush=True)
