"""A sub-DAG in words, and the tools that whoever explores it is offered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random

from pydantic import JsonValue

from firefly.exploration.arguments import Known
from firefly.knowledge import Knowledge
from firefly.outputs import Path
from firefly.parameters import parameters
from firefly.records import Link, Node, SubDag
from firefly.replay.records import canonical_json
from firefly.replay.tool_set import ToolSet

_EXAMPLES = 2
"""Arguments that worked before, shown of each call."""
_ENTRIES = 9
"""The entry of a list that is taken is one of so many first ones."""
_FILES = 30
_LONG = 400
"""Characters of an example."""


def offered(sub_dag: SubDag, knowledge: Knowledge, most: int) -> ToolSet:
    """Return the sub-DAG's own tools and, up to ``most`` in all, other proven reads of its servers.

    Of what changes something only the sub-DAG's own tools: what others leave behind nobody has planned
    to look at, and no check could prove what is not a proven read.
    """
    own = [node.tool for node in sub_dag.nodes]
    others = [
        key
        for key, tool in sorted(knowledge.tools.items())
        if key not in own
        and tool.server in sub_dag.servers
        and (profile := knowledge.profiles.get(key)) is not None
        and profile.usable
    ]
    keys = list(dict.fromkeys([key for key in own if key in knowledge.tools] + others))
    return ToolSet.of(knowledge.tools[key] for key in keys[: max(most, len(set(own)))])


def plan(sub_dag: SubDag, tools: ToolSet, known: Known, rng: Random) -> str:
    """Return the sub-DAG as numbered calls, with what is passed on and what is known to work.

    Examples, and which entry of a list to take, are drawn: models take the first of everything, and so
    would explore the same again and again.
    """
    numbers = {node.id: number for number, node in enumerate(sub_dag.nodes, 1)}
    lines = ["The calls to explore, in an order that works:"]
    for node in sub_dag.nodes:
        name = tools.name_of(*node.tool) if node.tool in {one.key for one in tools.tools} else node.tool[1]
        parts = [_passed(link, numbers) for link in sub_dag.links if link.target == node.id]
        if node in sub_dag.writes:
            parts.append("it changes something")
        lines.append(f"{numbers[node.id]}. {name}{': ' if parts else ''}{'; '.join(parts)}")
    rows: list[list[Mapping[str, JsonValue]]] = [[] for _ in range(_EXAMPLES)]
    examples = {node.id: list(_examples(node, sub_dag, tools, known, rng, rows)) for node in sub_dag.nodes}
    shown = dict.fromkeys(line for found in examples.values() for line in found)
    if shown:
        lines += ["", "Arguments that worked before, without what is passed on:", *shown]
    open_ends = [
        node for node in sub_dag.nodes if not examples[node.id] and _wants_more(node, sub_dag, known)
    ]
    files = sorted(
        {
            file
            for node in open_ends
            if node.tool[0] in known.knowledge.listings
            for file in known.knowledge.listings[node.tool[0]].files
        }
    )
    if files:
        more = f" and {len(files) - _FILES} more" if len(files) > _FILES else ""
        lines += ["", f"Files: {', '.join(files[:_FILES])}{more}"]
    if any("*" in link.output_path for link in sub_dag.links):
        lines += [
            "",
            f"Of a list with several entries that would do, take number {rng.randint(1, _ENTRIES)}.",
        ]
    return "\n".join(lines)


def _wants_more(node: Node, sub_dag: SubDag, known: Known) -> bool:
    """Return whether the call needs arguments that no link passes."""
    tool = known.tool(node.tool)
    linked = {link.parameter for link in sub_dag.links if link.target == node.id}
    return tool is not None and any(one.required and one.name not in linked for one in parameters(tool))


def _passed(link: Link, numbers: dict[str, int]) -> str:
    if not link.parameter:
        return f"it shows what call {numbers[link.source]} changed"
    where = f"what call {numbers[link.source]} returned at {_path(link.output_path)}"
    if link.template:
        return f"its {link.parameter} is {canonical_json(link.template)} with {where} for {{}}"
    return f"its {link.parameter} is {where}"


def _path(path: Path) -> str:
    return ".".join(map(str, path)) or "its whole text"


def _examples(
    node: Node,
    sub_dag: SubDag,
    tools: ToolSet,
    known: Known,
    rng: Random,
    rows: Sequence[list[Mapping[str, JsonValue]]],
) -> Iterator[str]:
    """Yield arguments that worked, one for each row: rather those that are about what the row is about."""
    if node.tool not in {tool.key for tool in tools.tools}:
        return
    linked = frozenset(link.parameter for link in sub_dag.links if link.target == node.id and link.parameter)
    kinds = {one.id: one.tool for one in sub_dag.nodes}
    out = [(link, kinds[link.target]) for link in sub_dag.links if link.source == node.id and link.parameter]
    # rather arguments whose results hold what later calls take
    worked = known.arguments(node.tool, without=linked, links=out) or known.arguments(
        node.tool, without=linked
    )
    left = [one for one in worked if one and len(canonical_json(one)) <= _LONG]
    for row in rows:
        if not left:
            return
        given = [(name, value) for before in row for name, value in before.items()]
        alike = [sum((name, value) in given for name, value in one.items()) for one in left]
        drawn = rng.choice([one for one, count in zip(left, alike, strict=True) if count == max(alike)])
        left.remove(drawn)
        row.append(drawn)
        yield f"{tools.name_of(*node.tool)}: {canonical_json(drawn)}"
