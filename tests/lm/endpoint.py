"""An OpenAI-compatible endpoint on loopback, for tests and benchmarks; what it says is a personality's.

A personality is a callable from `Chat` (one request) to `Reply` (an answer) or `Fault` (what goes wrong
instead); those of ``tests/lm/personalities.py`` can be wrapped around each other. Streaming or not is the
request's choice. Every request is kept in ``Endpoint.requests``.

    python -m tests.lm.endpoint PORT SECONDS     a process of its own that says "ok" after SECONDS
"""

from __future__ import annotations

import itertools
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Chat:
    """One request, as sent."""

    body: dict[str, Any]
    headers: dict[str, str]
    number: int
    """Of this endpoint, from 0, in the order of arrival."""

    @property
    def messages(self) -> list[dict[str, Any]]:
        return list(self.body.get("messages") or [])

    @property
    def tools(self) -> list[dict[str, Any]]:
        """Name, description and parameters of each tool on offer."""
        return [one["function"] for one in self.body.get("tools") or []]

    @property
    def schema(self) -> dict[str, Any] | None:
        """The JSON schema that the answer is held to."""
        wanted = self.body.get("response_format") or {}
        found: dict[str, Any] | None = (wanted.get("json_schema") or {}).get("schema")
        return found

    @property
    def text(self) -> str:
        """All that is said so far."""
        return "\n".join(text_of(message) for message in self.messages)

    def said_by(self, role: str) -> list[str]:
        return [text_of(message) for message in self.messages if message.get("role") == role]


@dataclass(frozen=True)
class ToolUse:
    """A tool call of an answer; ``arguments`` may be raw text, right or wrong."""

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """An answer."""

    text: str | None = ""
    calls: tuple[ToolUse, ...] = ()
    refusal: str | None = None
    delay: float = 0.0
    """Seconds."""
    usage: bool = True
    """Whether tokens are counted for the client."""
    finish: str = ""


@dataclass(frozen=True)
class Fault:
    """What goes wrong: an HTTP status, or a connection that ends or says nothing."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = "something went wrong"
    code: str = ""
    drop: bool = False
    """Close without a byte."""
    hang: float = 0.0
    """Seconds of silence before the connection is closed."""
    cut: Reply | None = None
    """Send the first half of this answer only."""
    garbage: str = ""
    """Send this text with status 200."""


Personality = Callable[[Chat], Reply | Fault]


class Endpoint:
    """The listening server."""

    def __init__(self, personality: Personality, port: int = 0) -> None:
        self.personality = personality
        self.requests: list[Chat] = []
        self.under_way = self.most_at_once = 0
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        endpoint = self

        class Handler(_Handler):
            owner = endpoint

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # a client that goes away is no fault of the test

        self._server = Server(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._closing = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def take(self, body: dict[str, Any], headers: dict[str, str]) -> Reply | Fault:
        with self._lock:
            chat = Chat(body, headers, next(self._numbers))
            self.requests.append(chat)
            self.under_way += 1
            self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            found = self.personality(chat)
            self._closing.wait(found.delay if isinstance(found, Reply) else found.hang)
            return found
        finally:
            with self._lock:
                self.under_way -= 1


@contextmanager
def endpoint(personality: Personality) -> Iterator[Endpoint]:
    """Listen while the block runs."""
    found = Endpoint(personality)
    found.start()
    try:
        yield found
    finally:
        found.stop()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    owner: Endpoint

    def log_message(self, format: str, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._send(200, json.dumps({"object": "list", "data": [{"id": "any", "object": "model"}]}).encode())

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if not self.path.endswith("/chat/completions"):
            self._send(404, json.dumps({"error": {"message": f"no such path: {self.path}"}}).encode())
            return
        found = self.owner.take(body, {key.lower(): value for key, value in self.headers.items()})
        if isinstance(found, Fault):
            self._fail(found, body)
        else:
            self._answer(found, body)

    def _fail(self, fault: Fault, body: dict[str, Any]) -> None:
        if fault.cut is not None:
            self._answer(fault.cut, body, cut=True)
        elif fault.garbage:
            self._send(200, fault.garbage.encode())
        elif fault.status:
            error = {"message": fault.message, "code": fault.code or None, "type": "error"}
            self._send(fault.status, json.dumps({"error": error}).encode(), fault.headers)
        else:
            self._break()

    def _answer(self, reply: Reply, body: dict[str, Any], *, cut: bool = False) -> None:
        if body.get("stream"):
            self._stream(reply, body, cut=cut)
            return
        whole = json.dumps(completion(reply, body)).encode()
        if not cut:
            self._send(200, whole)
            return
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(whole)))
        self.end_headers()
        self.wfile.write(whole[: len(whole) // 2])
        self._break()

    def _stream(self, reply: Reply, body: dict[str, Any], *, cut: bool) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        pieces = list(chunks(reply, body))
        for piece in pieces[: len(pieces) // 2] if cut else pieces:
            self.wfile.write(f"data: {json.dumps(piece)}\n\n".encode())
        if cut:
            self._break()
            return
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def _send(self, status: int, data: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _break(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)


def completion(reply: Reply, body: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text}
    if reply.refusal is not None:
        message["refusal"] = reply.refusal
    if reply.calls:
        message["tool_calls"] = [_call(number, one) for number, one in enumerate(reply.calls)]
    found = {
        "id": "chatcmpl-test",
        "object": "chat.completion",
        "model": body.get("model"),
        "choices": [{"index": 0, "message": message, "finish_reason": _finish(reply)}],
    }
    return {**found, "usage": usage(reply, body)} if reply.usage else found


def chunks(reply: Reply, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the pieces of a streamed answer: some letters, or some of a call's arguments, at a time."""
    head = {"id": "chatcmpl-test", "object": "chat.completion.chunk", "model": body.get("model")}

    def piece(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    yield piece({"role": "assistant", "content": ""})
    text = reply.text or ""
    for start in range(0, len(text), 7):
        yield piece({"content": text[start : start + 7]})
    for number, one in enumerate(reply.calls):
        call = _call(number, one)
        arguments = call["function"]["arguments"]
        start_of = {**call, "index": number, "function": {"name": one.name, "arguments": ""}}
        yield piece({"tool_calls": [start_of]})
        for start in range(0, len(arguments), 7):
            part = {"index": number, "function": {"arguments": arguments[start : start + 7]}}
            yield piece({"tool_calls": [part]})
    yield piece({}, _finish(reply))
    if reply.usage and (body.get("stream_options") or {}).get("include_usage"):
        yield {**head, "choices": [], "usage": usage(reply, body)}


def usage(reply: Reply, body: dict[str, Any]) -> dict[str, int]:
    asked = len(json.dumps([body.get("messages"), body.get("tools"), body.get("response_format")])) // 4
    said = len(json.dumps([reply.text, [[one.name, one.arguments] for one in reply.calls]])) // 4
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}


def text_of(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return ""


def _call(number: int, one: ToolUse) -> dict[str, Any]:
    arguments = one.arguments if isinstance(one.arguments, str) else json.dumps(dict(one.arguments))
    return {
        "id": f"call_{number}",
        "type": "function",
        "function": {"name": one.name, "arguments": arguments},
    }


def _finish(reply: Reply) -> str:
    return reply.finish or ("tool_calls" if reply.calls else "stop")


if __name__ == "__main__":
    serving = Endpoint(
        lambda chat: Reply("[[ ## answer ## ]]\nok", delay=float(sys.argv[2])), int(sys.argv[1])
    )
    print(serving.url, flush=True)
    serving.start()
    while True:
        time.sleep(3600)
