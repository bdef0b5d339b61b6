"""A small stdio MCP server, standard library only, that misbehaves as its arguments say.

usage: python misbehaving.py TRAIT ...        (see the functions and `LISTS` below)
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

TRAITS = set(sys.argv[1:])
NOTES: list[str] = []
ASKED: dict[int, str] = {}


def send(message: dict) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def tool(name: str, **more: object) -> dict:
    return {"name": name, "description": name, "inputSchema": {"type": "object", "properties": {}}, **more}


READ = {"annotations": {"readOnlyHint": True}}
TOOLS = [
    tool("echo", inputSchema={"type": "object", "properties": {"text": {"type": "string"}}}, **READ),
    tool("where", **READ),
    tool("read", inputSchema={"type": "object", "properties": {"path": {"type": "string"}}}, **READ),
    tool("write", inputSchema={"type": "object", "properties": {"path": {}, "text": {}}}),
    tool("remember"),
    tool("recall", **READ),
    tool("crash"),
    tool("last_words", **READ),
    tool("hang"),
    tool("doze"),
    tool("flood"),
    tool("unflagged"),
    tool("protocol_error"),
    tool("environment"),
    tool("grandchild"),
    tool("ask_roots"),
    tool("ask_sampling"),
    tool("ask_elicitation"),
    tool("picture"),
    tool(
        "wrong_structure",
        outputSchema={"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]},
    ),
    tool("not_a_number"),
]
LISTS = {
    "duplicates": [tool("twin"), tool("twin", description="the other"), tool("single")],
    "no_type": [{"name": "search", "inputSchema": {"properties": {"q": {"type": "string"}}}}, tool("fine")],
    "bad_schema": [
        tool("bad", inputSchema={"type": "object", "properties": {"a": {"type": "nonsense"}}}),
        tool("fine"),
    ],
    "remote_ref": [
        tool("far", inputSchema={"type": "object", "$ref": "https://example.com/s.json"}),
        tool("fine"),
    ],
    "nameless": [{"inputSchema": {"type": "object"}}, tool("fine")],
}


ROOTS = {"known": float("inf")}
"""When a server that asks for the roots has taken them in."""


def text(value: str, **more: object) -> dict:
    return {"content": [{"type": "text", "text": value}], **more}


def call(name: str, arguments: dict, request: object) -> dict | None:
    if "wants_roots" in TRAITS and time.monotonic() < ROOTS["known"]:
        return text("Access denied: outside of the roots", isError=True)
    if name == "echo":
        return text(str(arguments.get("text", "")))
    if name == "where":
        home, tmp = os.environ["HOME"], os.environ.get("TMPDIR")
        return text(f"cwd={Path.cwd()} home={home} tmp={tmp} uri={Path.cwd().as_uri()}")
    if name == "read":
        return text(Path(arguments["path"]).read_text())
    if name == "write":
        Path(arguments["path"]).write_text(str(arguments["text"]))
        return text(f"wrote {arguments['path']}")
    if name == "remember":
        NOTES.append("note")
        return text("noted")
    if name == "recall":
        return text(str(len(NOTES)))
    if name == "crash":
        sys.stderr.write("Traceback (most recent call last):\nRuntimeError: the disk is on fire\n")
        sys.stderr.flush()
        os._exit(7)
    if name == "last_words":
        send({"jsonrpc": "2.0", "id": request, "result": text("farewell")})
        os._exit(0)
    if name == "hang":
        while True:
            time.sleep(60)
    if name == "doze":
        return None  # no answer, but still there
    if name == "flood":
        return text("x" * int(arguments.get("size", 50_000_000)))
    if name == "unflagged":
        return text("Database error: no such table: nope")
    if name == "protocol_error":
        raise ValueError("bad parameters")
    if name == "environment":
        return text(json.dumps(dict(os.environ)))
    if name == "grandchild":
        child = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)",
            ],
            start_new_session="far" in arguments,
        )
        return text(str(child.pid))
    if name.startswith("ask_"):
        method = {
            "ask_roots": "roots/list",
            "ask_sampling": "sampling/createMessage",
            "ask_elicitation": "elicitation/create",
        }[name]
        params: dict = {}
        if name == "ask_sampling":
            params = {
                "messages": [{"role": "user", "content": {"type": "text", "text": "hi"}}],
                "maxTokens": 5,
            }
        if name == "ask_elicitation":
            params = {
                "message": "name?",
                "requestedSchema": {"type": "object", "properties": {"n": {"type": "string"}}},
            }
        ASKED[9000 + len(ASKED)] = str(request)
        send({"jsonrpc": "2.0", "id": 8999 + len(ASKED), "method": method, "params": params})
        return None
    if name == "picture":
        return {
            "content": [
                {"type": "image", "mimeType": "image/png", "data": "iVBORw0KGgo="},
                {"type": "text", "text": "seen"},
            ]
        }
    if name == "wrong_structure":
        return text("{}", structuredContent={"m": "no n"})
    if name == "not_a_number":
        return text("nan", structuredContent={"value": float("nan")})
    return text(f"Unknown tool {name}", isError=True)


def listing(params: dict) -> dict:
    for trait, tools in LISTS.items():
        if trait in TRAITS:
            return {"tools": tools}
    if "pages" in TRAITS or "same_cursor" in TRAITS:
        page = int(params.get("cursor", 0))
        again = {"nextCursor": "1" if "same_cursor" in TRAITS else str(page + 1)}
        return {"tools": [tool(f"t{page}")], **again}
    if "two_pages" in TRAITS:
        first = "cursor" not in params
        return {"tools": [tool("a" if first else "b")], **({"nextCursor": "2"} if first else {})}
    return {"tools": TOOLS}


def answer(message: dict) -> None:
    method, request = message.get("method"), message.get("id")
    if method is None and request == "roots":
        ROOTS["known"] = time.monotonic() + 0.03  # it looks at the folders first
        return
    if method is None:
        waiting = ASKED.pop(request, None)
        if waiting is not None:
            said = message.get("result") if "result" in message else {"refused": message["error"]["message"]}
            send({"jsonrpc": "2.0", "id": int(waiting), "result": text(json.dumps(said))})
        return
    if request is None:
        if "wants_roots" in TRAITS and method == "notifications/initialized":
            send({"jsonrpc": "2.0", "id": "roots", "method": "roots/list"})
        if "null_id" in TRAITS:
            send({"jsonrpc": "2.0", "id": None, "error": {"code": -32601, "message": "no such notification"}})
        return
    params = message.get("params") or {}
    if method == "initialize":
        if "rubbish" in TRAITS:
            send({"hello": "I am not an MCP server"})
            sys.stdout.flush()
            return
        version = "1999-01-01" if "old_protocol" in TRAITS else params["protocolVersion"]
        result = {
            "protocolVersion": version,
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "m", "version": "1"},
        }
        send({"jsonrpc": "2.0", "id": request, "result": result})
    elif method == "tools/list":
        send({"jsonrpc": "2.0", "id": request, "result": listing(params)})
    elif method == "tools/call":
        try:
            result = call(params["name"], params.get("arguments") or {}, request)
        except ValueError as error:
            send({"jsonrpc": "2.0", "id": request, "error": {"code": -32602, "message": str(error)}})
            return
        if result is not None:
            send({"jsonrpc": "2.0", "id": request, "result": result})
    elif method == "server/discover" and "dies_of_discover" in TRAITS:
        sys.exit(1)
    elif method == "ping":
        send({"jsonrpc": "2.0", "id": request, "result": {}})
    else:
        send({"jsonrpc": "2.0", "id": request, "error": {"code": -32601, "message": f"no method {method}"}})


def main() -> None:
    if "dies" in TRAITS:
        sys.stderr.write(
            "2026-01-01 10:00:00 starting\nModuleNotFoundError: No module named 'mcp.server.fastmcp'\n"
        )
        sys.exit(3)
    if "silent" in TRAITS:
        while True:
            time.sleep(60)
    if "stubborn" in TRAITS:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "slow" in TRAITS:
        time.sleep(0.7)
    if "noise" in TRAITS:
        print("Loading configuration ...\n{not json}\n[1, 2]\n\n\x1b[32mready\x1b[0m")
    if "starts_writing" in TRAITS:
        Path("made-at-start.txt").write_text("hello")
    for line in sys.stdin:
        if line.strip():
            answer(json.loads(line))
    if "stubborn" in TRAITS:
        while True:
            time.sleep(60)


main()
