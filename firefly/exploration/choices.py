"""What may fill the linked parameters of a call: references to what earlier calls returned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from firefly.exploration.arguments import admits, draw
from firefly.exploration.references import Reference, list_of, references
from firefly.exploration.walk import Walk
from firefly.outputs import leaves, parsed_output
from firefly.parameters import parameters
from firefly.records import Link, Node
from firefly.replay.expressions import ExpressionError, fill
from firefly.replay.records import Tool

Choice = Mapping[str, Reference]
"""Linked parameter -> the reference that fills it."""
_KNOWN = 0.1
"""How little a value is wanted that another call returned too: this one would not be needed for it."""
_WORKED = 1.5
"""How much a value is preferred that the tool is known to take."""
_UNTRIED = 0.5
"""How much a value is wanted that was never tried, where others are known to lead on."""
_IN_VAIN = 0.05
"""How little a value is wanted with which the calls to come are only known to answer something else."""


def together(links: Sequence[Link]) -> list[list[Link]]:
    """Return the links grouped by the list that they read: their values belong to one item of it."""
    groups: dict[object, list[Link]] = {}
    for link in links:
        where = list_of(link.output_path)
        key = link.parameter if where is None else (link.source, where)
        groups.setdefault(key, []).append(link)
    return list(groups.values())


def ways_to_fill(walk: Walk, node: Node, tool: Tool, links: Sequence[Link]) -> list[Choice]:
    """Return ways to fill the node's parameters of ``links`` together, in the order in which to try them.

    Each value once, under one of its names, drawn by value first: what can be named in many
    ways is no more worth asking about. Rather one that holds promise. Once a call was about one item of
    a list, later ones are about the same item.
    """
    by_link = {link.parameter: _references(walk, tool, link) for link in links}
    by_value: dict[str, list[Choice]] = {}
    possible = _same_item(by_link)
    where = list_of(links[0].output_path)
    picked = walk.picked.get((links[0].source, where)) if where is not None else None
    again = [choice for choice in possible if next(iter(choice.values())).selector == picked]
    for choice in again or possible:
        by_value.setdefault(repr([one.value for one in choice.values()]), []).append(choice)
    named = [
        draw(choices, [_least_weight(choice) for choice in choices], walk.rng)[0]
        for choices in by_value.values()
    ]
    worked = {link.parameter: walk.known.worked(tool.key, link.parameter) for link in links}
    templates = {link.parameter: link.template for link in links}
    elsewhere = walk.elsewhere(links[0].source)
    weights = [
        _least_weight(choice)
        * (
            _WORKED
            if all(repr(filled(templates[name], one.value)) in worked[name] for name, one in choice.items())
            else 1.0
        )
        * (_KNOWN if all(repr(one.value) in elsewhere for one in choice.values()) else 1.0)
        * promise(walk, node, {name: filled(templates[name], one.value) for name, one in choice.items()})
        for choice in named
    ]
    return draw(named, weights, walk.rng)


def promise(walk: Walk, node: Node, values: Mapping[str, JsonValue]) -> float:
    """Return how likely the node's calls with ``values`` lead to the end, by what was recorded, 0..1.

    They do where it, and what is asked of the same server later, answered with what the links out of
    them pass on: a workbook with the sheet that has the column.
    """
    total = 1.0
    for one in (node, *walk.after(node)):
        links = walk.out_of(one)
        if one.tool[0] != node.tool[0] or not links:
            continue
        seen = walk.known.leading_on(one.tool, links)
        if not any(leads for _, leads in seen):
            continue
        alike = [leads for given, leads in seen if _agree(given, values)]
        total *= 1.0 if any(alike) else _IN_VAIN if alike else _UNTRIED
    return total


def _agree(given: Mapping[str, JsonValue], values: Mapping[str, JsonValue]) -> bool:
    """Return whether all parameters of one name have one value, as they are handed down from call to call."""
    return all(given[name] == value for name, value in values.items() if name in given)


def _references(walk: Walk, tool: Tool, link: Link) -> list[Reference]:
    """Return every way to name a value for the linked parameter that is worth trying."""
    parent = next(node for node in walk.sub_dag.nodes if node.id == link.source)
    source = walk.done[link.source]
    parameter = next((one for one in parameters(tool) if one.name == link.parameter), None)
    if parameter is None:
        return []
    as_list = "array" in parameter.types and "string" not in parameter.types and not link.template
    found = references(
        parsed_output(source.step.observation),
        link.output_path,
        call=source.id,
        volatile=walk.known.volatile(parent.tool),
        as_list=as_list,
        rng=walk.rng,
    )
    refused = walk.known.refused(tool.key, link.parameter)
    given = walk.given() | {
        repr(leaf) for value in source.call.arguments.values() for _, leaf in leaves(value)
    }
    return [
        one
        for one in found
        if (argument := filled(link.template, one.value)) is not None
        and admits(parameter, argument)
        and repr(one.value) not in given
        and repr(argument) not in refused
        and not (parameter.has_default and parameter.default == argument)
    ]


def filled(template: str, value: JsonValue) -> JsonValue:
    """Return the argument that holds ``value``; None where the template can't take it."""
    if not template:
        return value
    try:
        return fill(template, value)
    except ExpressionError:
        return None


def _same_item(by_link: Mapping[str, Sequence[Reference]]) -> list[Choice]:
    """Return one reference for each parameter, all of them picking the same item."""
    first, *others = by_link
    if not others:
        return [{first: one} for one in by_link[first]]
    picks = {name: {one.selector: one for one in by_link[name]} for name in others}
    return [
        {first: one, **{name: picks[name][one.selector] for name in others}}
        for one in by_link[first]
        if all(one.selector in picks[name] for name in others)
    ]


def _least_weight(choice: Choice) -> float:
    return max(0.1, min(one.weight for one in choice.values()))
