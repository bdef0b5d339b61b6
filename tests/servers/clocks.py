"""A server without any library that tells the time, waits, and tells a file's time."""

import datetime
import json
import sys
import time
from pathlib import Path

TOOL = {"name": "tell", "description": "Tell the time.", "inputSchema": {"type": "object"}}

for line in sys.stdin:
    message = json.loads(line)
    method = message.get("method")
    if method == "initialize":
        result = {
            "protocolVersion": message["params"]["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "clocks", "version": "1"},
        }
    elif method == "tools/list":
        result = {"tools": [TOOL]}
    elif method == "tools/call":
        before = time.monotonic()
        time.sleep(0.05)
        told = {
            "today": datetime.date.today().isoformat(),
            "slept": 0.04 < time.monotonic() - before < 5,
            "file": int(Path("a.txt").stat().st_mtime),
        }
        result = {"content": [{"type": "text", "text": json.dumps(told)}]}
    else:
        continue
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
