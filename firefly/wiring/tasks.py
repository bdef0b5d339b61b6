"""The stages after the cassette: what is asked, what of it holds, and the data set."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from firefly.items import Item
from firefly.knowledge import Knowledge
from firefly.records import (
    Exploration,
    Solution,
    Verification,
)
from firefly.replay.records import Task, digest
from firefly.wiring.recording import simulation

if TYPE_CHECKING:
    from firefly.run import Run


def synthesis(run: Run) -> None:
    """Write tasks backward from the completed explorations."""
    from firefly.protocols import ForwardWriter
    from firefly.synthesis import with_distractors

    knowledge = run.knowledge()
    if isinstance(run.component("synthesizer"), ForwardWriter):
        tasks = _written_forward(run, knowledge)
    else:
        tasks = _written_backward(run, knowledge)
    if more := run.config.synthesis.distractors:
        found = [with_distractors(task, knowledge, more, run.rng("distractors", task.id)) for task in tasks]
        tasks = list({task.id: task for task in found}.values())
    run.tasks = sorted(tasks, key=lambda task: task.id)


def _written_backward(run: Run, knowledge: Knowledge) -> list[Task]:
    restricted: dict[tuple[str, ...], Knowledge] = {}
    items = []
    for exploration in run.explorations:
        if not exploration.completed:
            continue
        servers = exploration.sub_dag.servers
        known = restricted.setdefault(servers, knowledge.restricted(servers))
        items.append(
            Item(
                id=exploration.id,
                shaped_by=[known.digest, exploration.digest],
                make=partial(_written, run, exploration, known),
            )
        )
    return list({task.id: task for task in run.items_of(items, Task, waits=run.asks).all}.values())


def _written(run: Run, exploration: Exploration, known: Knowledge) -> list[Task]:
    from firefly.synthesis import write_tasks

    return write_tasks(
        exploration,
        writer=run.component("synthesizer"),
        knowledge=known,
        rng=run.rng("synthesis", exploration.id),
    )


def _written_forward(run: Run, knowledge: Knowledge) -> list[Task]:
    """Return tasks that were written first and solved then; the executions join the explorations."""
    writer = run.component("synthesizer")
    backend = run.journaled(lambda: run.trusting_live)
    items = []
    for exploration in run.explorations:
        known = knowledge.restricted(exploration.sub_dag.servers)
        items.append(
            Item(
                id=exploration.id,
                shaped_by=[known.digest, exploration.digest],
                make=partial(
                    writer.solve,
                    exploration,
                    backend=backend,
                    knowledge=known,
                    rng=run.rng("synthesis", exploration.id),
                    seed=run.config.seed,
                ),
            )
        )
    solutions = run.items_of(items, Solution, part="forward", waits=True).all
    executed = {one.exploration.id: one.exploration for one in solutions}
    run.explorations += [executed[name] for name in sorted(executed)]
    simulation(run)  # what was executed is answered offline, too
    return list({one.task.id: one.task for one in solutions}.values())


def verification(run: Run) -> None:
    """Check every task; gold calls of the survivors are executed again in fresh sandboxes."""
    from firefly.consultation import Consultation
    from firefly.reexecution import Again
    from firefly.verification import verify

    cassette = run.cassette
    assert cassette is not None
    knowledge = run.knowledge()
    explorations = {exploration.id: exploration for exploration in run.explorations}
    again = Again(run, knowledge)
    models = Consultation(run, knowledge)

    def check_all() -> Sequence[Verification]:
        verdicts = verify(
            run.tasks,
            checks=run.component("checks"),
            simulator=run.offline(cassette),
            knowledge=knowledge,
            explorations=explorations,
            reexecute=again.execute,
            consult=models.consult,
        )
        return [Verification(verdicts=tuple(verdicts), reexecuted=again.tasks, consulted=models.asked)]

    item = Item(
        id="all",
        shaped_by=[
            knowledge.digest,
            digest([task.id for task in run.tasks]),
            digest([one.digest for one in run.explorations]),
            digest(again.clocks),
        ],
        make=check_all,
        finished=lambda records: not models.failed,
    )
    (result,) = run.items_of([item], Verification).all
    run.verdicts = list(result.verdicts)
    again.recall(result.reexecuted)
    models.recall(result.consulted)
    run.reexecutions = again.recordings


def neighbourhood(run: Run) -> None:
    """Record what lies around the verified tasks' gold paths, for agents that stray from them."""
    if run.config.neighbourhood.calls and run.verified:
        from firefly.neighbourhood import Neighbourhood

        Neighbourhood(run).extend()


def export(run: Run) -> None:
    """Write the data set folder."""
    from firefly.export import write_dataset
    from firefly.protocols import DatasetContent
    from firefly.summary import facts

    assert run.cassette is not None
    verdicts = {verdict.task: verdict for verdict in run.verdicts}
    rejected = [(task, verdicts[task.id]) for task in run.tasks if not verdicts[task.id].verified]
    content = DatasetContent(
        name=run.config.dataset.name,
        tasks=run.by_split,
        rejected=rejected,
        verdicts=verdicts,
        explorations={one.id: one for one in run.explorations},
        listings=run.listings,
        cassette=run.cassette,
        split_cassettes=run.split_cassettes,
        evidence=run.evidence or {"": run.all_evidence()},
        facts=facts(run),
    )
    run.dataset = write_dataset(content, run.config.dataset.path, run.component("exporters"))
