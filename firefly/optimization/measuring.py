"""What prompts are worth: the tasks that the rules verify, for the tokens that making them took.

One item (a sub-DAG to explore, or an exploration to write about) is made with the prompts in question,
and every rule of the run that needs neither live servers nor models judges what comes of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from firefly.components import TARGET, build
from firefly.errors import ConfigError, EndpointError, FireflyError
from firefly.exploration import explore_sub_dag
from firefly.knowledge import Knowledge
from firefly.lm import Spent
from firefly.lm.work import StopRun
from firefly.plugins import resolve
from firefly.protocols import ForwardWriter, HasPrompts
from firefly.records import Exploration, SubDag
from firefly.replay.records import Record, Task, digest
from firefly.run import Run
from firefly.simulation import freeze
from firefly.synthesis import write_tasks
from firefly.verification import verify
from firefly.verification.reexecution import Reexecuted
from firefly.verification.rule import LIVE

__all__ = ["STAGE", "Bench", "Measured", "total"]

STAGE = "optimization"

_LEAST_TOKENS = 100
"""An item that took fewer counts as if it took these: one that asked nobody is not worth infinitely much."""
_REASONS = 6
"""Most reasons for rejections that are told."""
_LETTERS = 240
"""Letters of one of them."""


class Measured(Record):
    """What came of one item, or of several."""

    verified: int = 0
    candidates: int = 0
    tokens: int = 0
    """Input and output."""
    calls: int = 0
    """Requests to models."""
    reasons: tuple[str, ...] = ()
    """Why candidates were rejected, or why there are none."""

    @property
    def score(self) -> float:
        """Return the verified tasks for each thousand tokens."""
        return round(1000 * self.verified / max(self.tokens, _LEAST_TOKENS), 6)

    @property
    def told(self) -> str:
        """Return it in words, for an optimiser that reads."""
        lines = [f"{self.verified} of {self.candidates} task candidates were verified; {self.tokens} tokens."]
        return "\n".join([*lines, *self.reasons])


def total(several: Sequence[Measured]) -> Measured:
    """Return the sum of several items."""
    return Measured(
        verified=sum(one.verified for one in several),
        candidates=sum(one.candidates for one in several),
        tokens=sum(one.tokens for one in several),
        calls=sum(one.calls for one in several),
    )


@dataclass(frozen=True)
class _Made:
    """What an item's attempt left."""

    explorations: Sequence[Exploration]
    tasks: Sequence[Task]


class Bench:
    """Measures prompts of one component on items. Safe for several threads; DSPy copies it by reference."""

    def __init__(self, run: Run, part: str, items: Mapping[str, SubDag | Exploration]) -> None:
        """Take what is tuned.

        Args:
            run: a run with everything that comes before ``part``.
            part: the group whose component is tuned.
            items: by id.

        Raises:
            ConfigError: the component has no prompts.

        """
        assert run.models is not None
        self._run, self._models, self._part, self._items = run, run.models, part, items
        self._described = run.config.shaping(part)
        self._knowledge = run.knowledge()
        if not isinstance(self.component(), HasPrompts):
            name = resolve(self._described[TARGET]).name
            raise ConfigError(
                f"{part}={name} has no prompts that could be tuned. Take one that has: "
                f"{'explorer=react' if part == 'explorer' else 'synthesizer=backward'}"
            )

    def __deepcopy__(self, memo: object) -> Bench:
        return self

    def component(self) -> Any:
        """Return a component of its own, as it is configured."""
        return build(self._described, {"models": self._models})

    def measure(self, name: str, predictors: Mapping[str, Any]) -> Measured:
        """Return what comes of the item ``name`` with these predictors, by the keyword of their state.

        Raises:
            StopRun: the run can't go on: budget, endpoint, or a replay without its record.
        """
        component = self.component()
        for keyword, prompt in component.prompts().items():
            prompt.predictor = predictors[keyword]
        state = {keyword: predictors[keyword].dump_state() for keyword in sorted(predictors)}
        found: list[Measured] = []

        def keep(records: Sequence[_Made], rows: Sequence[Spent]) -> None:
            tokens = sum(row.input_tokens + row.output_tokens for row in rows)
            found.append(self._judged(records[0], tokens, sum(row.calls for row in rows)))

        import dspy

        try:
            self._models.make(
                STAGE,
                f"{name}-{digest(state)}",
                digest([self._described, self._knowledge.digest, name]),
                lambda: [self._made(component, self._items[name])],
                keep,
            )
        except dspy.LMInvalidRequestError as error:  # it may be too long by now
            return Measured(reasons=(f"A request was refused: {str(error)[:_LETTERS]}",))
        except dspy.LMError as error:  # no fault of the prompt
            raise StopRun(
                EndpointError(
                    f"A request kept failing: {error} What was answered is kept; run the same command again."
                )
            ) from error
        except FireflyError as error:  # optimisers would go on after an exception, and spend more
            raise StopRun(error) from error
        return found[0]

    # --- making ---------------------------------------------------------------------------------

    def _made(self, component: Any, item: SubDag | Exploration) -> _Made:
        known = self._knowledge.restricted(_servers(item))
        rng = self._run.rng(STAGE, item.id)
        seed = self._run.config.seed
        live = self._run.journaled(lambda: self._run.trusting_live)
        if isinstance(item, SubDag):
            explored = explore_sub_dag(
                item, explorer=component, backend=live, knowledge=known, rng=rng, seed=seed
            )
            writer = self._run.component("synthesizer")
        else:
            explored, writer = [item], component
        tasks: list[Task] = []
        executed: list[Exploration] = list(explored)
        for one in explored:
            if isinstance(writer, ForwardWriter):
                solved = writer.solve(one, backend=live, knowledge=known, rng=rng, seed=seed)
                tasks += [solution.task for solution in solved]
                executed += [solution.exploration for solution in solved]
            elif one.completed:
                tasks += write_tasks(one, writer=writer, knowledge=known, rng=rng)
        return _Made(executed, tasks)

    # --- judging --------------------------------------------------------------------------------

    def _judged(self, made: _Made, tokens: int, calls: int) -> Measured:
        tasks = list({task.id: task for task in made.tasks}.values())
        if not tasks:
            why = [one.reason for one in made.explorations if one.reason] or ["Nothing was written about it."]
            return Measured(tokens=tokens, calls=calls, reasons=tuple(why[:_REASONS]))
        servers = sorted({server for one in made.explorations for server in one.recording.servers})
        known = self._knowledge.restricted(servers)
        recordings = {one.id: one for one in known.recordings}
        recordings |= {one.id: one for made in made.explorations for one in made.recordings}
        told = Knowledge(known.listings.values(), known.profiles.values(), recordings.values())
        cassette = freeze(
            listings=list(known.listings.values()),
            profiles=list(known.profiles.values()),
            recordings=list(recordings.values()),
        )
        verdicts = verify(
            tasks,
            checks=self._checks(),
            simulator=self._run.component("simulator").backend(cassette),
            knowledge=told,
            explorations={one.id: one for one in made.explorations},
            reexecute=_nobody,
            consult=None,
        )
        wrong = Counter(
            f"{result.check}: {_told(result.evidence)}"
            for verdict in verdicts
            for result in verdict.results
            if result.required and result.status in ("fail", "unknown")
        )
        reasons = tuple(f"{count} x {why}" for why, count in wrong.most_common(_REASONS))
        kept = sum(verdict.verified for verdict in verdicts)
        return Measured(verified=kept, candidates=len(tasks), tokens=tokens, calls=calls, reasons=reasons)

    def _checks(self) -> list[Any]:
        """Return the run's checks that need neither live servers nor models; some remember what they saw."""
        described = self._run.config.shaping("checks")
        made = [build(one, {"models": self._models}) for one in described.values() if one is not None]
        return [check for check in made if check.cost < LIVE]


def _nobody(tasks: Sequence[Task], days: int) -> Reexecuted:
    return Reexecuted()


def _told(evidence: Mapping[str, Any]) -> str:
    found = evidence.get("faults") or evidence.get("why") or ""
    text = "; ".join(map(str, found)) if isinstance(found, list | tuple) else str(found)
    return text[:_LETTERS]


def _servers(item: SubDag | Exploration) -> tuple[str, ...]:
    return item.servers if isinstance(item, SubDag) else item.recording.servers
