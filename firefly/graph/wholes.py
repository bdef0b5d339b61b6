"""Objects of an output that can be passed on whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from firefly.graph.drafts import draft
from firefly.graph.names import name_match
from firefly.graph.seen import Field, Want
from firefly.outputs import ANY_INDEX, Path
from firefly.records import Edge
from firefly.replay.records import Tool

__all__ = ["record_edges"]

_WHOLE = 0.75
_ECHO = 0.8
"""For objects that the source only repeated."""
_SELF = 0.3
_FEWEST = 2
"""Keys that two kinds of objects hardly share by chance."""


def record_edges(
    source: Tool,
    target: Tool,
    want: Want,
    fields: Sequence[tuple[Path, Field]],
) -> Iterator[Edge]:
    """Yield an edge for each list of objects in the output that have every required key of a parameter."""
    parameter = want.parameter
    parts = [part.parameter for part in want.parts]
    needed = {part.name for part in parts if part.required} or {part.name for part in parts}
    if len(needed) < _FEWEST or "array" not in parameter.types:
        return
    lists: dict[Path, dict[str, Field]] = {}
    for path, seen in fields:
        stars = [place for place, part in enumerate(path) if part == ANY_INDEX]
        if (stars and len(path) > stars[-1] + 1) or len(stars) > 1:
            for star in stars:
                key = path[star + 1] if len(path) > star + 1 else ANY_INDEX
                if isinstance(key, str) and key != ANY_INDEX:
                    lists.setdefault(path[:star], {})[key] = seen
    for path, keys in sorted(lists.items(), key=repr):
        if not needed <= keys.keys():
            continue
        echoed = all(not keys[name].values for name in needed)
        score = _WHOLE + 0.15 * name_match(path, source, parameter.name, target)
        score *= (_ECHO if echoed else 1.0) * (_SELF if source.key == target.key else 1.0)
        yield draft(
            source=source.key,
            target=target.key,
            parameter=parameter.name,
            kind="refers_to" if echoed else "produces",
            output_path=path,
            score=round(score, 4),
            evidence={"observed": {"score": round(score, 4), "objects_with": [*sorted(needed)]}},
        )
