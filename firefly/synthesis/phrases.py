"""Turns what a server says of a tool into a noun phrase for the data that a call returns.

"List all tables in the SQLite database" becomes "the tables in the SQLite database"; arguments are
woven in: "Get the schema information for a specific table" with ``table_name="orders"`` becomes "the
schema information for the table "orders"".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from firefly.english import base_form, gerund, is_plural, plural, singular, spoken, vocabulary, words
from firefly.replay.records import PathPart, Tool

_SHOWING = vocabulary(
    """
    get list return show fetch retrieve read display view report provide give obtain output print
    present look load open extract access expose enumerate select
    """
)
_DETAILING = vocabulary("describe inspect summarize summarise profile detail explain")
_FINDING = vocabulary("search find match locate grep lookup filter")
"""Verbs whose object is what comes back, as far as it fits."""
_DOING = vocabulary(
    """
    query execute reduce multiply divide add subtract sum round
    run calculate compute convert check analyze analyse count generate evaluate
    compare parse validate preview detect resolve lookup aggregate group sort solve estimate
    measure perform test verify translate simplify browse scan join rank trace audit diff
    determine examine explore
    """
)
_DETERMINERS = vocabulary(
    """
    the a an all any each every this that these those your its one some both no
    """
)
_PRONOUNS = vocabulary("everything what whatever anything how where when whether who something")
_PREPOSITIONS = vocabulary(
    """
    in of for from with by on at to into within about as under between matching containing across per
    over whose that which available stored given including contained used located found based sorted
    ordered assigned attached linked associated belonging related connected registered recorded tagged
    """
)
CONTAINERS = vocabulary(
    """
    result results data rows items entries values content contents output response records list
    structuredcontent payload body elements matches hits objects docs nodes lines
    """
)
"""Keys that hold the answer's list and say nothing of what is in it."""
_DETAILS = "the details of "
_ABOUT = vocabulary(
    """
    result schema information metadata status statistics report summary listing list output contents
    overview tree structure state settings history log logs data differences changes results content
    """
)
"""Things that hold fields; of anything else (a customer, a table) a field is said to be *of* it."""
_ITEMS = vocabulary("row record line match node item element object document value key file event")
"""Generic items that a person may still speak of."""
_LISTING = vocabulary(
    """
    list listing collection set array page sequence history log logs overview details contents
    statistics changes differences values metadata statuses bytes
    """
)

_PLUMBING = re.compile(
    r"^(?:in|of|from|on|at) (?:an? |the |this |your )?(?:\w+ ){0,2}"
    r"(?:database|system|server|index|project|directory|workspace|connection|memory|session|store)s?$",
    re.IGNORECASE,
)

_HERE = re.compile(
    r" (?:for|in|of|from) (?:the |this |your )?(?:current|active) (?:project|workspace|session|database)\b"
)
"""The one place that there is: nobody says so."""

_HEAD_WORD = r"(?!of\b|in\b|from\b|for\b|whose\b|that\b)\S+"
_CONTAINER = re.compile(
    rf"^(?P<head>the (?:{_HEAD_WORD} )*?{_HEAD_WORD}) (?:of|in|from) the (?P<noun>[a-z]+)$"
)

_CUT = re.compile(
    r"\s*(?:\.(?=\s|$)|[;:(\[\n]| - | – | — |, and "
    r"|, (?:including|such|e\.g|with|sorted|ordered|optionally|along|together|newest|latest|most|oldest"
    r"|one|or|each|which|where|grouped|like|not|as|in|by)\b"
    r"|,? (?:with pagination|with optional|optionally|including|such as|in json|as json|as a |as an |as rows"
    r"|as text|given (?:a|an|the|its)\b|using |based on |via|along with|together with|when |if |so that"
    r"|and (?:report|return|show|tell|say|give|explain)s?\b"
    r"|or filter(?:ed)?(?: them)? by\b|with (?:their |usage |item )?counts?\b"
    r"|to help|useful|for debugging|by (?:its|their|his|her|id|name|path|key|number|code)\b"
    r"|with (?:\w+ ){0,2}(?:stats?|statistics|counts?|details|metadata|info|information|summar(?:y|ies)"
    r"|previews?|sizes?|timestamps?)\b"
    r"|(?:and|with|with all) (?:its|their)\b)).*$",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class Phrase:
    """A noun phrase for what a call returns, before its arguments are woven in."""

    text: str
    """Begins with "the"."""
    head: tuple[str, ...] = ()
    """The words of the thing listed, plural, where it is a list: ("open", "orders")."""
    name: tuple[str, ...] = ()
    """The words of the tool's name."""
    verb: str = ""
    """For a tool that works something out: what it does; ``text`` is then "the result of calculating ..."."""


SO_MANY = re.compile(r"\b(?:first|last|top|next) (?P<count>N) ")
"""Where a phrase leaves a number open: "the first N records"."""


def phrase_of(tool: Tool) -> Phrase:
    """Return the noun phrase of ``tool``'s data.

    >>> phrase_of(Tool(server="s", name="list_tables", description="List all tables in the database.")).text
    'the tables'
    >>> phrase_of(Tool(server="s", name="x", description="Search for notes based on a query")).text
    'the notes'
    """
    name = words(tool.name.rpartition("__")[2] or tool.name)
    for text, known in ((tool.description, name), (tool.title, name), (" ".join(name), ())):
        found = _from_sentence(text, known)
        if found is not None:
            return replace(found, text=_without_container(found.text, tool), name=name)
    return Phrase(f"the {' '.join(name)}", name=name)


def _without_container(text: str, tool: Tool) -> str:
    """Leave out what holds everything that the server knows: "the items of the catalogue"."""
    match = _CONTAINER.match(text)
    if match is None or _says_nothing(match["head"]):
        return text
    declared = tool.input_schema.get("properties")
    chosen = {word for name in (declared if isinstance(declared, dict) else ()) for word in words(name)}
    return text if match["noun"].lower() in chosen else match["head"]


def _from_sentence(text: str, parts: Sequence[str]) -> Phrase | None:  # noqa: PLR0911 - one for each kind of sentence
    text = re.sub(r"[`*_#\"“”]", "", " ".join(text.strip().split("\n\n")[0].split()))
    text = re.sub(r"\bN \([^()]*\) ", "N ", text)
    text = re.sub(r" (?:from|in|on) (?:the )?(?:local )?file ?system\b", "", text, flags=re.IGNORECASE)
    text = _HERE.sub("", text)
    first, _, rest = text.partition(" ")
    verbs = [base_form(verb) for verb in re.split(r"[/,]", first) if verb]
    rest = (
        re.sub(r"^(?:and|or|&)\s+\w+\s+", "", rest) if verbs and verbs[0] in _SHOWING | _DETAILING else rest
    )
    if verbs and verbs[0] in ("look", "check", "scan"):
        rest = re.sub(r"^(?:up|for|at) ", "", rest)
    body = _trimmed(rest)
    if not verbs or not body:
        return None
    verb = verbs[0]
    if verb in _SHOWING | _DETAILING and body.partition(" ")[0].lower() in _PREPOSITIONS - {"about"}:
        return None
    if verb in _DETAILING:
        return Phrase(f"the details of {_definite(body)}")
    if verb in _FINDING:
        body = re.sub(r"^(?:for|through|in|within|across) ", "", body)
        body = re.sub(
            r" (?:in|by|with|from|using|based on)(?: an?| the)? (?:quer(?:y|ies)|keywords?|search|terms?)$",
            "",
            body,
        )
        body = re.sub(
            r" by (?!.* (?:in|of|from|on|for)\b)[a-z][a-z ,]*$", "", body
        )  # what is looked at to find them
        return Phrase(_definite(body), _head(body))
    if verb in _SHOWING or (verb == "check" and not parts):  # "check inventory" is a tool's name
        body = re.sub(r"^(?:information|info|details|data) (?:about|on|for|of) ", "details of ", body)
        return Phrase(_definite(body), _head(body))
    if verb in _DOING or (len(parts) > 1 and base_form(parts[0]) == verb):
        return Phrase(f"the result of {gerund(verb)} {body}", verb=verb)
    whole = _trimmed(text)
    names_itself = singular(first.lower()) in {singular(part) for part in parts}
    if first.lower() in _DETERMINERS or names_itself:
        return Phrase(_definite(whole[0].lower() + whole[1:]), _head(whole))
    return None


def _trimmed(text: str) -> str:
    """Return the part of a sentence that says what, without the how and the when."""
    kept = _CUT.sub("", text).strip(" ,").split()
    while kept and kept[-1].lower() in _DETERMINERS | _PREPOSITIONS | {"and", "or"}:
        kept.pop()
    return " ".join(kept)


def _definite(body: str) -> str:
    body = re.sub(r"^(?:up to (?:ten|\d+)|a list of|the list of|list of)\s+", "", body, flags=re.IGNORECASE)
    body = re.sub(r"\b(\w+)(?:/\w+)+('s)?", r"\1\2", body)
    first, _, rest = body.partition(" ")
    while first.lower() in _DETERMINERS | {"existing"} and rest:
        body = rest
        first, _, rest = body.partition(" ")
    if first.isalpha() and first[1:].islower() and first.lower() in ("current", "available"):
        body = first.lower() + body[len(first) :]
    if first.lower() in _PRONOUNS:
        return first.lower() + body[len(first) :]
    return f"the {body}"


def _head(body: str) -> tuple[str, ...]:
    """Return the words before the first preposition when the last of them is a plural."""
    found: list[str] = []
    for word in _definite(body).split()[1:]:
        if word.lower() in _PREPOSITIONS or not word.isalnum():
            break
        found.append(word)
    return tuple(found) if found and is_plural(found[-1]) and found[-1].lower() not in _LISTING else ()


def item_noun(phrase: Phrase, path: Sequence[PathPart]) -> str:
    """Return the singular noun for one item of the list at ``path`` of a call's output.

    >>> item_noun(Phrase("the tables in the database", head=("tables",)), ())
    'table'
    >>> item_noun(Phrase("the report"), ("open_orders",))
    'open order'
    >>> item_noun(Phrase("the report"), ("Commit history",))
    'commit'
    """
    places = [index for index, part in enumerate(path) if isinstance(part, int)]
    keys = [part for part in path[places[-1] + 1 if places else 0 :] if isinstance(part, str)]
    if places and all(set(words(key)) <= CONTAINERS for key in keys):
        return "row"  # of the only table
    for key in reversed(keys):
        parts = words(key)
        if parts and not set(parts) <= CONTAINERS:
            *before, last = spoken(key).split()
            if before and last in _LISTING:
                *before, last = before
            return " ".join([*before, singular(last)])
    if phrase.head:
        return " ".join([*phrase.head[:-1], singular(phrase.head[-1])])
    named = [word for word in phrase.name if is_plural(word) and word not in _LISTING]
    telling = [word for word in named if word not in CONTAINERS]
    last = (telling or named or [words(keys[-1])[-1] if keys else "entry"])[-1]
    return singular(last) if last in telling or singular(last) in _ITEMS else "entry"


def pool(phrase: Phrase, noun: str, data: str) -> str:
    """Return a plural noun phrase for a list's items, each called ``noun`` ("the columns of ...").

    ``data`` is the phrase for the whole output, arguments woven in.

    >>> pool(Phrase("the schema of the table"), "column", "the schema of the table stock")
    'the columns of the table stock'
    """
    *before, last = noun.split()
    head, rest = split_head(data)
    plurals = {plural(last).lower(), singular(last).lower()}
    if singular(head.split()[-1].lower()) == last.lower():
        return f"{' '.join([*head.split()[:-1], _many(last)])} {rest}".strip()
    if plurals & {word.lower() for word in phrase.head}:
        return data  # "the tables and views in the database"
    many = " ".join([*before, _many(last)])
    if _says_nothing(head):
        kept = re.sub(r"^for ", "of ", rest)
        within = set(head.lower().split()) & (CONTAINERS | {"content", "contents", "text"})
        return f"the {many} {re.sub(r'^of ', 'in ', kept) if within else kept}".strip()
    return f"the {many} of {data}"


def place_of(phrase: Phrase, noun: str, data: str, *, plain: bool = False) -> str:
    """Return where a list's items are, to stand after them: "in the Word document AGR-1.docx".

    A place that no argument chose (``plain``) is left out where it only says what holds everything:
    "in the database".

    >>> place_of(Phrase("the comments", head=("comments",)), "comment", "the comments from the report a.docx")
    'from the report a.docx'
    """
    items = pool(phrase, noun, data)
    whole = items == data and " and " in split_head(items)[0]  # "the tables and views in the database"
    many = " ".join([*noun.split()[:-1], _many(noun.rsplit(maxsplit=1)[-1])])
    found = items.lower().find(f"{many.lower()} ")
    place = items[found + len(many) + 1 :] if found >= 0 and not whole else split_head(items)[1]
    place = re.sub(
        r"^from (?=(?:the|its|that) (?:\w+ )?(?:document|workbook|file|presentation|PDF)\b)", "in ", place
    )
    return "" if plain and _PLUMBING.match(place) else place


def subject_of(data: str) -> str:
    """Return the thing that an output is about: "the customer" of "the details of the customer".

    >>> subject_of("the details of the sheet"), subject_of("the working tree status")
    ('the sheet', 'the working tree status')
    """
    head, rest = split_head(data)
    if _says_nothing(head) and rest:
        return re.sub(r"^(?:of|for|about|in|on|from|by|at) ", "", rest)
    return data


def _says_nothing(head: str) -> bool:
    """Return whether a head is only a word for what comes back: "the schema information"."""
    kept = [word for word in head.lower().split() if word != "the"]
    return bool(kept) and kept[-1] in _ABOUT | CONTAINERS | _LISTING


def _many(word: str) -> str:
    return f"{word}s" if word.isupper() else plural(word)


def split_head(phrase: str) -> tuple[str, str]:
    """Return a noun phrase cut before its first preposition.

    >>> split_head("the open orders in the shop")
    ('the open orders', 'in the shop')
    """
    parts = phrase.split(" ")
    for index, word in enumerate(parts):
        if index and word.lower() in _PREPOSITIONS:
            return " ".join(parts[:index]), " ".join(parts[index:])
    return phrase, ""


def inside(data: str) -> str:
    """Return ``data`` as the place of a field: "of the customer", "in the working tree status".

    >>> inside("the details of the sheet"), inside("the working tree status")
    ('of the sheet', 'in the working tree status')
    """
    subject = subject_of(data)
    head = split_head(subject)[0].split()[-1].lower()
    return f"{'in' if subject == data and head in _ABOUT else 'of'} {subject}"
