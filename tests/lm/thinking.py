"""How the competent agent writes the fields that take thought; each reads the prompt and nothing else."""

from __future__ import annotations

import re
from typing import Any

from tests.lm.agent import Agent, alike
from tests.lm.endpoint import Chat


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


def competent() -> Agent:
    """The agent with all the fields that Firefly's own prompts ask for."""
    return Agent({"passed": passed})
