"""Weaves a call's arguments into the noun phrase of its data, each as the thing that it names.

"Get the schema information for a specific table" with ``table_name="orders"`` becomes "the schema
information for the table orders"; a path becomes "the workbook plan.xlsx".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from firefly.english import join, number_word, singular, spoken, vocabulary, words
from firefly.synthesis.phrases import SO_MANY, Phrase, split_head
from firefly.synthesis.roles import KEY_WORDS, PEOPLE
from firefly.synthesis.shown import is_proper
from firefly.synthesis.told import FILE_NOUNS, TEXTS, Told

__all__ = ["EVERY", "converted", "sort_said", "weave"]

_HOMES = vocabulary(
    "database schema sheet folder directory branch project repository workspace collection list board "
    "channel namespace account table section chapter"
)
"""Things that hold others: what is told of them says where."""
_STARTS = vocabulary("start from first begin earlier since")
_ENDS = vocabulary("end to second last later until")

_NOUN = (
    r"(?P<noun>(?!by\b|in\b|to\b|for\b|the\b|of\b)[A-Za-z]+"
    r"(?:\s(?!in\b|of\b|for\b|from\b|on\b|at\b|to\b|and\b|or\b|with\b|by\b|whose\b|that\b)[A-Za-z]+){0,2}"
    r"(?:\sor\s[a-z]+(?:\s(?!in\b|of\b|for\b|from\b|on\b|to\b|and\b|or\b|with\b|by\b)[a-z]+)?)?)"
)
_SPECIFIC = re.compile(
    r"\b(?:(?P<preposition>for|of|in|from|by|at|about|on|to|under|within|with|after|before)\s+)?"
    r"(?:(?:a|an|the|one|each|any)\s+)?"
    r"(?:specific|specified|given|particular|certain|single|requested|chosen|selected|provided)\s+" + _NOUN,
    re.IGNORECASE,
)
_ONE = re.compile(rf"\b(?:a single|a|an|one|any)\s+{_NOUN}", re.IGNORECASE)
_THE = re.compile(
    rf"\b(?:(?P<preposition>of|for|in|from|by|about)\s+)(?:the|its|your)\s+{_NOUN}", re.IGNORECASE
)
_SUBJECT = re.compile(r"(?<=^the details of )the (?P<noun>[A-Za-z]+)$")
_NUMBERS = re.compile(
    r"\b(?:two|three|several|multiple|some|all|a list of|the given) (?:numbers|values|integers)\b"
)

_SEVERAL = re.compile(r"\b(?:multiple|several|one or more) (?P<things>[a-z]+s)\b")
_SORTS = vocabulary("type kind status state")
_SORT = re.compile(r"[a-z]{3,}")
EVERY = ("all", "any")
"""Values that leave nothing out."""


def weave(phrase: Phrase, told: Sequence[Told], *, that: bool = False) -> str:
    """Return the phrase with its arguments.

    Args:
        phrase: the noun phrase of the tool.
        told: the arguments to mention; the rest is plumbing.
        that: whether referenced values were introduced before and are only pointed at ("that table").

    >>> weave(Phrase("the schema of a specific table"), [Told("table_name", '"orders"')])
    'the schema of the table "orders"'
    """
    text, left = _sorts(_single(phrase.text, told), list(told))
    for pattern in (_SPECIFIC, _ONE, _SUBJECT, _THE):
        for one in list(left):
            text, used = _substitute(pattern, text, one, that)
            if used:
                left.remove(one)
    text, left = _span(text, left, that)
    text, left = _amounts(text, left)
    text, left = _only_one(text, left, that)
    text, left = _head(phrase, text, left, that)
    text, left = _numbers(text, left)
    match = _SPECIFIC.search(text)
    if match is not None and len(left) == 1 and left[0].kind in ("thing", "text"):
        # "the reader with a given number", told by a reader ID: the argument says which.
        lead = "" if match["preposition"] in ("with", "by", None) else f"{match['preposition']} "
        said = left.pop().phrase("", that)
        end = text[: match.start()].rstrip()
        head = end.split()[-1] if end.split() else ""
        if not lead and singular(head) == said.removeprefix("the ").split()[0]:
            end = end[: -len(head)].rstrip().removesuffix("the").rstrip()  # "the reader" + "reader R-1"
        text = f"{end} {lead}{said}{text[match.end() :]}".strip()
    text = _SPECIFIC.sub(_without, text)
    text = re.sub(r"\b(?:specified|given) ", "", text)
    text = re.sub(r"^the (?:a|an|the|one) ", "the ", text)
    text = re.sub(r"\b(in|of|from|for|about) an? (?=[A-Za-z])", r"\1 the ", text)
    return _with_rest(text, left, that)


def converted(told: Sequence[Told]) -> str:
    """Return a conversion in words, where the arguments say from what to what; else "".

    >>> from firefly.synthesis.told import literal
    >>> converted([literal(Phrase(""), "from_expr", "36.5 lb"), literal(Phrase(""), "to_expr", "kg")])
    'the result of converting 36.5 lb to kg'
    """
    if len(told) == 1 and told[0].kind == "file":
        return told[0].phrase("", False)  # what a file says in another form is what it says
    sources = [one for one in told if set(words(one.parameter)) & {"from", "source", "src", "value"}]
    targets = [one for one in told if set(words(one.parameter)) & {"to", "target", "dst", "into"}]
    if len(sources) != 1 or len(targets) != 1 or len(told) != 2:
        return ""
    source, target = (
        one.phrase("", False) if one.referenced else one.value.strip('"') for one in (sources[0], targets[0])
    )
    return f"the result of converting {source} to {target}"


def _substitute(pattern: re.Pattern[str], text: str, one: Told, that: bool) -> tuple[str, bool]:
    said = (*words(spoken(one.parameter)), *words(one.title))
    asked = {singular(word) for word in said} - KEY_WORDS | (FILE_NOUNS if one.kind == "file" else set())
    for match in pattern.finditer(text):
        nouns = match.group("noun").split()
        while nouns and singular(nouns[-1].lower()) not in asked:
            nouns.pop()
        if not nouns:
            continue
        noun = " ".join(nouns)
        tail = re.sub(r"^ or (?:of )?(?:an? )?[A-Za-z]+\b", "", text[match.start("noun") + len(noun) :])
        preposition = match.groupdict().get("preposition")
        lead = f"{preposition} " if preposition else ""
        said_so = one.phrase(noun, that)
        if preposition in ("from", "by") and singular(nouns[-1].lower()) in PEOPLE:
            lead, said_so = (
                "by ",
                said_so.removeprefix(f"the {noun} ") if is_proper(one.value[1:-1]) else said_so,
            )
        return text[: match.start()] + lead + said_so + tail, True
    return text, False


def _head(phrase: Phrase, text: str, left: list[Told], that: bool) -> tuple[str, list[Told]]:
    """Name the thing itself: "the order" told by an order ID is "order ORD-1"."""
    if len(left) != 1 or left[0].kind not in ("thing", "file") or phrase.head or phrase.verb:
        return text, left
    head, rest = split_head(text)
    last = head.split()[-1].lower()
    if re.fullmatch(r"(?:with|by|from) (?:(?:an?|the|its) )?(?:\w+ )?\w+", rest):
        rest = ""  # "the reader with a given number"
    title = {singular(word) for word in words(left[0].title or left[0].parameter)}
    if last in title or (left[0].kind == "file" and last in FILE_NOUNS):
        return f"{left[0].phrase(head.removeprefix('the '), that)} {rest}".strip(), []
    return text, left


def _only_one(text: str, left: list[Told], that: bool) -> tuple[str, list[Told]]:
    """Name the only thing left open: "the contents of a commit" told by a revision."""
    found = list(_ONE.finditer(text))
    rest = [one for one in left if one.kind in ("thing", "file")]
    queries = [one for one in left if one.kind == "query" and not one.referenced]
    if len(found) == len(queries) == 1 and found[0].group("noun").split()[-1].lower() in TEXTS:
        match, rest = found[0], [one for one in left if one is not queries[0]]
        return text[: match.start()] + queries[0].value + text[match.end() :], rest
    if len(found) != 1 or len(rest) != 1 or _SPECIFIC.search(text):
        return text, left
    match = found[0]
    noun = re.split(r" or ", match.group("noun"))[0]
    if rest[0].kind == "file" and singular(noun.rsplit(maxsplit=1)[-1].lower()) not in FILE_NOUNS:
        return text, left
    others = [one for one in left if one is not rest[0]]
    return text[: match.start()] + rest[0].phrase(noun, that) + text[match.end() :], others


def _numbers(text: str, left: list[Told]) -> tuple[str, list[Told]]:
    """Put the numbers in: "the result of multiplying 2 and 3.5"."""
    values = [one for one in left if one.kind == "value"]
    match = _NUMBERS.search(text)
    if match is None or len(values) < 2 or len(values) < len(left):
        return text, left
    return text[: match.start()] + join([one.value for one in values]) + text[match.end() :], []


def _amounts(text: str, left: list[Told]) -> tuple[str, list[Told]]:
    """Say how many: "the day some days after a date" told by a number of days."""
    for one in [one for one in left if one.kind == "value" and not one.referenced]:
        many = SO_MANY.search(text)
        if many is not None and one.value.isdigit():
            text = f"{text[: many.start('count')]}{number_word(int(one.value))}{text[many.end('count') :]}"
            left = [other for other in left if other is not one]
            continue
        match = re.search(rf"\b(?:some|several|a number of) {re.escape(spoken(one.parameter))}\b", text)
        if match is not None:
            said = f"{one.value} {spoken(one.parameter)}"
            text = text[: match.start()] + said + text[match.end() :]
            left = [other for other in left if other is not one]
    return text, left


def _single(text: str, told: Sequence[Told]) -> str:
    """Return the phrase of one thing where several could be asked for and one file is.

    >>> from firefly.synthesis.told import literal
    >>> _single("the contents of multiple notes", [literal(Phrase(""), "paths", ["/a/b.md"])])
    'the contents of a note'
    """
    files = [one for one in told if one.kind == "file"]
    match = _SEVERAL.search(text)
    if match is None or len(files) != 1:
        return text
    return f"{text[: match.start()]}a {singular(match['things'])}{text[match.end() :]}"


def _sorts(text: str, left: list[Told]) -> tuple[str, list[Told]]:
    """Put a word that says which sort of the things is meant before them: "the open tickets".

    >>> _sorts("the Git branches", [Told("branch_type", '"local"')])
    ('the local Git branches', [])
    """
    for one in left:
        *about, last = words(one.parameter) or [""]
        word = one.value.strip('"')
        if one.referenced or last not in _SORTS or not _SORT.fullmatch(word):
            continue
        for match in re.finditer(r"(?:\b[A-Z]\w* )?\b(?P<noun>[A-Za-z]+)\b", text):
            if singular(match["noun"].lower()) in {singular(part) for part in about}:
                said = "" if word in EVERY else f"{word} "
                text = f"{text[: match.start()]}{said}{text[match.start() :]}"
                return text, [other for other in left if other is not one]
    return text, left


def sort_said(literals: Mapping[str, JsonValue], noun: str) -> str:
    """Return a list's noun with the word that says which sort of the things was asked for.

    >>> sort_said({"item_type": "feature", "limit": 5}, "item"), sort_said({"item_type": "all"}, "item")
    ('feature item', 'item')
    """
    for parameter, value in literals.items():
        *about, last = words(parameter) or [""]
        told = last in _SORTS and isinstance(value, str) and _SORT.fullmatch(value) and value not in EVERY
        if told and singular(noun.rsplit(maxsplit=1)[-1].lower()) in {singular(part) for part in about}:
            return f"{value} {noun}"
    return noun


def _span(text: str, left: list[Told], that: bool) -> tuple[str, list[Told]]:
    """Say from what to what: "the days from one date to another"."""
    match = re.search(r"\bfrom one [a-z]+ to another\b|\bbetween (?:two|the) [a-z]+s\b", text)
    starts = [one for one in left if set(words(one.parameter)) & _STARTS]
    ends = [one for one in left if set(words(one.parameter)) & _ENDS]
    if match is None or len(starts) != 1 or len(ends) != 1 or len(left) != 2:
        return text, left
    said = [one.phrase("", that) if one.referenced else one.value.strip('"') for one in (starts[0], ends[0])]
    return f"{text[: match.start()]}from {said[0]} to {said[1]}{text[match.end() :]}", []


def _with_rest(text: str, left: Sequence[Told], that: bool) -> str:
    """Append the arguments that the phrase has no word for."""
    if len(left) == 1 and text.rpartition(" ")[2] in ("after", "before", "since", "until"):
        return f"{text} {left[0].phrase('', that)}"
    inner = [one for one in left if one.kind in ("thing", "text") and not one.parameter.startswith("_")]
    files = [one for one in left if one.kind == "file"]
    for one in left:
        if one.kind == "query" and text.startswith("the "):
            text += f" matching {one.phrase('', that) if one.referenced else one.value}"
        elif one.kind == "place":
            text += f" in {one.phrase('', that)}"
        elif one.kind in ("value", "query"):
            text += f" with {one.phrase('', that)}"
    if files:
        chain = _together([one.phrase("", that) for one in [*inner, *files]])
        return f"{text} in {' of '.join(chain)}"
    homes = [one for one in inner if singular(words(one.title or one.parameter)[-1]) in _HOMES]
    inner = [one for one in inner if one not in homes]
    if homes:
        text += f" in {' of '.join(one.phrase('', that) for one in homes)}"
    things = [one.phrase("", that) for one in inner if one.kind == "thing"]
    rest = [one.phrase("", that) for one in inner if one.kind == "text"]
    if things:
        text += f" for {join(things)}"
    return f"{text} with {join(rest)}" if rest else text


def _together(names: list[str]) -> list[str]:
    """Say fields of one thing in one breath: "the sheet and workbook of report REP-1".

    >>> _together(["the sheet of report REP-1", "the workbook of report REP-1"])
    ['the sheet and workbook of report REP-1']
    """
    if len(names) < 2:
        return names
    if all(name.startswith("its ") for name in names):
        return [f"its {join([name.removeprefix('its ') for name in names])}"]
    parted = [name.removeprefix("the ").partition(" of ") for name in names]
    if len({owner for _, _, owner in parted}) == 1 and parted[0][2]:
        return [f"the {join([name for name, _, _ in parted])} of {parted[0][2]}"]
    return names


def _without(match: re.Match[str]) -> str:
    preposition = match.group("preposition")
    return f"{preposition} the {match.group('noun')}" if preposition else f"the {match.group('noun')}"
