"""The records that pass between stages; those a data set's users need are in ``replay.records``."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from firefly.replay.records import (
    Expression,
    Identified,
    PathPart,
    Record,
    Recording,
    Step,
    Task,
    Tool,
    ToolCall,
)

ToolKey = tuple[str, str]
"""(server, tool). Tool names collide between servers: never key by the name alone."""


class ServerHealth(Record):
    """Whether a server can be used, and if not, the true reason."""

    server: str
    status: Literal["ok", "failed", "skipped"]
    reason: str = ""
    next_step: str = ""
    """The command or YAML line that would help."""
    protocol_version: str = ""
    server_version: str = ""
    package: str = ""
    """The pinned package as prepared, e.g. ``mcp-server-git==2026.10.19``."""
    tool_count: int = 0
    warnings: tuple[str, ...] = ()

    @property
    def trouble(self) -> str:
        """Return the reason with what would help; empty for a server that works."""
        return "; ".join(part.rstrip(".; ") for part in (self.reason, self.next_step) if part)


class Listing(Record):
    """What one server declared (catalog stage), and what may be called."""

    health: ServerHealth
    tools: tuple[Tool, ...] = ()
    refused: dict[str, str] = Field(default_factory=dict)
    """Tool name -> why the effect guard does not let it be called, with the YAML line that would."""
    scope: str = "workspace"
    """State scope of the server: ``workspace``, ``own:<server>``, ``remote:<server>`` or ``none``."""
    disposable: bool = False
    launch_values: tuple[str, ...] = ()
    """Values of the launch line (paths as ``/workspace/...``), never those of the environment."""
    fixture: str = ""
    """Digest of the world that its sandbox starts from."""
    files: tuple[str, ...] = ()
    """Files of the sandbox's fixture (``/workspace/...``), sorted: what a user would know to be there."""
    values: dict[str, tuple[JsonValue, ...]] = Field(default_factory=dict)
    """Values that the user gave: ``parameter`` or ``tool.parameter`` -> values."""
    client_capabilities: tuple[str, ...] = ()
    """What the client said that it can do; servers list other tools for other clients."""

    @property
    def server(self) -> str:
        """Return the server's name."""
        return self.health.server

    @property
    def callable_tools(self) -> tuple[Tool, ...]:
        """Return the tools that the effect guard admits."""
        return tuple(tool for tool in self.tools if tool.name not in self.refused)


Effect = Literal["read", "write", "unknown"]


class ToolProfile(Record):
    """What a tool was *seen* to do; later stages read profiles, not declarations."""

    server: str
    tool: str
    schema_digest: str
    effect: Effect = "unknown"
    """``read``: repeated calls, in one session and in fresh ones, changed nothing observable."""
    determinism: Literal["deterministic", "volatile", "unknown"] = "unknown"
    state_independent: bool = False
    """Neither reads nor changes its scope's state (a pure function, say)."""
    opaque: bool | None = None
    """True: its output is text that no parser reads without loss. None: no successful call."""
    pure: bool | None = None
    """True: the answer is a function of the arguments alone; it reads no data source."""
    successes: int = 0
    failures: int = 0
    volatile_paths: tuple[tuple[PathPart, ...], ...] = ()
    """Output fields that differed between equal calls."""
    evidence: dict[str, str] = Field(default_factory=dict)
    """Field name -> what was observed, in words."""

    @property
    def key(self) -> ToolKey:
        """Return (server, tool)."""
        return (self.server, self.tool)

    @property
    def usable(self) -> bool:
        """Return whether it may stand in a read-only chain: a proven, repeatable read that works."""
        return self.effect == "read" and self.determinism == "deterministic" and self.successes > 0


class ValueOutcome(Record):
    """What became of the values that one source gave to one parameter."""

    server: str
    tool: str
    parameter: str
    source: str
    good: float = 0.0
    """Calls that succeeded."""
    bad: float = 0.0
    """Its share of the calls that failed."""


class ProbeReport(Record):
    """The result of probing one server: its tools' profiles and every call made."""

    server: str
    profiles: tuple[ToolProfile, ...]
    recordings: tuple[Recording, ...]
    value_outcomes: tuple[ValueOutcome, ...] = ()
    """How the sources of arguments fared, for those that were chosen anew."""


class Edge(Identified):
    """A parameter-level dependency between two tools."""

    aside: ClassVar[frozenset[str]] = frozenset({"evidence"})
    """It quotes what one run saw, hashes and sizes among it; another run draws from the same edges."""
    source: ToolKey
    target: ToolKey
    parameter: str = ""
    """The target's parameter that the edge feeds; empty for *affects*."""
    kind: Literal["produces", "refers_to", "affects"] = "produces"
    output_path: tuple[PathPart, ...] = ()
    """Where in the source's parsed output the value stands; ``"*"`` is any index of an array."""
    template: str = ""
    """The text of the argument around the value, ``{}`` standing for it; "": the value is the argument."""
    score: float = Field(ge=0.0, le=1.0)
    evidence: dict[str, JsonValue] = Field(default_factory=dict)
    """Scorer name -> what spoke for the edge."""


class Node(Record):
    """One call to be made in a sub-DAG."""

    id: str
    tool: ToolKey


class Link(Record):
    """A parameter of ``target`` takes its value from the output of ``source`` (node ids).

    Without a parameter, the link is of an *affects* edge: ``source`` changes what ``target`` reads.
    """

    source: str
    target: str
    parameter: str
    output_path: tuple[PathPart, ...] = ()
    template: str = ""
    """As of the edge: the text of the argument around the value; "" where the value is the argument."""
    edge: str = ""
    """Id of the edge it was sampled from."""


class SubDag(Identified):
    """An acyclic set of calls that focuses one exploration, nodes in topological order.

    Connected, unless a baseline sampler made it.
    """

    nodes: tuple[Node, ...]
    links: tuple[Link, ...] = ()

    @property
    def writes(self) -> tuple[Node, ...]:
        """Return the calls that change what others read: the sources of *affects* links."""
        sources = {link.source for link in self.links if not link.parameter}
        return tuple(node for node in self.nodes if node.id in sources)

    @property
    def looks(self) -> tuple[Node, ...]:
        """Return the calls that read what others changed: the targets of *affects* links."""
        targets = {link.target for link in self.links if not link.parameter}
        return tuple(node for node in self.nodes if node.id in targets)

    @property
    def servers(self) -> tuple[str, ...]:
        """Return the servers involved, sorted."""
        return tuple(sorted({node.tool[0] for node in self.nodes}))


class ExploredCall(Record):
    """One call of an exploration with the origin of each argument."""

    id: str
    """``c1``, ``c2``, ...; ``node`` repeats when an attempt failed and was tried again."""
    node: str
    step: Step
    references: dict[str, Expression] = Field(default_factory=dict)
    """Parameter -> how its value was computed from an earlier call."""
    templates: dict[str, str] = Field(default_factory=dict)
    """Parameter -> the text around its referenced value, where that is only part of the argument."""
    sources: dict[str, str] = Field(default_factory=dict)
    """Parameter -> name of the value source, for those not referenced."""
    look: bool = False
    """No step of the sub-DAG: made to see what a write changes, or found to be of no use."""

    @property
    def call(self) -> ToolCall:
        """Return the call."""
        return self.step.call


class Exploration(Identified):
    """A sub-DAG as executed: every call, failures too."""

    sub_dag: SubDag
    calls: tuple[ExploredCall, ...]
    recording: Recording
    completed: bool
    reason: str = ""
    """Why it is not completed."""
    orders: tuple[Recording, ...] = ()
    """The same calls without the looks: in every order of writes that do not depend on each other, and
    with one of several writes left out. Empty where nothing is written."""

    @property
    def recordings(self) -> tuple[Recording, ...]:
        """Return every episode of the exploration."""
        return (self.recording, *self.orders)

    def _identity(self) -> JsonValue:
        """Return what was done, without what was seen: hashes, sizes and dates of one run are in that."""
        calls: list[JsonValue] = [[call.node, call.step.call.model_dump(mode="json")] for call in self.calls]
        return [self.sub_dag.id, calls]


class Solution(Record):
    """A task that was written first and solved then, with the execution that solved it."""

    exploration: Exploration
    task: Task


CheckStatus = Literal["pass", "fail", "unknown", "not_applicable"]


class CheckResult(Record):
    """What one check says of one task."""

    check: str
    status: CheckStatus
    required: bool = True
    evidence: dict[str, JsonValue] = Field(default_factory=dict)


class Verdict(Record):
    """All checks of one task. Verified: every required one passes or does not apply."""

    task: str
    verified: bool
    results: tuple[CheckResult, ...]


class Verification(Record):
    """The verification stage's result."""

    verdicts: tuple[Verdict, ...]
    reexecuted: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Days by which the clock was shifted ("0": not) -> ids of the tasks that were executed again."""
    consulted: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Check -> ids of the tasks that models were asked about."""


class Failure(Record):
    """An item that could not be processed; the others go on."""

    stage: str
    item: str
    error: str
    message: str


class Availability(Record):
    """Whether this machine has what a check needs."""

    what: str
    trouble: str
    """Why not, and what would help; empty: it is there."""


class Reexecution(Record):
    """The gold calls of a task, executed again in a fresh sandbox."""

    task: str
    recording: Recording


class Fidelity(Record):
    """How a simulator answered one random episode, against fresh live servers."""

    episode: str
    asked: int
    """Calls that the servers answered."""
    answered: int
    """Of them: those that the simulator answered, too, rightly or wrongly."""
    wrong: int
    """Of these: those that it answered otherwise than the servers."""
    examples: tuple[dict[str, JsonValue], ...] = ()
    """The first wrong answers, each beside the right one."""


class Opinion(Record):
    """What a check that asks language models was told of one task."""

    task: str
    said: dict[str, JsonValue]
