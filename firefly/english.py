"""Small rules of English: words of a name, plurals, gerunds. No dictionary, no model.

Used to word questions from what servers declare, and to compare wordings.
"""

from __future__ import annotations

import re
from functools import lru_cache


def vocabulary(text: str) -> frozenset[str]:
    """Return the words of ``text``."""
    return frozenset(text.split())


_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")

_PLURALS = {
    "person": "people",
    "child": "children",
    "man": "men",
    "woman": "women",
    "index": "indexes",
    "datum": "data",
    "criterion": "criteria",
    "half": "halves",
    "leaf": "leaves",
    "shelf": "shelves",
}
_SINGULARS = {plural: singular for singular, plural in _PLURALS.items()} | {
    "indices": "index",
    "matrices": "matrix",
    "vertices": "vertex",
    "movies": "movie",
    "cookies": "cookie",
    "ties": "tie",
    "quizzes": "quiz",
    "buses": "bus",
    "statuses": "status",
    "aliases": "alias",
    "databases": "database",
    "purchases": "purchase",
    "releases": "release",
    "cases": "case",
    "bases": "base",
    "phrases": "phrase",
    "expenses": "expense",
    "licenses": "license",
    "responses": "response",
    "courses": "course",
    "houses": "house",
    "warehouses": "warehouse",
    "exercises": "exercise",
    "sizes": "size",
    "prizes": "prize",
    "caches": "cache",
    "axes": "axis",
}
_UNCOUNTED = vocabulary(
    """
    data info information metadata news series species status analysis content contents address address.
    stock inventory history details statistics settings output input schema structure software hardware
    progress access business process class basis axis always this is has was its as us bus gas lens
    canvas alias bias text
    """
)
"""Words that end in s without being plurals, or that have no plural of use here."""

_SINGULAR_IN_S = vocabulary(
    """
    news series species status analysis address process class basis axis access business progress this
    is has was its as us bus gas lens canvas alias bias always less previous various across plus minus
    focus bonus campus census virus versus express success
    """
)

_PARTICIPLES = vocabulary(
    """
    begun bought built born caught chosen done drawn driven found given held hired kept known laid led left
    lent lost made met paid put read rented said seen sent set shown sold spent spoken started taken taught
    told won written
    """
)
"""Participles that do not end in -ed."""
_LIKE_THEIR_PAST = vocabulary(
    "bought built caught found held kept laid led left lent lost made met paid put read sent set sold "
    "spent taught told won"
)
_NO_PARTICIPLES = vocabulary("bed bleed breed embed feed need red reed seed shed sled speed weed")

_DOUBLED = re.compile(r"^[^aeiou]*[aeiou][bdgmnprt]$")
_LONG_FORMS = {
    "qty": "quantity",
    "num": "number",
    "no": "number",
    "desc": "description",
    "doc": "document",
    "docs": "documents",
    "expr": "expression",
    "val": "value",
    "org": "organisation",
    "dept": "department",
    "acct": "account",
    "cust": "customer",
    "prod": "product",
    "lat": "latitude",
    "lon": "longitude",
    "lng": "longitude",
    "freq": "frequency",
    "temp": "temperature",
    "amt": "amount",
    "msg": "message",
    "addr": "address",
    "pct": "percentage",
    "avg": "average",
    "cnt": "count",
    "tz": "time zone",
    "src": "source",
    "dst": "destination",
    "dir": "directory",
    "repo": "repository",
    "lang": "language",
    "timezone": "time zone",
    "filename": "file name",
    "filepath": "file path",
}
_NUMBERS = tuple(str.split("zero one two three four five six seven eight nine ten eleven twelve"))
_ACRONYMS = vocabulary(
    """
    api cpu csv gpu html http https iban id ip iso isbn json pdf ram sku sql tsv ui uri url utc uuid vat
    xml yaml
    """
)


@lru_cache(maxsize=8192)
def words(name: str) -> tuple[str, ...]:
    """Return the words of an identifier in lower case.

    >>> words("listOpenOrders_byID")
    ('list', 'open', 'orders', 'by', 'id')
    """
    return tuple(word.lower() for word in _WORD.findall(name))


_MOST = vocabulary("limit max maximum count size top n num")
_OF_WHAT = vocabulary("results records items rows entries lines page per total")


def says_how_many(name: str) -> bool:
    """Return whether a parameter of that name says how much of an answer is wanted.

    >>> [says_how_many(name) for name in ("max_results", "pageSize", "font_size", "page")]
    [True, True, False, False]
    """
    found = set(words(name))
    return bool(found & _MOST) and found <= _MOST | _OF_WHAT


@lru_cache(maxsize=8192)
def spoken(name: str) -> str:
    """Return an identifier as a person would say it.

    >>> spoken("unitPrice"), spoken("customer_id"), spoken("qty")
    ('unit price', 'customer ID', 'quantity')
    """
    return " ".join(
        word.upper() if word in _ACRONYMS else _LONG_FORMS.get(word, word) for word in words(name)
    )


@lru_cache(maxsize=8192)
def is_plural(word: str) -> bool:
    """Return whether ``word`` looks like a plural noun.

    >>> is_plural("orders"), is_plural("status"), is_plural("people")
    (True, False, True)
    """
    word = word.lower()
    if word in _SINGULARS:
        return True
    return len(word) > 2 and word.endswith("s") and not word.endswith("ss") and word not in _SINGULAR_IN_S


@lru_cache(maxsize=8192)
def singular(word: str) -> str:
    """Return the singular of a noun; a word that is no plural stays.

    >>> [singular(word) for word in ("entries", "branches", "addresses", "tables", "status", "Files")]
    ['entry', 'branch', 'address', 'table', 'status', 'File']
    """
    lower = word.lower()
    if lower in _SINGULARS:
        return _SINGULARS[lower]
    if not is_plural(lower):
        return word
    if lower.endswith("ies") and len(lower) > 4:
        return word[:-3] + "y"
    if lower.endswith(("ches", "shes", "xes", "sses", "zzes")):
        return word[:-2]
    return word[:-1]


@lru_cache(maxsize=8192)
def plural(word: str) -> str:
    """Return the plural of a noun; a plural or an uncounted noun stays.

    >>> [plural(word) for word in ("entry", "branch", "table", "people", "metadata", "key")]
    ['entries', 'branches', 'tables', 'people', 'metadata', 'keys']
    """
    lower = word.lower()
    if lower in _PLURALS:
        return _PLURALS[lower]
    if is_plural(lower) or lower in _UNCOUNTED:
        return word
    if lower.endswith("y") and len(lower) > 1 and lower[-2] not in "aeiou":
        return word[:-1] + "ies"
    if lower.endswith(("s", "x", "z", "ch", "sh")):
        return word + "es"
    return word + "s"


def is_participle(word: str) -> bool:
    """Return whether ``word`` says what was done to a thing.

    >>> is_participle("placed"), is_participle("sent"), is_participle("speed"), is_participle("due")
    (True, True, False, False)
    """
    word = word.lower()
    return word in _PARTICIPLES or (len(word) > 4 and word.endswith("ed") and word not in _NO_PARTICIPLES)


def is_past(word: str) -> bool:
    """Return whether a participle is also the past tense: "signed", but not "written".

    >>> is_past("signed"), is_past("sold"), is_past("written")
    (True, True, False)
    """
    word = word.lower()
    return is_participle(word) and (word.endswith("ed") or word in _LIKE_THEIR_PAST)


@lru_cache(maxsize=8192)
def gerund(verb: str) -> str:
    """Return the -ing form of a verb in its base form.

    >>> [gerund(verb) for verb in ("get", "calculate", "list", "query", "run", "see", "find")]
    ['getting', 'calculating', 'listing', 'querying', 'running', 'seeing', 'finding']
    """
    if verb.endswith("ie"):
        return verb[:-2] + "ying"
    if verb.endswith("e") and not verb.endswith(("ee", "oe", "ye")):
        return verb[:-1] + "ing"
    if _DOUBLED.match(verb):
        return verb + verb[-1] + "ing"
    return verb + "ing"


@lru_cache(maxsize=8192)
def base_form(verb: str) -> str:
    """Return the base of a verb in the third person ("returns", "fetches", "queries").

    >>> [base_form(verb) for verb in ("Returns", "fetches", "queries", "get", "processes", "analyzes")]
    ['return', 'fetch', 'query', 'get', 'process', 'analyze']
    """
    verb = verb.lower()
    if verb.endswith("ies") and len(verb) > 4:
        return verb[:-3] + "y"
    if verb.endswith(("ches", "shes", "sses", "xes")):
        return verb[:-2]
    if verb.endswith("s") and not verb.endswith("ss") and len(verb) > 3:
        return verb[:-1]
    return verb


def join(parts: list[str], conjunction: str = "and") -> str:
    """Return the parts as an enumeration.

    >>> join(["a", "b", "c"])
    'a, b and c'
    """
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {conjunction} {parts[-1]}"


def number_word(number: int) -> str:
    """Return a small number as a word.

    >>> number_word(3), number_word(20)
    ('three', '20')
    """
    return _NUMBERS[number] if 0 <= number < len(_NUMBERS) else str(number)
