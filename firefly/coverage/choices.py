"""What a tool may be given: values of one parameter and whole argument sets, proposed once for every task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from pydantic import JsonValue

from firefly.knowledge import Knowledge
from firefly.protocols import ValueSource
from firefly.records import ToolKey
from firefly.replay.records import ToolCall
from firefly.values import assemblies, proposals
from firefly.values.undeclared import all_parameters

__all__ = ["Choices"]

_LIKELY = 0.25
"""Weight below which a value, or a whole set of arguments, is not what anybody would take."""


class Choices:
    """The likely arguments of tools, from what is known of the tool's own server.

    Other servers are left out so that a further one changes nothing; what one server's answer gives to
    another stands in the gold calls themselves.
    """

    def __init__(
        self, knowledge: Knowledge, sources: Sequence[ValueSource], rng_of: Callable[[ToolKey], Random]
    ) -> None:
        """Prepare.

        Args:
            knowledge: of every server.
            sources: where values come from.
            rng_of: gives each tool its generator.

        """
        self._knowledge = knowledge
        self._sources = sources
        self._rng_of = rng_of
        self._of_server: dict[str, Knowledge] = {}
        self._values: dict[tuple[ToolKey, str], Sequence[JsonValue]] = {}
        self._calls: dict[ToolKey, Sequence[ToolCall]] = {}

    def values(self, key: ToolKey, name: str) -> Sequence[JsonValue]:
        """Return values of a parameter, the likeliest to be accepted first."""
        if (key, name) not in self._values:
            known = self._known(key[0])
            tool = known.tools[key]
            self._values[(key, name)] = [
                one.value
                for parameter in all_parameters(tool, known)
                if parameter.name == name
                for one in proposals(tool, parameter, self._sources, known, self._rng_of(key))
                if one.weight >= _LIKELY
            ]
        return self._values[(key, name)]

    def calls(self, key: ToolKey) -> Sequence[ToolCall]:
        """Return calls of a tool, the likeliest to work first."""
        if key not in self._calls:
            known = self._known(key[0])
            self._calls[key] = [
                ToolCall(server=key[0], tool=key[1], arguments=one.arguments)
                for one in assemblies(known.tools[key], self._sources, known, self._rng_of(key))
                if one.weight >= _LIKELY
            ]
        return self._calls[key]

    def _known(self, server: str) -> Knowledge:
        if server not in self._of_server:
            self._of_server[server] = self._knowledge.restricted([server])
        return self._of_server[server]
