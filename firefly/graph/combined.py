"""The default scorer: several scorers, weighted, each leaving its evidence on the edge."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from firefly.errors import nearest
from firefly.graph.drafts import draft
from firefly.knowledge import Knowledge
from firefly.plugins import register
from firefly.protocols import Scorer
from firefly.records import Edge, ToolKey
from firefly.replay.records import Tool

_Place = tuple[ToolKey, str, str, tuple[str | int, ...], str]
"""Target, parameter, kind, output path, template."""


@register("scorer", "combined")
class Combined:
    """Adds up what several scorers say, each with a weight; independent signs strengthen each other."""

    def __init__(
        self,
        *,
        scorers: Mapping[str, Scorer | None],
        weights: Mapping[str, float] | None = None,
        general: Sequence[str] = (),
        floor: float = 0.1,
    ) -> None:
        """Set the parts.

        Args:
            scorers: name -> scorer; null switches one off.
            weights: name -> how far it is trusted, 0..1; 1 where not given.
            general: names of scorers that judge a tool and a parameter as such. What they say counts
                for every output path that another scorer names, and alone where none does.
            floor: edges scored lower are not returned.

        """
        self._scorers = {name: scorer for name, scorer in scorers.items() if scorer is not None}
        self._weights = {name: float((weights or {}).get(name, 1.0)) for name in self._scorers}
        self._general = frozenset(general)
        self._floor = floor
        wrong = [name for name, weight in self._weights.items() if not 0.0 <= weight <= 1.0]
        if wrong:
            raise ValueError(f"weights must lie between 0 and 1; these do not: {', '.join(sorted(wrong))}")
        unknown = sorted(self._general - scorers.keys())
        if unknown:
            raise ValueError(f"general names no scorer here: {unknown[0]!r}. {nearest(unknown[0], scorers)}")

    def score(self, source: Tool, targets: Sequence[Tool], *, evidence: Knowledge) -> list[Edge]:
        """Return every edge that a part speaks for; its score is 1 - the product of (1 - weight * score)."""
        doubt: dict[_Place, float] = defaultdict(lambda: 1.0)
        why: dict[_Place, dict[str, JsonValue]] = defaultdict(dict)
        fed: dict[tuple[ToolKey, str], list[_Place]] = defaultdict(list)
        for name in sorted(self._scorers, key=lambda name: (name in self._general, name)):
            for edge in self._scorers[name].score(source, targets, evidence=evidence):
                place: _Place = (edge.target, edge.parameter, edge.kind, edge.output_path, edge.template)
                places = [place]
                if name in self._general:
                    places = fed[edge.target, edge.parameter] or places
                elif place not in doubt and edge.parameter:
                    fed[edge.target, edge.parameter].append(place)
                for one in places:
                    doubt[one] *= 1 - self._weights[name] * edge.score
                    why[one][name] = edge.evidence.get(name, edge.score)
        return [
            draft(
                source=source.key,
                target=place[0],
                parameter=place[1],
                kind=place[2],
                output_path=place[3],
                template=place[4],
                score=round(1 - doubt[place], 4),
                evidence=why[place],
            )
            for place in sorted(doubt, key=repr)
            if 1 - doubt[place] >= self._floor and doubt[place] < 1
        ]
