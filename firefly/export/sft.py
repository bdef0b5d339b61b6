"""The ``sft`` table: the gold calls of each task as a chat.

What the tools say is replayed from the cassette, so a trajectory is exactly what an agent that makes
the gold calls meets offline, and its last message is graded right. A task for which that can't be had
gets no trajectory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import JsonValue

from firefly.export.rows import Row, function_schemas, splits, tool_set_of
from firefly.export.tables import write_table
from firefly.plugins import register
from firefly.protocols import DatasetContent
from firefly.replay.answers import NoAnswerError, answer_text, extract_answer, matches
from firefly.replay.backend import Backend
from firefly.replay.expressions import ExpressionError, resolve_references
from firefly.replay.parsers import parse
from firefly.replay.records import Answer, Task, ToolCall
from firefly.replay.simulator import StrictSimulator
from firefly.replay.tool_set import ToolSet


@register("exporters", "sft")
class Sft:
    """Writes gold trajectories: OpenAI messages with arguments as objects, and the tools offered."""

    def __init__(self, *, system: str = "") -> None:
        """Set the system message.

        Args:
            system: text of a first message of role ``system``; empty for none.

        """
        self.system = system

    def export(self, content: DatasetContent, folder: Path) -> list[Path]:
        """Write ``sft/<split>.jsonl``; a split without rows is left out."""
        written = []
        for suffix, split, tasks in splits(content):
            backend = StrictSimulator(content.cassette_of(split))
            rows = [row for task in tasks if (row := self._row(task, split, content, backend)) is not None]
            if rows:
                written.append(write_table(folder / f"sft{suffix}" / f"{split}.jsonl", rows))
        return written

    def _row(self, task: Task, split: str, content: DatasetContent, backend: Backend) -> Row | None:
        tools = tool_set_of(content.listings, task.servers)
        replayed = _replayed(task, tools, backend)
        final = final_message(task.answer)
        if replayed is None or final is None:
            return None
        return {
            "id": task.id,
            "messages": [*self._messages(task, tools, replayed), {"role": "assistant", "content": final}],
            "tools": function_schemas(tools),
            "environment": tools.digest,
            "synthesis": task.provenance.synthesizer,
            "split": split,
        }

    def _messages(
        self, task: Task, tools: ToolSet, replayed: Sequence[tuple[ToolCall, str]]
    ) -> Iterator[JsonValue]:
        if self.system:
            yield {"role": "system", "content": self.system}
        yield {"role": "user", "content": task.prompt}
        for gold, (call, result) in zip(task.gold_calls, replayed, strict=True):
            name = tools.name_of(call.server, call.tool)
            made: JsonValue = {
                "id": gold.id,
                "type": "function",
                "function": {"name": name, "arguments": call.arguments},
            }
            yield {"role": "assistant", "content": "", "tool_calls": [made]}
            yield {"role": "tool", "name": name, "tool_call_id": gold.id, "content": result}


def final_message(answer: Answer) -> str | None:
    """Return the message in which an agent gives ``answer``; None where it would not be graded right.

    >>> final_message(Answer(type="number", value=12.5, unit="kg"))
    'Answer: 12.5 kg'
    """
    message = answer_text(answer)
    try:
        return message if matches(extract_answer(message, answer), answer) else None
    except NoAnswerError:
        return None


def _replayed(task: Task, tools: ToolSet, backend: Backend) -> list[tuple[ToolCall, str]] | None:
    """Return each gold call and what it says, as an agent makes and reads it; None when that can't be had.

    Passed values are computed anew from the outputs, inside the text around them where there is one;
    a task that states another argument than its outputs give gets no trajectory.
    """
    keys = {tool.key for tool in tools.tools}
    if any((call.server, call.tool) not in keys for call in task.gold_calls):
        return None
    made: list[tuple[ToolCall, str]] = []
    outputs: dict[str, JsonValue] = {}
    with backend.episode(tools) as episode:
        for gold in task.gold_calls:
            try:
                call = resolve_references(gold, outputs)
            except ExpressionError:
                return None
            if any(call.arguments[name] != given for name, given in gold.arguments.items()):
                return None
            observation = episode.call(call)
            if observation.outcome not in ("success", "failure"):
                return None
            parsed = parse(observation) if observation.outcome == "success" else None
            if parsed is not None:
                outputs[gold.id] = parsed.value
            made.append((call, observation.visible))
    return made
