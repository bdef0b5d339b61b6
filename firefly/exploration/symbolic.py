"""The default explorer: executes a sub-DAG by rules, without a language model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from weakref import WeakKeyDictionary

from pydantic import JsonValue

from firefly.exploration.arguments import Known, draw
from firefly.exploration.choices import Choice, filled, promise, together, ways_to_fill
from firefly.exploration.walk import Draft, Walk
from firefly.exploration.writes import explore_writes
from firefly.knowledge import Knowledge
from firefly.novelty import tells
from firefly.outputs import expand, leaves, parsed_output, useful_output
from firefly.parameters import Parameter, parameters
from firefly.plugins import register
from firefly.protocols import Episode, ValueSource
from firefly.records import ExploredCall, Link, Node, SubDag
from firefly.replay.records import Observation, Tool, ToolCall
from firefly.values import proposals
from firefly.values.undeclared import all_parameters


@register("explorer", "symbolic")
class Symbolic:
    """Executes a sub-DAG in order, naming each passed value by a reference and retrying what fails.

    Linked parameters take values from what the parent returned, rather those that the tool is known
    to take. The others repeat arguments that worked while probing, or come from value sources.
    """

    def __init__(
        self,
        *,
        values: Mapping[str, ValueSource | None] | None = None,
        attempts: int = 3,
        restarts: int = 1,
        novelty: float = 0.25,
    ) -> None:
        """Set the limits.

        Args:
            values: value sources by name, best first; null switches one off.
            attempts: calls of one node before it is given up.
            restarts: how often the whole sub-DAG is begun again, with other choices.
            novelty: share of first attempts that try a value not seen to work before.

        """
        if attempts < 1 or restarts < 0 or not 0.0 <= novelty <= 1.0:
            raise ValueError("attempts >= 1, restarts >= 0 and novelty from 0 to 1 are needed")
        self._values = [source for source in (values or {}).values() if source is not None]
        self._known: WeakKeyDictionary[Knowledge, Known] = WeakKeyDictionary()
        self._attempts = attempts
        self._restarts = restarts
        self._novelty = novelty

    def explore(
        self, sub_dag: SubDag, episode: Episode, *, knowledge: Knowledge, rng: Random
    ) -> tuple[Sequence[ExploredCall], str]:
        """Return every call made, and why it did not complete ("" when it did)."""
        known = self._known.setdefault(knowledge, Known(knowledge))
        walk = Walk(sub_dag, episode, known, rng)
        if sub_dag.writes:
            return explore_writes(walk, self._values, self._node)
        reason = ""
        for _ in range(1 + self._restarts):
            walk.done.clear()
            walk.picked.clear()
            reason = self._once(walk)
            if not reason or walk.in_vain >= self._attempts:
                break
        return walk.calls, reason

    def _once(self, walk: Walk) -> str:
        for node in walk.sub_dag.nodes:
            reason = self._node(walk, node)
            if reason:
                return reason
        return ""

    def _node(self, walk: Walk, node: Node) -> str:
        """Call the node's tool until it says something that the links out of it can use."""
        tool = walk.known.tool(node.tool)
        if tool is None:
            return f"{node.tool[0]}.{node.tool[1]} is no longer there"
        choices: list[list[Choice]] = []
        for links in together(walk.into(node)):
            found = ways_to_fill(walk, node, tool, links)
            if not found:
                parent = next(one for one in walk.sub_dag.nodes if one.id == links[0].source)
                names = " and ".join(link.parameter for link in links)
                return f"nothing that {parent.tool[1]} returned can be named as {names} of {tool.name}"
            choices.append(found)
        reason = ""
        tried: set[str] = set()
        for attempt in range(self._attempts):
            draft = self._draft(walk, node, tool, choices, attempt)
            known = all_parameters(tool, walk.known.knowledge)
            missing = [one.name for one in known if one.required and one.name not in draft.arguments]
            if missing:
                reason = f"no value found for parameter {missing[0]} of {tool.name}"
                break
            call = ToolCall(server=tool.server, tool=tool.name, arguments=draft.arguments)
            if call.digest in tried:
                continue
            tried.add(call.digest)
            reason = self._made(walk, node, draft)
            if not reason:
                return ""
        return self._stuck(walk, node, tool, self._linked(walk, node, choices, 0), reason)

    def _made(self, walk: Walk, node: Node, draft: Draft) -> str:
        """Make a call of the node; return why it is of no use, "" where the node is done."""
        call = ToolCall(server=node.tool[0], tool=node.tool[1], arguments=draft.arguments)
        observation = walk.episode.call(call)
        made = ExploredCall(
            id=f"c{len(walk.calls) + 1}",
            node=node.id,
            step=walk.episode.steps[-1],
            references=draft.references,
            templates=draft.templates,
            sources=draft.sources,
        )
        walk.calls.append(made)
        reason = _useless(observation, call, walk.out_of(node)) or _repeats(walk, node, observation)
        walk.in_vain += bool(reason)
        if reason:
            return f"{node.tool[1]} {reason}"
        walk.done[node.id] = made
        walk.pick(node, draft)
        return ""

    def _stuck(self, walk: Walk, node: Node, tool: Tool, fixed: Draft, reason: str) -> str:
        """Do what is left to do where rules find no arguments that work; return why that is not enough.

        Args:
            walk: the execution.
            node: the call to be made.
            tool: its tool.
            fixed: the arguments that links pass, with their references.
            reason: why the last attempt was of no use.

        """
        return reason

    def _linked(self, walk: Walk, node: Node, choices: Sequence[Sequence[Choice]], attempt: int) -> Draft:
        """Return the arguments that links pass, and nothing else."""
        draft = Draft()
        templates = {link.parameter: link.template for link in walk.into(node)}
        for options in choices:
            # All move on together; the shorter list begins again.
            for name, chosen in options[attempt % len(options)].items():
                template = templates.get(name, "")
                draft.arguments[name] = filled(template, chosen.value)
                draft.references[name] = chosen.expression
                if template:
                    draft.templates[name] = template
                draft.selectors[name] = chosen.selector
        return draft

    def _draft(
        self,
        walk: Walk,
        node: Node,
        tool: Tool,
        choices: Sequence[Sequence[Choice]],
        attempt: int,
    ) -> Draft:
        draft = self._linked(walk, node, choices, attempt)
        self._inherit(walk, node, tool, draft)
        known = all_parameters(tool, walk.known.knowledge)
        free = [one for one in known if one.name not in draft.arguments]
        base = self._base(walk, node, draft.arguments, attempt)
        for parameter in free:
            if parameter.name in base:
                draft.arguments[parameter.name] = base[parameter.name]
                draft.sources[parameter.name] = "worked"
        missing = [one for one in free if one.required and one.name not in draft.arguments]
        replaceable = [one for one in free if one.name in draft.arguments]
        novel = attempt == 0 and replaceable and not walk.out_of(node)
        if novel and walk.rng.random() < self._novelty:
            missing.append(walk.rng.choice(replaceable))
        for parameter in missing:
            self._propose(walk, tool, parameter, draft)
        return draft

    def _inherit(self, walk: Walk, node: Node, tool: Tool, draft: Draft) -> None:
        """Give parameters that a linked parent of the same server has too the parent's values.

        A sheet that was found in one workbook is asked about in that workbook.
        """
        for link in walk.into(node):
            parent = walk.done[link.source]
            if parent.call.server != tool.server:
                continue
            theirs = {
                one.name for one in parameters(walk.known.knowledge.tools[parent.call.key]) if one.required
            }
            for parameter in parameters(tool):
                name = parameter.name
                if (
                    name in draft.arguments
                    or name not in parent.call.arguments
                    or not (parameter.required or name in theirs)
                ):
                    continue
                draft.arguments[name] = parent.call.arguments[name]
                if name in parent.references:
                    draft.references[name] = parent.references[name]
                    if name in parent.templates:
                        draft.templates[name] = parent.templates[name]
                else:
                    draft.sources[name] = parent.sources.get(name, "worked")

    def _base(
        self, walk: Walk, node: Node, decided: Mapping[str, JsonValue], attempt: int
    ) -> Mapping[str, JsonValue]:
        """Return arguments that worked before, for the parameters that are not decided.

        Best those that worked together with the very values now given; failing that any at first,
        the fewest later.
        """
        links = [(link, walk.tool_of(link.target)) for link in walk.out_of(node)]
        together = walk.known.arguments(node.tool, linked=decided, links=links)
        if together:
            return walk.rng.choice(_promising(walk, node, together, decided))
        others = walk.known.arguments(node.tool, without=frozenset(decided), links=links)
        if not others:
            return {}
        promising = _promising(walk, node, others, decided)
        return walk.rng.choice(promising) if attempt == 0 else promising[0]

    def _propose(self, walk: Walk, tool: Tool, parameter: Parameter, draft: Draft) -> None:
        """Give the parameter a value from the value sources, a likelier one rather than another.

        A value found together with an argument that is already decided is much preferred.
        """
        refused = walk.known.refused(tool.key, parameter.name)
        decided = [value for name, value in draft.arguments.items() if name != parameter.name]
        replaced = draft.arguments.get(parameter.name)
        found = [
            one
            for one in proposals(tool, parameter, self._values, walk.known.knowledge, walk.rng)
            if repr(one.value) not in refused
            and (replaced is None or (one.value != replaced and one.weight >= _LIKELY))
        ][:_PROPOSALS]
        if not found:
            return
        weights = [
            max(one.weight, 0.01) ** 2 * (4.0 if any(v in one.context.values() for v in decided) else 1.0)
            for one in found
        ]
        chosen = draw(found, weights, walk.rng)[0]
        draft.arguments[parameter.name] = chosen.value
        draft.sources[parameter.name] = chosen.source


_PROPOSALS = 8
_LIKELY = 0.5
"""Least weight of a value that replaces one known to work."""


def _promising(
    walk: Walk, node: Node, options: Sequence[dict[str, JsonValue]], decided: Mapping[str, JsonValue]
) -> list[dict[str, JsonValue]]:
    """Return the options that lead to the end most likely; if there are any, those that can be said.

    Nobody asks for what holds a single letter.
    """
    worth = [promise(walk, node, {**one, **decided}) for one in options]
    best = max(worth)
    found = [one for one, value in zip(options, worth, strict=True) if value == best]
    said = [one for one in found if not any(isinstance(v, str) and len(v) == 1 for v in one.values())]
    return said or found


def _repeats(walk: Walk, node: Node, observation: Observation) -> str:
    """Return why the answer adds nothing to what its arguments came from; "" when it does."""
    if walk.sub_dag.writes or not walk.into(node):
        return ""
    told = walk.elsewhere(node.id)
    given = {repr(leaf) for _, leaf in leaves(dict(walk.episode.steps[-1].call.arguments))}
    said = {repr(leaf) for _, leaf in leaves(parsed_output(observation)) if tells(leaf)} - given
    return "" if said - told or not said else "returned nothing that earlier calls had not"


def _useless(observation: Observation, call: ToolCall, out: Sequence[Link]) -> str:
    """Return why the answer is of no use to the sub-DAG; "" when it is."""
    if observation.outcome != "success":
        return f"failed ({observation.outcome}): {observation.reason}"
    if parsed_output(observation) is None:
        return "returned text that no parser reads"
    output = useful_output(call, observation)
    if output is None:
        return "returned nothing"
    for link in out:
        if next(expand(output, link.output_path), None) is None:
            return f"returned nothing at {'.'.join(map(str, link.output_path))}"
    return ""
