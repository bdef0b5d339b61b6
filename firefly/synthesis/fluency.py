"""Whether a question can be read once; see ``docs/rubric.md``, lines `fluent` and `request`."""

from __future__ import annotations

import re

__all__ = ["read_once"]

_SENTENCE = re.compile(r"(?<=[.?!])\s+(?=[A-Z])")
_RELATION = re.compile(r"\b(?:of|in|by|from)\b(?! \d)")
_QUOTED = re.compile(r'"[^"]*"')
_MOST = 3
"""Relations ("of the", "in the", "by the") in one sentence that are read once."""
_TELLING = re.compile(r"[\w./-]*\d[\w./-]*\w")
_DIGEST = re.compile(r"(?<!commit )\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{12,}\b|\b[0-9a-f]{7,}:\w")
_SHORT = 5
"""Characters of a code or a file's name, at least."""


def read_once(text: str) -> bool:
    """Return whether no sentence nests too much or names a thing twice, and no digest stands for a thing.

    >>> read_once("What is the weight of the order of ticket T-4187 in kg?")
    True
    >>> read_once("What is the contact of the customer of the order of the ticket in file a1.txt?")
    False
    >>> read_once("What is the date of the comment by the author of A-22.docx in A-22.docx?")
    False
    """
    return not _DIGEST.search(text) and all(map(_is_plain, _SENTENCE.split(text)))


def _is_plain(sentence: str) -> bool:
    things = [one for one in _TELLING.findall(sentence) if len(one) >= _SHORT and not one.isdigit()]
    twice = len(set(things)) < len(things)
    return not twice and len(_RELATION.findall(_QUOTED.sub("", sentence))) <= _MOST
