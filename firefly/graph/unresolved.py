"""Required parameters that nothing could fill, why, and the line of YAML that would help."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence

import yaml
from pydantic import JsonValue

from firefly.contents import is_empty
from firefly.knowledge import Knowledge
from firefly.parameters import Parameter, parameters
from firefly.records import Edge, ToolKey
from firefly.replay.records import Record, Step

__all__ = ["Unresolved", "unresolved", "unresolved_yaml"]

_TEXT = 300
"""Characters of an error that are shown."""
_ASKED = 3
"""Values tried that are shown."""
_HEAD = """\
# Required parameters that no value source and no edge could fill so far. `help` is the line of YAML that
# would: a value for the servers' YAML (or the command line), or an edge for graph.annotations.
"""


class Unresolved(Record):
    """A required parameter of a tool of which no call worked, or all answered with nothing."""

    tool: str
    """``server.tool``."""
    parameter: str
    why: str
    """The last error, or what else came of the calls."""
    tried: tuple[JsonValue, ...] = ()
    """Values that did not help."""
    sources: tuple[str, ...] = ()
    """Tools that an edge says could feed it; empty for none."""
    help: tuple[str, ...] = ()
    """Lines of YAML."""


def unresolved(
    knowledge: Knowledge, scored: Iterable[Edge], kept: Iterable[Edge], *, where: Mapping[str, str]
) -> list[Unresolved]:
    """Return the required parameters, by tool, that stand between a tool and its first useful answer.

    Where the last error names some of them, only those.

    Args:
        knowledge: everything recorded so far.
        scored: edges before pruning; the best of them is proposed.
        kept: edges after pruning.
        where: server -> where it stands in the configuration, such as ``servers.git``.
    """
    feeding: dict[tuple[ToolKey, str], list[Edge]] = {}
    for edge in sorted(scored, key=lambda edge: (-edge.score, edge.id)):
        if edge.parameter and edge.source != edge.target:
            feeding.setdefault((edge.target, edge.parameter), []).append(edge)
    strong = {edge.id for edge in kept}
    found = []
    for key in sorted(knowledge.tools):
        steps = knowledge.steps.get(key, ())
        needed = [parameter for parameter in parameters(knowledge.tools[key]) if parameter.required]
        why = _trouble(knowledge, key, steps) if needed else ""
        if not why:
            continue
        for parameter in _blamed(needed, why):
            edges = feeding.get((key, parameter.name), [])
            name = f"{key[0]}.{key[1]}"
            found.append(
                Unresolved(
                    tool=name,
                    parameter=parameter.name,
                    why=why,
                    tried=_tried(steps, parameter.name),
                    sources=tuple(dict.fromkeys(".".join(one.source) for one in edges if one.id in strong)),
                    help=(
                        f"{where.get(key[0], f'servers.{key[0]}')}.values: "
                        f"{{{key[1]}.{parameter.name}: [VALUE]}}",
                        *(f"- {_annotation(one)}" for one in edges[:1]),
                    ),
                )
            )
    return found


def unresolved_yaml(found: Sequence[Unresolved]) -> str:
    """Return the report as YAML."""
    rows = [
        {name: value for name, value in one.model_dump(mode="json").items() if value not in ([], "")}
        for one in found
    ]
    return _HEAD + yaml.safe_dump(rows, sort_keys=False, allow_unicode=True, width=1000)


def _trouble(knowledge: Knowledge, key: ToolKey, steps: Sequence[Step]) -> str:
    """Return why the tool is of no use so far; "" when it is."""
    answered = [step for step in steps if step.observation.outcome in ("success", "failure", "transient")]
    if not answered:
        return "it was never called: no value was found for it, or probing.budget was spent"
    worked = [step for step in answered if step.observation.outcome == "success"]
    profile = knowledge.profiles.get(key)
    if not worked:
        last = answered[-1].observation
        return _short(last.visible or last.reason)
    if (profile is None or profile.effect != "write") and all(is_empty(step.observation) for step in worked):
        return f"every call that worked said nothing: {_short(worked[-1].observation.visible) or '(no text)'}"
    return ""


def _blamed(needed: Sequence[Parameter], why: str) -> list[Parameter]:
    named = [one for one in needed if re.search(rf"(?<!\w){re.escape(one.name)}(?!\w)", why)]
    free = [one for one in needed if not one.enum and one.types != ("boolean",)]
    return named or free or list(needed)


def _tried(steps: Sequence[Step], parameter: str) -> tuple[JsonValue, ...]:
    given = [step.call.arguments[parameter] for step in steps if parameter in step.call.arguments]
    distinct = {json.dumps(value, sort_keys=True): value for value in given}
    return tuple(distinct[name] for name in sorted(distinct) if len(name) <= _TEXT)[:_ASKED]


def _annotation(edge: Edge) -> str:
    parts = {
        "source": ".".join(edge.source),
        "target": ".".join(edge.target),
        "parameter": edge.parameter,
        **({"path": list(edge.output_path)} if edge.output_path else {}),
        **({"template": edge.template} if edge.template else {}),
        "rule": "require",
    }
    return yaml.safe_dump(parts, default_flow_style=True, sort_keys=False, width=10**6).strip()


def _short(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= _TEXT else plain[: _TEXT - 1] + "…"
