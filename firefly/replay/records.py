"""The vocabulary shared by those who make a data set and those who use it.

A record is a frozen pydantic model that fits one JSON line. It holds no clock time,
duration, process id, host or real path, so that equal runs give equal bytes.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

Outcome = Literal["success", "failure", "transient", "refused", "miss"]
"""What became of one call.

``success`` and ``failure`` are answers of the server. ``transient`` (timeout, crash, 429,
401/403) and ``refused`` (by the effect guard) are not answers and are never replayed.
``miss``: the simulator has no recorded answer.
"""

EpisodeOutcome = Literal["success", "failure", "miss", "infra", "truncated"]
"""What became of an episode. Only the first two have a reward; the others must be masked."""

PathPart = str | int
"""One step of a JSON path: a key of an object or an index of an array."""


def canonical_json(value: Any) -> str:
    """Return the one JSON text of ``value``: sorted keys, no spaces, no NaN.

    Raises:
        ValueError: ``value`` holds NaN, an infinity, or an integer of more digits than can be written.
    """
    return _ENCODER.encode(value)


def shown_json(value: Any) -> str:
    """Return the canonical JSON of ``value``, or some text to look at where it has none."""
    try:
        return canonical_json(value)
    except ValueError:
        pass
    try:
        return str(value)
    except ValueError:  # Python writes no integers of thousands of digits
        return "(a number too long to be written)"


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
"""Made once: ``json.dumps`` makes one a call, which takes as long as a small value does."""


def digest(value: Any) -> str:
    """Return 32 hex digits (16 bytes of SHA-256) of the canonical JSON of ``value``."""
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Record(BaseModel):
    """A frozen value that fits one JSON line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_json(self) -> str:
        """Return the canonical JSON line (without a line end)."""
        return canonical_json(self.model_dump(mode="json"))

    @property
    def digest(self) -> str:
        """Return 32 hex digits of the record's content."""
        return digest(self.model_dump(mode="json"))


class Identified(Record):
    """A record whose ``id`` is the hash of its other fields; filled in when left out."""

    aside: ClassVar[frozenset[str]] = frozenset()
    """Fields that are no part of what it is."""
    id: str = ""

    @model_validator(mode="after")
    def _fill_id(self) -> Self:
        expected = digest(self._identity())
        if not self.id:
            object.__setattr__(self, "id", expected)
        elif self.id != expected:
            raise ValueError(f"id {self.id} does not match the content (expected {expected})")
        return self

    def _identity(self) -> JsonValue:
        """Return what the record is: two with the same are one."""
        return self.model_dump(mode="json", exclude={"id", *self.aside})


class Annotations(Record):
    """What a server declares of a tool's effect (MCP tool annotations). None: not declared."""

    read_only: bool | None = None
    destructive: bool | None = None
    idempotent: bool | None = None
    open_world: bool | None = None


class Tool(Record):
    """A tool as its server declared it, in canonical form. Always keyed by (server, name)."""

    server: str
    name: str
    title: str = ""
    description: str = ""
    input_schema: dict[str, JsonValue] = Field(default_factory=dict)
    output_schema: dict[str, JsonValue] | None = None
    annotations: Annotations = Annotations()

    @property
    def key(self) -> tuple[str, str]:
        """Return (server, name)."""
        return (self.server, self.name)

    @property
    def schema_digest(self) -> str:
        """Return the digest of the input schema; part of every replay key."""
        return digest(self.input_schema)


class ToolCall(Record):
    """One call: which tool of which server, with which arguments."""

    server: str
    tool: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        """Return (server, tool)."""
        return (self.server, self.tool)


class Attachment(Record):
    """A non-text content block: only what identifies it is kept."""

    kind: str
    """``image``, ``audio``, ``resource`` or ``resource_link``."""
    mime_type: str = ""
    sha256: str = ""
    size: int = 0
    """Bytes."""
    uri: str = ""


class Truncation(Record):
    """Says that a text was cut: its full size in bytes and the SHA-256 of the whole."""

    size: int
    sha256: str


class NearCall(Record):
    """A recorded call near a missed one, and what differs."""

    call: ToolCall
    differences: tuple[str, ...]


class Miss(Record):
    """Why the simulator has no answer."""

    why: str
    nearest: tuple[NearCall, ...] = ()


class Observation(Record):
    """What came back from one call, with its outcome as classified (not as the server flagged it)."""

    outcome: Outcome = "success"
    reason: str = ""
    """Why the outcome is not ``success``: the rule that fired, in a few words."""
    text: str = ""
    """All text blocks joined by a line end; what the agent sees."""
    structured: JsonValue = None
    """MCP ``structuredContent``; None when absent."""
    attachments: tuple[Attachment, ...] = ()
    is_error: bool = False
    """The server's own flag; wrong in nearly half of real failures."""
    error_code: int | None = None
    """The JSON-RPC error code when the answer was a protocol error."""
    truncation: Truncation | None = None
    miss: Miss | None = None

    @property
    def visible(self) -> str:
        """Return what an agent reads: the text, or the structured content where there is no text."""
        if self.text or self.structured is None:
            return self.text
        return canonical_json(self.structured)


class State(Record):
    """A scope's state as seen while recording."""

    history: str
    """Digest chain of every preceding call in the scope, beginning with the fixture's digest."""
    fingerprint: str | None = None
    """Digest of what could be observed of the state (files, read probes); None: nothing."""


class Step(Record):
    """One recorded call of an episode."""

    call: ToolCall
    observation: Observation
    schema_digest: str
    scope: str
    """``workspace``, ``own:<server>``, ``remote:<server>`` or ``none``."""
    before: State
    after: State
    tier: str = "live"
    """Who answered: ``live``, ``exact``, ``stateless``, ... ; for logs, never shown to the agent."""


class Recording(Identified):
    """One episode as it happened, from the fixture's state on."""

    purpose: str
    """``probing``, ``exploration``, ..."""
    servers: tuple[str, ...]
    seed: int = 0
    steps: tuple[Step, ...] = ()


# --- tasks -----------------------------------------------------------------------------------


class Condition(Record):
    """Selects the items of a list by what stands at ``field``, compared with ``value``.

    ``above`` and ``below`` are strict and take two numbers, or two texts that are ordered alike as
    texts (ISO dates). ``contains``: the text at ``field`` holds ``value``, letter case included.
    """

    field: tuple[PathPart, ...]
    value: JsonValue
    compare: Literal["equals", "above", "below", "contains"] = "equals"
    reference: Expression | None = None
    """How ``value`` was computed from another call (a join of two outputs); None: it is literal."""


class Expression(Record):
    """A value computed from the parsed output of one call; the closed set of DESIGN section 6.

    ``value`` reads ``path``. The others first take the list at ``path``, keep the items that
    satisfy every condition of ``where``, then: ``where`` reads ``field`` of the only item left;
    ``count`` counts; ``min``/``max``/``sum`` fold ``field``; ``sort`` sorts the items by ``by``
    (``descending``), keeps the first ``limit``, and lists their ``field`` (with ``limit=1``: that
    item's field itself).
    """

    op: Literal["value", "where", "count", "min", "max", "sum", "sort"]
    call: str
    path: tuple[PathPart, ...] = ()
    field: tuple[PathPart, ...] = ()
    where: tuple[Condition, ...] = ()
    by: tuple[PathPart, ...] = ()
    descending: bool = False
    limit: int | None = None

    @property
    def calls(self) -> tuple[str, ...]:
        """Return the ids of all calls it reads: its own first, then those of its conditions' references."""
        joined = [one.reference for one in self.where if one.reference is not None]
        found = [self.call, *(call for reference in joined for call in reference.calls)]
        return tuple(dict.fromkeys(found))


class Answer(Record):
    """A typed reference answer."""

    type: Literal["number", "string", "date", "list", "object"]
    value: JsonValue
    unit: str = ""
    tolerance: float = 0.0
    """Absolute, for numbers."""
    ordered: bool = False
    """For lists: whether the order counts."""


class GoldCall(Record):
    """One call of the reference trajectory."""

    id: str
    """``c1``, ``c2``, ... in order of execution."""
    server: str
    tool: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    references: dict[str, Expression] = Field(default_factory=dict)
    """Parameter name -> how its value was computed from an earlier call."""
    templates: dict[str, str] = Field(default_factory=dict)
    """Parameter name -> the text around a referenced value, ``{}`` standing for it; for parameters
    whose argument only holds the value, such as a query: ``SELECT * FROM t WHERE id = '{}'``."""

    @property
    def call(self) -> ToolCall:
        """Return the call with its literal arguments."""
        return ToolCall(server=self.server, tool=self.tool, arguments=self.arguments)

    @property
    def depends_on(self) -> tuple[str, ...]:
        """Return the ids of the calls that this one takes values from."""
        return tuple(sorted({call for one in self.references.values() for call in one.calls}))


class StateProbe(Record):
    """A call made after an episode and the result a correct episode leaves."""

    call: ToolCall
    expression: Expression
    expected: JsonValue


class Provenance(Record):
    """Where a task came from."""

    exploration: str
    synthesizer: str
    template: str = ""
    sub_dag: str = ""


class Task(Identified):
    """A question with its verified answer and the calls that prove it."""

    question: str
    phrasings: tuple[str, ...] = ()
    """Other wordings of the question; every check that reads it reads these too."""
    answer_format: str
    """A sentence of the prompt that fixes type, unit, rounding and order."""
    answer: Answer
    expression: Expression
    gold_calls: tuple[GoldCall, ...]
    end_state: tuple[StateProbe, ...] = ()
    servers: tuple[str, ...]
    world: str = ""
    provenance: Provenance
    rubric: tuple[str, ...] = Field(default=(), exclude_if=lambda lines: not lines)
    """What a good piece of work on it shows, for judges; no part of the reward. Left out where empty."""

    @property
    def wordings(self) -> tuple[str, ...]:
        """Return the question in all its wordings."""
        return (self.question, *self.phrasings)

    @property
    def prompt(self) -> str:
        """Return what the agent is asked."""
        return f"{self.question} {self.answer_format}".strip()


class Rollout(Record):
    """What an agent did: its calls in order and its last message."""

    calls: tuple[ToolCall, ...] = ()
    answer: JsonValue = None
    """The last assistant message, or an already extracted value; None: no answer."""
    outcome: EpisodeOutcome | None = None
    """Set by the environment when the episode did not end by itself."""


class Grade(Record):
    """The reward of one rollout: 1 right, 0 wrong, None not to be counted."""

    reward: Literal[0, 1] | None
    reason: str
