"""Scores an edge by the words that the producer's text and the consumer's parameter share."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import JsonValue

from firefly.knowledge import Knowledge
from firefly.parameters import Parameter, parameters
from firefly.plugins import register
from firefly.records import Edge
from firefly.replay.parsers import parse
from firefly.replay.records import PathPart, Tool

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


@register("scorer", "lexical")
class Lexical:
    """Overlap of words between an output field (with its tool's text) and a parameter."""

    def __init__(self, *, floor: float = 0.1) -> None:
        """Set the limit.

        Args:
            floor: edges scored lower are not returned.
        """
        self.floor = floor

    def score(self, source: Tool, targets: Sequence[Tool], *, evidence: Knowledge) -> list[Edge]:
        """Return an edge for every (output field, parameter) pair that shares enough words."""
        fields: dict[tuple[PathPart, ...], set[str]] = {}
        for step in evidence.successes(source.key):
            parsed = parse(step.observation)
            if parsed is not None:
                for path in _leaves(parsed.value):
                    fields.setdefault(
                        path, _words(" ".join(str(part) for part in path)) | _words(source.name)
                    )
        edges = []
        for target in targets:
            for parameter in parameters(target):
                wanted = _words(f"{parameter.name} {parameter.description}") | _own_words(target, parameter)
                scored = [(_overlap(words, wanted), path) for path, words in sorted(fields.items(), key=str)]
                score, path = max(scored, key=lambda one: one[0], default=(0.0, ()))
                if score >= self.floor:
                    edges.append(
                        Edge(
                            source=source.key,
                            target=target.key,
                            parameter=parameter.name,
                            output_path=path,
                            score=round(score, 4),
                            evidence={"lexical": round(score, 4)},
                        )
                    )
        return edges


def _leaves(value: JsonValue, path: tuple[PathPart, ...] = ()) -> list[tuple[PathPart, ...]]:
    if isinstance(value, dict):
        return [leaf for key, one in value.items() for leaf in _leaves(one, (*path, key))]
    if isinstance(value, list):
        return sorted({leaf for one in value for leaf in _leaves(one, (*path, "*"))}, key=str)
    return [path]


def _words(text: str) -> set[str]:
    return {word.lower().rstrip("s") for word in _WORD.findall(text) if len(word) > 1}


def _own_words(target: Tool, parameter: Parameter) -> set[str]:
    return _words(target.name) if parameter.required else set()


def _overlap(left: set[str], right: set[str]) -> float:
    return len(left & right) / len(left | right) if left and right else 0.0
