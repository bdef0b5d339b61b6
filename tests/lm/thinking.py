"""How the competent agent writes the fields that take thought; each reads the prompt and nothing else."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from firefly.lm.calls import said_in_text
from tests.lm.agent import alike
from tests.lm.endpoint import Chat, Fault, Personality, Reply, text_of


def passed(chat: Chat) -> list[dict[str, Any]]:
    """The scorer's question: fields of the source that are called like a parameter of a candidate."""
    text = chat.said_by("user")[-1]
    fields = [
        (int(number), path.split(".")[-1]) for number, path in re.findall(r"^field (\d+): (\S+)", text, re.M)
    ]
    found = []
    for number, taken in re.findall(r"^(\d+)\. \S+?\((.*?)\)", text, re.M):
        for parameter in re.findall(r"([\w.-]+):", taken):
            for field, name in fields:
                if alike(name, parameter):
                    edge = {"candidate": int(number), "parameter": parameter, "field": field}
                    likelihood = "certain" if alike(name, parameter) == 2 else "likely"
                    found.append({**edge, "kind": "produces", "likelihood": likelihood})
    return found


def in_text(inner: Personality) -> Personality:
    """A model without tool calls of its own: it reads the tools in the instructions, and answers in JSON."""

    def act(chat: Chat) -> Reply | Fault:
        described = [
            json.loads(line) for line in chat.said_by("system")[0].splitlines() if line.startswith('{"tool"')
        ]
        functions = [
            {"name": one["tool"], "description": one["description"], "parameters": one["arguments"]}
            for one in described
        ]
        messages: list[dict[str, Any]] = []
        for message in chat.messages:
            text = text_of(message)
            found = said_in_text(text) if message["role"] == "assistant" else None
            calls = found[1] if found is not None else []
            if calls:
                made = [
                    {"id": f"c{n}", "function": {"name": one.name, "arguments": json.dumps(one.arguments)}}
                    for n, one in enumerate(calls)
                ]
                messages.append({"role": "assistant", "content": "", "tool_calls": made})
            elif messages and messages[-1].get("tool_calls"):
                for n, part in enumerate(re.split(r"\n\n(?=[\w-]+(?: failed)?: )", text)):
                    result = part.partition(": ")[2]
                    messages.append({"role": "tool", "tool_call_id": f"c{n}", "content": result})
            else:
                messages.append(message)
        tools = [{"type": "function", "function": one} for one in functions]
        reply = inner(Chat({**chat.body, "messages": messages, "tools": tools}, chat.headers, chat.number))
        return replace(reply, text=_in_json(reply), calls=()) if isinstance(reply, Reply) else reply

    return act


def _in_json(reply: Reply) -> str:
    calls = ", ".join(
        f'{{"tool": {json.dumps(one.name)}, "arguments": '
        f"{one.arguments if isinstance(one.arguments, str) else json.dumps(dict(one.arguments))}}}"
        for one in reply.calls
    )
    return f'{{"calls": [{calls}], "said": {json.dumps(reply.text)}}}'
