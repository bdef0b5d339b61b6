"""Further parsers of texts with a strict form; each gives the same text again when its value is written.

``markdown_table``
    One table of two or more columns as Markdown writes it; or several, each below a line ``## name``:
    the value maps names to tables. Columns are typed as those of CSV.
``records``
    Two or more blocks of ``key: value`` lines, all with the same keys in the same order, with equally
    many empty lines between them; the value is the list of them.
``marked``
    Two or more lines ``[KIND] name``, as listings of folders have them: a list of ``kind`` and ``name``.
``current``
    Two or more lines of one word each, all indented by two characters, one of them by ``* ``: a list of
    ``name`` and ``current``, as listings of branches have them.
``bullets``
    Two or more lines that begin with one and the same bullet (``- ``, ``* ``, ``• ``): the list of the rest.
``names``
    Lines that are each the name of a file or a path: the list of them. Names with spaces only where all
    have a folder and one ending.
``front_matter``
    ``key: value`` lines between two lines ``---``, then a text, which the value has as ``body``.
``headed``
    A line of a few words, or of the name of a file, that ends in a colon, then a text that another parser
    reads: the value maps the line, less its colon, to that value.
"""

from __future__ import annotations

import re

from pydantic import JsonValue

from .parsers import OpaqueError, parse_key_value, parse_text, register, table

_CELL = r"(?:[^|\n\\]|\\\|)*?"
_SEPARATOR = re.compile(r"\|(?: ?-{3,} ?\|)+")
_HEADING = re.compile(r"## (\S.*)")
_MARKED = re.compile(r"\[([A-Z][A-Z _-]{0,15})\] (\S(?:.*\S)?)")
_CURRENT = re.compile(r"([ *]) (\S+)")
_BULLET = re.compile(r"([-*•]) (\S(?:.*\S)?)")
_FILE = re.compile(r"/?(?:[\w.@+-][\w .@+-]*/)*[\w.@+-]?[\w .@+-]*\.[A-Za-z][A-Za-z0-9]{0,5}")
_PATH = re.compile(r"/?(?:[\w.@+-]+/)+[\w.@+-]*")
_HEAD = re.compile(rf"((?:[A-Za-z]+(?: [A-Za-z]+){{0,3}})|{_FILE.pattern}):")
"""A few plain words, or the name of a file: a sentence that names a count or a place is no key."""


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").split("\n")


@register("markdown_table")
def parse_markdown_table(text: str) -> JsonValue:
    """Read one table, or tables below headings."""
    lines = _lines(text)
    if lines[0].startswith("|"):
        return _markdown(lines)
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    for line in lines:
        heading = _HEADING.fullmatch(line)
        if heading and heading[1] in sections:
            raise OpaqueError("two tables of one name")
        if heading:
            current = sections[heading[1]] = []
        elif not sections:
            raise OpaqueError("no heading")
        else:
            current.append(line)
    if not sections:
        raise OpaqueError("no table")
    found: dict[str, JsonValue] = {}
    for place, (name, body) in enumerate(sections.items()):
        last = place == len(sections) - 1
        if not last and body[-1:] != [""]:
            raise OpaqueError("tables that touch")
        found[name] = _markdown(body if last else body[:-1])
    return found


def _markdown(lines: list[str]) -> JsonValue:
    if len(lines) < 3 or not _SEPARATOR.fullmatch(lines[1]):
        raise OpaqueError("not a table")
    rows = []
    for line in [lines[0], *lines[2:]]:
        cells = line[2:-2].split(" | ")
        if f"| {' | '.join(cells)} |" != line or any("|" in cell or cell != cell.strip() for cell in cells):
            raise OpaqueError("not a row")
        rows.append(cells)
    width = len(rows[0])
    if width < 2 or len(set(rows[0])) != width or not all(rows[0]) or any(len(row) != width for row in rows):
        raise OpaqueError("rows of several widths")
    if lines[1].count("|") != width + 1:
        raise OpaqueError("a separator of another width")
    return table(rows)


@register("records")
def parse_records(text: str) -> JsonValue:
    """Read blocks of ``key: value`` lines."""
    blocks = re.split(r"\n(\n+)", text.replace("\r\n", "\n"))
    if len(blocks) < 3 or len(set(blocks[1::2])) != 1:
        raise OpaqueError("not several blocks with equal gaps")
    found = [parse_key_value(block) for block in blocks[::2]]
    if len({tuple(one) for one in found if isinstance(one, dict)}) != 1:
        raise OpaqueError("blocks with different keys")
    return _aligned(found)


def _aligned(records: list[JsonValue]) -> JsonValue:
    """Return records in which a key holds numbers everywhere or nowhere."""
    rows = [one for one in records if isinstance(one, dict)]
    for key in rows[0]:
        if not all(isinstance(row[key], int | float) for row in rows) and any(
            isinstance(row[key], int | float) for row in rows
        ):
            raise OpaqueError(f"{key} is a number in some blocks only")
    return list(rows)


@register("marked")
def parse_marked(text: str) -> JsonValue:
    """Read lines ``[KIND] name``."""
    found = [_MARKED.fullmatch(line) for line in _lines(text)]
    if len(found) < 2 or not all(found):
        raise OpaqueError("not marked lines")
    return [{"kind": match[1], "name": match[2]} for match in found if match]


@register("current")
def parse_current(text: str) -> JsonValue:
    """Read words of which one is marked as the current one; the indent of the first may be stripped."""
    lines = _lines(text)
    if not lines[0].startswith("* "):
        lines[0] = f"  {lines[0].strip()}"
    found = [_CURRENT.fullmatch(line) for line in lines]
    if len(found) < 2 or not all(found) or sum(line.startswith("*") for line in lines) != 1:
        raise OpaqueError("not words with one that is current")
    return [{"name": match[2], "current": match[1] == "*"} for match in found if match]


@register("bullets")
def parse_bullets(text: str) -> JsonValue:
    """Read lines that begin with one bullet."""
    found = [_BULLET.fullmatch(line) for line in _lines(text)]
    if len(found) < 2 or not all(found) or len({match[1] for match in found if match}) != 1:
        raise OpaqueError("not bullets")
    return [match[2] for match in found if match]


@register("names")
def parse_names(text: str) -> JsonValue:
    """Read names of files and paths, one a line."""
    lines = _lines(text)
    if not all(_FILE.fullmatch(line) or _PATH.fullmatch(line) for line in lines):
        raise OpaqueError("not names of files")
    if any(line != line.strip() for line in lines) or len(set(lines)) != len(lines):
        raise OpaqueError("names with spaces around them, or repeated")
    if any(" " in line for line in lines):
        endings = {line.rpartition(".")[2] for line in lines}
        if len(lines) < 2 or len(endings) != 1 or not all("/" in line for line in lines):
            raise OpaqueError("sentences may end in the name of a file, too")
    return list(lines)


@register("front_matter")
def parse_front_matter(text: str) -> JsonValue:
    """Read properties at the head of a note, and its text."""
    match = re.fullmatch(
        r"---\n(?P<head>(?:[^\n]+\n)+)---(?:\n(?P<body>.*))?", text.replace("\r\n", "\n"), re.DOTALL
    )
    if match is None:
        raise OpaqueError("no properties")
    head = match["head"].rstrip("\n")
    single = "\n" not in head
    found = parse_key_value(f"{head}\n_: _" if single else head)
    if not isinstance(found, dict) or "body" in found:
        raise OpaqueError("a property called body")
    if single:
        del found["_"]
    return {**found, "body": match["body"] or ""}


@register("headed")
def parse_headed(text: str) -> JsonValue:
    """Read a line that ends in a colon and what stands below it."""
    first, newline, rest = text.replace("\r\n", "\n").partition("\n")
    match = _HEAD.fullmatch(first)
    if match is None or not newline or rest != rest.strip("\n") or rest.lstrip("\n") != rest:
        raise OpaqueError("no heading")
    parsed = parse_text(rest, skip="headed")
    if parsed is None or not isinstance(parsed.value, list | dict):
        raise OpaqueError("what stands below is no data")
    return {match[1]: parsed.value}
