"""The competent agent of whole runs: it scores, explores, writes, reads, judges and solves."""

from __future__ import annotations

from tests.lm.agent import Agent
from tests.lm.endpoint import Chat, Reply
from tests.lm.thinking import passed
from tests.lm.writing import FIELDS, look_up


class Competent(Agent):
    """Explores with the tools on offer; where it is told to end with an answer, it looks that up."""

    def act(self, chat: Chat) -> Reply:
        told = "\n".join(chat.said_by("system"))
        return look_up(chat) if "`Answer: `" in told else super().act(chat)


def competent() -> Competent:
    """The agent with all the fields that Firefly's own prompts ask for."""
    return Competent({**FIELDS, "passed": passed})
