"""Values that a person gave for a parameter, and a few that are known to exist for common kinds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random

from firefly.knowledge import Knowledge
from firefly.parameters import Parameter
from firefly.plugins import register
from firefly.protocols import Proposal
from firefly.replay.records import Tool
from firefly.values.fitting import admissible
from firefly.values.semantic import declared_type, words

__all__ = ["Dictionary"]

_COMMON: Mapping[str, tuple[str, ...]] = {
    "timezone": ("Asia/Tokyo", "Europe/Paris", "America/Bogota"),
    "time": ("09:15", "18:40"),
    "currency": ("EUR", "USD", "JPY"),
    "language": ("en", "de", "fr"),
    "country": ("FR", "JP", "BR"),
    "encoding": ("utf-8",),
    "locale": ("en-US", "de-DE"),
}
"""Semantic type, or the word of a name -> values that exist everywhere."""


@register("values", "dictionary")
class Dictionary:
    """The user's own values (``servers.NAME.values``), before all others; then common ones, after most."""

    def propose(
        self, tool: Tool, parameter: Parameter, *, knowledge: Knowledge, rng: Random
    ) -> Iterator[Proposal]:
        """Yield the values given for this tool's parameter, then for that of any tool of the server."""
        listing = knowledge.listings.get(tool.server)
        given = listing.values if listing is not None else {}
        for key, weight in ((f"{tool.name}.{parameter.name}", 1.0), (parameter.name, 0.97)):
            for value in given.get(key, ()):
                # Whoever writes a value down knows better than a schema what the server takes.
                yield Proposal(value=value, source="dictionary", detail=f"given for {key}", weight=weight)
        if parameter.enum or (parameter.types and "string" not in parameter.types):
            return
        for kind in dict.fromkeys((declared_type(parameter), *words(parameter.name))):
            for value in _COMMON.get(kind, ()):
                if admissible(value, parameter):
                    yield Proposal(value=value, source="dictionary", detail=f"a common {kind}", weight=0.55)
