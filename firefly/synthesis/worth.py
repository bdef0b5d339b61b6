"""How much a question is worth asking: what a person would want to know, and what nobody asks for."""

from __future__ import annotations

from collections.abc import Mapping

from firefly.english import vocabulary, words
from firefly.synthesis.picks import Pick
from firefly.synthesis.roles import GENERIC, Role
from firefly.synthesis.shown import is_drawn

__all__ = ["LEAST", "is_plumbing", "worth"]

LEAST = 0.15
"""Questions worth less are not asked."""

_ROLES: Mapping[Role, float] = {
    "quantity": 1.0,
    "date": 1.0,
    "person": 1.0,
    "key": 0.7,
    "name": 1.0,
    "place": 0.7,
    "state": 0.6,
    "code": 0.6,
    "text": 0.6,
    "file": 0.3,
    "amount": 0.7,
    "formula": 0.12,
    "form": 0.05,
    "flag": 0.0,
    "opaque": 0.0,
}
_TEMPLATES = {
    "extreme": 1.0,
    "find": 0.8,
    "field": 0.9,
    "only": 0.8,
    "fold": 0.7,
    "total": 0.9,
    "count": 0.9,
    "top": 0.6,
    "all": 0.3,
    "scalar": 0.8,
}
_INCIDENTAL = vocabulary("size bytes page")
_PLUMBING = vocabulary("word words character characters paragraph paragraphs")
"""What a tool counts in its own way: what is a word, and is a heading a paragraph?"""
_BYTES = frozenset({"size", "file size", "line", "line number"})
"""Fields that say how long a file is, or where in it something stands."""
_UTMOST = vocabulary("longest shortest largest smallest biggest oldest newest youngest tallest heaviest")
_MEASURES = vocabulary(
    "length size count number time duration price amount total distance value score rate age weight height "
    "width depth gap delay"
)
_SMALL = 12
"""Counts up to this are easily guessed."""
_DULL_ITEMS = vocabulary("column occurrence paragraph line file match hit cell setting")


def is_plumbing(pick: Pick) -> bool:
    """Return whether the answer is of the machinery: a count of words, a number of bytes."""
    counted = pick.item if pick.template == "count" else ""
    if pick.column is None:
        return bool(set(words(counted)) & _PLUMBING)
    named = words(pick.column.name)
    return "bytes" in named or " ".join(named) in _BYTES or bool(set(named) & _PLUMBING)


def worth(pick: Pick, *, hops: int) -> float:
    """Return 0..1: how much a person would want to know this.

    Args:
        pick: the answer.
        hops: how many calls it takes.
    """
    value = _ROLES[pick.role] * _TEMPLATES[pick.template]
    if pick.own and pick.template == "extreme":
        value = 0.9
    if pick.template == "find" and pick.own:
        value *= 0.5
    named_so = pick.label.lower() == pick.item.lower() and pick.column is not None and bool(pick.column.path)
    if (pick.own and named_so and pick.template != "extreme") or _is_measure_of_a_thing(pick):
        value = 0.0  # "the SKU of the SKU"; "the longest chapter" is a chapter, the answer a number of what?
    if is_drawn(pick.value) or (pick.label == "ID" and not (pick.own and pick.template == "extreme")):
        value = 0.0  # of a thing that nothing else is known by, or that is known already
    if pick.label.startswith('"'):
        value *= 0.1  # it has no name of its own
    if pick.column is not None and set(words(pick.column.name)) & _INCIDENTAL:
        value *= 0.4
    if pick.template == "count" and not pick.kept and hops == 1:
        value *= 0.5
    if pick.template == "count" and isinstance(pick.value, int) and pick.value <= _SMALL:
        value *= 0.4
    if is_plumbing(pick):
        value *= 0.1
    nouns = pick.item.split()
    if nouns and nouns[-1] in GENERIC and pick.item != "record":  # a record is told by its time
        value *= 0.3
    elif nouns and nouns[-1] in _DULL_ITEMS:
        value *= 0.4
    if pick.kept:
        value *= 1.1
    return min(1.0, value)


def _is_measure_of_a_thing(pick: Pick) -> bool:
    """Return whether a number stands under the name of the thing that it was measured of."""
    if pick.column is None or not isinstance(pick.value, int | float) or isinstance(pick.value, bool):
        return False
    named = words(pick.column.name)
    return len(named) > 1 and named[0] in _UTMOST and named[-1] not in _MEASURES
