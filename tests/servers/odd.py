"""A small stdio MCP server, standard library only, that is odd in the way that its argument says.

usage: python odd.py undescribed|lying|single|many|prose|failing|fickle
"""

from __future__ import annotations

import json
import random
import sys

KIND = sys.argv[1]
TEXT = {"type": "string"}
NAMES = [
    "Sorrel",
    "Lovage",
    "Borage",
    "Chervil",
    "Salsify",
    "Tansy",
    "Yarrow",
    "Comfrey",
    "Hyssop",
    "Rue",
    "Savory",
    "Dill",
    "Fennel",
    "Mallow",
    "Teasel",
]
RNG = random.Random(7)
HEIGHTS = RNG.sample(range(20, 300), len(NAMES))
LITRES = RNG.sample(range(3, 90), len(NAMES))
NUMBERS = RNG.sample(range(100, 999), len(NAMES))
PLANTS = [
    {
        "plant_id": f"PLT-{number}",
        "name": name,
        "bed": RNG.choice(("north", "south", "west")),
        "height_cm": height,
        "planted_on": f"2021-{RNG.randrange(3, 10):02}-{RNG.randrange(1, 29):02}",
    }
    for name, number, height in zip(NAMES, NUMBERS, HEIGHTS, strict=True)
]
GARDENERS = ("Mira Voss", "Omar Haddad", "Thea Moreau", "Ravi Quist", "Zora Obi", "Ivo Dahl", "Elif Sato")


def tool(name: str, description: str = "", **properties: object) -> dict:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"name": name, "description": description, "inputSchema": schema}


def find(plant_id: str) -> dict:
    return next(
        (plant for plant in PLANTS if plant["plant_id"] == plant_id), {"error": f"no plant {plant_id}"}
    )


def care(plant_id: str) -> dict:
    if "error" in find(plant_id):
        return find(plant_id)
    number = int(plant_id[-3:])
    litres = LITRES[NUMBERS.index(number)] / 4
    return {"plant_id": plant_id, "gardener": GARDENERS[number % len(GARDENERS)], "litres_a_week": litres}


LISTED = tool("list_plants", "List all plants.")
FOUND = tool("get_care", "Get the care record of one plant by its plant ID.", plant_id=TEXT)
TOOLS = {
    "undescribed": [{"name": name, "inputSchema": {"type": "object"}} for name in ("list_plants",)]
    + [
        {
            "name": "get_care",
            "inputSchema": {"type": "object", "properties": {"plant_id": {}}, "required": ["plant_id"]},
        }
    ],
    "lying": [
        LISTED,
        # no property is declared, one is wanted; another is declared as a number and is a text
        {"name": "get_care", "description": FOUND["description"], "inputSchema": {"type": "object"}},
        tool("get_height", "Get how high a plant is.", plant_id={"type": "integer", "minimum": 0}),
    ],
    "single": [LISTED],
    "many": [LISTED, FOUND, *(tool(f"set_option_{n:03}", "Set an option.", value=TEXT) for n in range(169))],
    "prose": [tool("tell_story", "Tell a story."), tool("tell_news", "Tell the news.")],
    "failing": [LISTED, FOUND],
    "fickle": [
        tool("get_reading", "Get the reading of the sensor."),
        tool("get_sample", "Get a sample of the soil."),
    ],
}[KIND]


def answer(name: str, arguments: dict) -> object:
    if KIND == "failing":
        raise ValueError("the greenhouse is locked")
    if KIND == "prose":
        return f"Once upon a time a {name[5:]} was told. It had no end, and nobody wrote it down."
    if KIND == "fickle":
        return {"value": random.random(), "other": random.randrange(10**9)}
    if name == "list_plants":
        return PLANTS
    if name.startswith("set_option"):
        return {"set": name, "value": arguments["value"]}
    if "plant_id" not in arguments:
        raise ValueError(
            'Invalid arguments: [{"expected": "string", "code": "invalid_type", "path": ["plant_id"], '
            '"message": "Invalid input: expected string, received undefined"}]'
        )
    given = arguments["plant_id"]
    if not isinstance(given, str):
        raise ValueError(f"plant_id must be a string such as 'PLT-317', not {given!r}")
    return (
        {"plant_id": given, "height": find(given).get("height_cm")} if name == "get_height" else care(given)
    )


def reply(method: str, params: dict) -> object:
    if method == "initialize":
        info = {"name": KIND, "version": "1"}
        return {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": info}
    if method == "tools/list":
        return {"tools": TOOLS}
    if method == "tools/call":
        try:
            found = answer(params["name"], params.get("arguments") or {})
        except ValueError as error:
            return {"content": [{"type": "text", "text": str(error)}], "isError": True}
        text = found if isinstance(found, str) else json.dumps(found)
        return {"content": [{"type": "text", "text": text}]}
    return {}


for line in sys.stdin:
    message = json.loads(line)
    if "id" in message and "method" in message:
        sent = {
            "jsonrpc": "2.0",
            "id": message["id"],
            "result": reply(message["method"], message.get("params") or {}),
        }
        print(json.dumps(sent), flush=True)
