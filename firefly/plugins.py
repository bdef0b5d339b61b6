"""The one registry of components, and how third-party packages join it.

A component is a class decorated with ``@register(kind, name)`` and one YAML file
``conf/<kind>/<name>.yaml`` whose ``_target_`` is the class. Built-ins use the same way.
A third-party package declares one entry point in the group ``firefly.plugins`` (its value: the
module that registers its components) and ships its YAML files in ``<package>/conf/<kind>/``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

C = TypeVar("C", bound=type)

KINDS = (
    "world",
    "values",
    "candidates",
    "scorer",
    "sampler",
    "explorer",
    "synthesizer",
    "simulator",
    "checks",
    "exporters",
    "fingerprint",
    "parser",
)


def register(kind: str, name: str) -> Callable[[C], C]:
    """Register the decorated class as component ``name`` of ``kind``."""

    def decorate(cls: C) -> C:
        return cls

    return decorate
