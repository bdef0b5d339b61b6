"""Whether a wording that a model wrote says what its answer rests on: no value less, no value more.

The answer of a task is computed, whatever the question says; so a question that says another number, name
or direction would have a wrong label. These rules look at the words alone. What they can't see (a field
called otherwise, another language) is read once more by a model, which can only reject.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from firefly.english import number_word, vocabulary
from firefly.mentions import forms, identifier, mention, normal, numbers, tokens
from firefly.outputs import leaves
from firefly.replay.records import Expression

__all__ = ["Needs", "directions", "faults", "pieces", "said_directions"]

_PIECE = re.compile(r"[^\s\"“”()\[\]?!;]*\d[^\s\"“”()\[\]?!;]*")
_QUOTED = re.compile(r"[\"“]([^\"“”]+)[\"”]|(?<!\w)[‘']([^'‘’]{2,})[’'](?!\w)")
_CAPITAL = re.compile(r"(?<=[\w,] )[A-Z][\w’'-]*")
_ASKED = re.compile(
    r"\b(?:what|which)(?:['’]s| is| are| was| were)? (?:the )?([\w'’ -]+?)"
    r"(?= (?:of|where|for|in|on|at|with|given|that|which|whose|who|among|by|from)\b|[^\w'’ -]|$)",
    re.IGNORECASE,
)
"""What a question begins by asking for."""
_LONGEST = 900
"""Letters of a question."""

_WORDS = {
    "high": vocabulary(
        "highest largest greatest biggest maximum max longest latest newest heaviest priciest tallest top"
        " last most"
    ),
    "low": vocabulary(
        "lowest smallest least minimum min fewest shortest earliest oldest lightest cheapest first"
    ),
    "above": vocabulary(
        "above over exceeding exceeds exceed exceeded greater larger higher more after later since beyond"
    ),
    "below": vocabulary("below under less fewer lower smaller before earlier until"),
}
_STRONG = {
    "high": vocabulary("highest largest greatest biggest longest latest newest heaviest priciest tallest"),
    "low": vocabulary("lowest smallest fewest shortest earliest oldest lightest cheapest"),
    "above": vocabulary("exceeding exceeds exceed exceeded"),
    "below": vocabulary("fewer"),
}
"""Those that hardly mean anything else."""
_ENGLISH = vocabulary(
    "the what which who whom whose when where how why of and that their your please"
    " find tell show list give report count compute look change make set add move remove rename create write"
)
"""Words of which a wording in English has at least one."""
_OPPOSITE = {"high": "low", "low": "high", "above": "below", "below": "above"}
_FOLDS = {
    "count": re.compile(r"\bhow many\b|\bnumber of\b|\bcount\b|\bhow often\b", re.I),
    "sum": re.compile(
        r"\btotal|\bsum\b|\bcombined\b|\baltogether\b|\badd(?:s|ed)? up\b|\boverall\b|\bin all\b", re.I
    ),
}


@dataclass(frozen=True)
class Needs:
    """What a wording has to say, may say, and must not say."""

    stated: tuple[JsonValue, ...] = ()
    """Values that have to be said."""
    hidden: tuple[JsonValue, ...] = ()
    """Values that must not be: the answer, and what is found on the way."""
    names: tuple[str, ...] = ()
    """Names of tools and servers, which must not be said."""
    allowed: str = ""
    """Text whose numbers and names may be said."""
    directions: frozenset[str] = frozenset()
    """``high``, ``low``, ``above``, ``below``: which ends and sides are meant."""
    fold: str = ""
    """``count`` or ``sum``, where that has to be said."""
    field: str = ""
    """The words of the field that is asked for ..."""
    others: tuple[str, ...] = ()
    """... and those of the fields beside it, which are not, and which nothing else gives reason to name."""
    beside: tuple[str, ...] = ()
    """Those of all fields beside it: what a question begins by asking for is none of them."""
    hops: tuple[str, ...] = ()
    """Words, of each at least one is said: of values passed on that others beside them could be taken for."""
    ordered: bool = False
    """Whether more may be ordered than ``directions`` says: a query does it itself."""
    english: bool = True
    """Whether the words for ends, sides and folds are those of English."""


def faults(text: str, needs: Needs) -> list[str]:
    """Return what is wrong with a wording; nothing where it says what it has to."""
    if not text.strip() or len(text) > _LONGEST:
        return ["it says nothing" if not text.strip() else "it is too long"]
    found = [f"it does not say {value!r}" for value in needs.stated if mention(text, value) is None]
    found += [f"it gives {form!r} away" for value in needs.hidden if (form := mention(text, value))]
    found += [f"it names {form!r}" for name in needs.names if (form := identifier(text, name))]
    found += _misnamed(text, needs)
    found += [f"it says {more!r}, which is not asked for" for more in _more(text, needs)]
    if needs.english:
        if not _ENGLISH & set(tokens(_QUOTED.sub(" ", text))):
            found.append("it is not in English")
        found += [
            f"it does not say whose {one!r} is meant" for one in needs.hops if not _spoken_of(text, one)
        ]
        found += _turned(text, needs)
        if needs.fold and not _FOLDS[needs.fold].search(text):
            found.append(f"it does not ask for a {needs.fold}")
    return found


def directions(expressions: Iterable[Expression]) -> frozenset[str]:
    """Return which ends and sides expressions ask for."""
    found = set()
    for one in expressions:
        if one.op == "sort":
            found.add("high" if one.descending else "low")
        elif one.op in ("min", "max"):
            found.add("low" if one.op == "min" else "high")
        found |= {condition.compare for condition in one.where if condition.compare in _OPPOSITE}
    return frozenset(found)


def said_directions(text: str) -> frozenset[str]:
    """Return which ends and sides a text speaks of, its quotations left out.

    >>> sorted(said_directions("the cheapest order above 500")), sorted(said_directions("at least two"))
    (['above', 'low'], ['above'])
    """
    said = set(tokens(_plain(text)))
    return frozenset(name for name, words in _WORDS.items() if words & said)


def pieces(text: str) -> list[str]:
    """Return what a text says to the letter: numbers, codes, dates, files, quotations.

    >>> pieces('the order ORD-7 of "Ada", above 1,250')
    ['ORD-7', '1,250', 'Ada']
    """
    found = [one.strip(".,:’'") for one in _PIECE.findall(_QUOTED.sub(" ", text))]
    return list(dict.fromkeys([*found, *_quotations(text)]))


def _quotations(text: str) -> Iterator[str]:
    for double, single in _QUOTED.findall(text):
        yield double or single


def _plain(text: str) -> str:
    text = _QUOTED.sub(" ", text.casefold())
    text = re.sub(r"\bat least\b|\bno (?:less|fewer) than\b|\bnot (?:below|under)\b", " above ", text)
    return re.sub(r"\bat most\b|\b(?:no|not) more than\b|\bnot (?:above|over)\b", " below ", text)


def _more(text: str, needs: Needs) -> Iterator[str]:
    """Yield numbers, codes, quotations and names that stand in nothing that may be said."""
    allowed = " ".join([needs.allowed, *(str(leaf) for one in needs.stated for _, leaf in leaves(one))])
    known = set(tokens(allowed))
    for value in needs.stated:
        for _, leaf in leaves(value):
            known |= {token for form in forms(str(leaf)) for token in form.split()}
    figures = numbers(allowed)
    for piece in pieces(text):
        said = numbers(piece)
        if not (set(tokens(piece)) <= known or (said and said <= figures)):
            yield piece
    spoken = set(tokens(text))
    for number in range(2, 13):
        if number_word(number) in spoken - known and float(number) not in figures:
            yield number_word(number)
    if needs.english:
        plain = {normal(word) for word in known}
        for name in _CAPITAL.findall(_QUOTED.sub(" ", text)):
            parts = [part for part in tokens(name) if len(part) > 1]
            if any(part not in known and normal(part) not in plain and part != "json" for part in parts):
                yield name


def _misnamed(text: str, needs: Needs) -> Iterator[str]:
    """Yield a field beside the one that is read, where the text names that instead, or begins with it."""
    said = set(normal(_QUOTED.sub(" ", text)).split())
    own = set(normal(needs.field).split())
    if not own:
        return
    heads = [set(normal(one).split()) for one in _ASKED.findall(text)]
    asked = any(own <= head for head in heads)
    for other in dict.fromkeys((*needs.others, *needs.beside)):
        words = set(normal(other).split())
        spoken = not own <= said and other in needs.others and words <= said
        if words and not words <= own and (spoken or (words in heads and not asked)):
            yield f"it asks for another field ({other})"


def _spoken_of(text: str, name: str) -> bool:
    return bool(set(normal(name).split()) & set(normal(_QUOTED.sub(" ", text)).split()))


def _turned(text: str, needs: Needs) -> Iterator[str]:
    """Yield ends and sides that are missing, turned round, or said of nothing."""
    said = said_directions(text)
    for one in sorted(needs.directions - said):
        yield f"it does not say which ones are meant ({one})"
    words = set(tokens(_plain(text))) - set(tokens(needs.allowed))
    for one in sorted(said - needs.directions):
        opposed = _OPPOSITE[one] in needs.directions
        if (opposed and words & _WORDS[one]) or (words & _STRONG[one] and not needs.ordered):
            yield f"it speaks of other ones ({one})"


def all_words(texts: Sequence[str]) -> str:
    """Return texts as one, identifiers taken apart, for ``Needs.allowed``."""
    return " ".join(re.sub(r"[_\W]+|(?<=[a-z])(?=[A-Z])", " ", text) for text in texts)
