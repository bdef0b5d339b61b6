"""The forms in which a person asks for one value: when, who, how many, which, what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from firefly.english import is_participle, is_past
from firefly.synthesis.clauses import PLACE, done
from firefly.synthesis.labels import verb
from firefly.synthesis.phrases import Phrase, split_head
from firefly.synthesis.picks import RESULTS, Pick, many

__all__ = ["Asked", "asking"]


_COMPUTING = (
    "add", "calculate", "compute", "convert", "count", "divide", "evaluate", "multiply", "reduce", "solve",
    "subtract", "sum",
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """A pick with the words around it."""

    pick: Pick
    phrase: Phrase
    data: str
    """Noun phrase of the whole output."""
    place: str
    inner: bool
    sole: str
    """What the only item is called, where it has a name."""
    subject: str
    """The thing that the output is about."""

    def at(self, text: str) -> str:
        """Return a noun phrase with the place where it belongs."""
        if not self.place:
            return text.replace(PLACE, "")
        if self.inner and PLACE in text:
            return text.replace(PLACE, f" {self.place}", 1)
        return f"{text.replace(PLACE, '')} {self.place}"

    @property
    def items(self) -> str:
        """Return what is looked at, in the plural, with its conditions and place."""
        return self.at(f"{many(self.pick.item)}{PLACE}{self.pick.kept}")

    @property
    def one(self) -> str:
        """Return the same in the singular."""
        return self.at(f"{self.pick.item}{PLACE}{self.pick.kept}")

    @property
    def owner(self) -> str:
        """Return the thing that the value belongs to."""
        if self.pick.template == "field":
            return self.subject
        if self.pick.template == "only" and self.sole:
            return self.sole
        return self.at(self.pick.thing)


def asking(asked: Asked) -> list[tuple[str, str]]:  # noqa: PLR0911 - one return for each kind
    """Return the forms of the question, each with its name, the plainest first."""
    pick = asked.pick
    if pick.template == "count":
        return list(_counts(asked))
    if pick.template in ("fold", "total"):
        return list(_folds(asked))
    if pick.template == "top":
        which = asked.at(pick.noun)
        bare = which.removeprefix("the ")
        return [
            (f"Which are {which}?", "which"),
            (f"Name the {bare}.", "name"),
            (f"List the {bare}.", "list"),
        ]
    if pick.template == "scalar":
        return list(_scalars(asked))
    if pick.template == "field" and asked.phrase.verb:
        return list(_results(asked))
    if pick.own and pick.which and pick.template == "extreme":
        return list(_whiches(asked))
    return list(_values(asked))


def _counts(asked: Asked) -> Iterator[tuple[str, str]]:
    pick = asked.pick
    if (asked.inner and not asked.place.startswith("of ")) or not asked.place:
        said = asked.items
        yield f"How many {said} are there?", "how many"
        yield f"Count the {said}.", "count"
        yield f"What is the number of {said}?", "number"
        return
    said = f"{many(pick.item)}{pick.kept}".replace(PLACE, "")
    if asked.place.startswith("of "):
        yield f"How many {said} does {asked.place.removeprefix('of ')} have?", "how many"
    else:
        yield f"How many {said} are there {asked.place}?", "how many"
    yield f"Count the {said} {asked.place}.", "count"
    yield f"What is the number of {said} {asked.place}?", "number"


def _folds(asked: Asked) -> Iterator[tuple[str, str]]:
    pick = asked.pick
    items, one = asked.items, asked.one
    if pick.template == "total":
        counted = _counted(pick.word)
        if counted:
            yield f"How many {counted} do the {items} have in total?", "total"
            yield f"What is the total {pick.word} of the {items}?", "what"
            yield f"Add up the {pick.word} of all {items}.", "add"
            return
        yield f"What is the combined {pick.label} of all {items}?", "what"
        yield f"Add up the {pick.label} of all {items}.", "add"
        yield f"What does the {pick.label} of all {items} add up to?", "adds"
        return
    participle = done(pick.column) if pick.column is not None and pick.column.kind == "date" else None
    if participle is not None:
        last = pick.expression.op == "max"
        which = "most recent" if last else "first"
        yield f"When was the {which} {one} {participle[0]}?", "when"
        yield f"On what date was the {which} {one} {participle[0]}?", "date"
        yield f"Find the date on which the {which} {one} was {participle[0]}.", "find"
        return
    yield f"What is the {pick.word} among the {items}?", "what"
    yield f"Find the {pick.word} of any {one}.", "find"
    yield f"Among the {items}, what is the {pick.word}?", "among"


def _scalars(asked: Asked) -> Iterator[tuple[str, str]]:
    noun = asked.pick.noun
    counted = noun.removeprefix("the number of ")
    if counted != noun:
        yield f"How many {counted} are there?", "how many"
        yield f"Count the {counted}.", "count"
        yield f"What is {noun}?", "what"
        return
    yield f"What is {noun}?", "what"
    yield f"Find {noun}.", "find"
    yield f"Tell me {noun}.", "tell"


def _whiches(asked: Asked) -> Iterator[tuple[str, str]]:
    pick = asked.pick
    yield f"Which {asked.one} {pick.which}?", "which"
    yield f"Among the {asked.items}, which one {pick.which}?", "among"
    yield f"Find {asked.owner}.", "find"
    yield f"Tell me which {asked.one} {pick.which}.", "tell"


def _noted(pick: Pick, owner: str) -> Iterator[tuple[str, str]]:
    """Yield questions about what a note says of something: no property of the note itself."""
    label = pick.label
    if pick.role == "person":
        yield f"Who is the {label} according to {owner}?", "who"
        yield f"According to {owner}, who is the {label}?", "according"
        return
    yield f"What is the {label} according to {owner}?", "what"
    yield f"According to {owner}, what is the {label}?", "according"
    yield f"Tell me the {label} according to {owner}.", "tell"


def _values(asked: Asked) -> Iterator[tuple[str, str]]:  # noqa: PLR0911 - one return for each kind
    pick, owner = asked.pick, asked.owner
    label = pick.label
    if pick.template == "field" and owner.startswith("the note "):
        yield from _noted(pick, owner)
        return
    column = pick.column
    participle = done(column) if column is not None else None
    if participle is not None and column is not None and column.kind == "date":
        if " that " in owner:  # one would have to wait too long for the verb
            yield f"For {owner}, when was it {participle[0]}?", "when"
            yield f"Take {owner}. On what date was it {participle[0]}?", "date"
            return
        yield f"When was {owner} {participle[0]}?", "when"
        yield f"On what date was {owner} {participle[0]}?", "date"
        yield f"Find out when {owner} was {participle[0]}.", "find"
        return
    if participle is not None and pick.role == "person":
        be = "was" if participle[1] == "by" else "is"
        if participle[1] == "by" and is_past(participle[0]):
            yield f"Who {participle[0]} {owner}?", "who"
        else:
            yield f"Who {be} {owner} {participle[0]} {participle[1]}?", "who"
        yield f"Tell me who {owner} {be} {participle[0]} {participle[1]}.", "tell"
        yield f"Find out who {owner} {be} {participle[0]} {participle[1]}.", "find"
        return
    if pick.template == "field" and _is_all(asked):
        yield f"What is {asked.data}?", "what"
        yield f"Tell me {asked.data}.", "tell"
        yield f"Find {asked.data}.", "find"
        return
    if pick.role == "person":
        yield f"Who is the {label} of {owner}?", "who"
        yield (
            f"Tell me the name of the {label} of {owner}."
            if " " in str(pick.value)
            else f"Tell me the {label} of {owner}.",
            "tell",
        )
        yield f"I need the {label} of {owner}.", "need"
        return
    counted = _counted(label)
    if counted and is_participle(label.split()[-1]):
        yield f"What is the {label} in {owner}?", "what"
        yield f"Tell me the {label} in {owner}.", "tell"
        yield f"I need the {label} in {owner}.", "need"
        return
    head, rest = split_head(owner)
    if counted and head.removeprefix("the ") == counted:
        yield f"How many {counted} are there {rest}".strip() + "?", "how many"
        yield f"Count {owner}.", "count"
        return
    if counted:
        yield f"How many {counted} does {owner} have?", "how many"
        yield f"What is the {label} of {owner}?", "what"
        yield f"Tell me how many {counted} {owner} has.", "tell"
        return
    yield f"What {verb(label)} the {label} of {owner}?", "what"
    yield f"Tell me the {label} of {owner}.", "tell"
    yield f"I need the {label} of {owner}.", "need"
    if owner != "it" and not owner.startswith("its "):
        yield f"For {owner}, what {verb(label)} the {label}?", "for"


def _results(asked: Asked) -> Iterator[tuple[str, str]]:
    """Yield the forms for a tool that works something out: "calculate", "convert"."""
    pick = asked.pick
    objects = asked.data.removeprefix("the result of ").split(" ", 1)[-1]
    head, rest = split_head(objects)
    if asked.phrase.verb == "count" and pick.label == f"number of {head.removeprefix('the ')}":
        counted = head.removeprefix("the ")
        yield f"How many {counted} are there {rest}?", "how many"
        yield f"Count {objects}.", "count"
        yield f"What is the number of {counted} {rest}?", "number"
        return
    if not _is_all(asked):
        if asked.phrase.verb not in _COMPUTING:  # what else a calculation reports has no words of its own
            yield f"What {verb(pick.label)} the {pick.label} of {asked.data}?", "what"
            yield f"Tell me the {pick.label} of {asked.data}.", "tell"
        return
    if asked.phrase.verb in ("calculate", "evaluate", "compute", "solve"):
        yield f"What does {objects} come to?", "comes"
        yield f"Work out {objects}.", "work out"
        yield f"What is the value of {objects}?", "value"
        return
    if asked.phrase.verb in ("convert", "reduce") and " to " in objects:
        source, _, target = objects.rpartition(" to ")
        target = target.removeprefix("its ").removeprefix("the ")
        yield f"What is {source} in {target}?", "in"
        yield f"Convert {source} to {target}.", "convert"
        yield f"Express {source} in {target}.", "express"
        return
    yield f"{asked.phrase.verb.capitalize()} {objects}.", "do"
    yield f"What do you get when you {asked.phrase.verb} {objects}?", "what"
    yield f"What is {asked.data}?", "is"


def _counted(label: str) -> str:
    """Return what a number counts: "rows" of "number of rows"; "" where the label is another."""
    counted = label.removeprefix("number of ")
    return "" if counted == label else counted


def _is_all(asked: Asked) -> bool:
    """Return whether the field is all that the call says: "what is the result of adding", not its "value"."""
    pick = asked.pick
    name = str(pick.expression.path[-1]).lower() if pick.expression.path else ""
    if name in RESULTS:
        return not name or asked.data.startswith("the result of ")
    # "the text of the text from paragraph 6"
    return pick.label == split_head(asked.data)[0].removeprefix("the ")
