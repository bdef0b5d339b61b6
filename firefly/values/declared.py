"""Values that the schema itself states: enum, default, examples."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from firefly.knowledge import Knowledge
from firefly.parameters import Parameter
from firefly.plugins import register
from firefly.protocols import Proposal
from firefly.replay.records import Tool
from firefly.values.fitting import admissible
from firefly.values.paths import wants_path

__all__ = ["Default", "Enum", "Examples"]


@register("values", "enum")
class Enum:
    """The members of an ``enum`` or ``const``, in declared order; the default first."""

    def propose(
        self, tool: Tool, parameter: Parameter, *, knowledge: Knowledge, rng: Random
    ) -> Iterator[Proposal]:
        """Yield every member."""
        members = sorted(parameter.enum, key=lambda value: value != parameter.default)
        for value in members:
            yield Proposal(value=value, source="enum", detail="a member of the enum", weight=0.95)
        if not members and parameter.types == ("boolean",):
            for flag in (False, True):
                yield Proposal(value=flag, source="enum", detail="a boolean", weight=0.8)


@register("values", "default")
class Default:
    """The declared default, where it says anything (not null, not empty) and has the declared type."""

    def propose(
        self, tool: Tool, parameter: Parameter, *, knowledge: Knowledge, rng: Random
    ) -> Iterator[Proposal]:
        """Yield the default."""
        value = parameter.default
        if parameter.has_default and value not in (None, "", [], {}) and admissible(value, parameter):
            yield Proposal(value=value, source="default", detail="the declared default", weight=0.8)


@register("values", "examples")
class Examples:
    """The declared examples."""

    def propose(
        self, tool: Tool, parameter: Parameter, *, knowledge: Knowledge, rng: Random
    ) -> Iterator[Proposal]:
        """Yield every example of the declared type; an example path seldom exists here."""
        weight = 0.35 if wants_path(parameter) else 0.88
        for value in parameter.examples:
            if admissible(value, parameter):
                yield Proposal(value=value, source="examples", detail="a declared example", weight=weight)
