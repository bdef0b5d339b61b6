"""Checks that have a language model solve the task: blind with tools, and with nothing at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import JsonValue

from firefly.episode import Act, run_policy
from firefly.lm import Estimate, Models
from firefly.lm.usual import QUESTION, per_server
from firefly.lm.worker import ANSWERING, Worker
from firefly.plugins import register
from firefly.protocols import Backend, Trial
from firefly.records import CheckResult
from firefly.replay.answers import NoAnswerError, extract_answer
from firefly.replay.grading import grade
from firefly.replay.records import Observation, Rollout, Task, Tool, ToolCall
from firefly.replay.tool_set import ToolSet
from firefly.verification.opinion import Opinion

__all__ = ["BlindSolver", "ClosedBook", "disagreement"]

Suspicion = Literal["wrong label", "ambiguous", "solver error"]

_CLOSED = (
    "Answer the question from what you know; you have no tools. If you don't know, give your best guess. "
    "The last line is `Answer: ` and the answer alone."
)
_SHOWN = 12_000
"""Characters of a result that a solver is shown."""
_WIDTH = 300
"""Letters kept of an answer."""


@register("checks", "blind_solver")
class BlindSolver(Opinion):
    """LLM check: a model that sees only question and tools solves the task; how often is its difficulty."""

    role = "solver"

    def __init__(
        self,
        *,
        models: Models,
        where: Literal["simulator", "live"] = "simulator",
        attempts: int = 3,
        turns: int = 12,
        least: float = 0.0,
        most: float = 1.0,
        instructions: str = ANSWERING,
        required: bool = False,
    ) -> None:
        """Set who solves, where, and how often.

        Args:
            models: the models of the run; the role is ``solver``.
            where: offline, answered by the recordings, or on the servers themselves.
            attempts: how often it tries; those that end in a miss or a fault of a server don't count.
            turns: most requests of one attempt.
            least: the check fails where a smaller share of the attempts succeeds; 0: none is too small.
            most: the same for a greater share: too easy.
            instructions: what the model is told.
            required: whether a task that fails is rejected.

        """
        super().__init__(models=models, required=required)
        if attempts < 1 or not 0.0 <= least <= most <= 1.0:
            raise ValueError("attempts >= 1 and 0 <= least <= most <= 1 are needed")
        self.name = "blind_solver" if where == "simulator" else "blind_solver_live"  # type: ignore[misc]
        self._where, self._attempts, self._least, self._most = where, attempts, least, most
        self._solver = Worker(
            models,
            self.role,
            instructions=instructions,
            limits={"turns": turns, "calls": 4 * turns, "shown": _SHOWN},
            has_to_call=False,
        )

    def estimate(self, tools: Sequence[Tool], *, tasks: int) -> Estimate:
        """Return what trying ``tasks`` would take, of one server each."""
        offered = per_server(tools)
        return self._solver.estimate(tasks * self._attempts, tools, offered=offered, given=QUESTION)

    def ask(self, task: Task, trial: Trial, *, live: Backend) -> Mapping[str, JsonValue]:
        """Let the model try, each time from the start."""
        tools = ToolSet.of(tool for key, tool in trial.knowledge.tools.items() if key[0] in task.servers)
        backend = trial.simulator if self._where == "simulator" else live
        return {"attempts": [self._attempt(task, tools, backend) for _ in range(self._attempts)]}

    def _attempt(self, task: Task, tools: ToolSet, backend: Backend) -> dict[str, JsonValue]:
        turns = 0
        ended = True

        def policy(task: Task, act: Act) -> JsonValue:
            nonlocal turns, ended
            worked = self._solver.work(task.prompt, tools, act)
            turns, ended = worked.turns, worked.answer is not None
            return worked.answer

        with backend.episode(tools) as episode:
            rollout = run_policy(policy, episode, task)
        if not ended:
            rollout = rollout.model_copy(update={"outcome": "truncated"})
        # where nothing is to be changed, the answer alone decides, and every call was answered already
        graded = grade(task, rollout, backend if task.end_state else None, tool_set=tools)
        said = rollout.answer if isinstance(rollout.answer, str) else ""
        return {
            "reward": graded.reward,
            "why": graded.reason,
            "answer": _extracted(said, task),
            "said": said[-_WIDTH:],
            "calls": len(rollout.calls),
            "turns": turns,
        }

    def judged(self, task: Task, said: Mapping[str, JsonValue]) -> CheckResult:
        """Return the share of successes, and what the failures hint at."""
        attempts = _attempts(said)
        counted = [one for one in attempts if one["reward"] is not None]
        evidence: dict[str, JsonValue] = {"where": self._where, "attempts": list[JsonValue](attempts)}
        if not counted:
            return self.result("unknown", why="no attempt came to an end that counts", **evidence)
        rate = round(sum(one["reward"] == 1 for one in counted) / len(counted), 4)
        evidence |= {"pass_rate": rate, "counted": len(counted)}
        suspected = disagreement(task, counted)
        if suspected:
            evidence["disagreement"] = suspected
        passes = self._least <= rate <= self._most
        return self.result("pass" if passes else "fail", **evidence)


@register("checks", "closed_book")
class ClosedBook(Opinion):
    """LLM check: without tools, from what it knows, no attempt of a model earns the reward."""

    name = "closed_book"
    role = "solver"

    def __init__(
        self, *, models: Models, attempts: int = 2, instructions: str = _CLOSED, required: bool = True
    ) -> None:
        """Set how often the model guesses.

        Args:
            models: the models of the run; the role is ``solver``.
            attempts: how often it tries.
            instructions: what the model is told.
            required: whether a task that it solves is rejected.

        """
        super().__init__(models=models, required=required)
        if attempts < 1:
            raise ValueError("attempts must be at least 1")
        self._attempts = attempts
        self._solver = Worker(
            models, self.role, instructions=instructions, limits={"turns": 1}, has_to_call=False
        )

    def estimate(self, tools: Sequence[Tool], *, tasks: int) -> Estimate:
        """Return what guessing ``tasks`` would take."""
        return self._solver.estimate(tasks * self._attempts, (), offered=0, given=QUESTION)

    def ask(self, task: Task, trial: Trial, *, live: Backend) -> Mapping[str, JsonValue]:
        """Let the model answer without a tool."""
        return {"attempts": [self._attempt(task) for _ in range(self._attempts)]}

    def _attempt(self, task: Task) -> dict[str, JsonValue]:
        said = self._solver.work(task.prompt, ToolSet(tools=()), _nothing).answer or ""
        # what is to be changed is not: the right answer alone proves that it can be guessed
        graded = grade(task.model_copy(update={"end_state": ()}), Rollout(answer=said))
        return {"reward": graded.reward, "why": graded.reason, "answer": _extracted(said, task)}

    def judged(self, task: Task, said: Mapping[str, JsonValue]) -> CheckResult:
        """Fail where an attempt was right."""
        attempts = _attempts(said)
        right = sum(one["reward"] == 1 for one in attempts)
        faults = [f"{right} of {len(attempts)} guesses are right"] if right else []
        return self.decide(faults, attempts=list[JsonValue](attempts))


def disagreement(task: Task, attempts: Sequence[Mapping[str, Any]]) -> Suspicion | None:
    """Return what attempts that did not earn the reward hint at; None where all did.

    A hint for whoever adjudicates, no judgement: where the attempts agree on another answer and none comes to
    the label, the label may be wrong; where the label and another answer each come up, or several do
    twice, the question may be ambiguous; otherwise the solver erred.
    """
    wrong = [one for one in attempts if one["reward"] == 0]
    if not wrong:
        return None
    others = Counter(str(one["answer"]).casefold() for one in wrong if one["answer"] not in (None, ""))
    right = len(attempts) - len(wrong)
    commonest = max(others.values(), default=0)
    if not right and commonest >= 2 and commonest * 2 > len(attempts):
        return "wrong label"
    if (right and commonest >= 2) or sum(count >= 2 for count in others.values()) >= 2:
        return "ambiguous"
    return "solver error"


def _attempts(said: Mapping[str, JsonValue]) -> list[dict[str, Any]]:
    found = said.get("attempts")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _extracted(message: str, task: Task) -> JsonValue:
    """Return the answer that a message gives, as it is graded; "" where it gives none."""
    try:
        found = extract_answer(message, task.answer)
    except NoAnswerError:
        return ""
    return found[:_WIDTH] if isinstance(found, str) else found


def _nothing(call: ToolCall) -> Observation:
    return Observation(outcome="refused", reason="there are no tools")
