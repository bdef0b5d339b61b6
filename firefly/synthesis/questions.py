"""Composes a question from picks: what is asked, and how each value on the way to it is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from firefly.english import singular, spoken, vocabulary, words
from firefly.replay.records import Tool
from firefly.synthesis.phrases import Told, inside, phrase_of, pool, split_head, weave
from firefly.synthesis.picks import Pick, quoted

_BARE = vocabulary("id name key path code number value query title")
"""Parameter names that do not say what they belong to."""


@dataclass(frozen=True)
class Hop:
    """One gold call as it is told."""

    id: str
    tool: Tool
    literals: Mapping[str, object] = field(default_factory=dict)
    """Arguments to mention."""
    references: Mapping[str, Pick] = field(default_factory=dict)
    """Parameter -> how its value is found in an earlier call."""


def compose(hops: Sequence[Hop], answer: Pick, rng: Random) -> tuple[str, str] | None:
    """Return (question, name of the template); None where it can't be said without ambiguity."""
    titles = _titles(hops)
    if titles is None:
        return None
    by_id = {hop.id: hop for hop in hops}
    told = {hop.id: _data(hop, titles) for hop in hops}
    found: list[tuple[str, str]] = []
    said: dict[str, list[str]] = {}
    for hop in hops:
        for parameter, pick in sorted(hop.references.items()):
            parent = by_id[pick.expression.call]
            value = f"{pick.noun} {place(pick, parent.tool, told[parent.id])}"
            said.setdefault(value, [])
            title = titles[hop.id, parameter]
            if title not in said[value]:
                said[value].append(title)
    for value, names in said.items():
        found.append((value, " and the ".join(names)))
    final = by_id[answer.expression.call]
    variants = _asking(answer, final.tool, told[final.id])
    question, name = variants[rng.randrange(len(variants))]
    if not found:
        return question, f"{answer.template}/{name}"
    if rng.random() < 0.6:
        return " ".join([*_lead(found, rng), question]), f"{answer.template}/{name}/steps"
    back = [f"The {title} is {value}." for value, title in reversed(found)]
    back[0] = f"Here, t{back[0][1:]}"
    return " ".join([question, *back]), f"{answer.template}/{name}/goal"


def _lead(found: Sequence[tuple[str, str]], rng: Random) -> list[str]:
    lines = []
    for index, (value, title) in enumerate(found):
        verb = rng.choice(("Then find", "Next, find") if index else ("Find", "First, find", "Look up"))
        known = value.startswith(f"the {title} ")
        lines.append(f"{verb} {value}{'' if known else f'; it serves as the {title}'}.")
    return lines


def _titles(hops: Sequence[Hop]) -> dict[tuple[str, str], str] | None:
    """Return what each referenced argument is called; None when two different ones share a name."""
    titles: dict[tuple[str, str], str] = {}
    owners: dict[str, object] = {}
    for hop in hops:
        for parameter, pick in hop.references.items():
            title = title_of(hop.tool, parameter)
            if owners.setdefault(title, pick.expression) != pick.expression:
                return None
            titles[hop.id, parameter] = title
    return titles


def title_of(tool: Tool, parameter: str) -> str:
    """Return what a person calls the argument: "customer ID" for ``id`` of "get one customer".

    >>> title_of(Tool(server="s", name="get_customer"), "id")
    'customer ID'
    """
    if len(words(parameter)) == 1 and words(parameter)[0] in _BARE:
        head = split_head(phrase_of(tool).text)[0].split()[-1].lower()
        nouns = {singular(word) for word in words(tool.name)}
        if singular(head) in nouns:
            return f"{singular(head)} {spoken(parameter)}"
    return spoken(parameter)


def _data(hop: Hop, titles: Mapping[tuple[str, str], str]) -> str:
    told = [
        Told(parameter, quoted(value), title=title_of(hop.tool, parameter))  # type: ignore[arg-type]
        for parameter, value in hop.literals.items()
    ]
    told += [
        Told(parameter, "", referenced=True, title=titles[hop.id, parameter]) for parameter in hop.references
    ]
    return weave(phrase_of(hop.tool), told, that=True)


def place(pick: Pick, tool: Tool, data: str) -> str:
    """Return where a pick is found: "among the orders in the shop", "of the customer"."""
    if pick.template == "field":
        return inside(data)
    path = pick.expression.path[:-1] if pick.template == "only" else pick.expression.path
    if pick.template == "only":
        path = tuple(part for part in pick.expression.path[: _index(pick)] if isinstance(part, str))
    items = pool(tool, path, data)
    if pick.template == "all":
        return items if pick.noun == "all" else items.removeprefix("the ")
    if pick.template in ("total", "fold") and not pick.stated:
        return f"of {items}"
    return f"among {items}"


def _index(pick: Pick) -> int:
    return next(index for index, part in enumerate(pick.expression.path) if isinstance(part, int))


def _asking(pick: Pick, tool: Tool, data: str) -> list[tuple[str, str]]:
    if pick.template == "count":
        items = pool(tool, pick.expression.path, data)
        if pick.condition:
            return [
                (f"How many of {items} {pick.condition}?", "of"),
                (f"Count {items} that {pick.condition}.", "count"),
            ]
        head, rest = split_head(items)
        counted = head.removeprefix("the ")
        return [(f"How many {counted} are there {rest}".strip() + "?", "there")]
    where = place(pick, tool, data)
    if pick.template == "top":
        return [(f"What are {pick.noun} {where}?", "what"), (f"List {pick.noun} {where}.", "list")]
    asking = [
        (f"What is {pick.noun} {where}?", "what"),
        (f"Find {pick.noun} {where}.", "find"),
        (f"Tell me {pick.noun} {where}.", "tell"),
    ]
    if where.startswith("among"):
        asking.append((f"{where[0].upper()}{where[1:]}, what is {pick.noun}?", "among"))
    return asking
