"""How well an output field's name fits a parameter's name, given the tools around them."""

from __future__ import annotations

from collections.abc import Iterable

from firefly.outputs import ANY_INDEX, Path
from firefly.values.semantic import words

_GENERIC = frozenset({"code", "content", "data", "file", "id", "item", "key", "name", "number", "path"})
"""Words that say what form a value has, not what it belongs to."""
_FILLER = frozenset(
    {"field", "in", "input", "my", "of", "result", "source", "target", "text", "the", "to", "value"}
)
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


def name_match(path: Path, source_tool: str, parameter: str, target_tool: str) -> float:
    """Return 0..1: how well the field at ``path`` of one tool's output fits another's parameter.

    The last key of the path is the field; earlier keys and the tool's own nouns are its context. A
    parameter that only says its form (``name``, ``id``) takes its subject from its tool.

    >>> name_match(("rows", "*", "customer_id"), "query", "customer_id", "get_customer")
    1.0
    >>> 0.5 < name_match(("*",), "list_tables", "table_name", "describe_table") < 1.0
    True
    >>> name_match(("*", "email"), "list_people", "table_name", "describe_table")
    0.0
    """
    keys = [str(part) for part in path if part != ANY_INDEX and not isinstance(part, int)]
    field = _meaning(words(keys[-1])) if keys else frozenset()
    around = _meaning(word for key in keys[:-1] for word in words(key)) | nouns(source_tool)
    wanted = _meaning(words(parameter)) or frozenset(words(parameter))
    if field == wanted and wanted - _GENERIC:
        return 1.0
    if _contradicts(field, wanted):
        return 0.0
    subject = wanted - _GENERIC
    form = wanted & _GENERIC
    in_field = _share(subject, field) if field else _share(subject, around)
    in_context = _share(subject, field | around)
    if not subject:
        about = nouns(target_tool) - _GENERIC
        same_form = 1.0 if form & field else 0.0
        return 0.35 * same_form + 0.45 * _share(about, field | around) * (
            1.0 if same_form or not field else 0.6
        )
    if not in_context:
        return 0.0
    fits = 1.0 if not form or form & field or not field else 0.5
    stray = len(field - wanted - _GENERIC) / (len(field) or 1)
    return max(0.0, (0.45 * in_context + 0.45 * in_field) * (0.6 + 0.4 * fits) * (1 - 0.5 * stray))


def _meaning(found: Iterable[str]) -> frozenset[str]:
    return frozenset(found) - _FILLER


def _contradicts(field: frozenset[str], wanted: frozenset[str]) -> bool:
    """Return whether both say a form of identity and no common one: ``name`` against ``id``."""
    mine, theirs = field & _IDENTITY, wanted & _IDENTITY
    return bool(mine and theirs and not mine & theirs)


def _share(part: frozenset[str], whole: frozenset[str]) -> float:
    return len(part & whole) / len(part) if part else 0.0
