"""What agents gave tools in calls that no recording answered, to be tried on other calls, too.

Who names an argument that one tool does not have names it to another as well, and who takes a number for
a text does so again: the values are those of the rollouts, none is made up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from pydantic import JsonValue

from firefly.parameters import Parameter, parameters
from firefly.records import ToolKey
from firefly.replay.records import Tool, ToolCall, canonical_json
from firefly.replay.validation import validator_of

__all__ = ["Habits"]

_Kind = tuple[str, ...]


class _Values:
    """Values by what they were given for, the commonest first."""

    def __init__(self) -> None:
        self._counts: dict[str | _Kind, Counter[str]] = {}
        self._values: dict[str, JsonValue] = {}

    def add(self, name: str | _Kind, value: JsonValue) -> None:
        text = canonical_json(value)
        self._values[text] = value
        self._counts.setdefault(name, Counter())[text] += 1

    def of(self, name: str | _Kind) -> list[JsonValue]:
        counts = self._counts.get(name, Counter())
        return [self._values[text] for text in sorted(counts, key=lambda text: (-counts[text], text))]

    @property
    def names(self) -> list[str | _Kind]:
        return sorted(self._counts, key=lambda name: (-self._counts[name].total(), name))


class Habits:
    """The arguments of missed calls, told apart by what the schemas say of them."""

    def __init__(self, calls: Iterable[ToolCall], tools: Mapping[ToolKey, Tool]) -> None:
        """Look at ``calls``, which no recording answered; ``tools`` are those that exist."""
        self._tools = tools
        self._undeclared = _Values()
        """By name: arguments that the tool does not have."""
        self._unfit = _Values()
        """By declared types: values that these are not."""
        self._fitting = _Values()
        """By name: the others."""
        for call in calls:
            tool = tools.get(call.key)
            if tool is not None:
                self._note(call, {one.name: one for one in parameters(tool)})

    def _note(self, call: ToolCall, declared: Mapping[str, Parameter]) -> None:
        for name, value in call.arguments.items():
            parameter = declared.get(name)
            if parameter is None:
                self._undeclared.add(name, value)
            elif _fits(value, parameter):
                self._fitting.add(name, value)
            else:
                self._unfit.add(parameter.types, value)

    def applied(self, call: ToolCall) -> list[Iterator[ToolCall]]:
        """Return ``call`` with one argument as others were given, by kind of difference."""
        tool = self._tools.get(call.key)
        if tool is None:
            return []
        declared = {one.name: one for one in parameters(tool)}
        given = [declared[name] for name in sorted(call.arguments) if name in declared]
        return [
            self._with_undeclared(call, declared),
            *(self._with_unfit(call, one) for one in given),
            *(self._with_fitting(call, one) for one in given),
        ]

    def _with_undeclared(self, call: ToolCall, declared: Mapping[str, Parameter]) -> Iterator[ToolCall]:
        for name in self._undeclared.names:
            if isinstance(name, str) and name not in declared and name not in call.arguments:
                for value in self._undeclared.of(name):
                    yield _with(call, name, value)

    def _with_unfit(self, call: ToolCall, parameter: Parameter) -> Iterator[ToolCall]:
        for value in self._unfit.of(parameter.types):
            if not _fits(value, parameter):
                yield _with(call, parameter.name, value)

    def _with_fitting(self, call: ToolCall, parameter: Parameter) -> Iterator[ToolCall]:
        for value in self._fitting.of(parameter.name):
            if value != call.arguments[parameter.name] and _fits(value, parameter):
                yield _with(call, parameter.name, value)


def _with(call: ToolCall, name: str, value: JsonValue) -> ToolCall:
    return call.model_copy(update={"arguments": {**call.arguments, name: value}})


def _fits(value: JsonValue, parameter: Parameter) -> bool:
    validator = validator_of(canonical_json(parameter.definition))
    return validator is None or bool(validator.is_valid(value))
