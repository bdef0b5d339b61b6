"""How well an output field's name fits a parameter's name, given the tools around them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from firefly.outputs import ANY_INDEX, Path
from firefly.replay.records import Tool
from firefly.values.semantic import overlap, words

_GENERIC = frozenset({"code", "content", "data", "file", "id", "item", "key", "name", "number", "path"})
"""Words that say what form a value has, not what it belongs to."""
_FILLER = frozenset(
    {"field", "in", "input", "my", "of", "result", "source", "target", "text", "the", "to", "value"}
)
_STEM = 4
"""Letters that a short form shares with the whole word."""
_WRAPPERS = frozenset({"content", "data", "item", "output", "record", "response", "result", "row"})
"""Keys that only wrap what was returned."""
_VERB_LIST = """
add all by check count create delete describe detail execute fetch find for from get info information
list load lookup open query read run search select show summary view with
"""
_VERBS = frozenset(_VERB_LIST.split())
_IDENTITY = frozenset({"id", "key", "code", "number", "name", "path"})
"""Generic words that exclude each other: an id is not a name."""


def nouns(tool_name: str) -> frozenset[str]:
    """Return the words of a tool's name that say what it is about.

    >>> sorted(nouns("list_customer_orders"))
    ['customer', 'order']
    """
    return frozenset(words(tool_name)) - _VERBS - _FILLER


def name_match(path: Path, source: Tool, parameter: str, target: Tool) -> float:
    """Return 0..1: how well the field at ``path`` of one tool's output fits another's parameter.

    The last key of the path is the field; earlier keys and the tool's own nouns are its context,
    less what the tool is told: ``describe_table(table_name)`` lists columns, not tables. A
    parameter that only says its form (``name``, ``id``) takes its subject from its tool.

    >>> lister, getter = Tool(server="s", name="list_tables"), Tool(server="s", name="describe_table")
    >>> name_match(("rows", "*", "customer_id"), lister, "customer_id", getter)
    1.0
    >>> 0.5 < name_match(("*", "name"), lister, "table_name", getter) < 1.0
    True
    >>> name_match(("*", "email"), lister, "customer_id", getter)
    0.0
    """
    context = _subject(source)
    if _beginnings(path, context).isdisjoint(_wanted_beginnings(parameter)):
        return 0.0
    return _match(path, context, parameter, target.name)


def may_match(paths: Iterable[Path], source: Tool, parameter: str) -> bool:
    """Return whether `name_match` of some of the paths can be more than 0; quick for the many that can't."""
    context, wanted = _subject(source), _wanted_beginnings(parameter)
    return any(not _beginnings(path, context).isdisjoint(wanted) for path in paths)


@lru_cache(maxsize=1 << 14)
def _beginnings(path: Path, context: frozenset[str]) -> frozenset[str]:
    """Return how every word of the path and around it begins, and ``*``."""
    keys = [words(part) for part in path if isinstance(part, str) and part != ANY_INDEX]
    return (
        frozenset(word[:_STEM] for key in keys for word in key) | {word[:_STEM] for word in context} | {"*"}
    )


@lru_cache(maxsize=1 << 14)
def _wanted_beginnings(parameter: str) -> frozenset[str]:
    """Return how the words that a match needs begin; ``*`` where the tool's own words may do."""
    asked = words(parameter)
    wanted = _meaning(asked) or frozenset(asked)
    subject = wanted - _GENERIC
    return frozenset(word[:_STEM] for word in subject) if subject else frozenset({"*"})


@lru_cache(maxsize=1 << 17)
def _match(path: Path, context: frozenset[str], parameter: str, target: str) -> float:
    keys = [words(str(part)) for part in path if part != ANY_INDEX and not isinstance(part, int)]
    keys = [key for key in keys if not _WRAPPERS.issuperset(key)]
    asked = words(parameter)
    wanted = _meaning(asked) or frozenset(asked)
    last = tuple(_spelt(word, wanted) for word in keys[-1]) if keys else ()
    field = _meaning(last)
    around = _meaning(word for key in keys[:-1] for word in key) | context
    subject, form = wanted - _GENERIC, wanted & _GENERIC
    if field == wanted and subject:
        return 1.0
    if _contradicts(field, wanted):
        return 0.0
    if not subject:
        about = nouns(target) - _GENERIC
        same_form = bool(form & field)
        near = overlap(about, field | around) * (1.0 if same_form or not field else 0.6)
        return 0.35 * same_form + 0.45 * near
    if asked == last[-len(asked) :]:
        return 0.85  # the last word of a compound says what it is: a ``landed_cost_expression``
    told = overlap(subject, field | around)
    if not field - _GENERIC:
        # ``tables[*].name`` for ``table_name``: the field says the form, what is around it the subject.
        return told * (0.95 if form & field or not (form and field) else 0.6)
    fits = 1.0 if not form or form & field else 0.8
    stray = len(field - wanted - _GENERIC) / len(field)
    return (0.45 * told + 0.45 * overlap(subject, field)) * fits * (1 - 0.5 * stray)


def _spelt(word: str, wanted: frozenset[str]) -> str:
    """Return the wanted word that ``word`` shortens or lengthens (``expr``, ``expression``), else itself."""
    for other in sorted(wanted):
        if min(len(word), len(other)) >= _STEM and (word.startswith(other) or other.startswith(word)):
            return other
    return word


def _subject(tool: Tool) -> frozenset[str]:
    declared = tool.input_schema.get("properties")
    return _less(tool.name, tuple(map(str, declared)) if isinstance(declared, dict) else ())


@lru_cache(maxsize=1 << 14)
def _less(name: str, told: tuple[str, ...]) -> frozenset[str]:
    """Return what a tool is about, less what it is told."""
    return nouns(name).difference(*map(words, told))


def _meaning(found: Iterable[str]) -> frozenset[str]:
    return frozenset(found) - _FILLER


def _contradicts(field: frozenset[str], wanted: frozenset[str]) -> bool:
    """Return whether both say a form of identity and no common one: ``name`` against ``id``."""
    mine, theirs = field & _IDENTITY, wanted & _IDENTITY
    return bool(mine and theirs and not mine & theirs)
