"""An agent that has nothing but the question, the tools and what they say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from random import Random

from pydantic import JsonValue

from firefly.english import singular, words
from firefly.mentions import tokens
from firefly.outputs import leaves, parsed_output
from firefly.parameters import Parameter, parameters
from firefly.plugins import register
from firefly.protocols import Occasion
from firefly.replay.records import Observation, Tool, ToolCall, canonical_json

__all__ = ["Seeker"]

_SHORTEST_WORD = 3
_QUOTED = re.compile(
    r"[\"'`“‘]([^\"'`”’]{2,60})[\"'`”’]|\b([A-Z]{2,}-?\d[\w-]*)\b|\b(\d{4}-\d\d-\d\d)\b|\b(\d+)\b"
)


@register("agents", "seeker")
class Seeker:
    """Calls the tools whose words are nearest to the question, with values from it and from answers."""

    needs_task = True

    def act(self, occasion: Occasion, call: Callable[[ToolCall], Observation], rng: Random) -> JsonValue:
        """Make calls until nothing new can be tried; answer with the last value seen."""
        assert occasion.task is not None
        seen = _Seen(occasion.task.question)
        made: set[str] = set()
        for _ in range(occasion.length):
            following = next(self._next(occasion, seen, made, rng), None)
            if following is None:
                break
            made.add(canonical_json([following.server, following.tool, following.arguments]))
            output = parsed_output(call(following))
            if output is not None:
                seen.note(output)
        return seen.last

    def _next(self, occasion: Occasion, seen: _Seen, made: set[str], rng: Random) -> Iterator[ToolCall]:
        """Yield calls that were not made, of the nearest tool first; equally near ones in random order."""
        tools = list(occasion.tool_set.tools)
        rng.shuffle(tools)
        calls_of = {tool.key: sum(f'"{tool.server}","{tool.name}"' in one for one in made) for tool in tools}
        for tool in sorted(tools, key=lambda tool: calls_of[tool.key] - seen.nearness(tool)):
            arguments = _filled(tool, seen, rng)
            if arguments is None:
                continue
            if canonical_json([tool.server, tool.name, arguments]) not in made:
                yield ToolCall(server=tool.server, tool=tool.name, arguments=arguments)


class _Seen:
    """The question, and every value that came back so far."""

    def __init__(self, question: str) -> None:
        self._words = _stems(question)
        self.stated: list[str] = [next(filter(None, found)) for found in _QUOTED.findall(question)]
        self._values: dict[str, list[JsonValue]] = {}
        self.last: JsonValue = None

    def note(self, output: JsonValue) -> None:
        for path, leaf in leaves(output):
            names = [part for part in path if isinstance(part, str)]
            if leaf is None or leaf == "" or isinstance(leaf, bool):
                continue
            self._values.setdefault(names[-1] if names else "", []).append(leaf)
            self.last = leaf

    def nearness(self, tool: Tool) -> float:
        """Return the share of the tool's words that the question has."""
        own = _stems(f"{' '.join(words(tool.name))} {tool.description}")
        return float(len(own & self._words) / (1 + len(own)) ** 0.5)

    def values(self, parameter: Parameter) -> list[JsonValue]:
        """Return values for a parameter: those that stood under its name, else what the question states."""
        wanted = set(words(parameter.name))
        named = [
            value
            for name, values in sorted(self._values.items())
            if wanted & set(words(name))
            for value in values
        ]
        return [value for value in (*named, *self.stated) if _fits(value, parameter)]


def _filled(tool: Tool, seen: _Seen, rng: Random) -> dict[str, JsonValue] | None:
    """Return arguments for the required parameters; None where there is no value for one."""
    found: dict[str, JsonValue] = {}
    for parameter in parameters(tool):
        if not parameter.required:
            continue
        values = list(parameter.enum) or seen.values(parameter)
        if not values:
            return None
        found[parameter.name] = _typed(rng.choice(values), parameter)
    return found


def _fits(value: JsonValue, parameter: Parameter) -> bool:
    if isinstance(value, str) and {"integer", "number"} & set(parameter.types):
        return value.isdigit()
    return not parameter.types or "string" in parameter.types or not isinstance(value, str)


def _typed(value: JsonValue, parameter: Parameter) -> JsonValue:
    if isinstance(value, str) and value.isdigit() and {"integer", "number"} & set(parameter.types):
        return int(value)
    if not isinstance(value, str) and set(parameter.types) == {"string"}:
        return str(value)
    return [value] if set(parameter.types) == {"array"} else value


def _stems(text: str) -> frozenset[str]:
    parts = {part for token in tokens(text) for part in (words(token) or (token,))}
    return frozenset(singular(word) for word in parts if len(word) >= _SHORTEST_WORD)
