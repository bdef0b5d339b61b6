"""The explorer that goes by rules, and asks a language model where these are stuck."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import JsonValue

from firefly.exploration.symbolic import Symbolic
from firefly.exploration.walk import Draft, Walk
from firefly.lm import Estimate, Models
from firefly.lm.usual import CALLS
from firefly.lm.worker import Worker
from firefly.plugins import register
from firefly.protocols import ValueSource
from firefly.records import Node
from firefly.replay.records import Observation, Tool, ToolCall, canonical_json
from firefly.replay.tool_set import ToolSet

ROLE = "explorer"

INSTRUCTIONS = (
    "Make one call of the tool on offer that returns something worth asking about. What is given stays as "
    "it is; find the other arguments from the description, the schema and what was seen so far. Read why "
    "earlier calls failed. Make no second call once one has worked."
)
_EARLIER = 8
"""Calls that the model is told of."""
_SHOWN = 600
"""Characters of each result."""
_STUCK = 0.25
"""Share of the calls at which rules are stuck, for estimates."""
_PROMPT_TOKENS, _ANSWER_TOKENS = 900, 120


@register("explorer", "hybrid")
class Hybrid(Symbolic):
    """Fills arguments by rules, and has a language model fill those of a call that rules can't make work.

    Values that links pass are chosen by rule all the same, so that each has its reference; the model is
    asked for the others.
    """

    def __init__(  # noqa: PLR0913 - each is a key of the YAML
        self,
        *,
        models: Models,
        values: Mapping[str, ValueSource | None] | None = None,
        attempts: int = 3,
        restarts: int = 1,
        novelty: float = 0.25,
        turns: int = 3,
        tokens: int = 20_000,
        shown: int = 3_000,
        instructions: str = INSTRUCTIONS,
        state: Path | None = None,
    ) -> None:
        """Set the limits.

        Args:
            models: the models of the run; the role is ``explorer``.
            values: value sources by name, best first; null switches one off.
            attempts: calls of one node before the model is asked.
            restarts: how often the whole sub-DAG is begun again, with other choices.
            novelty: share of first attempts that try a value not seen to work before.
            turns: most requests for one node.
            tokens: most tokens for one node, input and output.
            shown: characters of a result that the model is shown.
            instructions: what the model is told.
            state: JSON file of an optimised prompt.

        """
        super().__init__(values=values, attempts=attempts, restarts=restarts, novelty=novelty)
        if min(turns, tokens, shown) < 1:
            raise ValueError("turns, tokens and shown must be at least 1")
        limits = {"turns": turns, "calls": turns, "tokens": tokens, "shown": shown}
        self.worker = Worker(models, ROLE, instructions=instructions, state=state, limits=limits)

    def prompts(self) -> Mapping[str, Worker]:
        """Return the one prompt, for optimisers."""
        return {"state": self.worker}

    def estimate(self, tools: Sequence[Tool], *, sub_dags: int) -> Estimate:
        """Return what it would take if rules were stuck at one call in four."""
        calls = round(sub_dags * CALLS * _STUCK)
        return Estimate(ROLE, calls, calls * _PROMPT_TOKENS, calls * _ANSWER_TOKENS)

    def _stuck(self, walk: Walk, node: Node, tool: Tool, fixed: Draft, reason: str) -> str:
        """Have the model fill what links do not; return why that did not work, either."""
        tools = ToolSet.of([tool])
        tried = {call.call.digest for call in walk.calls}
        state = {"reason": reason}

        def act(call: ToolCall) -> Observation:
            wrong = next(
                (name for name, value in fixed.arguments.items() if call.arguments.get(name) != value), ""
            )
            if wrong:
                return _refused(f"{wrong} has to be {canonical_json(fixed.arguments[wrong])}")
            if not state["reason"] or call.digest in tried:
                return _refused("This call was made already.")
            tried.add(call.digest)
            draft = Draft(
                dict(call.arguments),
                dict(fixed.references),
                dict(fixed.templates),
                {name: "explorer" for name in call.arguments if name not in fixed.references},
                dict(fixed.selectors),
            )
            state["reason"] = self._made(walk, node, draft)
            return walk.episode.steps[-1].observation

        self.worker.work(
            _task(walk, tool, tools, fixed.arguments, reason), tools, act, done=lambda: not state["reason"]
        )
        return state["reason"]


def _refused(why: str) -> Observation:
    return Observation(outcome="refused", reason=why, text=why)


def _task(walk: Walk, tool: Tool, tools: ToolSet, fixed: Mapping[str, JsonValue], reason: str) -> str:
    name = tools.name_of(*tool.key)
    lines = [f"The tool to call: {name}. So far: {reason}."]
    if fixed:
        lines.append(f"Given: {canonical_json(dict(fixed))}")
    for call in walk.calls[-_EARLIER:]:
        seen = call.step.observation
        text = (seen.visible or seen.reason)[:_SHOWN]
        arguments = canonical_json(call.call.arguments)
        lines.append(
            f"{call.call.tool} {arguments} -> {'failed: ' if seen.outcome != 'success' else ''}{text}"
        )
    files = [file for one in walk.known.knowledge.listings.values() for file in one.files][:_FILES]
    if files:
        lines.append(f"Files: {', '.join(files)}")
    return "\n".join(lines)


_FILES = 30
