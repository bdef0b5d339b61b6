"""Policies that answer without doing what is asked: one call made on sight, and a field of its result copied.

They are as strong as policies that explore nothing can be made by rule: they read the words of the
question, the names and descriptions of the tools, and use whatever arguments are at hand (none, defaults,
launch values, declared values, values that the question states). What they see comes from the strict
simulator.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import log

from pydantic import JsonValue

from firefly.english import singular, vocabulary, words
from firefly.knowledge import Knowledge
from firefly.mentions import dates, mention, tokens
from firefly.outputs import general, leaves
from firefly.parameters import parameters
from firefly.protocols import Backend
from firefly.records import ToolKey
from firefly.replay.errors import ReplayError
from firefly.replay.expressions import is_number
from firefly.replay.parsers import parse
from firefly.replay.records import PathPart, Task, Tool, ToolCall, canonical_json
from firefly.replay.tool_set import ToolSet

POLICIES = ("nearest_tool", "nearest_tool_row", "every_tool", "every_tool_row")
"""``nearest_tool`` calls the tool whose name and description are nearest to the question and copies the
field whose name is; ``every_tool`` calls all that need no arguments and copies one field. ``_row``: of the
items of a list, that which the question says most of, and not the first."""

Path = tuple[PathPart, ...]


@dataclass(frozen=True)
class Attempt:
    """What a policy did: its calls and what it answered."""

    calls: tuple[ToolCall, ...] = ()
    answer: JsonValue = None


@dataclass(frozen=True)
class _Field:
    """A value that could be copied."""

    value: JsonValue
    name: float
    """How near its name is to the question."""
    row: float
    """How much the question says of the item that it stands in."""
    tool: float
    """How near its tool is to the question."""


class Sight:
    """What a policy that explores nothing sees of one task."""

    def __init__(self, task: Task, knowledge: Knowledge, simulator: Backend) -> None:
        self._task = task
        self._knowledge = knowledge
        self._simulator = simulator
        self._tools = {key: tool for key, tool in knowledge.tools.items() if key[0] in task.servers}
        self._tool_set = ToolSet.of(self._tools.values())
        self._asked = _stems(task.question)
        self._stated: dict[str, bool] = {}

    def attempt(self, policy: str) -> Attempt:
        """Return what a policy of `POLICIES` does.

        Raises:
            KeyError: there is no such policy.
        """
        calls = {
            "nearest_tool": self._nearest[:1],
            "every_tool": self._free,
        }[policy.removesuffix("_row")]
        fields = self._fields(tuple(calls))
        if policy.endswith("_row"):
            best = max(fields, key=lambda one: (one.name, one.row, one.tool), default=None)
        else:
            best = max(fields, key=lambda one: (one.name, one.tool), default=None)
        return Attempt(tuple(calls), None if best is None else best.value)

    # --- calls -------------------------------------------------------------------------------

    @cached_property
    def _nearest(self) -> list[ToolCall]:
        """Return the best call of each tool that can be called on sight, the nearest tool first."""
        found = []
        for key in sorted(self._tools, key=lambda key: (-self._nearness[key], key)):
            ready = [arguments for arguments in _made(self._knowledge, key) if self._at_hand(key, arguments)]
            if ready:
                best = min(ready, key=lambda one: (-self._from_question(one), len(one), canonical_json(one)))
                found.append(ToolCall(server=key[0], tool=key[1], arguments=dict(best)))
        return found

    @cached_property
    def _free(self) -> list[ToolCall]:
        """Return the call of each tool that needs nothing but defaults and launch values."""
        found = []
        for key in sorted(self._tools):
            ready = [one for one in _made(self._knowledge, key) if self._at_hand(key, one, question=False)]
            if ready:
                best = min(ready, key=lambda one: (len(one), canonical_json(one)))
                found.append(ToolCall(server=key[0], tool=key[1], arguments=dict(best)))
        return found

    def _at_hand(self, key: ToolKey, arguments: Mapping[str, JsonValue], *, question: bool = True) -> bool:
        declared = {one.name: one for one in parameters(self._tools[key])}
        launch = self._knowledge.listings[key[0]].launch_values
        for name, value in arguments.items():
            parameter = declared.get(name)
            if value in launch or (
                parameter is not None and parameter.has_default and parameter.default == value
            ):
                continue
            if not question:
                return False
            if parameter is not None and value in parameter.enum:
                continue
            if not all(self._states(leaf) for _, leaf in leaves(value)):
                return False
        return True

    def _states(self, value: JsonValue) -> bool:
        """Return whether the question states a value."""
        name = canonical_json(value)
        if name not in self._stated:
            self._stated[name] = mention(self._task.question, value) is not None
        return self._stated[name]

    def _from_question(self, arguments: Mapping[str, JsonValue]) -> int:
        return sum(self._states(leaf) for _, leaf in leaves(dict(arguments)))

    @cached_property
    def _nearness(self) -> dict[ToolKey, float]:
        """Return how near each tool is to the question: shared words, rare ones counting more."""
        texts = {key: _stems(_told(tool)) for key, tool in self._tools.items()}
        many = len(texts)
        weight = {
            word: log(1 + many / sum(word in text for text in texts.values()))
            for word in self._asked
            if any(word in text for text in texts.values())
        }
        return {
            key: sum(weight.get(word, 0.0) for word in text) / (1 + len(text)) ** 0.5
            for key, text in texts.items()
        }

    # --- fields ------------------------------------------------------------------------------

    def _fields(self, calls: Sequence[ToolCall]) -> list[_Field]:
        """Make the calls and return every field of the answer's type, in order."""
        found: list[_Field] = []
        try:
            with self._simulator.episode(self._tool_set) as episode:
                for call in calls:
                    observation = episode.call(call)
                    parsed = parse(observation) if observation.outcome == "success" else None
                    if parsed is not None:
                        found += self._of(parsed.value, self._nearness[call.key])
        except ReplayError:
            return []
        return found

    def _of(self, output: JsonValue, tool: float) -> Iterator[_Field]:
        kind = self._task.answer.type
        columns: dict[Path, list[JsonValue]] = {}
        for path, leaf in leaves(output):
            if kind == "list":
                columns.setdefault(general(path), []).append(leaf)
            elif _fits(leaf, kind):
                yield _Field(leaf, self._named(path), self._said_of(output, path), tool)
        for path, values in columns.items():
            yield _Field(values, self._named(path), 0.0, tool)
        if kind == "object":
            for path, item in _objects(output):
                yield _Field(item, self._named(path), self._said_of(output, (*path, "")), tool)

    def _named(self, path: Path) -> float:
        """Return how near a field's name is to the question; the names around it count less."""
        score, weight = 0.0, 1.0
        for part in reversed([part for part in path if isinstance(part, str) and part != "*"]):
            stems = _stems(part)
            if stems:
                score += weight * len(stems & self._asked) / len(stems)
            weight /= 3
        return score

    def _said_of(self, output: JsonValue, path: Path) -> float:
        """Return how many other values of the innermost item around ``path`` the question states."""
        index = max((at for at, part in enumerate(path) if isinstance(part, int)), default=-1)
        if index < 0:
            return 0.0
        item = output
        for part in path[: index + 1]:
            item = item[part]  # type: ignore[index]
        return float(
            sum(
                self._states(leaf)
                for inner, leaf in leaves(item)
                if inner != path[index + 1 :] and leaf not in (None, "") and not isinstance(leaf, bool)
            )
        )


def _fits(leaf: JsonValue, kind: str) -> bool:
    if kind == "number":
        return is_number(leaf)
    if kind == "date":
        return isinstance(leaf, str) and bool(dates(leaf))
    return kind == "string" and isinstance(leaf, str) and leaf != ""


def _objects(value: JsonValue, path: Path = ()) -> Iterator[tuple[Path, JsonValue]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if isinstance(value, dict):
        yield path, value
    for part, one in inner:
        yield from _objects(one, (*path, part))


def _told(tool: Tool) -> str:
    return f"{' '.join(words(tool.name))} {tool.title} {tool.description}"


@lru_cache(maxsize=65536)
def _stems(text: str) -> frozenset[str]:
    parts = {part for token in tokens(text) for part in (words(token) or (token,))}
    return frozenset(singular(word) for word in parts if word.isalpha() and len(word) > 2) - _SMALL


_SMALL = vocabulary(
    """
    the and for with all any are was were been has have had its that this these those from into what which
    who whom whose how many much when where there their they them one only you your can not get list tool
    """
)
"""Words that say nothing of what is wanted."""


@lru_cache(maxsize=1024)
def _made(knowledge: Knowledge, key: ToolKey) -> tuple[dict[str, JsonValue], ...]:
    """Return the different arguments with which a tool was called successfully."""
    found = {canonical_json(step.call.arguments): step.call.arguments for step in knowledge.successes(key)}
    return tuple(found[name] for name in sorted(found))
