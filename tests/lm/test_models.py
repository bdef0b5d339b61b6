"""Asking models: roles, keys, addresses, tools, schemas, pace."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dspy
import pytest
from dspy.lm15 import Config, FunctionTool, Message, Request

from firefly.components import build
from firefly.errors import BudgetError, ConfigError, EndpointError
from firefly.lm.endpoints import known_price
from firefly.lm.ledger import Budget
from firefly.lm.models import Models, Settings
from firefly.lm.pace import Pace, backoff
from tests.lm.agent import Agent
from tests.lm.endpoint import Chat, Fault, Reply, ToolUse, endpoint
from tests.lm.fixtures import ask, make, models
from tests.lm.personalities import (
    BROKEN,
    DROPPED,
    RATE_LIMITED,
    empty,
    fails,
    first_fails,
    refuses_formally,
    says,
)
from tests.lm.personalities import truncated as truncates


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_comes_with_its_tokens_counted_streamed_or_not(stream: bool) -> None:
    with endpoint(says("Paris it is")) as there:
        asked = models(there.url, stream=stream)
        assert make(asked, "one", lambda: ask(asked, "Which capital?")) == "Paris it is"
        row = asked.ledger.sent()["total"]
        assert (row["calls"], row["uncounted"], there.requests[0].body.get("stream", False)) == (1, 0, stream)
        assert row["input_tokens"] > 0
        assert row["usd"] is None


def test_tokens_that_the_endpoint_does_not_count_are_estimated_and_told() -> None:
    with endpoint(says("some words of an answer", usage=False)) as there:
        asked = models(there.url, price={"input": 1.0, "output": 2.0})
        make(asked, "one", lambda: ask(asked, "Question " * 40))
        row = asked.ledger.sent()["total"]
        assert row["uncounted"] == 1
        assert 80 < row["input_tokens"] < 200
        assert row["usd"] == pytest.approx((row["input_tokens"] + 2 * row["output_tokens"]) / 1e6)


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_nobody_has_heard_of_calls_tools_with_the_schemas_as_declared(stream: bool) -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"n": {"type": ["integer", "null"]}, "next": {"$ref": "#/$defs/node"}},
        "required": ["n"],
        "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}},
    }
    with endpoint(lambda chat: Reply("", (ToolUse("count", {"n": 3}), ToolUse("count", {"n": 4})))) as there:
        asked = models(there.url, stream=stream)
        lm = asked.lm("explorer")
        assert lm.supports_function_calling
        request = Request(
            model=lm.model,
            messages=(Message.user("count"),),
            tools=(FunctionTool(name="count", parameters=schema),),
        )
        response = make(asked, "one", lambda: lm(request))
        assert [(call.name, call.input) for call in response.tool_calls] == [
            ("count", {"n": 3}),
            ("count", {"n": 4}),
        ]
        assert there.requests[0].tools[0]["parameters"] == schema


def test_a_model_without_tools_is_not_offered_any() -> None:
    asked = models("http://127.0.0.1:1/v1", tools=False, json_schema=False)
    assert not asked.lm("explorer").supports_function_calling
    assert type(asked.adapter("explorer")).__name__ == "ChatAdapter"


def test_a_module_is_held_to_a_json_schema() -> None:
    with endpoint(Agent({"answer": lambda chat: "42"})) as there:
        asked = models(there.url)

        def act() -> str:
            with asked.using("writer"):
                return str(dspy.Predict("question -> answer")(question="?").answer)

        assert make(asked, "one", act) == "42"
        assert there.requests[0].schema is not None
        assert dspy.settings.lm is None


def test_the_competent_agent_also_writes_marked_fields() -> None:
    with endpoint(Agent({"answer": lambda chat: "42"})) as there:
        asked = models(there.url, json_schema=False)

        def act() -> str:
            with asked.using("writer"):
                return str(dspy.Predict("question -> answer")(question="?").answer)

        assert make(asked, "one", act) == "42"


def test_settings_reach_the_request_and_a_request_s_own_win() -> None:
    with endpoint(says("ok")) as there:
        asked = models(
            there.url, temperature=0.5, max_tokens=77, extra_body={"top_k": 3}, headers={"x-gateway": "blue"}
        )
        lm = asked.lm("writer")
        make(asked, "one", lambda: lm("a"))
        own = Request(model=lm.model, messages=(Message.user("b"),), config=Config(temperature=0.1))
        make(asked, "two", lambda: lm(own))
        first, second = there.requests
        assert (first.body["temperature"], first.body["max_tokens"], first.body["top_k"]) == (0.5, 77, 3)
        assert first.headers["x-gateway"] == "blue"
        assert second.body["temperature"] == 0.1


# --- roles, keys, addresses ---------------------------------------------------------------------


def test_roles_have_models_of_their_own_and_share_what_they_do_not_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GATEWAY_TOKEN", "sesame-123")
    with endpoint(lambda chat: Reply(chat.body["model"])) as there:
        asked = models(
            there.url, key_variable="GATEWAY_TOKEN", roles={"judge": {"model": "big"}, "writer": {}}
        )
        assert make(asked, "one", lambda: [ask(asked, "hi", role) for role in ("writer", "judge")]) == [
            "test-model",
            "big",
        ]
        assert {chat.headers["authorization"] for chat in there.requests} == {"Bearer sesame-123"}
        assert asked.connection("writer") is asked.connection("explorer")
        assert "sesame" not in json.dumps([asked.settings.shape, asked.settings.addresses])
        assert there.url not in json.dumps(asked.settings.shape)


def test_one_role_alone_may_have_a_model() -> None:
    described = {"_target_": "firefly.lm.scripted.Scripted", "otherwise": "fine"}
    asked = Models(Settings.of({"mode": "live", "judge": described}))
    assert ask(asked, "well?", "judge") == "fine"
    with pytest.raises(ConfigError, match=r"role explorer has no model.*Roles with one: judge"):
        asked.lm("explorer")


def test_a_missing_key_is_one_line_that_names_the_variable_and_the_way_without() -> None:
    asked = Models(Settings.of({"_target_": "firefly.lm.endpoints.OpenAI", "model": "gpt-4.1-mini"}))
    with pytest.raises(EndpointError, match=r"OPENAI_API_KEY.*needs no key") as found:
        asked.check()
    assert "\n" not in str(found.value)


def test_an_address_where_nobody_answers_is_one_line_that_names_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
    asked = models(url, retries=1)
    with pytest.raises(EndpointError, match=rf"Nobody answers at {url}.*needs no key"):
        asked.check()
    with pytest.raises(EndpointError, match=rf"Nobody answers at {url}"):
        make(asked, "one", lambda: ask(asked, "anybody?"))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            Fault(401, message="bad key", code="invalid_api_key"),
            r"does not accept the key in GATEWAY_TOKEN: bad key",
        ),
        (Fault(403, message="no entry"), r"does not accept the key in GATEWAY_TOKEN"),
        (
            Fault(404, message="model not found", code="model_not_found"),
            r"has no model 'test-model'.*Set lm.model",
        ),
        (Fault(429, message="broke", code="insufficient_quota"), r"account behind .* is used up: broke"),
    ],
)
def test_what_no_request_can_get_past_ends_the_run_at_once(
    fault: Fault, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_TOKEN", "sesame-123")
    with endpoint(fails(fault)) as there:
        asked = models(there.url, key_variable="GATEWAY_TOKEN")

        def heedless() -> str:
            try:
                return ask(asked, "hi")
            except Exception:  # noqa: BLE001 - a component may catch what it likes
                return "went on"

        with pytest.raises(EndpointError, match=said) as found:
            make(asked, "one", heedless)
        assert "\n" not in str(found.value)
        assert "sesame" not in str(found.value)
        assert len(there.requests) == 1


def test_a_key_in_place_of_its_variable_s_name_is_refused_without_being_repeated() -> None:
    with pytest.raises(ConfigError, match="never the key itself") as found:
        build({"_target_": "firefly.lm.endpoints.OpenAI", "model": "m", "key_variable": "sk-proj-12345"})
    assert "12345" not in str(found.value)


# --- failures that pass ---------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "fault", [RATE_LIMITED, BROKEN, DROPPED, Fault(garbage="<html>Bad Gateway</html>"), Fault(hang=3.0)]
)
def test_passing_failures_are_sent_again_and_counted(
    fault: Fault, stream: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firefly.lm.engine.backoff", lambda attempt, asked: 0.01)
    with endpoint(first_fails(says("there you are"), fault)) as there:
        asked = models(there.url, stream=stream, timeout=0.5)
        assert make(asked, "one", lambda: ask(asked, "hello?")) == "there you are"
        assert len(there.requests) == 2
        assert asked.ledger.sent()["events"]["explorer"]["sent_again"] == 1
        assert asked.ledger.sent()["total"]["calls"] == 1


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_breaks_off_is_asked_for_again(stream: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firefly.lm.engine.backoff", lambda attempt, asked: 0.01)
    with endpoint(truncates(says("a rather long answer that is cut"))) as there:
        asked = models(there.url, stream=stream)
        assert make(asked, "one", lambda: ask(asked, "hello?")) == "a rather long answer that is cut"


def test_a_request_that_keeps_failing_fails_the_item_and_many_in_a_row_end_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("firefly.lm.engine.backoff", lambda attempt, asked: 0.0)
    with endpoint(fails(BROKEN)) as there:
        asked = models(there.url, retries=1, give_up=3)
        for item in ("one", "two"):
            with pytest.raises(dspy.LMServerError):
                make(asked, item, lambda: ask(asked, "hello?"))
        with pytest.raises(
            EndpointError, match=r"3 requests in a row failed at .* run the same command again"
        ):
            make(asked, "three", lambda: ask(asked, "hello?"))
        assert len(there.requests) == 6


def test_a_request_that_is_refused_for_what_it_is_is_not_sent_again() -> None:
    with endpoint(fails(Fault(400, message="too long", code="context_length_exceeded"))) as there:
        asked = models(there.url)
        with pytest.raises(dspy.ContextWindowExceededError):
            make(asked, "one", lambda: ask(asked, "hello?"))
        assert len(there.requests) == 1


@pytest.mark.parametrize("personality", [empty, refuses_formally])
def test_an_empty_answer_and_a_formal_refusal_are_answers(personality: Any) -> None:
    with endpoint(personality) as there:
        asked = models(there.url)
        lm = asked.lm("explorer")
        request = Request(model=lm.model, messages=(Message.user("hi"),))
        response = make(asked, "one", lambda: lm(request))
        assert response.message.parts
        assert asked.ledger.sent()["total"]["calls"] == 1


def test_waits_grow_with_jitter_and_an_endpoint_s_own_wish_is_honoured() -> None:
    drawn = [backoff(3, None) for _ in range(50)]
    assert all(2.0 <= one <= 4.0 for one in drawn)
    assert len(set(drawn)) > 40
    assert 7.0 <= backoff(1, 7.0) <= 7.7


# --- pace and budget ----------------------------------------------------------------------------


def many(asked: Models, count: int, threads: int) -> None:
    with ThreadPoolExecutor(threads) as pool:
        list(
            pool.map(lambda number: make(asked, str(number), lambda: ask(asked, f"n{number}")), range(count))
        )


def test_no_more_requests_are_under_way_than_allowed() -> None:
    with endpoint(says("ok", delay=0.05)) as there:
        many(models(there.url, concurrency=3), 12, 12)
        assert there.most_at_once == 3


def test_requests_and_tokens_a_minute_are_kept_to() -> None:
    for limits in ({"requests_per_minute": 600}, {"tokens_per_minute": 6000}):
        pace = Pace(concurrency=50, **{"requests_per_minute": None, "tokens_per_minute": None, **limits})
        started = time.monotonic()
        for _ in range(105):  # ten seconds' worth may go at once, the rest keeps to the rate
            with pace.turn(10):
                pass
        assert 0.3 < time.monotonic() - started < 3.0


@pytest.mark.parametrize(
    ("budget", "name", "answered"),
    [(Budget(calls=2), "calls", 2), (Budget(tokens=170), "tokens", 2), (Budget(usd=0.00017), "usd", 2)],
)
def test_a_budget_ends_the_run_and_what_is_recorded_is_free(
    budget: Budget, name: str, answered: int, tmp_path: Path
) -> None:
    with endpoint(says("ok")) as there:

        def four(asked: Models) -> list[str]:
            return [ask(asked, f"question {number} " + "x" * 240) for number in range(4)]

        prices = {"input": 1.0, "output": 1.0}
        asked = models(there.url, tmp_path, budget=budget, price=prices)
        with pytest.raises(BudgetError, match=rf"budget.{name}=.* run the same command again"):
            make(asked, "one", lambda: four(asked))
        assert len(there.requests) == answered
        again = models(there.url, tmp_path, price=prices)
        assert make(again, "one", lambda: four(again)) == ["ok"] * 4
        assert len(there.requests) == 4
        assert again.ledger.used(2)["per_verified_task"]["calls"] == 2


def test_dollars_can_be_limited_only_where_there_is_a_price() -> None:
    asked = models("http://127.0.0.1:1/v1", budget=Budget(usd=1.0))
    with pytest.raises(ConfigError, match=r"budget.usd needs the price of 'test-model'.*lm.price"):
        asked.check()
    assert known_price("gpt-4.1-mini") == (0.4, 1.6)


# --- the script and the agent ---------------------------------------------------------------------


def test_a_script_answers_by_what_it_hears_and_calls_tools() -> None:
    script = [
        {"when": "weather", "call": [{"name": "forecast", "arguments": {"city": "Rome"}}]},
        {"when": "thanks", "say": "you are welcome"},
    ]
    described = {"_target_": "firefly.lm.scripted.Scripted", "script": script, "otherwise": "pardon?"}
    asked = Models(Settings.of({"mode": "live", **described}))
    lm = asked.lm("explorer")
    response = lm(Request(model=lm.model, messages=(Message.user("the weather?"),)))
    assert [(call.name, call.input) for call in response.tool_calls] == [("forecast", {"city": "Rome"})]
    assert [ask(asked, text) for text in ("thanks", "eh")] == ["you are welcome", "pardon?"]
    asked.check()


def test_the_competent_agent_takes_arguments_from_what_it_saw_and_tries_again_after_an_error() -> None:
    agent = Agent()

    def function(name: str, *required: str) -> dict[str, Any]:
        properties = {one: {"type": "string"} for one in required}
        schema = {"type": "object", "properties": properties, "required": list(required)}
        return {"type": "function", "function": {"name": name, "parameters": schema}}

    tools = [function("get_order", "order_id"), function("list_orders"), function("other")]
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Call list_orders, then get_order."}]
    results = {"list_orders": '{"orders": [{"order_id": "A-1"}, {"order_id": "A-2"}]}'}
    made = []
    for _ in range(5):
        reply = agent(Chat({"messages": messages, "tools": tools}, {}, 0))
        if not reply.calls:
            break
        (call,) = reply.calls
        made.append((call.name, call.arguments))
        text = results.get(
            call.name, '{"total": 7}' if "A-2" in str(call.arguments) else "Error: no such order"
        )
        use = {"id": "x", "function": {"name": call.name, "arguments": json.dumps(call.arguments)}}
        messages += [
            {"role": "assistant", "tool_calls": [use]},
            {"role": "tool", "tool_call_id": "x", "content": text},
        ]
    assert made == [
        ("list_orders", {}),
        ("get_order", {"order_id": "A-1"}),
        ("get_order", {"order_id": "A-2"}),
    ]


def test_a_model_of_anthropic_is_asked_in_its_own_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sesame-123")
    asked = {}

    class Messages(BaseHTTPRequestHandler):
        def log_message(self, format: str, *arguments: Any) -> None:
            pass

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            asked.update(path=self.path, key=self.headers["x-api-key"], body=body)
            use = {"type": "tool_use", "id": "t1", "name": "count", "input": {"n": 3}}
            answer = {"id": "m", "type": "message", "role": "assistant", "model": "claude", "content": [use]}
            answer |= {"stop_reason": "tool_use", "usage": {"input_tokens": 9, "output_tokens": 4}}
            data = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    with HTTPServer(("127.0.0.1", 0), Messages) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        described = {"_target_": "firefly.lm.endpoints.Anthropic", "model": "claude-sonnet-4-5"}
        described["base_url"] = f"http://127.0.0.1:{server.server_address[1]}/v1"
        claude = Models(Settings.of({"mode": "live", **described}))
        lm = claude.lm("explorer")
        tools = (FunctionTool(name="count", parameters={"type": "object"}),)
        request = Request(model=lm.model, messages=(Message.user("count"),), tools=tools)
        response = make(claude, "one", lambda: lm(request))
        server.shutdown()
    assert [(call.name, call.input) for call in response.tool_calls] == [("count", {"n": 3})]
    assert (asked["path"], asked["key"]) == ("/v1/messages", "sesame-123")
    assert claude.ledger.sent()["total"]["usd"] == pytest.approx((9 * 3 + 4 * 15) / 1e6)


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_trickles_is_given_up_in_the_end(stream: bool) -> None:
    class Trickling(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *arguments: object) -> None:
            pass

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-type", "text/event-stream" if stream else "application/json")
            self.send_header("content-length", "100000")
            self.end_headers()
            with contextlib.suppress(OSError):
                while True:
                    self.wfile.write(b": \n\n" if stream else b" ")
                    time.sleep(0.02)

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Trickling) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        asked = models(url, stream=stream, deadline=0.2, retries=0)
        with pytest.raises(dspy.LMError, match=r"not complete after 0.2 s \(lm.deadline\)"):
            make(asked, "one", lambda: ask(asked, "hi"))
        server.shutdown()
