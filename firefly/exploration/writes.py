"""Explores what writes change: looks before, the writes, the same looks after.

Only a look that came out different is a step of the exploration (its call after the writes); the
others stay in the recording as looks. So whatever is asked about such a step needs the writes: the answer
without them was recorded, and is another one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

from pydantic import JsonValue

from firefly.english import words
from firefly.exploration.arguments import Known
from firefly.exploration.choices import Choice, filled, together, ways_to_fill
from firefly.exploration.content import drafts
from firefly.exploration.walk import Draft, Walk
from firefly.outputs import general, leaves, parsed_output, useful_output
from firefly.parameters import Parameter, parameters
from firefly.protocols import ValueSource
from firefly.records import ExploredCall, Node, ToolKey
from firefly.replay.records import Observation, Tool, ToolCall
from firefly.values.semantic import semantic_type

_TRIES = 3
"""Times that a first write is tried, each with other arguments."""
_LOOKS = 4
"""Most looks through one tool that show something before the writes."""
_BLIND = 2
"""Most further looks through one tool that fail before the writes: what is looked for may be made by them."""
_CHANGE = re.compile(
    r"\s*(UPDATE|DELETE|INSERT|CREATE|ALTER|DROP)\s+(?:FROM\s+|INTO\s+|TABLE\s+)?(\w+)(?:\s+SET\s+(\w+))?",
    re.IGNORECASE,
)
_ENOUGH = 12
"""Values that make an answer rich: more of them make it no richer."""


def explore_writes(
    walk: Walk, values: Sequence[ValueSource], read: Callable[[Walk, Node], str]
) -> tuple[Sequence[ExploredCall], str]:
    """Return every call made, and why the sub-DAG did not complete ("" when it did).

    Args:
        walk: the execution; its sub-DAG has *affects* links.
        values: value sources, best first.
        read: executes a node that reads before the writes; says why it could not.

    """
    sub_dag = walk.sub_dag
    after = {node.id for node in (*sub_dag.writes, *sub_dag.looks)}
    for node in sub_dag.nodes:
        reason = "" if node.id in after else read(walk, node)
        if reason:
            return walk.calls, reason
    reason = ""
    for attempt in range(_TRIES):
        reason, begun = _once(walk, values, careful=attempt > 0)
        if not reason or begun:
            break
    return walk.calls, reason


def _once(walk: Walk, values: Sequence[ValueSource], *, careful: bool) -> tuple[str, bool]:
    """Find arguments, look, write and look again."""
    sub_dag = walk.sub_dag
    wanted: dict[str, Draft] = {}
    for node in sub_dag.writes:
        draft = next(_drafts(walk, node, values, wanted, careful), None)
        if draft is None:
            return f"no arguments that a person would give were found for {node.tool[1]}", False
        wanted[node.id] = draft
    looks, seen = _look_before(walk, list(wanted.values()))
    return write_and_look(walk, wanted, looks, seen)


def write_and_look(
    walk: Walk,
    writes: Mapping[str, Draft],
    looks: Sequence[tuple[Node, Draft]],
    seen: Sequence[list[Observation]],
) -> tuple[str, bool]:
    """Write and look again; return why it did not complete, and whether something was written.

    Args:
        walk: the execution; the reads before the writes are made.
        writes: node -> arguments of each write.
        looks: reads, any number through one node; the one whose answer changed most becomes its step.
        seen: what each look showed so far.

    """
    sub_dag = walk.sub_dag
    for place, node in enumerate(sub_dag.writes):
        reason = _write(walk, node, writes[node.id])
        if reason:
            return reason, place > 0
        if place < len(sub_dag.writes) - 1:
            for (one, draft), earlier in zip(looks, seen, strict=True):
                earlier.append(make_call(walk, one, draft, look=True).step.observation)
    changed = 0
    for node in sub_dag.looks:
        mine = [(draft, earlier) for (one, draft), earlier in zip(looks, seen, strict=True) if one is node]
        changed += _look_again(walk, node, mine)
    return "" if changed else "nothing that was looked at changed", True


def _look_before(
    walk: Walk, writes: Sequence[Draft]
) -> tuple[list[tuple[Node, Draft]], list[list[Observation]]]:
    """Look at what the writes are about; return the looks worth repeating, and what each showed."""
    looks: list[tuple[Node, Draft]] = []
    seen: list[list[Observation]] = []
    for node in walk.sub_dag.looks:
        room = {True: _LOOKS, False: _BLIND}
        for draft in _looks(walk, node, writes)[: _LOOKS + 2 * _BLIND]:
            observation = make_call(walk, node, draft, look=True).step.observation
            shows = observation.outcome == "success"
            if room[shows]:
                room[shows] -= 1
                looks.append((node, draft))
                seen.append([observation])
            if not room[True]:
                break
    return looks, seen


def _drafts(
    walk: Walk,
    node: Node,
    values: Sequence[ValueSource],
    others: Mapping[str, Draft],
    careful: bool,
) -> Iterator[Draft]:
    """Yield arguments for a write: passed values first, then what a person would write."""
    tool = walk.known.tool(node.tool)
    if tool is None:
        return
    chosen = Draft()
    for links in together(walk.into(node)):
        options: list[Choice] = ways_to_fill(walk, node, tool, links)
        if not options:
            return
        templates = {link.parameter: link.template for link in links}
        for name, one in options[0].items():
            chosen.arguments[name] = filled(templates.get(name, ""), one.value)
            chosen.references[name] = one.expression
            chosen.selectors[name] = one.selector
            if templates.get(name):
                chosen.templates[name] = templates[name]
    _inherit(walk, node, tool, chosen)
    made = [draft.arguments for draft in others.values()]
    taken = [other.tool for other in walk.sub_dag.writes if other.id in others]
    tried = {call.call.digest for call in walk.calls}
    for arguments, sources in drafts(
        tool, walk.known, _reads(walk.known), values, chosen.arguments, walk.rng, careful=careful
    ):
        if ToolCall(server=tool.server, tool=tool.name, arguments=arguments).digest in tried:
            continue
        if not all(_go_together(arguments, one) for one in made):
            continue
        if node.tool in taken and arguments in made:
            continue
        yield Draft(
            arguments, dict(chosen.references), dict(chosen.templates), sources, dict(chosen.selectors)
        )


def _inherit(walk: Walk, node: Node, tool: Tool, draft: Draft) -> None:
    """Give parameters that a linked read has too that read's values: its sheet, its document."""
    names = {one.name for one in parameters(tool) if one.required}
    for link in walk.into(node):
        parent = walk.done[link.source]
        for name, value in parent.call.arguments.items():
            same_server = parent.call.server == tool.server
            if (
                same_server
                and name in names
                and name not in draft.arguments
                and semantic_type(value) != "sql"
            ):
                draft.arguments[name] = value
                if name in parent.references:
                    draft.references[name] = parent.references[name]


def _go_together(one: Mapping[str, JsonValue], other: Mapping[str, JsonValue]) -> bool:
    """Return whether two writes are about one file, or one table, but not about one item of it.

    Else no read shows what both changed, or the one is undone by the other.
    """
    for name in one.keys() & other.keys():
        kind = semantic_type(one[name])
        if kind in ("path", "file name") and one[name] != other[name]:
            return False
        if kind.startswith("code:") and one[name] == other[name]:
            return False
    queries = [_statements(arguments) for arguments in (one, other)]
    return not all(queries) or bool(queries[0] & queries[1])


def _statements(arguments: Mapping[str, JsonValue]) -> set[tuple[str, ...]]:
    """Return what statements do to which column of which table: two of a kind change one figure."""
    return {
        tuple(part.lower() for part in match.groups() if part)
        for value in arguments.values()
        if semantic_type(value) == "sql" and (match := _CHANGE.match(str(value)))
    }


def _tables(arguments: Mapping[str, JsonValue]) -> set[str]:
    found: set[str] = set()
    for value in arguments.values():
        if semantic_type(value) == "sql":
            found |= set(re.findall(r"\b(?:FROM|INTO|UPDATE|TABLE)\s+(\w+)", str(value), re.IGNORECASE))
    return found


def _reads(known: Known) -> list[ToolKey]:
    return sorted(key for key, profile in known.knowledge.profiles.items() if profile.usable)


def _looks(walk: Walk, node: Node, writes: Sequence[Draft]) -> list[Draft]:
    """Return the ways to look through one read at what the writes are about, the nearest first."""
    tool = walk.known.tool(node.tool)
    if tool is None:
        return []
    declared = {one.name: one for one in parameters(tool)}
    given = _tokens([draft.arguments for draft in writes])
    about: dict[str, JsonValue] = {}
    references: dict[str, Draft] = {}
    for draft in writes:
        for name, value in draft.arguments.items():
            if name in declared and semantic_type(value) != "sql":
                about.setdefault(name, value)
                references.setdefault(name, draft)
    found: dict[str, Draft] = {}
    worked = known = walk.known.arguments(node.tool)
    required = {name for name, one in declared.items() if one.required}
    if required <= about.keys():
        known = [{name: about[name] for name in sorted(required)}, *known]
    for arguments in known:
        aimed = {**arguments, **{name: value for name, value in about.items() if name in arguments}}
        for variant in (aimed, *_contents(aimed, declared, writes)):
            draft = Draft(arguments=variant)
            for name in variant:
                source = references.get(name)
                if source is not None and name in source.references and variant[name] == about[name]:
                    draft.references[name] = source.references[name]
                else:
                    draft.sources[name] = "worked"
            found.setdefault(ToolCall(server=tool.server, tool=tool.name, arguments=variant).digest, draft)
    tables = set().union(*(_tables(draft.arguments) for draft in writes))
    fitting = [one for one in found.values() if not tables or not (t := _tables(one.arguments)) or t & tables]
    return sorted(
        fitting,
        key=lambda one: (
            -len(given & _tokens([one.arguments])),
            one.arguments not in worked,
            walk.rng.random(),
        ),
    )


def _contents(
    arguments: Mapping[str, JsonValue], declared: Mapping[str, Parameter], writes: Sequence[Draft]
) -> Iterator[dict[str, JsonValue]]:
    """Yield variants that look for the texts which a write brings in, where a read takes a like text."""
    for draft in writes:
        texts = {
            name: value
            for name, value in draft.arguments.items()
            if isinstance(value, str) and semantic_type(value) in ("word", "prose")
        }
        for name in declared:
            if name not in arguments or semantic_type(arguments[name]) not in ("word", "prose"):
                continue
            if declared[name].enum:
                continue
            for given, value in texts.items():
                if set(words(given)) & set(words(name)) or len(texts) > 1:
                    yield {**arguments, name: value}


def _tokens(all_arguments: Sequence[Mapping[str, JsonValue]]) -> set[str]:
    return {
        token
        for arguments in all_arguments
        for _, leaf in leaves(dict(arguments))
        if isinstance(leaf, str)
        for token in re.findall(r"[\w.-]{4,}", leaf.lower())
    }


def _write(walk: Walk, node: Node, draft: Draft) -> str:
    """Make the write and return why it failed; "" when it did not."""
    made = make_call(walk, node, draft)
    if made.step.observation.outcome == "success":
        walk.done[node.id] = made
        return ""
    return f"{node.tool[1]} failed ({made.step.observation.outcome}): {made.step.observation.reason}"


def _look_again(walk: Walk, node: Node, looks: Sequence[tuple[Draft, Sequence[Observation]]]) -> bool:
    """Repeat the looks through one read; the richest and plainest that every write changed is the step.

    Args:
        walk: the execution.
        node: the read.
        looks: its arguments, with what was seen before each of the writes.

    """
    volatile = walk.known.volatile(node.tool)
    written = {
        repr(leaf) for call in walk.calls if not call.look for _, leaf in leaves(dict(call.call.arguments))
    }
    told: list[tuple[int, int, float, int]] = []
    for draft, earlier in looks:
        made = make_call(walk, node, draft, look=True)
        after = made.step.observation
        if useful_output(made.call, after) is not None and all(
            _differs(one, other, volatile) for one, other in pairwise([*earlier, after])
        ):
            data = parsed_output(after)
            news = sum(repr(leaf) not in written for _, leaf in leaves(data))
            several = any(isinstance(path[-1], int) or len(path) > 1 for path, _ in leaves(data) if path)
            rich = min(news, _ENOUGH) + several * _ENOUGH
            told.append((rich, -len(draft.arguments), walk.rng.random(), len(walk.calls) - 1))
    if not told:
        return False
    place = max(told)[-1]
    walk.calls[place] = walk.calls[place].model_copy(update={"look": False})
    walk.done[node.id] = walk.calls[place]
    return True


def _differs(before: Observation, after: Observation, volatile: frozenset[tuple[str | int, ...]]) -> bool:
    """Return whether two answers differ in something that does not change by itself."""

    def steady(observation: Observation) -> list[tuple[object, JsonValue]]:
        data = parsed_output(observation)
        return [(path, leaf) for path, leaf in leaves(data) if general(path) not in volatile]

    return steady(before) != steady(after)


def make_call(walk: Walk, node: Node, draft: Draft, *, look: bool = False) -> ExploredCall:
    """Make one call and return it as explored; a look is no step of the sub-DAG."""
    walk.episode.call(ToolCall(server=node.tool[0], tool=node.tool[1], arguments=draft.arguments))
    walk.calls.append(_explored(walk, node, draft, look=look))
    return walk.calls[-1]


def _explored(walk: Walk, node: Node, draft: Draft, *, look: bool) -> ExploredCall:
    return ExploredCall(
        id=f"c{len(walk.calls) + 1}",
        node=node.id,
        step=walk.episode.steps[-1],
        references=draft.references,
        templates=draft.templates,
        sources=draft.sources,
        look=look,
    )
