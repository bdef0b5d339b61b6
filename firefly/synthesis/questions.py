"""Composes a question from picks: what is asked, and how each value on the way to it is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from firefly.english import singular, spoken, vocabulary, words
from firefly.synthesis.labels import verb
from firefly.synthesis.phrases import Phrase, Told, inside, pool, split_head, weave
from firefly.synthesis.picks import RESULTS, Pick, quoted

_ORDINALS = ("first", "second", "third", "fourth", "fifth")
_BARE = vocabulary("id name key path code number value query title")
"""Parameter names that do not say what they belong to."""


@dataclass(frozen=True)
class Hop:
    """One gold call as it is told."""

    id: str
    phrase: Phrase
    literals: Mapping[str, object] = field(default_factory=dict)
    """Arguments to mention."""
    references: Mapping[str, Pick] = field(default_factory=dict)
    """Parameter -> how its value is found in an earlier call."""


def compose(hops: Sequence[Hop], answer: Pick, rng: Random) -> tuple[str, str]:
    """Return (question, name of the template)."""
    titles = _titles(hops)
    by_id = {hop.id: hop for hop in hops}
    told = {hop.id: _data(hop, titles) for hop in hops}
    found: list[tuple[str, str]] = []
    said: dict[str, list[str]] = {}
    for hop in hops:
        for parameter, pick in sorted(hop.references.items()):
            parent = by_id[pick.expression.call]
            value = _said(pick, parent.phrase, told[parent.id])
            said.setdefault(value, [])
            title = titles[hop.id, parameter]
            if title not in said[value]:
                said[value].append(title)
    for value, names in said.items():
        found.append((value, " and the ".join(names)))
    final = by_id[answer.expression.call]
    variants = _asking(answer, final.phrase, told[final.id])
    question, name = variants[rng.randrange(len(variants))]
    if not found:
        return question, f"{answer.template}/{name}"
    if rng.random() < 0.6:
        return " ".join([*_lead(found, rng), question]), f"{answer.template}/{name}/steps"
    back = [f"The {title} is {_that(value, title)}." for value, title in reversed(found)]
    back[0] = f"Here, t{back[0][1:]}"
    return " ".join([question, *back]), f"{answer.template}/{name}/goal"


def _that(value: str, title: str) -> str:
    """Return the value without repeating the title: "The town is that of the reader"."""
    return f"that {value.removeprefix(f'the {title} ')}" if value.startswith(f"the {title} of ") else value


def _lead(found: Sequence[tuple[str, str]], rng: Random) -> list[str]:
    lines = []
    for index, (value, title) in enumerate(found):
        verb = rng.choice(("Then find", "Next, find") if index else ("Find", "First, find", "Look up"))
        known = value.startswith(f"the {title} ")
        lines.append(f"{verb} {value}{'' if known else f'; use it as the {title}'}.")
    return lines


def _titles(hops: Sequence[Hop]) -> dict[tuple[str, str], str]:
    """Return what each referenced argument is called; different ones of one name are numbered."""
    titles = {
        (hop.id, parameter): title_of(hop.phrase, parameter)
        for hop in hops
        for parameter in sorted(hop.references)
    }
    picked = {(hop.id, parameter): pick for hop in hops for parameter, pick in hop.references.items()}
    numbered = {}
    for place_, title in titles.items():
        namesakes = [picked[other].expression for other, name in titles.items() if name == title]
        distinct = [one for index, one in enumerate(namesakes) if one not in namesakes[:index]]
        order = distinct.index(picked[place_].expression)
        numbered[place_] = f"{_ORDINALS[order]} {title}" if 1 < len(distinct) <= len(_ORDINALS) else title
    return numbered


def title_of(phrase: Phrase, parameter: str) -> str:
    """Return what a person calls the argument: "customer ID" for ``id`` of "get one customer".

    >>> title_of(Phrase("the customer", name=("get", "customer")), "id")
    'customer ID'
    """
    if len(words(parameter)) == 1 and words(parameter)[0] in _BARE:
        head = split_head(phrase.text)[0].split()[-1].lower()
        if singular(head) in {singular(word) for word in phrase.name}:
            return f"{singular(head)} {spoken(parameter)}"
    return spoken(parameter)


def _data(hop: Hop, titles: Mapping[tuple[str, str], str]) -> str:
    told = [
        Told(parameter, quoted(value), title=title_of(hop.phrase, parameter))  # type: ignore[arg-type]
        for parameter, value in hop.literals.items()
    ]
    told += [
        Told(parameter, "", referenced=True, title=titles[hop.id, parameter]) for parameter in hop.references
    ]
    return weave(hop.phrase, told, that=True)


def place(pick: Pick, phrase: Phrase, data: str) -> str:
    """Return where a pick is found: "among the orders in the shop", "of the customer"."""
    if pick.template == "scalar":
        return ""
    if pick.template == "field":
        return inside(data)
    items = pool(phrase, pick.item, data)
    if pick.template == "all":
        return items if pick.noun == "all" else items.removeprefix("the ")
    if pick.template in ("total", "fold") and not pick.stated:
        return f"of {items}"
    return f"among {items}"


def _is_all(pick: Pick, data: str) -> bool:
    """Return whether the field is all that the call says: "what is the result of adding", not its "value"."""
    name = str(pick.expression.path[-1]).lower() if pick.expression.path else ""
    if name in RESULTS:
        return not name or data.startswith("the result of ")
    # "the text of the text from paragraph 6"
    return pick.label == split_head(data)[0].removeprefix("the ")


def _said(pick: Pick, phrase: Phrase, data: str) -> str:
    where = place(pick, phrase, data)
    return data if pick.template == "field" and _is_all(pick, data) else f"{pick.noun} {where}".strip()


def _asking(pick: Pick, phrase: Phrase, data: str) -> list[tuple[str, str]]:
    if pick.template == "count":
        items = pool(phrase, pick.item, data)
        if pick.condition:
            return [
                (f"How many of {items} {pick.condition}?", "of"),
                (f"Count {items} that {pick.condition}.", "count"),
            ]
        head, rest = split_head(items)
        counted = head.removeprefix("the ")
        return [(f"How many {counted} are there {rest}".strip() + "?", "there")]
    where = place(pick, phrase, data)
    noun = _said(pick, phrase, data)
    if pick.template == "top":
        return [(f"What are {noun}?", "what"), (f"List {noun}.", "list")]
    asking = [
        (f"What {verb(pick.label)} {noun}?", "what"),
        (f"Find {noun}.", "find"),
        (f"Tell me {noun}.", "tell"),
    ]
    if where.startswith("among"):
        asking.append((f"{where[0].upper()}{where[1:]}, what {verb(pick.label)} {pick.noun}?", "among"))
    return asking
