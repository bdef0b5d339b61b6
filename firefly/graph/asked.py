"""Scores edges by asking a language model: one source tool and many candidates a request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from firefly.graph.drafts import draft
from firefly.graph.schema import declared_fields
from firefly.graph.seen import seen_of
from firefly.knowledge import Knowledge
from firefly.lm import Estimate, Models
from firefly.lm.prompt import Prompt
from firefly.outputs import Path, general
from firefly.parameters import Parameter, parameters
from firefly.plugins import register
from firefly.protocols import Scorer
from firefly.records import Edge
from firefly.replay.records import Tool

ROLE = "scorer"

_FIELDS, _PARAMETERS = 16, 8
"""Most fields of a source, and parameters of a candidate, that are shown."""
_SAYS, _NOTE, _EXAMPLE = 160, 48, 24
"""Letters shown of a source's description, of a candidate's or parameter's, and of a value."""
_SCORES = {"certain": 0.9, "likely": 0.65, "possible": 0.4}
_ANSWER_TOKENS = 200
"""Of one answer, for estimates."""

INSTRUCTIONS = (
    "Say which parameters of the candidates could take a value that the source tool returns, in a workflow "
    "that makes sense. Leave out candidates that take nothing from it. `produces`: the value is found out by "
    "the source; `refers_to`: both only name the same thing, say a file."
)


class Passed(BaseModel):
    """One value that is passed on."""

    model_config = ConfigDict(extra="forbid")
    candidate: int = Field(description="number of the candidate")
    parameter: str
    field: int = Field(description="number of the source's field, 0 if none is listed")
    kind: Literal["produces", "refers_to"]
    likelihood: Literal["certain", "likely", "possible"]


@register("scorer", "llm")
class Asked:
    """Asks a language model which candidates a source could feed, by which parameter and field.

    Only the likeliest candidates are shown, so that a request stays short: of the source's own server, and of
    the others, those for which a cheap scorer has the best edge. What the model says of
    tools, parameters or fields that do not exist is dropped.
    """

    def __init__(
        self,
        *,
        models: Models,
        shortlist: Mapping[str, Scorer | None] | None = None,
        limit: int = 48,
        batch: int = 48,
        instructions: str = INSTRUCTIONS,
    ) -> None:
        """Set the limits.

        Args:
            models: the models of the run; the role is ``scorer``.
            shortlist: name -> scorer that picks the candidates; without any, they are taken as they come.
            limit: candidates of one source, at most half of them of its own server while there are others.
            batch: candidates in one request.
            instructions: what the model is told.

        """
        if min(limit, batch) < 1:
            raise ValueError("limit and batch must be at least 1")
        self._limit, self._batch = limit, batch
        self._shortlist = [one for one in (shortlist or {}).values() if one is not None]
        self._instructions = instructions
        self.prompt = Prompt(
            models,
            ROLE,
            instructions=instructions,
            inputs={"source": "a tool and the fields of its output", "candidates": "tools by number"},
            outputs={"passed": (list[Passed], "what the source's output is passed on to")},
        )

    def score(self, source: Tool, targets: Sequence[Tool], *, evidence: Knowledge) -> list[Edge]:
        """Return the edges that the model names, each with its words as evidence."""
        fields = _fields(source, evidence)
        chosen = self.candidates(source, targets, evidence=evidence)
        found: list[Edge] = []
        for start in range(0, len(chosen), self._batch):
            batch = chosen[start : start + self._batch]
            for one in self._ask(source, fields, batch):
                found += _edges(source, fields, batch, one)
        best: dict[tuple[Any, ...], Edge] = {}
        for edge in found:
            place = (edge.target, edge.parameter, edge.kind, edge.output_path)
            if place not in best or best[place].score < edge.score:
                best[place] = edge
        return list(best.values())

    def candidates(self, source: Tool, targets: Sequence[Tool], *, evidence: Knowledge) -> list[Tool]:
        """Return the targets that the model is shown, those of the source's server first."""
        able = [one for one in targets if parameters(one) and one.key != source.key]
        best: dict[tuple[str, str], float] = {}
        for scorer in self._shortlist:
            for edge in scorer.score(source, able, evidence=evidence):
                best[edge.target] = max(best.get(edge.target, 0.0), edge.score)
        ranked = sorted(able, key=lambda one: (-best.get(one.key, 0.0), one.key))
        near = [one for one in ranked if one.server == source.server]
        far = [one for one in ranked if one.server != source.server]
        # words find few workflows, and most stay on one server: half of the places are for its own tools
        own = near[: max(self._limit // 2, self._limit - len(far))]
        return [*own, *far[: self._limit - len(own)]]

    def estimate(self, tools: Sequence[Tool]) -> Estimate:
        """Return what scoring ``tools`` would take, before anything is known of what they return."""
        nothing = Knowledge([])
        calls = letters = 0
        for source in tools:
            chosen = self.candidates(source, tools, evidence=nothing)
            for start in range(0, len(chosen), self._batch):
                calls += 1
                letters += len(source_text(source, _fields(source, nothing)))
                letters += len(candidates_text(chosen[start : start + self._batch]))
        fixed = len(self._instructions) + _FRAME
        return Estimate(ROLE, calls, (letters + calls * fixed) // 4, calls * _ANSWER_TOKENS)

    def _ask(self, source: Tool, fields: Sequence[tuple[Path, str]], batch: Sequence[Tool]) -> list[Passed]:
        said = self.prompt.ask(source=source_text(source, fields), candidates=candidates_text(batch))
        return [] if said is None else list(said.passed or ())


_FRAME = 1800
"""Letters of a request besides the tools: DSPy's frame and the JSON schema."""


def source_text(source: Tool, fields: Sequence[tuple[Path, str]]) -> str:
    """Return a source as the model reads it."""
    told = " ".join(f"{one.name}:{_kind(one)}" for one in parameters(source)[:_PARAMETERS])
    lines = [f"{source.server}.{source.name}({told}): {_short(source.description, _SAYS)}"]
    for number, (path, example) in enumerate(fields, 1):
        shown = f" e.g. {_short(example, _EXAMPLE)}" if example else ""
        lines.append(f"field {number}: {'.'.join(map(str, path)) or 'its whole text'}{shown}")
    return "\n".join(lines)


def candidates_text(candidates: Sequence[Tool]) -> str:
    """Return candidates as the model reads them, one a line."""
    return "\n".join(f"{number}. {_candidate(one)}" for number, one in enumerate(candidates, 1))


def _candidate(tool: Tool) -> str:
    taken = ", ".join(f"{one.name}:{_kind(one)}" for one in parameters(tool)[:_PARAMETERS])
    return f"{tool.server}.{tool.name}({taken}) {_short(tool.description, _NOTE)}".rstrip()


def _kind(parameter: Parameter) -> str:
    return "/".join(parameter.types) or "any"


def _short(text: str, most: int) -> str:
    first = re.split(r"(?<=[.!?])\s|\n", " ".join(text.split("\n\n", maxsplit=1)[0].split()), maxsplit=1)[0]
    return first if len(first) <= most else first[: most - 1] + "…"


def _fields(source: Tool, knowledge: Knowledge) -> list[tuple[Path, str]]:
    """Return the fields to name, each with a value: those seen, else those declared.

    No value of one run only, such as a new commit's hash, and no word of a whole text, which may be one: a
    replayed run would ask something else.
    """
    seen = seen_of(knowledge).fields(source.key) if source.key in knowledge.tools else {}
    profile = knowledge.profiles.get(source.key)
    repeats = profile is not None and profile.determinism == "deterministic"
    passing = {general(path) for path in profile.volatile_paths} if profile is not None else set()
    found = [
        (
            path,
            next(
                (str(value) for value in one.values.values() if path and repeats and path not in passing), ""
            ),
        )
        for path, one in sorted(seen.items(), key=lambda item: (len(item[0]), repr(item[0])))
    ]
    if not found and source.output_schema:
        found = [(path, "") for path in declared_fields(source.output_schema)]
    return found[:_FIELDS]


def _edges(
    source: Tool, fields: Sequence[tuple[Path, str]], batch: Sequence[Tool], said: Passed
) -> Iterator[Edge]:
    if not 1 <= said.candidate <= len(batch):
        return
    target = batch[said.candidate - 1]
    if said.parameter not in {one.name for one in parameters(target)}:
        return
    path = fields[said.field - 1][0] if 1 <= said.field <= len(fields) else ()
    score = _SCORES[said.likelihood]
    yield draft(
        source=source.key,
        target=target.key,
        parameter=said.parameter,
        kind=said.kind,
        output_path=path,
        score=score,
        evidence={"llm": {"score": score, "says": said.likelihood}},
    )
