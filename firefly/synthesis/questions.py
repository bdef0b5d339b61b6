"""Composes questions from picks: what is asked, and how each value on the way to it is named.

A value that an earlier call gives is named by what it means there: "the supplier of the agreement that
was signed first". One question is told in several ways: in one sentence, with the thing first ("Take the
agreement ... its supplier"), or step by step ("Find the supplier of ... that supplier").
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from pydantic import JsonValue

from firefly.english import is_past, words
from firefly.synthesis.asking import Asked, asking
from firefly.synthesis.clauses import PLACE, done, having, stem
from firefly.synthesis.columns import Column
from firefly.synthesis.labels import label_of
from firefly.synthesis.phrases import Phrase, place_of, subject_of
from firefly.synthesis.picks import Pick
from firefly.synthesis.roles import KEY_WORDS, PEOPLE
from firefly.synthesis.shown import is_code, is_file
from firefly.synthesis.told import Told, literal, title_of
from firefly.synthesis.weaving import converted, weave

__all__ = ["Hop", "compose", "spoken_data", "spoken_row", "wordings"]

_FILE_WORDS = frozenset(
    {"file", "path", "filename", "filepath", "name", "document", "location", "uri", "url"}
)
_FILES = re.compile(r"the (?:\w+ )*?(document|workbook|presentation|file|PDF) \S+\.\w+(?![\w.])")
_POINTS = re.compile(r"\b(?:it|its|their|them|that \w+)\b")
_NEAR = 6
"""Most words of a place that stand before what singles an item out."""
_LONGEST = 260
"""Most characters of a question."""
_DEEPEST = 4
"""Most links of one sentence: "the name of the contact of the supplier ..."."""
_OF_ONE = ("field", "find", "extreme", "only")


@dataclass(frozen=True)
class Hop:
    """One gold call as it is told."""

    id: str
    phrase: Phrase
    literals: Mapping[str, JsonValue] = field(default_factory=dict)
    """Arguments to mention."""
    references: Mapping[str, Pick] = field(default_factory=dict)
    """Parameter -> how its value is found in an earlier call."""
    files: Sequence[str] = ()
    """Files that are known to be there."""
    column: str = ""
    """For a query: the column whose value all its rows share ..."""
    value: JsonValue = None
    """... and that value, unless an earlier call gave it."""
    sole: str = ""
    """For a query: what its only row is called, where the column is its key."""
    templates: Mapping[str, str] = field(default_factory=dict)
    """Parameter -> the text around its referenced value, where the argument only holds that."""


def compose(hops: Sequence[Hop], answer: Pick, rng: Random) -> tuple[str, str]:
    """Return (question, name of the template)."""
    return wordings(hops, answer, rng)[0]


def wordings(hops: Sequence[Hop], answer: Pick, rng: Random, most: int = 4) -> list[tuple[str, str]]:
    """Return really different wordings of one question, each with the name of its template."""
    found: dict[str, list[tuple[str, str]]] = {}
    for way in _ways(hops, answer):
        for text, name in _Speaker(hops, way).questions(answer):
            if _is_long(text):
                continue
            found.setdefault(f"{way.name}/{name}", []).append((text, f"{answer.template}/{name}/{way.name}"))
    kinds = sorted(found)
    rng.shuffle(kinds)
    firsts = [found[kind][0] for kind in kinds]
    texts: dict[str, str] = {}
    # one of each way of telling first, so that the wordings differ
    order = sorted(range(len(firsts)), key=lambda place: _seen(firsts, place))
    for place in order:
        text, name = firsts[place]
        if len(texts) < most:
            texts.setdefault(text, name)
    return list(texts.items())


def spoken_data(hop: Hop, before: Sequence[Hop]) -> str:
    """Return a call's phrase with its arguments, those that the calls ``before`` it give among them."""
    return _Speaker([*before, hop], _Way("one")).data(hop)


def spoken_row(hop: Hop, before: Sequence[Hop]) -> str:
    """Return what the only row of a call is called: "order ORD-1", "the order of the shipment"."""
    return _Speaker([*before, hop], _Way("one")).sole(hop)


def _is_long(text: str) -> bool:
    """Return whether nobody would understand the question at the first reading."""
    return len(text) > _LONGEST or max(map(_nested, text.split(". "))) > _DEEPEST


def _nested(sentence: str) -> int:
    return len(re.findall(r"\b(?:of|in|for|by) (?:the|that|its)\b", sentence))


def _seen(found: Sequence[tuple[str, str]], place: int) -> tuple[int, int]:
    way = found[place][1].rpartition("/")[2]
    before = sum(one[1].rpartition("/")[2] == way for one in found[:place])
    return before, place


@dataclass(frozen=True)
class _Way:
    """How a question is told: in one sentence, or one thing or value of it first."""

    name: str
    thing: Pick | None = None
    """The pick whose thing is introduced, and then only pointed at ("its")."""
    value: Pick | None = None
    """The pick whose value is introduced, and then only pointed at ("that supplier")."""
    noun: str = ""


def _ways(hops: Sequence[Hop], answer: Pick) -> list[_Way]:
    ways = [_Way("one")]
    by_id = {hop.id: hop for hop in hops}
    final = by_id[answer.expression.call]
    picks = [pick for _, pick in sorted(final.references.items())]
    if picks and all(pick.template in _OF_ONE for pick in picks):
        ways.append(_Way("take", thing=picks[0]))
        distinct = {pick.expression.to_json() for pick in picks}
        if len(distinct) == 1:
            ways.append(_Way("that", value=picks[0]))
    return ways


def _unowned(pick: Pick, subject: str) -> Pick:
    """Return the pick of a field without the owner that it is asked of: no "task's title" of a task."""
    owner, owned, label = pick.label.partition("'s ")
    if pick.template != "field" or not owned or owner not in subject.split():
        return pick
    return replace(pick, label=label, noun=f"the {label}")


class _Speaker:
    """Says one chain in one way."""

    def __init__(self, hops: Sequence[Hop], way: _Way) -> None:
        self.hops = {hop.id: hop for hop in hops}
        self.way = way
        self.noun = ""
        self.thing = ""
        self.mentioned: dict[str, str] = {}
        self.thing = self.owner(way.thing, plain=True) if way.thing is not None else ""

    def questions(self, answer: Pick) -> list[tuple[str, str]]:
        """Return the question in this way, in several forms, each with the form's name."""
        hop = self.hops[answer.expression.call]
        data = self.data(hop)
        place, inner = self.place(hop, answer, data)
        sole = self.sole(hop) if answer.template in ("only", "find", "extreme") else ""
        subject = subject_of(data)
        asked = Asked(_unowned(answer, subject), hop.phrase, data, place, inner, sole, subject=subject)
        forms = [(self._once(text), name) for text, name in asking(asked)]
        if self.way.thing is not None:
            if any(not _POINTS.search(text) for text, _ in forms):
                return []
            leads = (f"Take {self.thing}.", f"Look at {self.thing}.", f"Consider {self.thing}.")
            return [(f"{leads[n % 3]} {text}", name) for n, (text, name) in enumerate(forms)]
        if self.way.value is not None:
            lead = self.value_lead
            if not lead or any(f"that {self.noun}" not in text for text, _ in forms):
                return []
            if _nested(lead) >= _DEEPEST - 1:  # the lead is there to be simpler
                return []
            leads = (f"Find {lead}.", f"Look up {lead}.", f"First find out {lead}.")
            return [(f"{leads[n % 2]} {text}", name) for n, (text, name) in enumerate(forms)]
        return forms

    def _once(self, text: str) -> str:
        """Point at a thing that was said before: "that document" where it is named again."""
        for known, short in sorted(self.mentioned.items(), key=lambda one: -len(one[0])):
            first = 0 if known == self.thing else text.find(known) + len(known)
            text = text[:first] + text[first:].replace(known, f"that {short}")
        if self.thing:
            text = text.replace(self.thing, "it")
        for match in _FILES.finditer(text):
            text = text[: match.end()] + text[match.end() :].replace(match.group(), f"that {match[1]}")
        return text

    # --- the parts ----------------------------------------------------------------------------

    def data(self, hop: Hop) -> str:
        """Return the noun phrase of a call's whole output."""
        told = [literal(hop.phrase, parameter, value, hop.files) for parameter, value in hop.literals.items()]
        for parameter in sorted(hop.references):
            if hop.column and not self._is_argument(hop, parameter):
                continue
            pick = hop.references[parameter]
            if not pick.own and any(other.own and _alike(other, pick) for other in hop.references.values()):
                continue  # who names the thing has said which of its values are meant
            told.append(
                Told(
                    parameter,
                    "",
                    referenced=True,
                    title=title_of(hop.phrase, parameter),
                    named=lambda noun, hop=hop, parameter=parameter: self.reference(hop, parameter, noun),  # type: ignore[misc]
                    kind="file" if pick.role == "file" or self._makes_file(hop, parameter) else "thing",
                )
            )
        return (converted(told) if hop.phrase.verb == "convert" else "") or weave(hop.phrase, told)

    @staticmethod
    def _makes_file(hop: Hop, parameter: str) -> bool:
        """Return whether the argument is a file that is named after the value: "AGR-1.docx"."""
        return is_file(hop.templates.get(parameter, "").replace("{}", "x"))

    @staticmethod
    def _is_argument(hop: Hop, parameter: str) -> bool:
        return hop.value is not None

    def place(self, hop: Hop, pick: Pick, data: str) -> tuple[str, bool]:
        """Return where the items of a list are, and whether that stands right after their noun."""
        if pick.template in ("scalar", "field"):
            return "", False
        if not hop.column:
            plain = not hop.literals and not hop.references
            place = place_of(hop.phrase, pick.item, data, plain=plain)
            near = place.startswith(("of ", "for ")) and len(place.split()) <= _NEAR
            return place, near  # "the item of that branch with the highest deposit"
        if self.sole(hop):
            return "", False
        return self.shared(hop), True

    def shared(self, hop: Hop) -> str:
        """Return the clause for what all rows of a query share: "with status open"."""
        column = Column((hop.column,), (hop.value,) if hop.value is not None else ("",))
        label = label_of(column)
        if hop.value is not None:
            return having(column, label, hop.value).text
        (parameter,) = hop.references
        known = self.reference(hop, parameter, stem(label))
        participle = done(column)
        if participle:
            return f"{participle[0]} {participle[1]} {known}"
        return f"{'in' if hop.references[parameter].role == 'place' else 'of'} {known}"

    def sole(self, hop: Hop) -> str:
        """Return what the only row of a query is called: "order ORD-1", "the order of shipment TRK-5"."""
        if not hop.sole:
            return ""
        if hop.value is None:
            (parameter,) = hop.references
            return self.reference(hop, parameter, hop.sole)
        value = hop.value
        known = literal(Phrase(""), hop.column, value, hop.files).phrase(hop.sole, False)
        return known if is_code(value) or known.startswith("the ") else f"the {known}"

    def owner(self, pick: Pick, *, plain: bool = False) -> str:
        """Return the thing that a picked value belongs to, with where it is found."""
        hop = self.hops[pick.expression.call]
        data = self.data(hop)
        if pick.template == "field":
            return subject_of(data)
        sole = self.sole(hop)
        if sole and pick.template == "only":
            return sole
        place, inner = self.place(hop, pick, data)
        return placed(pick.thing, place, inner)

    def reference(self, hop: Hop, parameter: str, noun: str) -> str:
        """Return the noun phrase of a value that an earlier call gives."""
        pick = hop.references[parameter]
        if pick.template not in _OF_ONE:
            parent = self.hops[pick.expression.call]
            place, inner = self.place(parent, pick, self.data(parent))
            return placed(pick.noun, place, inner) if pick.template != "scalar" else pick.noun
        owner = self.owner(pick, plain=True)
        own = pick.own and pick.template != "field" and not self._makes_file(hop, parameter)
        if pick.template == "field" and owner.startswith(f"the {pick.label} "):
            return owner  # "the text from the paragraph"
        known = noun or stem(title_of(hop.phrase, parameter))
        name = (noun or "file") if self._makes_file(hop, parameter) else property_of(pick, known)
        if self.way.value is not None and pick.expression == self.way.value.expression:
            self.noun = pick.item if own else re.split(r" (?:that|who|on) ", name)[0].removeprefix("the ")
            self.value_lead = owner if own else named_value(name, owner)
            return f"that {self.noun}"
        introduced = bool(self.thing) and owner == self.thing
        theirs = self.way.thing is not None and _is_person(self.way.thing, owner if owner != "it" else "")
        if own:
            return (f"that {pick.item}" if theirs and pick.item else "it") if introduced else owner
        if introduced or owner == "it":
            return f"{'their' if theirs else 'its'} {name}" if "{}" not in name else name.format("it")
        if "{}" not in name:
            self.mentioned[f"the {name} of {owner}"] = name.split()[-1]
        return named_value(name, owner)

    value_lead = ""


def _alike(one: Pick, other: Pick) -> bool:
    """Return whether two values are those of one item."""
    plain = {"field": ()}
    return one.expression.model_copy(update=plain) == other.expression.model_copy(update=plain)


def _is_person(pick: Pick, owner: str) -> bool:
    """Return whether the thing is a person: "their", not "its"."""
    noun = pick.item or owner.removeprefix("the ").split(" of ")[0]
    return bool(noun) and noun.split()[-1].lower() in PEOPLE


def named_value(name: str, owner: str) -> str:
    """Return "the supplier of the order", or "the reader that the book is lent to"."""
    return name.format(owner) if "{}" in name else f"the {name} of {owner}"


def property_of(pick: Pick, noun: str) -> str:  # noqa: PLR0911 - one return for each relation
    """Return what a value is to the thing that it belongs to: "supplier", "Word document".

    >>> from firefly.replay.records import Expression
    >>> def of(key, value, noun):
    ...     column = Column((key,), (value,))
    ...     label = label_of(column)
    ...     pick = Pick(Expression(op="where", call="c1"), value, "", label, "find", column)
    ...     return property_of(pick, noun)
    >>> of("supplier_id", "SUP-1", "supplier"), of("filename", "a.docx", "Word document")
    ('supplier', 'Word document')
    >>> of("lent_to", "R-17", "reader")
    'the reader that {} is lent to'
    """
    column, label = pick.column, pick.label
    if column is None:
        return label
    participle = done(column)
    if participle is not None and column.kind == "date":
        return f"the date on which {{}} was {participle[0]}"
    if participle is not None:
        who = noun if noun and noun not in KEY_WORDS else "person"
        if participle[1] == "by" and is_past(participle[0]):
            return f"the {who} {'who' if who.split()[-1] in PEOPLE else 'that'} {participle[0]} {{}}"
        be = "was" if participle[1] == "by" else "is"
        return f"the {who} that {{}} {be} {participle[0]} {participle[1]}"
    if pick.role == "file":
        kept = [word for word in words(column.name) if word not in _FILE_WORDS]
        return f"{' '.join(kept)} {noun}".strip() if noun else label
    if pick.role == "code":
        code = stem(label)
        if code.isupper() and noun and not noun.isupper():
            return noun  # the product that a SKU stands for
        return code if code and code != "value" else noun
    return label


def placed(text: str, place: str, inner: bool) -> str:
    """Put the place into a noun phrase: right after the noun, or at the end.

    >>> placed("the order¦ with the highest total", "of customer CUS-1", True)
    'the order of customer CUS-1 with the highest total'
    """
    if not place:
        return text.replace(PLACE, "")
    if inner and PLACE in text:
        return text.replace(PLACE, f" {place}", 1)
    return f"{text.replace(PLACE, '')} {place}"
