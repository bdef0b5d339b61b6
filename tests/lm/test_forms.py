"""Models as endpoints hand them out: thoughts aloud, prose, calls written as text, odd streams."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from firefly.lm.calls import Wanted, understood
from firefly.lm.prompt import Prompt
from firefly.lm.using_tools import shown
from firefly.replay.records import Observation, Tool, ToolCall
from firefly.replay.tool_set import ToolSet
from firefly.synthesis.faithful import Needs, faults
from tests.exploration.test_react import explore, passed
from tests.lm.agent import Agent
from tests.lm.competent import competent
from tests.lm.endpoint import Chat, Fault, Personality, Reply, ToolUse, completion, endpoint
from tests.lm.fixtures import make, models
from tests.lm.personalities import in_turns
from tests.lm.test_writing import SHORT_ONE, backward, writes
from tests.lm.writing import FIELDS

THOUGHT = 'Maybe {"calls": [], "said": "x"} or {"tasks": []}? [[ ## tasks ## ]] Answer: 12 {no\n</think>\n\n'
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("find_orders", {"status": "paid"}),
    ("get_person", {"customer_id": "CUS-73"}),
]
STEP = [("find_orders", "get_person", "customer_id")]


def edited(inner: Personality, edit: Callable[[dict[str, Any], Chat], Any]) -> Personality:
    """Another body than the API's description has it; text is sent as it is."""

    def act(chat: Chat) -> Reply | Fault:
        found = inner(chat)
        assert isinstance(found, Reply)
        body = edit(completion(found, chat.body), chat)
        return Fault(garbage=body if isinstance(body, str) else json.dumps(body))

    return act


def scripted(form: Callable[[str, str], Reply]) -> Personality:
    """Both calls of the chain, each in ``form(name, arguments)``."""
    return in_turns(*(form(name, json.dumps(arguments)) for name, arguments in CALLS), Reply("Done."))


def message(body: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = body["choices"][0]["message"]
    return found


@pytest.mark.parametrize(
    "form",
    [
        '<tool_call>\n{{"name": "{0}", "arguments": {1}}}\n</tool_call>',
        '[TOOL_CALLS] [{{"name": "{0}", "arguments": {1}}}]',
        'Like so:\n```json\n{{"name": "{0}", "parameters": {1}}}\n```',
        "<function={0}>{1}</function>",
        '{{"tool_calls": [{{"type": "function", "function": {{"name": "{0}", "arguments": {1}}}}}]}}',
    ],
)
def test_calls_that_a_model_writes_into_its_text_are_made(form: str) -> None:
    with endpoint(scripted(lambda name, given: Reply(form.format(name, given)))) as there:
        assert passed(explore(there)) == STEP


def test_a_call_in_a_thought_is_not_made_and_one_after_it_is() -> None:
    def aloud(start: str) -> Personality:
        return scripted(
            lambda name, given: Reply(
                f'{start}{{"name": "list_orders", "arguments": {{}}}} {THOUGHT}<tool_call>'
                f'{{"name": "{name}", "arguments": {given}}}</tool_call>'
            )
        )

    for start in ("<think>", ""):  # some prompts end with the tag, so that answers have its end only
        with endpoint(aloud(start)) as there:
            assert [one.call.tool for one in explore(there).calls] == [name for name, _ in CALLS]
            assert all("think" not in text for chat in there.requests for text in chat.said_by("assistant"))


def test_thoughts_and_words_around_the_json_are_no_part_of_what_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    agent = competent()
    wanted = writes(agent, backward, [SHORT_ONE])[0]
    assert wanted
    for before, after in (
        (f"<think>{THOUGHT}", ""),
        (THOUGHT, ""),
        ('Sure {as you wish}! I read {"source": 1}.\n```json\n', '\n```\nBut {this} is {"my": "opinion"}.'),
    ):

        def act(chat: Chat, before: str = before, after: str = after) -> Reply:
            found = agent(chat)
            return replace(found, text=f"{before}{found.text}{after}")

        assert writes(act, backward, [SHORT_ONE]) == (wanted, {})


def test_a_list_alone_is_the_one_field_that_is_asked_for() -> None:
    with endpoint(lambda chat: Reply('["a", "b"]')) as there:
        asked = models(there.url)
        prompt = Prompt(asked, "writer", instructions="", inputs={}, outputs={"names": (list[str], "")})
        assert make(asked, "one", lambda: prompt.ask().names) == ["a", "b"]


def test_of_an_answer_what_fits_is_read_and_the_rest_is_counted() -> None:
    agent = competent()
    wanted = writes(agent, backward, [SHORT_ONE])[0]

    write = agent.fields["tasks"]

    def adds(chat: Chat) -> Any:
        more = [{**one, "answer": "Lund"} for one in write(chat)]
        other = [{**one, "formula": {**one["formula"], "filter": "size > 5"}} for one in more]
        return more + other  # the filter means something

    agent.fields["tasks"] = adds
    for form in ({}, {"json_schema": False}):
        made, events = writes(agent, backward, [SHORT_ONE], **form)
        assert len(made) == len(wanted)
        assert events["writer"] == {"unreadable_entry": len(wanted)}


def test_an_answer_that_ends_for_want_of_tokens_is_counted(capfd: pytest.CaptureFixture[str]) -> None:
    thinking = f"<think>{THOUGHT.removesuffix('</think>')}".replace("</think>", "")
    found, events = writes(lambda chat: Reply(thinking, finish="length"), backward, [SHORT_ONE])
    assert not found
    assert events["writer"]["cut_short"] == events["writer"]["unreadable"] > 0
    assert "truncated" not in capfd.readouterr().err


def test_parallel_calls_of_one_id_get_a_result_each() -> None:
    def alike(body: dict[str, Any], chat: Chat) -> dict[str, Any]:
        calls = message(body).get("tool_calls") or []
        message(body)["tool_calls"] = [{**one, "id": "same"} for one in calls * 2]
        return body

    with endpoint(edited(scripted(lambda name, given: Reply("", (ToolUse(name, given),))), alike)) as there:
        assert passed(explore(there)) == STEP
        told = there.requests[1].messages
        asked = [call["id"] for one in told for call in one.get("tool_calls") or ()]
        assert asked == [one["tool_call_id"] for one in told if one["role"] == "tool"]
        assert len(asked) == len(set(asked)) == 2


@pytest.mark.parametrize(
    "odd",
    [
        lambda body: {**body, "choices": [{"message": {"role": "assistant", "content": None}}]},
        lambda body: {**body, "choices": []},
        lambda body: {**body, "choices": None},
    ],
)
def test_nothing_at_all_is_no_end_of_the_work(
    odd: Callable[[dict[str, Any]], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firefly.lm.engine.backoff", lambda attempt, asked: 0.0)
    made = scripted(lambda name, given: Reply("", (ToolUse(name, given),)))
    with endpoint(edited(made, lambda body, chat: odd(body) if chat.number == 1 else body)) as there:
        explore(there)
        assert len(there.requests) > 2


def test_arguments_that_are_encoded_twice_or_written_as_python_does_are_read() -> None:
    for form in (json.dumps, lambda given: str(json.loads(given))):

        def act(name: str, given: str, form: Callable[[str], str] = form) -> Reply:
            return Reply("", (ToolUse(name, form(given)),))

        with endpoint(scripted(act)) as there:
            assert passed(explore(there)) == STEP
    none = in_turns(Reply("", (ToolUse("list_orders", "null"),)), Reply("Done."))
    with endpoint(none) as there:
        assert [one.call.arguments for one in explore(there).calls] == [{}]


@pytest.mark.parametrize("index", [{}, {"index": 0}])
def test_streamed_calls_without_a_number_are_kept_apart_and_odd_pieces_are_joined(
    index: dict[str, int],
) -> None:
    def streamed(body: dict[str, Any], chat: Chat) -> str:
        pieces: list[dict[str, Any]] = [{"role": "assistant", "content": None}]
        for number, one in enumerate((message(body).get("tool_calls") or []) * 2):
            arguments = one["function"]["arguments"]
            start = {**one, **index, "id": f"c{number}", "function": {"name": one["function"]["name"]}}
            letters = [{**index, "id": None, "function": {"name": None, "arguments": x}} for x in arguments]
            pieces += [{"tool_calls": [piece]} for piece in (start, *letters)]
        deltas = [{"index": 0, "delta": piece, "finish_reason": None} for piece in pieces]
        deltas.append({"index": 0, "delta": {}, "finish_reason": "stop"})
        events = [f"event: message\r\ndata:{json.dumps({'choices': [one]})}" for one in deltas]
        return "\r\n\r\n".join([": ping", *events, "data: [DONE]", ""])

    made = scripted(lambda name, given: Reply("", (ToolUse(name, given),)))
    with endpoint(edited(made, streamed)) as there:
        found = explore(there, connection={"stream": True})
        assert passed(found) == STEP
        assert len(found.calls) == 2 * len(CALLS)


def test_a_question_in_another_language_than_asked_for_is_refused() -> None:
    def german(chat: Chat) -> list[dict[str, Any]]:
        return [{**one, "question": f"Wie lautet {one['formula']['path']}?"} for one in FIELDS["tasks"](chat)]

    found, events = writes(Agent({**FIELDS, "tasks": german}), backward, [SHORT_ONE])
    assert not found
    assert events["writer"]["unfaithful"] > 0
    assert faults("Wie viel kostet das?", Needs()) == ["it is not in English"]
    assert faults("Wie viel kostet das?", Needs(english=False)) == []


def test_numbers_that_a_model_writes_as_texts_are_numbers_only_where_a_text_is_none() -> None:
    schema = {
        "type": "object",
        "properties": {"size": {"type": "integer"}, "names": {"type": "array"}, "code": {"type": "string"}},
    }
    tools = ToolSet.of([Tool(server="s", name="t", description="", input_schema=schema)])
    given: dict[str, Any] = {"size": "5", "names": '["a"]', "code": "7"}
    made = understood(Wanted("c", "t", given), tools)
    assert isinstance(made, ToolCall)
    assert made.arguments == {"size": 5, "names": ["a"], "code": "7"}
    for wrong in ({"size": "five"}, {"size": "5.5"}, {"names": "a"}):
        assert isinstance(understood(Wanted("c", "t", wrong), tools), str)


def test_data_too_long_to_be_shown_is_shown_with_fewer_entries() -> None:
    def rows(count: int) -> Observation:
        return Observation(
            outcome="success", text=json.dumps([{"n": n, "at": "x" * 40} for n in range(count)])
        )

    assert shown(rows(3), 6000) == rows(3).text
    found = json.loads(shown(rows(900), 2000))
    assert found[0] == {"n": 0, "at": "x" * 40}
    assert found[-1].endswith("more items)")
