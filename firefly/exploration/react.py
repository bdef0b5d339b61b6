"""The explorer that is a language model: guided by the sub-DAG, and free to leave it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from weakref import WeakKeyDictionary

from firefly.exploration.arguments import Known
from firefly.exploration.executed import lacking
from firefly.exploration.plan import offered, plan
from firefly.knowledge import Knowledge
from firefly.lm import Estimate, Models
from firefly.lm.worker import Worker
from firefly.plugins import register
from firefly.protocols import Episode
from firefly.records import ExploredCall, SubDag
from firefly.replay.records import Observation, Tool, ToolCall

ROLE = "explorer"

INSTRUCTIONS = (
    "You try out tools, so that a question can be written from what they return. Make the calls that are "
    "listed. You may leave some out or make others where the results lead elsewhere. Pass on what earlier "
    "calls returned, exactly as they returned it, and make nothing up: a value that only one entry of a list "
    "has, or the entry that is the largest, the latest or the only one, is best. When a call fails, read why "
    "and correct it. Calls that need nothing from each other can be made at once. When the last call has "
    "returned something worth asking about, make no more calls and say in one sentence what was found."
)
_GO_ON = (
    "Go on: pass a value on exactly as an earlier call returned it, into the call that is listed; where that "
    "failed or found nothing, take the value of another entry. Calls that were made already count."
)
_REASONS = {
    "done": "the model stopped",
    "no call": "the model made no call",
    "calls": "the model used up its calls",
    "turns": "the model used up its turns",
    "tokens": "the model used up its tokens",
}


@register("explorer", "react")
class React:
    """Lets a language model make the calls of a sub-DAG, and others where the results lead elsewhere.

    What counts is what was executed: which value came from where is recovered from the results, never
    from what the model says.
    """

    deviates = True

    def __init__(  # noqa: PLR0913 - each is a key of the YAML
        self,
        *,
        models: Models,
        variants: int = 1,
        tools: int = 24,
        turns: int = 16,
        calls: int = 24,
        tokens: int = 100_000,
        shown: int = 6_000,
        instructions: str = INSTRUCTIONS,
        state: Path | None = None,
    ) -> None:
        """Set the limits of one exploration.

        Args:
            models: the models of the run; the role is ``explorer``.
            variants: explorations of one sub-DAG.
            tools: most tools that the model is offered.
            turns: most requests.
            calls: most calls.
            tokens: most tokens, input and output.
            shown: characters of a result that the model is shown.
            instructions: what the model is told.
            state: JSON file of an optimised prompt.

        """
        if min(variants, tools, turns, calls, tokens, shown) < 1:
            raise ValueError("variants, tools, turns, calls, tokens and shown must be at least 1")
        self.variants = variants
        self._tools = tools
        limits = {"turns": turns, "calls": calls, "tokens": tokens, "shown": shown}
        self._known: WeakKeyDictionary[Knowledge, Known] = WeakKeyDictionary()
        self.worker = Worker(models, ROLE, instructions=instructions, state=state, limits=limits)

    def explore(
        self, sub_dag: SubDag, episode: Episode, *, knowledge: Knowledge, rng: Random
    ) -> tuple[Sequence[ExploredCall], str]:
        """Return every call made, and why the model stopped."""
        known = self._known.setdefault(knowledge, Known(knowledge))
        tools = offered(sub_dag, knowledge, self._tools)
        made: list[ExploredCall] = []

        def act(call: ToolCall) -> Observation:
            seen = episode.call(call)
            made.append(ExploredCall(id=f"c{len(made) + 1}", node="", step=episode.steps[-1]))
            return seen

        def wanted() -> str:
            reason = lacking(sub_dag, made, known)
            return f"So far {reason}. {_GO_ON}" if reason else ""

        worked = self.worker.work(plan(sub_dag, tools, known, rng), tools, act, lacking=wanted)
        return made, _REASONS[worked.ended]

    def prompts(self) -> Mapping[str, Worker]:
        """Return the one prompt, for optimisers."""
        return {"state": self.worker}

    def estimate(self, tools: Sequence[Tool], *, sub_dags: int) -> Estimate:
        """Return what exploring ``sub_dags`` would take if each took the calls of a usual one."""
        offered = min(self._tools, max(1, len(tools)))
        return self.worker.estimate(sub_dags * self.variants, tools, offered=offered, given=_PLAN_TOKENS)


_PLAN_TOKENS = 250
"""Tokens of a sub-DAG as the model is told it, for estimates."""
