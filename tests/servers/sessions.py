"""A stdio MCP server, standard library only, that makes up an identifier for each session it opens."""

from __future__ import annotations

import json
import secrets
import sys
from datetime import UTC, datetime

TOOLS = {"open": {}, "put": {"session": {"type": "string"}, "value": {"type": "number"}}}
TOOLS |= {"get": {"session": {"type": "string"}}, "list": {}}
SESSIONS: dict[str, object] = {}


def call(name: str, arguments: dict) -> str:
    if name == "open":
        session = f"sess_{secrets.token_hex(6)}"
        SESSIONS[session] = None
        return json.dumps({"session": session, "opened": datetime.now(UTC).isoformat()})
    if name == "list":
        return json.dumps(list(SESSIONS))
    if arguments.get("session") not in SESSIONS:
        raise ValueError(f"no session {arguments.get('session')}")
    if name == "put":
        SESSIONS[arguments["session"]] = arguments["value"]
    return json.dumps({"session": arguments["session"], "value": SESSIONS[arguments["session"]]})


def result(method: str, params: dict) -> dict:
    if method == "initialize":
        about = {"name": "sessions", "version": "1"}
        return {
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": about,
        }
    if method == "tools/list":
        made = [
            {"name": name, "inputSchema": {"type": "object", "properties": properties}}
            for name, properties in TOOLS.items()
        ]
        return {"tools": made}
    try:
        return {"content": [{"type": "text", "text": call(params["name"], params.get("arguments") or {})}]}
    except ValueError as error:
        return {"content": [{"type": "text", "text": str(error)}], "isError": True}


for line in sys.stdin:
    message = json.loads(line)
    if message.get("id") is not None:
        answer = {
            "jsonrpc": "2.0",
            "id": message["id"],
            "result": result(message["method"], message.get("params") or {}),
        }
        print(json.dumps(answer), flush=True)
