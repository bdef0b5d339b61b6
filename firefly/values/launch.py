"""Values of the server's launch line, and the files it starts with."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from random import Random

from firefly.knowledge import Knowledge
from firefly.parameters import Parameter
from firefly.plugins import register
from firefly.protocols import Proposal
from firefly.replay.records import Tool
from firefly.values.fitting import admissible
from firefly.values.paths import fit, is_new, known_paths, wants_path
from firefly.values.semantic import declared_type, semantic_type, words

__all__ = ["Launch"]


@register("values", "launch")
class Launch:
    """What the user who configured the server knows: its arguments and the files of its fixture."""

    def __init__(self, *, limit: int = 12) -> None:
        self.limit = limit

    def propose(
        self, tool: Tool, parameter: Parameter, *, knowledge: Knowledge, rng: Random
    ) -> Iterator[Proposal]:
        """Yield paths for parameters that want one, and other launch values of a fitting type."""
        if "string" not in parameter.types and parameter.types:
            return
        if wants_path(parameter):
            yield from self._paths(tool, parameter, knowledge)
            return
        listing = knowledge.listings.get(tool.server)
        declared = declared_type(parameter)
        for value in listing.launch_values if listing else ():
            if declared and semantic_type(value) == declared and admissible(value, parameter):
                yield Proposal(value=value, source="launch", detail="stands in the launch line", weight=0.75)

    def _paths(self, tool: Tool, parameter: Parameter, knowledge: Knowledge) -> list[Proposal]:
        new = is_new(parameter, tool)
        known = list(dict(known_paths(tool.server, knowledge)).items())
        roots = sorted({path for path, where in known if where == "the launch line"}, key=len)
        root = roots[0] if roots else "/workspace"
        found: list[Proposal] = []
        for path, where in known:
            launched = where == "the launch line"
            inside_one = launched or not roots or any(path.startswith(one.rstrip("/") + "/") for one in roots)
            weight = fit(path, parameter, tool) * (0.4 if new else 1.0) * (1.0 if launched else 0.92)
            weight *= 1.0 if inside_one else 0.6  # the server was started for what is below its folder
            found.append(
                Proposal(
                    value=_as_asked(path, parameter),
                    source="launch",
                    detail=f"a path of {where}",
                    weight=weight,
                )
            )
            inside = posixpath.relpath(path, root) if path.startswith(root.rstrip("/") + "/") else ""
            if inside and not launched:
                found.append(
                    Proposal(
                        value=inside,
                        source="launch",
                        detail=f"a path of {where}, relative",
                        weight=weight * 0.7,
                    )
                )
        kept = [one for one in found if admissible(one.value, parameter)]
        return _taking_turns(kept)[: self.limit]


def _taking_turns(found: list[Proposal]) -> list[Proposal]:
    """Return proposals best first, those of equal weight taking turns by the ending of their files."""
    by_weight: dict[float, dict[str, list[Proposal]]] = {}
    for one in found:
        ending = posixpath.splitext(str(one.value))[1]
        by_weight.setdefault(round(one.weight, 3), {}).setdefault(ending, []).append(one)
    ordered: list[Proposal] = []
    for weight in sorted(by_weight, reverse=True):
        queues = list(by_weight[weight].values())
        for place in range(max(map(len, queues))):
            ordered += [queue[place] for queue in queues if place < len(queue)]
    return ordered


def _as_asked(path: str, parameter: Parameter) -> str:
    """Return ``path``, as a ``file:`` URI where the parameter is a URI."""
    if "uri" in words(parameter.name) or "file:" in parameter.description:
        return f"file://{path}"
    return path
