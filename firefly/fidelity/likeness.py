"""How like an answer is that need not be exact: does it fit the schema, and how many values agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from firefly.mentions import tokens
from firefly.outputs import general, leaves
from firefly.replay.parsers import parse
from firefly.replay.records import Observation, Tool, canonical_json

__all__ = ["Likeness", "likeness"]


@dataclass(frozen=True)
class Likeness:
    """One answer beside the true one."""

    valid: bool | None
    """Whether it fits the tool's output schema; None: the tool declares none, or the answer is an error."""
    value_f1: float
    """Harmonic mean of precision and recall of the values, each at its place; 1: all agree."""


def likeness(said: Observation, live: Observation, tool: Tool | None) -> Likeness:
    """Return how like ``said`` is to what the ``live`` server answered.

    Values are the scalars of the parsed outputs with their general paths (``rows.*.id``); where an output is
    text that no parser reads, its words.
    """
    return Likeness(_valid(said, tool), _f1(Counter(_values(said, live)), Counter(_values(live, said))))


def _valid(said: Observation, tool: Tool | None) -> bool | None:
    if tool is None or tool.output_schema is None or said.is_error or said.outcome != "success":
        return None
    try:
        Draft202012Validator.check_schema(tool.output_schema)
    except SchemaError:
        return None
    return said.structured is not None and Draft202012Validator(tool.output_schema).is_valid(said.structured)


def _values(one: Observation, other: Observation) -> Iterator[str]:
    """Yield the values of ``one``: its scalars if both can be parsed, else its words."""
    yield f"outcome {one.outcome}"
    parsed = parse(one) if one.outcome == "success" else None
    if parsed is not None and other.outcome == "success" and parse(other) is not None:
        for path, leaf in leaves(parsed.value):
            yield canonical_json([general(path), leaf])
        return
    yield from tokens(one.visible)


def _f1(said: Counter[str], live: Counter[str]) -> float:
    common = sum((said & live).values())
    return 2 * common / (sum(said.values()) + sum(live.values()))
