"""Whether a question can be read once; see ``docs/rubric.md``, lines `fluent` and `request`."""

from __future__ import annotations

import re

__all__ = ["names_commit", "read_once"]

_SENTENCE = re.compile(r"(?<=[.?!])\s+(?=[A-Z])")
_RELATION = re.compile(r"\b(?:of|in|by|from)\b(?! \d)")
_OF = re.compile(r"\bof\b(?! \d)")
_QUOTED = re.compile(r'"[^"]*"')
_PLACE = re.compile(r"\bin the sheet (?:\S+ )?of the workbook\b|\bin the file (?:\S+ )?in the last commit\b")
"""Where a table stands: one place, however it is said."""
_MOST = 3
"""Relations ("of the", "in the", "by the") in one sentence that are read once."""
_MOST_OF = 2
_TELLING = re.compile(r"[\w./-]*\d[\w./-]*\w")
_DIGEST = re.compile(r"(?<!commit )\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{12,}\b|\b[0-9a-f]{7,}:\w")
_UNCLEAR = re.compile(
    r"\bits \w+ in it\b"  # whose?
    r"|\b(?:is|was) the \w+s per\b"
    r"|\bthat has the [^.?]* in [\w ]*units\b"  # the extreme, or what was asked for?
    r"|\bof\b[^.?]*\bof\b[^.?]*\bthat (?:has|was|is)\b"  # which of them has?
    r"|\b[Ww]hat is the (?:most|fewest)\b|\bwith the\s{2,}value\b"
    r"|\b[A-Z]{6,}\b(?![-.\w])"  # a stressed word of a description
    r"|\bdescribed by\b|\bdoes the \w+s\b|\b(?:of|does) the names\b|\bthe (\w+) of the only \1\b"
    r"|\b(?:highest|lowest) total \w+s\b|\b(\w+) with the (?:\w+ )?\2\b"
    r"|\bentry\b|\bentries\b|\bat index \d"
)
_SHORT = 5
"""Characters of a code or a file's name, at least."""


def read_once(text: str) -> bool:
    """Return whether no sentence nests too much, names a thing twice, or leaves open what it means.

    Nor does a digest stand for a thing.

    >>> read_once("What is the weight of the order of ticket T-4187 in kg?")
    True
    >>> read_once("What is the contact of the customer of the order of the ticket in file a1.txt?")
    False
    >>> read_once("What is the date of the comment by the author of A-22.docx in A-22.docx?")
    False
    """
    return not _DIGEST.search(text) and all(map(_is_plain, _SENTENCE.split(text)))


def names_commit(text: str) -> bool:
    """Return whether a commit is named by its digest.

    >>> names_commit("Who wrote commit 91c8656f6ffb875b7a4ae00ba4830830c75840f8?")
    True
    """
    return bool(re.search(r"\bcommit [0-9a-f]{7,}\b", text))


def _is_plain(sentence: str) -> bool:
    things = [one for one in _TELLING.findall(sentence) if len(one) >= _SHORT and not one.isdigit()]
    said, places = _PLACE.subn("in", _QUOTED.sub("", sentence))
    return (
        len(set(things)) == len(things)
        and len(_RELATION.findall(said)) <= _MOST - bool(places)
        and len(_OF.findall(said)) <= _MOST_OF
        and not _UNCLEAR.search(said)
    )
