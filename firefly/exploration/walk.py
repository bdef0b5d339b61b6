"""An execution of a sub-DAG while it goes on."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from pydantic import JsonValue

from firefly.exploration.arguments import Known
from firefly.exploration.references import list_of
from firefly.outputs import Path, leaves, parsed_output
from firefly.protocols import Episode
from firefly.records import ExploredCall, Link, Node, SubDag, ToolKey
from firefly.replay.records import Expression


@dataclass
class Walk:
    """One execution: its calls so far and what they were about."""

    sub_dag: SubDag
    episode: Episode
    known: Known
    rng: Random
    calls: list[ExploredCall] = field(default_factory=list)
    done: dict[str, ExploredCall] = field(default_factory=dict)
    """Node -> its call that succeeded."""
    picked: dict[tuple[str, Path], str] = field(default_factory=dict)
    """(Node, list in its output) -> selector of the item that later calls are about."""
    in_vain: int = 0
    """Calls that were of no use."""

    def into(self, node: Node) -> list[Link]:
        """Return the links that fill parameters of the node."""
        return [link for link in self.sub_dag.links if link.target == node.id and link.parameter]

    def out_of(self, node: Node) -> list[Link]:
        """Return the links that read the node's output."""
        return [link for link in self.sub_dag.links if link.source == node.id and link.parameter]

    def after(self, node: Node) -> list[Node]:
        """Return the nodes that links lead to from ``node``, near or far."""
        reached = {node.id}
        for one in self.sub_dag.nodes:  # in topological order
            if any(link.source in reached for link in self.into(one)):
                reached.add(one.id)
        return [one for one in self.sub_dag.nodes if one.id in reached and one.id != node.id]

    def tool_of(self, node: str) -> ToolKey:
        """Return the tool of a node."""
        return next(one.tool for one in self.sub_dag.nodes if one.id == node)

    def given(self) -> set[str]:
        """Return the values, as ``repr``, that nobody needs to find out: literal arguments, launch values."""
        return self.known.constants(self.sub_dag.servers) | {
            repr(leaf)
            for call in self.calls
            for name, value in call.call.arguments.items()
            if name not in call.references
            for _, leaf in leaves(value)
        }

    def elsewhere(self, node: str) -> set[str]:
        """Return the values, as ``repr``, that the outputs of calls other than the node's hold."""
        return {
            repr(leaf)
            for other, call in self.done.items()
            if other != node
            for _, leaf in leaves(parsed_output(call.step.observation))
        }

    def pick(self, node: Node, draft: Draft) -> None:
        """Keep which items the node was called for: later calls are about the same ones."""
        for link in self.into(node):
            where = list_of(link.output_path)
            if where is not None:
                self.picked.setdefault((link.source, where), draft.selectors.get(link.parameter, ""))


@dataclass
class Draft:
    """The arguments of a call about to be made, with their origins."""

    arguments: dict[str, JsonValue] = field(default_factory=dict)
    references: dict[str, Expression] = field(default_factory=dict)
    templates: dict[str, str] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    selectors: dict[str, str] = field(default_factory=dict)
