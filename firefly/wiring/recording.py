"""The stages up to the cassette: what the servers declare, do, and were seen to answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
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
    SubDag,
    ToolKey,
)
from firefly.replay.records import digest

if TYPE_CHECKING:
    from firefly.run import Run


def catalog(run: Run) -> None:
    """Connect to every server and list its tools."""
    world = run.world.name
    items = [
        Item(
            id=name,
            shaped_by=[spec.public(), world if spec.disposable else ""],
            make=partial(_listed, run, name),
            finished=lambda records: all(listing.health.status == "ok" for listing in records),
        )
        for name, spec in sorted(run.specs.items())
    ]
    run.listings = run.items_of(items, Listing, waits=True, executes=True).all
    broken = [listing for listing in run.listings if listing.health.status != "ok"]
    reasons = "\n".join(f"  {one.server}: {one.health.trouble}" for one in broken)
    if broken and run.config.sessions.on_failure == "fail":
        raise RunError(f"sessions.on_failure=fail, and these servers can't be used:\n{reasons}")
    if not run.listings:
        raise RunError("The server set is empty. Choose one (servers=demo) or add a server to yours.")
    if len(broken) == len(run.listings):
        raise RunError(f"None of the {len(run.listings)} servers can be used:\n{reasons}")


def _listed(run: Run, server: str) -> list[Listing]:
    from firefly.catalog import list_server

    return [list_server(server, run.live)]


def probing(run: Run) -> None:
    """Call tools of each server on its own to learn what they do."""
    items = [
        Item(
            id=listing.server,
            shaped_by=[listing.digest, _probing_calls(run, listing)],
            make=partial(_probed, run, listing),
        )
        for listing in run.listings
        if listing.health.status == "ok"
    ]
    run.probe_reports = run.items_of(items, ProbeReport, waits=True, executes=True).all


def _probing_calls(run: Run, listing: Listing) -> int:
    return run.config.probing.calls(len(listing.callable_tools))


def _probed(run: Run, listing: Listing) -> list[ProbeReport]:
    from firefly.probing import probe_server

    report = probe_server(
        listing,
        backend=run.live,
        values=run.component("values"),
        rng=run.rng("probing", listing.server),
        seed=run.config.seed,
        budget=_probing_calls(run, listing),
    )
    return [report]


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
    from firefly.sampling import groups

    knowledge = run.knowledge()
    items = []
    for group in groups(run.edges, knowledge):
        if run.part is not None and not run.part.samples(group):
            continue
        members = set(group)
        edges = [edge for edge in run.edges if {edge.source[0], edge.target[0]} <= members]
        known = knowledge.restricted(group)
        items.append(
            Item(
                id=f"{'+'.join(group)}@{run.round}",
                shaped_by=[known.digest, digest([edge.id for edge in edges]), run.config.sampling.writes],
                make=partial(_sampled, run, group, edges, known),
            )
        )
    found = {sub_dag.id: sub_dag for sub_dag in run.items_of(items, SubDag).all}
    run.sub_dags = [
        found[name] for name in sorted(found) if _calls_and_links(found[name]) not in run.explored
    ]


def _sampled(run: Run, group: tuple[str, ...], edges: Sequence[Edge], known: Knowledge) -> list[SubDag]:
    from firefly.sampling import sample_group

    return sample_group(
        group,
        edges=edges,
        knowledge=known,
        sampler=run.component("sampler"),
        rng=run.rng("sampling", "+".join(group), str(run.round)),
        writes=run.config.sampling.writes,
    )


def _calls_and_links(sub_dag: SubDag) -> str:
    """Return what is to be done, whatever the edges that it was sampled from score in this round."""
    links = [link.model_dump(mode="json", exclude={"edge"}) for link in sub_dag.links]
    return digest([[node.model_dump(mode="json") for node in sub_dag.nodes], links])


def exploration(run: Run) -> None:
    """Execute every sub-DAG live."""
    knowledge = run.knowledge()
    restricted: dict[tuple[str, ...], Knowledge] = {}
    items = []
    for sub_dag in run.sub_dags:
        known = restricted.setdefault(sub_dag.servers, knowledge.restricted(sub_dag.servers))
        items.append(
            Item(id=sub_dag.id, shaped_by=known.digest, make=partial(_explored, run, sub_dag, known))
        )
    found = run.items_of(items, Exploration, waits=True, executes=not run.asks).all
    known_ids = {one.id for one in run.explorations}
    # two sub-DAGs may have been left for the same calls
    run.explorations += [one for one in {one.id: one for one in found}.values() if one.id not in known_ids]
    run.explored |= {_calls_and_links(sub_dag) for sub_dag in run.sub_dags}


def _explored(run: Run, sub_dag: SubDag, known: Knowledge) -> list[Exploration]:
    from firefly.exploration import explore_sub_dag

    return explore_sub_dag(
        sub_dag,
        explorer=run.component("explorer"),
        backend=run.journaled(lambda: run.trusting_live) if run.asks else run.trusting_live,
        knowledge=known,
        rng=run.rng("exploration", sub_dag.id),
        seed=run.config.seed,
    )


def simulation(run: Run) -> None:
    """Freeze everything recorded so far into the cassette; later calls never enter it."""
    from firefly.replay.cassette import Cassette
    from firefly.simulation import freeze

    knowledge = run.knowledge()

    def fill(folder: Path) -> None:
        freeze(
            listings=run.listings,
            profiles=run.profiles,
            recordings=list(knowledge.recordings),
        ).save(folder)

    run.cassette = Cassette.load(run.folder_of("cassette", knowledge.digest, fill))


def plan(run: Run) -> None:
    """Connect, call nothing, and say which tool would be called, with which effect and budget."""
    from firefly.planning import write_plan

    run.enter("catalog", 1, ("world",), ("catalog", "servers"))
    catalog(run)
    write_plan(run)
