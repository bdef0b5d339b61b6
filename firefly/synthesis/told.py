"""How an argument is told: as the thing that it names.

``customer_id="CUS-7"`` is "customer CUS-7", a path "the workbook plan.xlsx", a commit's file "the file
notes.md in the last commit".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from firefly.english import singular, spoken, vocabulary, words
from firefly.synthesis.clauses import named, stem
from firefly.synthesis.phrases import Phrase, split_head
from firefly.synthesis.roles import KEY_WORDS
from firefly.synthesis.shown import base_name, is_code, is_file, is_proper, quoted, shown

__all__ = ["FILE_NOUNS", "QUERIES", "TEXTS", "Told", "literal", "title_of"]

FILE_NOUNS = vocabulary(
    "document file workbook spreadsheet presentation pdf notebook image report log csv deck archive page "
    "repository directory folder dataset note"
)
_ENDINGS = {
    "xlsx": "workbook",
    "xls": "workbook",
    "docx": "document",
    "doc": "document",
    "pptx": "presentation",
    "pdf": "PDF",
    "md": "page",
}
_PLACES = vocabulary("city town country region location place")
TEXTS = ("text", "string", "phrase", "word", "term", "keyword", "query")
_POSITIONS = vocabulary("index position offset")
QUERIES = vocabulary("query pattern keyword keywords term search text contains q phrase string needle")
_BARE = vocabulary("id name key path code number value query title")
"""Parameter names that do not say what they belong to."""
Kind = Literal["thing", "file", "text", "query", "place", "value"]

_LAST = "HEAD:"
"""How a repository names a file as it stands in the last commit."""


@dataclass(frozen=True)
class Told:
    """An argument as told: the words of its parameter, and its value in words."""

    parameter: str
    value: str
    referenced: bool = False
    title: str = ""
    """What a person calls it; by default the words of the parameter."""
    named: Callable[[str], str] | None = None
    """Returns its noun phrase for the noun that the tool's phrase has for it, "" where it has none."""
    kind: Kind = "text"

    def phrase(self, noun: str, that: bool) -> str:
        """Return its noun phrase."""
        if self.named is not None:
            return self.named(noun)
        title = self.title or spoken(self.parameter)
        if self.referenced and that:
            return f"that {title if not noun or title.endswith(noun) else noun}"
        known = noun or title
        return f"{known} {self.value}" if self.value[:1].isdigit() else f"the {known} {self.value}"


def literal(
    phrase: Phrase, parameter: str, value: JsonValue, files: Sequence[str] = (), title: str = ""
) -> Told:
    """Return how a literal argument is told.

    >>> literal(Phrase("the orders of a customer"), "customer_id", "CUS-7").phrase("", that=False)
    'customer CUS-7'
    >>> literal(Phrase("the comments"), "filename", "/workspace/in/a.docx").phrase("", that=False)
    'the document a.docx'
    """
    if isinstance(value, list) and len(value) == 1 and is_file(value[0]):
        value, parameter = value[0], singular(parameter)
    if isinstance(value, str) and value.startswith("file:///"):
        value = value.removeprefix("file://")
    title = title or title_of(phrase, parameter)
    parts = words(spoken(parameter))

    def said(noun: str) -> str:
        return _thing(noun, title, parts, value, files)

    kind: Kind = "text"
    if isinstance(value, str) and value.startswith(_LAST):
        kind = "thing"
    elif is_file(value) or (isinstance(value, str) and value.startswith("/")):
        kind = "file"
    elif set(parts) & QUERIES:
        kind = "query"
    elif parts and parts[-1] in _PLACES and is_proper(value):
        kind = "place"
    elif is_code(value):
        kind = "thing"
    elif isinstance(value, int | float) and not isinstance(value, bool):
        kind = "value"
    return Told(parameter, quoted(value), title=title, named=said, kind=kind)


def _thing(noun: str, title: str, parts: Sequence[str], value: JsonValue, files: Sequence[str]) -> str:  # noqa: PLR0911 - one for each kind of value
    if isinstance(value, str) and value.startswith(_LAST):
        return f"the file {base_name(value.removeprefix(_LAST), files)} in the last commit"
    if isinstance(value, str) and (is_file(value) or value.startswith("/")):
        ending = value.rpartition(".")[2].lower() if is_file(value) else ""
        kind = noun if singular(noun.rsplit(maxsplit=1)[-1].lower() if noun else "") in FILE_NOUNS else ""
        kind = kind or _ENDINGS.get(ending, "file" if ending else "folder")
        return f"the {kind} {base_name(value, files)}"
    known = noun or stem(title)
    if isinstance(value, int | float) and not isinstance(value, bool):
        if set(parts) & _POSITIONS:
            thing = " ".join(word for word in known.split() if word not in _POSITIONS)
            return f"the {thing} at index {value}" if thing else f"index {value}"
        return (
            f"{known} {quoted(value)}" if noun or set(parts) & KEY_WORDS else f"a {known} of {quoted(value)}"
        )
    if is_code(value) and known.split()[-1:] and known.split()[-1] in TEXTS:
        return f"the {known} {quoted(value)}"
    if is_code(value):
        return named(known, str(value))
    if known.split()[-1:] and known.split()[-1].lower() in _PLACES and is_proper(value):
        return str(value)
    if isinstance(value, list):
        return f"the {known} {quoted(value)}"
    return f"the {known} {shown(value)}"


def title_of(phrase: Phrase, parameter: str) -> str:
    """Return what a person calls the argument: "customer ID" for ``id`` of "get one customer".

    >>> title_of(Phrase("the customer", name=("get", "customer")), "id")
    'customer ID'
    """
    if len(words(parameter)) == 1 and words(parameter)[0] in _BARE and phrase.text:
        head = split_head(phrase.text)[0].split()[-1].lower()
        if singular(head) in {singular(word) for word in phrase.name}:
            return f"{singular(head)} {spoken(parameter)}"
    return spoken(parameter)
