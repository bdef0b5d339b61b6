"""The usual way, as a baseline: a model invents a task first, then solves it; what it finds is the answer.

Nobody knows beforehand whether the task can be solved, or whether the solver did: that is what the checks,
and comparisons with backward writing, are to show. Even so the answer is what a call returned, at the place
where the solver's answer stands; an answer that no call returned makes no task.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

from pydantic import BaseModel, ConfigDict, JsonValue

from firefly.knowledge import Knowledge
from firefly.lm import Estimate, Models
from firefly.lm.formulas import Formula, FormulaError
from firefly.lm.prompt import Prompt
from firefly.lm.usual import QUESTION, per_server
from firefly.lm.worker import ANSWERING, Worker
from firefly.mentions import mention
from firefly.mentions import same as alike
from firefly.outputs import leaves, parsed_output
from firefly.parameters import parameters
from firefly.plugins import register
from firefly.protocols import Backend
from firefly.records import Exploration, ExploredCall, Link, Node, Solution, SubDag
from firefly.replay.answers import NoAnswerError, extract_answer
from firefly.replay.records import Answer, Condition, Expression, PathPart, Recording, Step, Task, Tool
from firefly.replay.tool_set import ToolSet
from firefly.synthesis.chains import Chain, chains
from firefly.synthesis.outcomes import Outcomes

__all__ = ["Forward"]

ROLE = "writer"

INVENTING = (
    "Invent tasks for an assistant that has these tools: each a question with one short answer (a name, a "
    "date, a figure) that takes several calls, the later ones with values that the earlier ones return. "
    "Use only what the tools' descriptions tell of the data. Name no tools."
)
_SHOWN = 12_000
"""Characters of a result that the solver is shown."""
_TYPES = ("number", "date", "string")


class Invented(BaseModel):
    """One task as the model invents it."""

    model_config = ConfigDict(extra="forbid")
    question: str


@register("synthesizer", "forward")
class Forward:
    """Baseline: a language model invents a task and solves it on the servers; its find is the answer."""

    def __init__(
        self,
        *,
        models: Models,
        tasks: int = 1,
        turns: int = 12,
        style: str = "plain, as a colleague would ask in passing",
        language: str = "English",
        instructions: str = INVENTING,
        solving: str = ANSWERING,
        state: Path | None = None,
    ) -> None:
        """Configure the prompts.

        Args:
            models: the models of the run; the role is ``writer``.
            tasks: tasks invented for each exploration, whose tools are meant to be used.
            turns: most requests for the solution of one.
            style: how questions are worded.
            language: in which language.
            instructions: what the model is told when it invents.
            solving: the same when it solves.
            state: JSON file of an optimised prompt for inventing.

        """
        if tasks < 1:
            raise ValueError("tasks must be at least 1")
        self._models, self.tasks = models, tasks
        self._manner = f"{style}; written in {language}"
        self._solver = Worker(
            models,
            ROLE,
            instructions=solving,
            limits={"turns": turns, "calls": 4 * turns, "shown": _SHOWN},
            has_to_call=False,
        )
        self.prompt = Prompt(
            models,
            ROLE,
            instructions=instructions,
            inputs={
                "tools": "all tools",
                "preferred": "tools to build on",
                "manner": "style and language",
                "count": "how many",
            },
            outputs={"tasks": (list[Invented], "the best first")},
            state=state,
        )

    def prompts(self) -> Mapping[str, Prompt]:
        """Return the prompt for inventing, for optimisers."""
        return {"state": self.prompt}

    def estimate(self, tools: Sequence[Tool], *, explorations: int) -> list[Estimate]:
        """Return what inventing and solving the tasks of ``explorations`` would take."""
        tasks, offered = explorations * self.tasks, per_server(tools)
        return [
            self.prompt.estimate(explorations, given=QUESTION * offered, said=QUESTION * self.tasks),
            self._solver.estimate(tasks, tools, offered=offered, given=QUESTION),
        ]

    def write(self, exploration: Exploration, *, knowledge: Knowledge, rng: Random) -> list[Task]:
        """Return nothing: what is written forward has to be executed, see `solve`."""
        return []

    def solve(
        self, exploration: Exploration, *, backend: Backend, knowledge: Knowledge, rng: Random, seed: int
    ) -> list[Solution]:
        """Return each task that was invented and solved, with the execution that solved it.

        Args:
            exploration: says which tools are to be used; what it observed is not shown.
            backend: the servers.
            knowledge: what is known of them; only tools that were seen to read are offered.
            rng: the item's generator.
            seed: of the episodes.

        """
        servers = exploration.sub_dag.servers
        tools = ToolSet.of(tool for key, tool in knowledge.tools.items() if key[0] in servers)
        reads = ToolSet.of(one for one in tools.tools if _reads(one, knowledge))
        preferred = sorted(
            {reads.name_of(*node.tool) for node in exploration.sub_dag.nodes if node.tool in _keys(reads)}
        )
        if not preferred:
            return []
        said = self.prompt.ask(
            tools="\n".join(_described(name, tool) for name, tool in reads.names.items()),
            preferred=", ".join(preferred),
            manner=self._manner,
            count=str(self.tasks),
        )
        found = []
        for invented in list(said.tasks or ())[: self.tasks] if said is not None else ():
            question = " ".join(invented.question.split())
            with backend.episode(tools, seed) as episode:
                solved = self._solver.work(question, reads, episode.call) if question else None
                steps = tuple(episode.steps)
            solution = None
            if solved is not None and solved.answer:
                solution = _solution(question, solved.answer, steps, servers, seed, knowledge, rng)
            if solution is None:
                self._models.ledger.count(ROLE, "no_answer")
            else:
                found.append(solution)
        return found


def _solution(
    question: str,
    message: str,
    steps: Sequence[Step],
    servers: tuple[str, ...],
    seed: int,
    knowledge: Knowledge,
    rng: Random,
) -> Solution | None:
    """Return the task that an attempt solved; None where no call returned its answer."""
    good = [step for step in steps if parsed_output(step.observation) is not None]
    calls = list(_referring(question, good))
    outputs = {call.id: parsed_output(call.step.observation) for call in calls}
    place = next(_answers(question, message, outputs), None)
    if place is None:
        return None
    executed = _executed(calls, place.call, servers, steps, seed)
    chain = next((one for one in chains(executed, knowledge) if place.call in one.outputs), None)
    if chain is None:
        return None
    try:
        outcome = Outcomes(Chain(chain.calls, chain.outputs, chain.tools), knowledge, rng).read(
            _formula(place)
        )
    except FormulaError:
        return None
    return Solution(
        exploration=executed, task=outcome.task(question, executed, knowledge, synthesizer="forward")
    )


def _referring(question: str, steps: Sequence[Step]) -> Iterator[ExploredCall]:
    """Yield the calls; arguments that an earlier call returned and the question does not say refer to it."""
    outputs: dict[str, JsonValue] = {}
    for number, step in enumerate(steps, start=1):
        references: dict[str, Expression] = {}
        for name, value in step.call.arguments.items():
            if isinstance(value, bool | dict | list) or value is None or mention(question, value):
                continue
            origin = next(
                (
                    one
                    for call, output in reversed(outputs.items())
                    for path, leaf in leaves(output)
                    if leaf == value and type(leaf) is type(value)
                    for one in [_place(question, call, output, path)]
                ),
                None,
            )
            if origin is not None:
                references[name] = origin
        outputs[f"c{number}"] = parsed_output(step.observation)
        yield ExploredCall(id=f"c{number}", node=f"n{number}", step=step, references=references)


def _answers(question: str, message: str, outputs: Mapping[str, JsonValue]) -> Iterator[Expression]:
    """Yield where the message's answer stands in what calls returned, the last call first."""
    for kind in _TYPES:
        expected = Answer(type=kind, value=0 if kind == "number" else "")  # type: ignore[arg-type]
        try:
            said = extract_answer(message, expected)
        except NoAnswerError:
            continue
        for call, output in reversed(list(outputs.items())):
            for path, leaf in leaves(output):
                if leaf is not None and not isinstance(leaf, bool) and alike(leaf, said):
                    yield _place(question, call, output, path)


def _place(question: str, call: str, output: JsonValue, path: tuple[PathPart, ...]) -> Expression:
    """Return an expression for the value at ``path``: by what only its item says, if anything does."""
    place = max((at for at, part in enumerate(path) if isinstance(part, int)), default=None)
    if place is None:
        return Expression(op="value", call=call, path=path)
    items: JsonValue = output
    for part in path[:place]:
        items = items[part]  # type: ignore[index]
    assert isinstance(items, list)
    item = items[int(path[place])]
    field = path[place + 1 :]
    own = [
        (name, value)
        for name, value in (leaves(item) if isinstance(item, dict) else ())
        if name != field and value is not None and not isinstance(value, bool)
        if sum(any(other == value and at == name for at, other in leaves(one)) for one in items) == 1
    ]
    own.sort(key=lambda one: (mention(question, one[1]) is None, len(str(one[1])), repr(one[0])))
    if not own or len(items) == 1:
        return Expression(op="value", call=call, path=path)
    condition = Condition(field=own[0][0], value=own[0][1])
    return Expression(op="where", call=call, path=path[:place], field=field, where=(condition,))


def _formula(expression: Expression) -> Formula:
    plain = expression.model_dump(mode="json")
    plain["where"] = [{key: one[key] for key in ("field", "value", "compare")} for one in plain["where"]]
    return Formula.model_validate(plain)


def _executed(
    calls: Sequence[ExploredCall], last: str, servers: tuple[str, ...], steps: Sequence[Step], seed: int
) -> Exploration:
    """Return the attempt as an exploration of the calls that lead to the answer."""
    wanted = {last}
    for call in reversed(calls):
        if call.id in wanted:
            wanted |= {one.call for one in call.references.values()}
    kept = [call for call in calls if call.id in wanted]
    links = tuple(
        Link(source=f"n{one.call[1:]}", target=call.node, parameter=name, output_path=one.path)
        for call in kept
        for name, one in call.references.items()
    )
    nodes = tuple(Node(id=call.node, tool=call.call.key) for call in kept)
    return Exploration(
        sub_dag=SubDag(nodes=nodes, links=links),
        calls=tuple(kept),
        recording=Recording(purpose="exploration", servers=servers, seed=seed, steps=tuple(steps)),
        completed=True,
    )


def _reads(tool: Tool, knowledge: Knowledge) -> bool:
    profile = knowledge.profiles.get(tool.key)
    return profile is not None and profile.effect == "read"


def _keys(tools: ToolSet) -> set[tuple[str, str]]:
    return {tool.key for tool in tools.tools}


def _described(name: str, tool: Tool) -> str:
    taken = ", ".join(f"{one.name}: {'/'.join(one.types) or 'any'}" for one in parameters(tool))
    return f"{name}({taken}) {' '.join((tool.description or tool.title).split())[:300]}".rstrip()
