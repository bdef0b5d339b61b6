"""The conformance vectors and JSON Schemas of the format: what a reader in any language is held to.

``format/vectors.json`` of the repository is one `Vectors`. Each case holds its inputs and the one right
result; `faults` says where this package comes to another. ``python -m firefly.replay.conformance`` writes
the schemas of the records anew, and, in a checkout of the repository, ``format/patterns.json``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, JsonValue

from .answers import answer_text
from .canonical import Canonicalizer, declared_defaults, letter, number_parameters
from .cassette import Cassette, CassetteTool, Entry, Indifference, Manifest, Scope
from .end_state import ProbeAnswers, probe_answers
from .folder import FORMAT_VERSION
from .grading import grade
from .parsers import parse
from .patterns import PATTERNS, WORDED
from .records import (
    Answer,
    EpisodeOutcome,
    Expression,
    Grade,
    Observation,
    Provenance,
    Record,
    Rollout,
    StateProbe,
    Task,
    ToolCall,
    digest,
)
from .simulator import StrictSimulator
from .state import Event, kept, levels_of, state_id

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class CanonicalCase(Record):
    """Arguments -> canonical text and letter."""

    server: str = "server"
    tool: str = "tool"
    input_schema: dict[str, JsonValue]
    fill: tuple[str, ...] = ()
    """Parameters whose default is to be filled in."""
    literal: bool = False
    """Whether ``25.0`` and ``25`` were told apart."""
    arguments: dict[str, JsonValue]
    schema_digest: str = ""
    numbers: dict[str, int] = Field(default_factory=dict)
    """As the tool's rule has them; a reader takes them from there."""
    defaults: dict[str, JsonValue] = Field(default_factory=dict)
    canonical: str = ""
    letter: str = ""


class PastCall(Record):
    """A preceding call of a scope."""

    server: str
    tool: str
    letter: str
    before: str
    """The scope's mark before it."""
    after: str


class StateCase(Record):
    """Start, mark and preceding calls -> the state as a tool sees it."""

    start: str
    mark: str
    events: tuple[PastCall, ...]
    indifferent_to: tuple[Indifference, ...] = ()
    kept: tuple[str, ...]
    """For those who look for a mistake: the items of the calls that matter, oldest first."""
    state: str


class Tape(Record):
    """A cassette in one piece."""

    tools: tuple[CassetteTool, ...]
    entries: tuple[Entry, ...]
    scopes: tuple[Scope, ...]

    @property
    def cassette(self) -> Cassette:
        """Return it ready to answer."""
        return Cassette(self.tools, self.entries, self.scopes)


class EpisodeCase(Record):
    """Calls of one episode -> their answers."""

    cassette: str
    """A name of ``cassettes``."""
    servers: tuple[str, ...]
    """Whose tools the episode has, all of them."""
    world: str = ""
    calls: tuple[ToolCall, ...]
    answers: tuple[Observation | None, ...]
    """None: a miss."""
    needs: tuple[Literal["json-schema"], ...] = ()
    """A reader without a validator of JSON Schema misses where one of these answers rests on it."""


class GradeCase(Record):
    """A reference answer and a last message -> the reward."""

    answer: Answer
    message: JsonValue
    outcome: EpisodeOutcome | None = None
    """What became of the episode, where it did not end by itself."""
    end_state: bool = False
    """Whether the task has one too, which the answer alone can't prove."""
    reward: Literal[0, 1] | None


class EndStateCase(Record):
    """Calls of an episode, and probes after it -> the reward of a right answer."""

    cassette: str
    servers: tuple[str, ...]
    calls: tuple[ToolCall, ...]
    end_state: tuple[StateProbe, ...]
    probes: tuple[ProbeAnswers, ...] = ()
    """As a data set has them beside the task."""
    reward: Literal[0, 1] | None = None


class ParserCase(Record):
    """An output -> its value and the parser that read it; only for readers that check end states."""

    text: str
    structured: JsonValue = None
    parser: str | None
    value: JsonValue


class Vectors(Record):
    """Everything a reader is held to."""

    format: Literal["firefly-vectors"] = "firefly-vectors"
    format_version: int = FORMAT_VERSION
    cassettes: dict[str, Tape] = Field(default_factory=dict)
    canonical: tuple[CanonicalCase, ...] = ()
    states: tuple[StateCase, ...] = ()
    episodes: tuple[EpisodeCase, ...] = ()
    grades: tuple[GradeCase, ...] = ()
    end_states: tuple[EndStateCase, ...] = ()
    parsers: tuple[ParserCase, ...] = ()


def faults(vectors: Vectors) -> Iterator[str]:
    """Say of each case whose result this package does not come to, what it comes to."""
    cassettes = {name: tape.cassette for name, tape in vectors.cassettes.items()}
    pairs: dict[str, list[tuple[Record, Record]]] = {
        "canonical": [(canonical_case(case), case) for case in vectors.canonical],
        "states": [(state_case(case), case) for case in vectors.states],
        "episodes": [(episode_case(case, cassettes[case.cassette]), case) for case in vectors.episodes],
        "grades": [(grade_case(case), case) for case in vectors.grades],
        "end_states": [(end_state_case(case, cassettes[case.cassette]), case) for case in vectors.end_states],
        "parsers": [(parser_case(case), case) for case in vectors.parsers],
    }
    for name, cases in pairs.items():
        for number, (found, case) in enumerate(cases):
            if found != case:
                yield f"{name} {number}: {found.to_json()}, not {case.to_json()}"


def canonical_case(case: CanonicalCase) -> CanonicalCase:
    """Return the case with the results that this package comes to."""
    numbers = {} if case.literal else number_parameters(case.input_schema)
    defaults = declared_defaults(case.input_schema, case.fill)
    text = Canonicalizer(numbers=numbers, defaults=defaults).text(case.arguments)
    schema = digest(case.input_schema)
    return case.model_copy(
        update={
            "schema_digest": schema,
            "numbers": numbers,
            "defaults": defaults,
            "canonical": text,
            "letter": letter(case.server, case.tool, schema, text),
        }
    )


def state_case(case: StateCase) -> StateCase:
    """Return the case with the results that this package comes to."""
    events = [Event.of((one.server, one.tool), one.letter, one.before, one.after) for one in case.events]
    levels = levels_of(case.indifferent_to)
    items = tuple(event.item for event in kept(events, levels))
    return case.model_copy(update={"kept": items, "state": state_id(case.start, case.mark, events, levels)})


def episode_case(case: EpisodeCase, cassette: Cassette) -> EpisodeCase:
    """Return the case with the answers that this package gives."""
    simulator = StrictSimulator(cassette, world=case.world)
    with simulator.episode(simulator.tool_set(case.servers)) as episode:
        found = [episode.call(call) for call in case.calls]
        needs = any(step.tier == "error" for step in episode.steps)
    return case.model_copy(
        update={
            "answers": tuple(None if one.outcome == "miss" else one for one in found),
            "needs": ("json-schema",) if needs else (),
        }
    )


def grade_case(case: GradeCase) -> GradeCase:
    """Return the case with the reward that this package gives."""
    probe = StateProbe(
        call=ToolCall(server="s", tool="t"), expression=Expression(op="value", call="c"), expected=None
    )
    task = _task(case.answer, (probe,) if case.end_state else ())
    rollout = Rollout(answer=case.message, outcome=case.outcome)
    return case.model_copy(update={"reward": grade(task, rollout).reward})


def end_state_case(case: EndStateCase, cassette: Cassette) -> EndStateCase:
    """Return the case with the probes' answers and the reward that this package comes to."""
    simulator = StrictSimulator(cassette)
    graded = grade(
        _task(RIGHT, case.end_state),
        Rollout(calls=case.calls, answer=RIGHT.value),
        simulator,
        tool_set=simulator.tool_set(case.servers),
    )
    probes = tuple(probe_answers(probe, cassette) for probe in case.end_state)
    return case.model_copy(update={"probes": probes, "reward": graded.reward})


RIGHT = Answer(type="number", value=1)
"""What the tasks of end-state cases ask for, and the answer given."""


def _task(answer: Answer, end_state: tuple[StateProbe, ...]) -> Task:
    return Task(
        question="?",
        answer_format=answer_text(answer),
        answer=answer,
        expression=Expression(op="value", call="c1"),
        gold_calls=(),
        end_state=end_state,
        servers=(),
        provenance=Provenance(exploration="", synthesizer=""),
    )


def parser_case(case: ParserCase) -> ParserCase:
    """Return the case with what this package reads."""
    found = parse(Observation(text=case.text, structured=case.structured))
    update = {"parser": found.parser, "value": found.value} if found else {"parser": None, "value": None}
    return case.model_copy(update=update)


def schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schemas of the format by file name, as ``schemas/`` of the package holds them."""
    models: dict[str, type[Record]] = {
        "task": Task,
        "cassette-manifest": Manifest,
        "cassette-tool": CassetteTool,
        "cassette-entry": Entry,
        "rollout": Rollout,
        "grade": Grade,
        "canonical-arguments": CanonicalCase,
        "state-id": StateCase,
        "grading": GradeCase,
        "end-state": EndStateCase,
        "probe-answers": ProbeAnswers,
        "vectors": Vectors,
    }
    found = {f"{name}.json": model.model_json_schema() for name, model in models.items()}
    found["versions.json"] = {
        "title": "Versions",
        "description": "What a reader of this version accepts; further fields are for other schemas.",
        "type": "object",
        "properties": {
            "format": {"enum": ["firefly-cassette", "firefly-dataset", "firefly-vectors"]},
            "format_version": {"type": "integer", "minimum": 1, "maximum": FORMAT_VERSION},
        },
        "required": ["format"],
    }
    return {name: {"$schema": _DIALECT, **schema} for name, schema in found.items()}


def patterns() -> dict[str, Any]:
    """Return what ``format/patterns.json`` holds."""
    return {**PATTERNS, "worded": WORDED}


def main() -> None:
    """Write the schemas into the folder ``schemas`` beside this file."""
    folder = Path(__file__).parent / "schemas"
    folder.mkdir(exist_ok=True)
    for name, schema in schemas().items():
        text = json.dumps(schema, indent=1, sort_keys=True, ensure_ascii=False)
        (folder / name).write_text(text + "\n", encoding="utf-8")
    readers = Path(__file__).parents[2] / "format"
    if readers.is_dir():
        (readers / "patterns.json").write_text(
            json.dumps(patterns(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
