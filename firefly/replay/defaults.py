"""Finds parameters that answer alike whether left out or given with their declared default."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from .records import Tool, canonical_json
from .visits import Visit

_ALIKE = 3
"""Agreeing pairs that are enough without a sign that the parameter matters at all."""


def alike_defaults(tool: Tool, visits: Iterable[tuple[str, Visit]]) -> tuple[str, ...]:
    """Return the parameters whose default may be filled in when they are left out.

    Args:
        tool: the tool.
        visits: its visits, each with the state in which it was made.

    A parameter qualifies when the explicit and the omitted form never answered differently in one
    state, and answered alike `_ALIKE` times, or once where another value answered differently: a
    declared default that the server ignores would also "agree" where the parameter changes nothing.
    """
    properties = tool.input_schema.get("properties")
    if not isinstance(properties, dict):
        return ()
    declared = {
        name: canonical_json(spec["default"])
        for name, spec in properties.items()
        if isinstance(spec, dict) and "default" in spec
    }
    if not declared:
        return ()
    by_rest: dict[tuple[str, str, str], dict[str | None, set[tuple[str, str]]]] = defaultdict(
        lambda: defaultdict(set)
    )
    for state, visit in visits:
        arguments = visit.call.arguments
        for name in declared:
            rest = canonical_json({key: value for key, value in arguments.items() if key != name})
            value = canonical_json(arguments[name]) if name in arguments else None
            by_rest[(name, state, rest)][value].add(visit.result)
    alike: dict[str, int] = defaultdict(int)
    telling: set[str] = set()
    refuted: set[str] = set()
    for (name, _, _), answers in by_rest.items():
        omitted, explicit = answers.get(None), answers.get(declared[name])
        if omitted and explicit:
            if omitted != explicit:
                refuted.add(name)
                continue
            alike[name] += 1
            if any(other != omitted for value, other in answers.items() if value is not None):
                telling.add(name)
    return tuple(
        sorted(
            name
            for name, count in alike.items()
            if name not in refuted and (count >= _ALIKE or name in telling)
        )
    )
