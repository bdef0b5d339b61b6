"""The exploration stage: one sub-DAG, executed several times in different ways."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from random import Random

from firefly.exploration.arguments import Known
from firefly.exploration.executed import Executed, executed, made_again
from firefly.exploration.orders import in_orders
from firefly.exploration.references import holds
from firefly.knowledge import Knowledge
from firefly.outputs import useful_output
from firefly.protocols import Backend, Explorer
from firefly.records import Exploration, ExploredCall, SubDag
from firefly.replay.records import Recording, digest
from firefly.replay.tool_set import ToolSet

VARIANTS = 3
"""Most executions of one sub-DAG, unless its explorer says how many."""
_REPEATS = 3
_WRITTEN = 2
"""Most executions of what writes: each takes new sandboxes."""


def explore_sub_dag(
    sub_dag: SubDag,
    *,
    explorer: Explorer,
    backend: Backend,
    knowledge: Knowledge,
    rng: Random,
    seed: int,
    variants: int = VARIANTS,
) -> list[Exploration]:
    """Execute ``sub_dag`` in up to ``variants`` different ways, each in an episode of its own.

    Ways differ in the arguments of the calls that succeeded. A way that fails ends the attempt, since
    another would most likely fail too; so do three that repeat earlier ones. What writes is made again at
    once, without the looks and in other orders.

    Args:
        sub_dag: what to execute.
        explorer: decides on arguments and retries.
        backend: answers; each episode begins in the fixture's state.
        knowledge: what is known of the servers involved.
        rng: every random choice comes from it.
        seed: recorded with the episode and passed to the backend.
        variants: most executions, unless the explorer says how many.

    """
    servers = sub_dag.servers
    deviates = bool(getattr(explorer, "deviates", False))
    variants = getattr(explorer, "variants", variants)
    tool_set = ToolSet.of(tool for key, tool in sorted(knowledge.tools.items()) if key[0] in servers)
    found: list[Exploration] = []
    seen: set[str] = set()
    repeats = 0
    if sub_dag.writes:
        variants = min(variants, _WRITTEN)
    while len(found) < variants and repeats < _REPEATS:
        with backend.episode(tool_set, seed) as episode:
            calls, reason = explorer.explore(sub_dag, episode, knowledge=knowledge, rng=rng)
            recording = Recording(
                purpose="exploration", servers=servers, seed=seed, steps=tuple(episode.steps)
            )
        shape = sub_dag
        more: tuple[Recording, ...] = ()
        if deviates:
            done = _as_executed(sub_dag, calls, recording, backend, tool_set, knowledge, rng, seed)
            shape, calls, recording, more = done.sub_dag, done.calls, done.recording, done.others
            reason = f"{done.reason} ({reason})" if done.reason else ""
        reason = reason or incomplete(shape, calls)
        last = last_successes(calls)
        way = digest([[node, last[node].call.arguments] for node in sorted(last)])
        if way in seen:
            repeats += 1
            continue
        seen.add(way)
        orders: tuple[Recording, ...] = ()
        if shape.writes and not reason:
            orders, steady = in_orders(shape, last, backend=backend, tools=tool_set, seed=seed)
            calls = [_as_look(call) if _is_unsteady(call, shape, steady) else call for call in calls]
            reason = "" if steady else "what the writes leave depends on their order, or on more than them"
        found.append(
            Exploration(
                sub_dag=shape,
                calls=tuple(calls),
                recording=recording,
                completed=not reason,
                reason=reason,
                orders=(*more, *orders),
            )
        )
        if reason:
            break
    return found


def _as_executed(
    asked: SubDag,
    calls: Sequence[ExploredCall],
    recording: Recording,
    backend: Backend,
    tool_set: ToolSet,
    knowledge: Knowledge,
    rng: Random,
    seed: int,
) -> Executed:
    """Return what an explorer that goes its own ways executed."""
    known = Known(knowledge)
    if not asked.writes:
        return executed(asked, calls, recording, known, rng)
    first = Executed(asked, tuple(calls), recording)
    return made_again(asked, first, known, rng, backend=backend, tools=tool_set, seed=seed)


def _is_unsteady(call: ExploredCall, sub_dag: SubDag, steady: Collection[str]) -> bool:
    return call.node in {node.id for node in sub_dag.looks} - set(steady)


def _as_look(call: ExploredCall) -> ExploredCall:
    return call.model_copy(update={"look": True})


def last_successes(calls: Sequence[ExploredCall]) -> Mapping[str, ExploredCall]:
    """Return the last successful call of each node; looks are no calls of a node."""
    return {call.node: call for call in calls if call.step.observation.outcome == "success" and not call.look}


def incomplete(sub_dag: SubDag, calls: Sequence[ExploredCall]) -> str:
    """Return why ``calls`` are no complete execution of ``sub_dag``; "" when they are.

    Complete: every node's last successful call says something in parsed form, every link is a
    reference, and every reference, evaluated anew, gives the very argument that was used. What a write
    says does not matter, and of the reads that look at what writes change one is enough.
    """
    last = last_successes(calls)
    ids = {node: call.id for node, call in last.items()}
    outputs = {call.id: useful_output(call.call, call.step.observation) for call in last.values()}
    writes, looks = {node.id for node in sub_dag.writes}, {node.id for node in sub_dag.looks}
    if looks and not looks & last.keys():
        return "nothing that was looked at changed"
    for node in sub_dag.nodes:
        call = last.get(node.id)
        if call is None and node.id in looks:
            continue
        if call is None:
            return f"no call of {node.tool[0]}.{node.tool[1]} succeeded"
        if outputs[call.id] is None and node.id not in writes:
            return f"{node.tool[0]}.{node.tool[1]} returned nothing that can be read"
        for link in sub_dag.links:
            if link.target != node.id or not link.parameter:
                continue
            reference = call.references.get(link.parameter)
            if reference is None or reference.call != ids.get(link.source):
                return f"parameter {link.parameter} of {node.tool[1]} does not come from the linked call"
            argument = call.call.arguments.get(link.parameter)
            if not holds(reference, outputs, argument, template=call.templates.get(link.parameter, "")):
                return f"the reference for parameter {link.parameter} of {node.tool[1]} gives another value"
    return ""
