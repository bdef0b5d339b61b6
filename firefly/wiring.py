"""Gives each stage its items, inputs and components. No logic of a stage lives here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from firefly.components import build_described
from firefly.errors import RunError
from firefly.items import Item
from firefly.knowledge import Knowledge
from firefly.records import (
    Edge,
    Exploration,
    Listing,
    ProbeReport,
    Solution,
    SubDag,
    ToolKey,
    Verification,
)
from firefly.replay.records import Task, digest

if TYPE_CHECKING:
    from firefly.run import Run


def catalog(run: Run) -> None:
    """Connect to every server and list its tools."""
    from firefly.catalog import list_server

    world = run.world.name
    items = [
        Item(
            id=name,
            shaped_by=[spec.public(), world if spec.disposable else ""],
            make=lambda name=name: [list_server(name, run.live)],  # type: ignore[misc]
            finished=lambda records: all(listing.health.status == "ok" for listing in records),
        )
        for name, spec in sorted(run.specs.items())
    ]
    run.listings = run.items_of(items, Listing, waits=True).all
    broken = [listing for listing in run.listings if listing.health.status != "ok"]
    reasons = "\n".join(f"  {one.server}: {one.health.trouble}" for one in broken)
    if broken and run.config.sessions.on_failure == "fail":
        raise RunError(f"sessions.on_failure=fail, and these servers can't be used:\n{reasons}")
    if not run.listings:
        raise RunError("The server set is empty. Choose one (servers=demo) or add a server to yours.")
    if len(broken) == len(run.listings):
        raise RunError(f"None of the {len(run.listings)} servers can be used:\n{reasons}")


def probing(run: Run) -> None:
    """Call tools of each server on its own to learn what they do."""
    from firefly.probing import probe_server

    limit = run.config.probing.calls
    items = [
        Item(
            id=listing.server,
            shaped_by=[listing.digest, limit(len(listing.callable_tools))],
            make=lambda listing=listing: [  # type: ignore[misc]
                probe_server(
                    listing,
                    backend=run.live,
                    values=run.component("values"),
                    rng=run.rng("probing", listing.server),
                    seed=run.config.seed,
                    budget=limit(len(listing.callable_tools)),
                )
            ],
        )
        for listing in run.listings
        if listing.health.status == "ok"
    ]
    run.probe_reports = run.items_of(items, ProbeReport, waits=True).all


def graph(run: Run) -> None:
    """Score every parameter-level edge and keep the best."""
    from firefly.graph import annotated, check_annotations, prune, tried

    knowledge = run.knowledge()
    limits = run.config.graph
    check_annotations(limits.annotations, knowledge)
    by_server: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for key in sorted(knowledge.tools):
        by_server[key[0]].append(key)
    if run.asks:  # waits on a model, and has what processes can't share
        items = [
            Item(
                id=".".join(key),  # in every round: what was asked before is not asked again
                shaped_by=knowledge.digest,
                make=partial(_asked_edges, run, key, knowledge),
            )
            for key in sorted(knowledge.tools)
        ]
    else:
        items = [
            Item(
                id=f"{server}@{run.round}",
                shaped_by=knowledge.digest,
                make=partial(
                    _edges_from, keys, run.described("candidates"), run.described("scorer"), knowledge
                ),
            )
            for server, keys in by_server.items()
        ]
    scored = tried(run.items_of(items, Edge, waits=run.asks, computes=not run.asks).all, run.explorations)
    run.scored_edges = annotated(scored, limits.annotations, knowledge)
    run.edges = prune(
        run.scored_edges,
        threshold=limits.threshold,
        per_parameter=limits.per_parameter,
    )


def _edges_from(keys: Sequence[ToolKey], candidates: str, scorer: str, knowledge: Knowledge) -> list[Edge]:
    """Score from some sources; takes components as described, since a process makes its own."""
    from firefly.graph import score_source

    return [
        edge
        for key in keys
        for edge in score_source(
            knowledge.tools[key],
            candidates=build_described(candidates),
            scorer=build_described(scorer),
            knowledge=knowledge,
        )
    ]


def _asked_edges(run: Run, key: ToolKey, knowledge: Knowledge) -> list[Edge]:
    from firefly.graph import score_source

    return score_source(
        knowledge.tools[key],
        candidates=run.component("candidates"),
        scorer=run.component("scorer"),
        knowledge=knowledge,
    )


def sampling(run: Run) -> None:
    """Sample sub-DAGs from every group of servers."""
    from firefly.sampling import groups, sample_group

    knowledge = run.knowledge()
    items = []
    for group in groups(run.edges, knowledge):
        if run.part is not None and not run.part.samples(group):
            continue
        members = set(group)
        edges = [edge for edge in run.edges if {edge.source[0], edge.target[0]} <= members]
        known = knowledge.restricted(group)
        name = "+".join(group)
        items.append(
            Item(
                id=f"{name}@{run.round}",
                shaped_by=[known.digest, digest([edge.id for edge in edges]), run.config.sampling.writes],
                make=lambda group=group, edges=edges, known=known, name=name: sample_group(  # type: ignore[misc]
                    group,
                    edges=edges,
                    knowledge=known,
                    sampler=run.component("sampler"),
                    rng=run.rng("sampling", name, str(run.round)),
                    writes=run.config.sampling.writes,
                ),
            )
        )
    found = {sub_dag.id: sub_dag for sub_dag in run.items_of(items, SubDag).all}
    run.sub_dags = [
        found[name] for name in sorted(found) if _calls_and_links(found[name]) not in run.explored
    ]


def _calls_and_links(sub_dag: SubDag) -> str:
    """Return what is to be done, whatever the edges that it was sampled from score in this round."""
    links = [link.model_dump(mode="json", exclude={"edge"}) for link in sub_dag.links]
    return digest([[node.model_dump(mode="json") for node in sub_dag.nodes], links])


def exploration(run: Run) -> None:
    """Execute every sub-DAG live."""
    from firefly.exploration import explore_sub_dag

    knowledge = run.knowledge()
    restricted: dict[tuple[str, ...], Knowledge] = {}
    items = []
    for sub_dag in run.sub_dags:
        known = restricted.setdefault(sub_dag.servers, knowledge.restricted(sub_dag.servers))
        items.append(
            Item(
                id=sub_dag.id,
                shaped_by=known.digest,
                make=lambda sub_dag=sub_dag, known=known: _explore(run, explore_sub_dag, sub_dag, known),  # type: ignore[misc]
            )
        )
    found = run.items_of(items, Exploration, waits=True).all
    known_ids = {one.id for one in run.explorations}
    # two sub-DAGs may have been left for the same calls
    run.explorations += [one for one in {one.id: one for one in found}.values() if one.id not in known_ids]
    run.explored |= {_calls_and_links(sub_dag) for sub_dag in run.sub_dags}


def _explore(run: Run, explore: object, sub_dag: SubDag, known: Knowledge) -> Sequence[Exploration]:
    assert callable(explore)
    found = explore(
        sub_dag,
        explorer=run.component("explorer"),
        backend=run.journaled(lambda: run.trusting_live) if run.asks else run.trusting_live,
        knowledge=known,
        rng=run.rng("exploration", sub_dag.id),
        seed=run.config.seed,
    )
    return found if isinstance(found, list) else [found]


def simulation(run: Run) -> None:
    """Freeze everything recorded so far into the cassette; later calls never enter it."""
    from firefly.replay.cassette import Cassette
    from firefly.simulation import freeze

    knowledge = run.knowledge()

    def fill(folder: Path) -> None:
        freeze(
            listings=run.listings,
            profiles=[profile for report in run.probe_reports for profile in report.profiles],
            recordings=list(knowledge.recordings),
        ).save(folder)

    run.cassette = Cassette.load(run.folder_of("cassette", knowledge.digest, fill))


def synthesis(run: Run) -> None:
    """Write tasks backward from the completed explorations."""
    from firefly.protocols import ForwardWriter
    from firefly.synthesis import with_distractors, write_tasks

    knowledge = run.knowledge()
    if isinstance(run.component("synthesizer"), ForwardWriter):
        tasks = _written_forward(run, knowledge)
    else:
        tasks = _written_backward(run, knowledge, write_tasks)
    if more := run.config.synthesis.distractors:
        found = [with_distractors(task, knowledge, more, run.rng("distractors", task.id)) for task in tasks]
        tasks = list({task.id: task for task in found}.values())
    run.tasks = sorted(tasks, key=lambda task: task.id)


def _written_backward(run: Run, knowledge: Knowledge, write_tasks: Callable[..., list[Task]]) -> list[Task]:
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
                make=lambda exploration=exploration, known=known: write_tasks(  # type: ignore[misc]
                    exploration,
                    writer=run.component("synthesizer"),
                    knowledge=known,
                    rng=run.rng("synthesis", exploration.id),
                ),
            )
        )
    return list({task.id: task for task in run.items_of(items, Task, waits=run.asks).all}.values())


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
        return [Verification(verdicts=tuple(verdicts), reexecuted=again.tasks)]

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


def plan(run: Run) -> None:
    """Connect, call nothing, and say which tool would be called, with which effect and budget."""
    from firefly.summary import write_plan

    run.enter("catalog", 1, ("world",), ("catalog", "servers"))
    catalog(run)
    write_plan(run)


__all__ = [
    "catalog",
    "exploration",
    "export",
    "graph",
    "neighbourhood",
    "plan",
    "probing",
    "sampling",
    "simulation",
    "synthesis",
    "verification",
]
