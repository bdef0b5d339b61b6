"""Is the task safe to publish and to run?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from firefly.outputs import leaves
from firefly.plugins import register
from firefly.protocols import Trial
from firefly.records import CheckResult
from firefly.replay.records import Task, canonical_json
from firefly.verification.recorded import recorded
from firefly.verification.rule import Rule

_SECRETS = {
    "private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "AWS key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "GitHub token": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{30,}\b|\bgithub_pat_[A-Za-z0-9_]{30,}\b"),
    "Slack token": re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    "API key": re.compile(r"\bsk-(?:[A-Za-z0-9]+-)*[A-Za-z0-9_]{20,}\b|\bAIza[0-9A-Za-z_-]{35}\b"),
    "JSON web token": re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{5,}"),
    "bearer token": re.compile(r"\b[Bb]earer\s+[A-Za-z0-9._~+/-]{20,}"),
    "password in a URL": re.compile(r"\b[a-z][a-z0-9+.-]*://[^/\s:@]+:[^/\s:@]{3,}@"),
    "named secret": re.compile(
        r"(?i)\b(?:api[_-]?key|secret[_-]?key|access[_-]?token|auth[_-]?token|password|passwd)\b"
        r"\s*[\"']?\s*[:=]\s*[\"']?[^\s\"',;{}\[\]]{8,}"
    ),
}
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,})")
_RESERVED = re.compile(
    r"(?i)(?:^|\.)(?:example\.(?:com|net|org)|example|test|invalid|localhost|localdomain|local)$"
)
_REAL_PATH = re.compile(
    r"(?<![\w./~-])(?:/(?:home|root|Users|tmp|private|var/folders|mnt|media)/[\w.-]+|[A-Za-z]:\\(?:Users|Windows)\\)"
)

Emails = Literal["reserved", "any", "none"]


@register("checks", "safety")
class Safety(Rule):
    """No secrets, no private addresses, no path of a real machine, no destructive call outside a sandbox."""

    name = "safety"

    def __init__(self, *, emails: Emails = "reserved", required: bool = True) -> None:
        """Set the policy on addresses.

        Args:
            emails: ``reserved`` lets only addresses of reserved domains (example.com, .test) pass, ``any``
                all, ``none`` not even those.
            required: whether an unsafe task is rejected.

        """
        super().__init__(required=required)
        self.emails = emails

    def check(self, task: Task, trial: Trial) -> CheckResult:
        """Search the task and everything its gold calls sent and returned."""
        found = recorded(task, trial)
        faults = []
        places = [("the question", text) for text in (*task.wordings, task.answer_format)]
        places.append(("the answer", _text(task.answer.value)))
        for call, made in found.calls.items():
            places.append((f"the arguments of {call}", _text(made.arguments)))
            observation = found.observations[call]
            places.append((f"the result of {call}", f"{observation.text}\n{_text(observation.structured)}"))
        for place, text in places:
            faults += [f"{place}: {what}" for what in self._unsafe(text)]
        unknown = []
        for gold in task.gold_calls:
            profile = trial.knowledge.profiles.get((gold.server, gold.tool))
            listing = trial.knowledge.listings.get(gold.server)
            tool = trial.knowledge.tools.get((gold.server, gold.tool))
            if tool is None or listing is None:
                faults.append(f"{gold.id}: no call that the effect guard admits")
            elif profile is None or profile.effect == "unknown":
                unknown.append(f"{gold.id}: its effect is not known")
            elif profile.effect == "write" and not listing.disposable:
                faults.append(f"{gold.id}: it writes to a server whose state is not disposable")
        if unknown and not faults:
            return self.result("unknown", why=list(unknown))
        return self.decide(faults)

    def _unsafe(self, text: str) -> Iterator[str]:
        for what, pattern in _SECRETS.items():
            if pattern.search(text):
                yield what
        for match in _EMAIL.finditer(text):
            if self.emails == "none" or (self.emails == "reserved" and not _RESERVED.search(match.group(1))):
                yield "an e-mail address that may be somebody's"
                break
        if _REAL_PATH.search(text):
            yield "a path of a real machine"


def _text(value: object) -> str:
    """Return every text of a JSON value, with its keys so that named secrets are seen."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        named = [f"{key}: {inner}" for key, inner in value.items() if isinstance(inner, str)]
        return "\n".join([*named, *(_text(inner) for inner in value.values() if not isinstance(inner, str))])
    if isinstance(value, list):
        return "\n".join(str(leaf) for _, leaf in leaves(value)) + "".join(
            f"\n{_text(one)}" for one in value if isinstance(one, dict)
        )
    return canonical_json(value)
