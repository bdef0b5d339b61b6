"""What a user knows of the graph: edges that are there whatever was observed, and edges that are not."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, JsonValue

from firefly.errors import ConfigError
from firefly.knowledge import Knowledge
from firefly.parameters import parameters
from firefly.records import Edge, ToolKey
from firefly.replay.records import Tool

__all__ = ["PINNED", "Annotation", "annotated", "check_annotations", "read_annotations"]

PINNED = "annotation"
"""Evidence of an edge that an annotation requires: it is never pruned."""
_WHERE = "graph.annotations"


class Annotation(BaseModel):
    """One line of a user's knowledge."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    source: str
    """``server.tool`` whose output feeds the target."""
    target: str
    """``server.tool`` that takes the value."""
    parameter: str = ""
    """The target's parameter. Left out: the source changes what the target reads (*affects*); with
    ``forbid``: no edge at all between the two."""
    path: tuple[str | int, ...] = ()
    """Where the value stands in the source's output, ``"*"`` for any index of a list. Left out with
    ``require``: where the best edge found stands; with ``forbid``: anywhere."""
    template: str = ""
    """The text of the argument around the value, ``{}`` standing for it."""
    rule: Literal["require", "forbid"]


def read_annotations(given: Any) -> Any:
    """Return what ``graph.annotations`` says as a plain list: of a file, of a mapping's values, or itself.

    Raises:
        ValueError: the file can't be read, or holds something else.
    """
    if isinstance(given, (str, Path)):
        place = Path(given).expanduser()
        try:
            found = yaml.safe_load(place.read_text(encoding="utf-8"))
        except OSError as error:
            raise ValueError(f"{place} can't be read: {error.strerror or error}") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ValueError(f"{place} is no YAML: {' '.join(str(error).split())}") from error
        if isinstance(found, (str, int, float, bool)):
            raise ValueError(f"{place} must hold a list of edges, or names and edges")
        return read_annotations(found)
    if given is None:
        return []
    if isinstance(given, Mapping):
        return [value for value in given.values() if value is not None]
    return given


def check_annotations(annotations: Sequence[Annotation], knowledge: Knowledge) -> None:
    """Refuse annotations that name a tool or parameter that is not there.

    Tools of a server that can't be used now are not judged.

    Raises:
        ConfigError: names every fault with the nearest that exists.
    """
    faults = []
    for number, one in enumerate(annotations):
        for key in ("source", "target"):
            fault = _tool_fault(getattr(one, key), knowledge)
            if fault:
                faults.append(f"{_WHERE}[{number}].{key}: {fault}")
        target = _declared(knowledge).get(one.target)
        names = [parameter.name for parameter in parameters(target)] if target else []
        if target and one.parameter and one.parameter not in names:
            faults.append(
                f"{_WHERE}[{number}].parameter: {one.target} has no parameter {one.parameter!r}. "
                f"{_nearest(one.parameter, names)}"
            )
        if "{}" not in one.template and one.template:
            faults.append(f"{_WHERE}[{number}].template: it has no {{}} to stand for the value")
    if faults:
        raise ConfigError("The annotations have faults:\n" + "\n".join(f"  {line}" for line in faults))


def annotated(edges: Iterable[Edge], annotations: Sequence[Annotation], knowledge: Knowledge) -> list[Edge]:
    """Return ``edges`` without the forbidden ones, and with every required one, at score 1."""
    found = list(edges)
    keys = {name: tool.key for name, tool in _declared(knowledge).items() if tool.key in knowledge.tools}
    for one in annotations:
        if one.source not in keys or one.target not in keys:
            continue
        source, target = keys[one.source], keys[one.target]
        matching = [edge for edge in found if _matches(edge, one, source, target)]
        if one.rule == "forbid":
            found = [edge for edge in found if edge not in matching]
            continue
        if not one.path and not one.template:
            matching = sorted(matching, key=lambda edge: (-edge.score, edge.id))[:1]
        found = [edge for edge in found if edge not in matching]
        found += [_pinned(edge) for edge in matching] or [
            Edge(
                source=source,
                target=target,
                parameter=one.parameter,
                kind="produces" if one.parameter else "affects",
                output_path=one.path,
                template=one.template,
                score=1.0,
                evidence={PINNED: "require"},
            )
        ]
    return found


def _pinned(edge: Edge) -> Edge:
    evidence: dict[str, JsonValue] = {**edge.evidence, PINNED: "require"}
    kind = "produces" if edge.parameter else "affects"
    return Edge(**{**edge.model_dump(exclude={"id"}), "score": 1.0, "kind": kind, "evidence": evidence})


def _matches(edge: Edge, one: Annotation, source: ToolKey, target: ToolKey) -> bool:
    if (edge.source, edge.target) != (source, target):
        return False
    if one.rule == "forbid" and not one.parameter:
        return True
    return (
        edge.parameter == one.parameter
        and (not one.path or edge.output_path == one.path)
        and (edge.template == one.template if one.rule == "require" or one.template else True)
    )


def _declared(knowledge: Knowledge) -> dict[str, Tool]:
    """Return every declared tool, callable or not, by ``server.tool``."""
    return {
        f"{tool.server}.{tool.name}": tool
        for listing in knowledge.listings.values()
        for tool in listing.tools
    }


def _tool_fault(name: str, knowledge: Knowledge) -> str:
    declared = _declared(knowledge)
    if name in declared:
        return ""
    for server, listing in knowledge.listings.items():
        if name.startswith(f"{server}."):
            if listing.health.status != "ok":
                return ""
            own = [f"{server}.{tool.name}" for tool in listing.tools]
            return f"{server} has no tool {name.removeprefix(f'{server}.')!r}. {_nearest(name, own)}"
    return f"no server of this run has a tool {name!r} (write SERVER.TOOL). {_nearest(name, declared)}"


def _nearest(asked: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = difflib.get_close_matches(asked, names, n=1, cutoff=0.4)
    if close:
        return f"Did you mean {close[0]!r}?"
    shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    return f"Known: {shown or 'none'}."
