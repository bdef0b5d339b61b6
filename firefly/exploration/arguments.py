"""What is known about a tool's arguments: what worked, what was refused, what is given from the start."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from random import Random
from typing import TypeVar

from pydantic import JsonValue

from firefly.knowledge import Knowledge
from firefly.novelty import fields_beside, names_answered, says_more
from firefly.outputs import Path, expand, general, leaves, useful_output
from firefly.parameters import Parameter
from firefly.records import Link, ToolKey
from firefly.replay.records import Step, Tool, canonical_json

T = TypeVar("T")


class Known:
    """Looks up arguments in what was recorded of a set of servers."""

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge
        self._names: dict[tuple[ToolKey, str, str], frozenset[str]] = {}
        self._useful: dict[ToolKey, list[tuple[Step, JsonValue]]] = {}

    def tool(self, key: ToolKey) -> Tool | None:
        """Return the tool, if it may be called."""
        return self.knowledge.tools.get(key)

    def volatile(self, key: ToolKey) -> frozenset[Path]:
        """Return the general paths of output fields that differ between equal calls."""
        profile = self.knowledge.profiles.get(key)
        return frozenset(general(path) for path in profile.volatile_paths) if profile else frozenset()

    def arguments(
        self,
        key: ToolKey,
        *,
        linked: Mapping[str, JsonValue] | None = None,
        without: frozenset[str] = frozenset(),
        links: Sequence[tuple[Link, ToolKey]] = (),
    ) -> list[dict[str, JsonValue]]:
        """Return distinct arguments of calls that said something, fewest first.

        Args:
            key: which tool.
            linked: values that the calls must have had for these parameters, which are left out.
            without: further parameters to leave out; what they were does not matter.
            links: those out of the call, with the tools that they lead to: the output must hold what they
                pass on. Where some outputs do besides not hold already what those tools would say, the
                others are left out.

        """
        wanted = linked or {}
        found: dict[str, dict[str, JsonValue]] = {}
        in_vain: dict[str, dict[str, JsonValue]] = {}
        for step, output in self.useful(key):
            given = step.call.arguments
            if all(name in given and given[name] == value for name, value in wanted.items()) and all(
                next(expand(output, link.output_path), None) is not None for link, _ in links
            ):
                rest = {name: given[name] for name in given if name not in without and name not in wanted}
                leads_on = all(self._leads_on(output, link, target) for link, target in links)
                (found if leads_on else in_vain)[canonical_json(rest)] = rest
        found = found or in_vain
        return [found[name] for name in sorted(found, key=lambda name: (len(found[name]), name))]

    def _leads_on(self, output: JsonValue, link: Link, target: ToolKey) -> bool:
        """Return whether following the link was seen to say more than what stands beside the value."""
        if not link.template:
            return True
        key = (target, link.parameter, link.template)
        if key not in self._names:
            answers = [(step.call.arguments, answer) for step, answer in self.useful(target)]
            self._names[key] = names_answered(answers, link.parameter, link.template)
        return says_more(self._names[key], fields_beside(output, link.output_path))

    def useful(self, key: ToolKey) -> list[tuple[Step, JsonValue]]:
        """Return the tool's calls that said something, with their parsed outputs."""
        if key not in self._useful:
            read = [
                (step, useful_output(step.call, step.observation)) for step in self.knowledge.successes(key)
            ]
            self._useful[key] = [(step, output) for step, output in read if output is not None]
        return self._useful[key]

    def leading_on(self, key: ToolKey, links: Sequence[Link]) -> list[tuple[Mapping[str, JsonValue], bool]]:
        """Return the arguments of calls that said something, and whether that was all that ``links`` need."""
        return [
            (
                step.call.arguments,
                all(next(expand(output, link.output_path), None) is not None for link in links),
            )
            for step, output in self.useful(key)
        ]

    def worked(self, key: ToolKey, parameter: str) -> frozenset[str]:
        """Return the ``repr`` of every value with which a call said something."""
        return frozenset(
            repr(leaf)
            for step, _ in self.useful(key)
            if parameter in step.call.arguments
            for leaf in _parts(step.call.arguments[parameter])
        )

    def refused(self, key: ToolKey, parameter: str) -> frozenset[str]:
        """Return the ``repr`` of every value with which calls failed twice and none worked."""
        counts = self._failures.get((key, parameter), Counter())
        return frozenset(value for value, count in counts.items() if count > 1) - self.worked(key, parameter)

    def constants(self, servers: Iterable[str]) -> set[str]:
        """Return the ``repr`` of the launch values of ``servers``: nobody needs to find them out."""
        return {
            repr(value)
            for server in servers
            if server in self.knowledge.listings
            for value in self.knowledge.listings[server].launch_values
        }

    @cached_property
    def _failures(self) -> dict[tuple[ToolKey, str], Counter[str]]:
        found: dict[tuple[ToolKey, str], Counter[str]] = defaultdict(Counter)
        for key, steps in self.knowledge.steps.items():
            for step in steps:
                if step.observation.outcome == "failure":
                    for name, value in step.call.arguments.items():
                        found[(key, name)][repr(value)] += 1
        return dict(found)


def admits(parameter: Parameter, value: JsonValue) -> bool:
    """Return whether the parameter's declared JSON types and enumeration admit the value."""
    if value is None or isinstance(value, dict):
        return False
    if parameter.enum and value not in parameter.enum:
        return False
    if not parameter.types:
        return True
    return bool(_json_types(value) & set(parameter.types))


def draw(items: Sequence[T], weights: Sequence[float], rng: Random) -> list[T]:
    """Return all items in random order, heavier ones more likely early."""
    keyed = [(rng.random() ** (1.0 / weight), index) for index, weight in enumerate(weights)]
    return [items[index] for _, index in sorted(keyed, reverse=True)]


def _json_types(value: JsonValue) -> set[str]:
    if isinstance(value, bool):
        return {"boolean"}
    if isinstance(value, str):
        return {"string"}
    if isinstance(value, list):
        return {"array"}
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return {"integer", "number"}
    return {"number"}


def _parts(value: JsonValue) -> list[JsonValue]:
    return [value, *(leaf for _, leaf in leaves(value))] if isinstance(value, list) else [value]
