"""The default scorer: several scorers, weighted, each leaving its evidence on the edge."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from firefly.knowledge import Knowledge
from firefly.plugins import register
from firefly.protocols import Scorer
from firefly.records import Edge, ToolKey
from firefly.replay.records import Tool

_Place = tuple[ToolKey, str, str, tuple[str | int, ...]]


@register("scorer", "combined")
class Combined:
    """Adds up what several scorers say, each with a weight; independent signs strengthen each other."""

    def __init__(
        self, *, scorers: Mapping[str, Scorer | None], weights: Mapping[str, float] | None = None
    ) -> None:
        """Set the parts.

        Args:
            scorers: name -> scorer; null switches one off.
            weights: name -> how far it is trusted, 0..1; 1 where not given.

        """
        self._scorers = {name: scorer for name, scorer in scorers.items() if scorer is not None}
        self._weights = {name: float((weights or {}).get(name, 1.0)) for name in self._scorers}
        wrong = [name for name, weight in self._weights.items() if not 0.0 <= weight <= 1.0]
        if wrong:
            raise ValueError(f"weights must lie between 0 and 1; these do not: {', '.join(sorted(wrong))}")

    def score(self, source: Tool, targets: Sequence[Tool], *, evidence: Knowledge) -> list[Edge]:
        """Return every edge that a part speaks for; its score is 1 - the product of (1 - weight * score)."""
        doubt: dict[_Place, float] = defaultdict(lambda: 1.0)
        why: dict[_Place, dict[str, JsonValue]] = defaultdict(dict)
        for name in sorted(self._scorers):
            for edge in self._scorers[name].score(source, targets, evidence=evidence):
                place = (edge.target, edge.parameter, edge.kind, edge.output_path)
                doubt[place] *= 1 - self._weights[name] * edge.score
                why[place][name] = edge.evidence.get(name, edge.score)
        return [
            Edge(
                source=source.key,
                target=place[0],
                parameter=place[1],
                kind=place[2],  # type: ignore[arg-type]
                output_path=place[3],
                score=round(1 - doubt[place], 4),
                evidence=why[place],
            )
            for place in sorted(doubt, key=repr)
            if doubt[place] < 1
        ]
