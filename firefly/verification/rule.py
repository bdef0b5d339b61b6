"""What the built-in checks share: their order of execution and how they report."""

from __future__ import annotations

from typing import ClassVar

from pydantic import JsonValue

from firefly.records import CheckResult, CheckStatus

PURE, PEERS, SIMULATOR, SELECTION, LIVE, MODELS = range(6)
"""Costs of checks. From SELECTION on, a check runs only on candidates that every required check so
far let through: duplicates and caps choose among these, nobody else is executed again, and no model is
asked about anything else."""


class Rule:
    """A check by rule."""

    name: ClassVar[str]
    cost: int = PURE

    def __init__(self, *, required: bool = True) -> None:
        """Say whether a task that does not pass is rejected."""
        self.required = required

    def result(self, status: CheckStatus, **evidence: JsonValue) -> CheckResult:
        """Return the result with its evidence."""
        return CheckResult(check=self.name, status=status, required=self.required, evidence=evidence)

    def decide(self, faults: list[str], **evidence: JsonValue) -> CheckResult:
        """Return pass, or fail with the faults found."""
        if faults:
            return self.result("fail", faults=list(faults), **evidence)
        return self.result("pass", **evidence)
