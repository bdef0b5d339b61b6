"""What a person would write: arguments for calls that change something.

What a write is about (a file, a table, an item) is told by values that reads take, too, and comes from
reads that worked. What it brings in is new: text from a small stock of everyday phrases, figures near
those that were seen, a new file beside the existing ones. Queries and whatever is of another kind come from
the value sources.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import PurePosixPath
from random import Random

from pydantic import JsonValue

from firefly.english import is_plural, vocabulary, words
from firefly.exploration.arguments import Known
from firefly.outputs import leaves
from firefly.parameters import Parameter, parameters
from firefly.protocols import ValueSource
from firefly.records import ToolKey
from firefly.replay.expressions import is_number
from firefly.replay.records import Tool
from firefly.values import arguments
from firefly.values.semantic import semantic_type

Arguments = dict[str, JsonValue]

_AGAIN = 0.5
"""How often a write is about what it was about when it worked."""
_DRAFTS = 12
"""Argument sets of the value sources that are looked at."""
_TITLES = (
    "Delivery schedule", "Price review", "Quality notes", "Open questions", "Next steps", "Spare parts",
    "Site visit", "Year-end summary", "Contact persons", "Storage rules", "Return of goods", "Opening hours",
    "Annual inspection", "Packing list", "Safety briefing", "Travel plan",
)  # fmt: skip
_SENTENCES = (
    "Please confirm the delivery date by Friday.", "The spare parts arrived in good condition.",
    "Both sides agree to review the prices every spring.", "Two of the boxes were slightly damaged.",
    "A replacement was promised within ten working days.", "The invoice for the last delivery is still open.",
    "Everybody was told about the new opening hours.", "The next inspection is after the summer break.",
    "Questions go to the person named on the first page.", "Checked and found complete.",
    "Has to be cleaned before it is handed out again.", "The manual is missing and was ordered again.",
)  # fmt: skip
_TERMS = (
    "Northgate",
    "Harbour Street",
    "Meridian",
    "Silverline",
    "Old Mill",
    "Westfield",
    "Eastbrook",
    "Larkspur",
)
_SENTENCE_WORDS = vocabulary(
    "message comment note remark content description body paragraph text observation"
)
_TITLE_WORDS = vocabulary("title heading header name subject label topic caption")
_TERM_WORDS = vocabulary("replacement replace new to with value")
_SLUG_WORDS = vocabulary("branch tag ref slug key id identifier username handle")
_MAKES = vocabulary("create make new add insert init register start open set put save store")
_SHORT_TOOLS = vocabulary("heading title section chapter sheet branch tag folder")
_SMALL = 12
"""Numbers up to this are counts and codes rather than figures."""
_UP = (1.5, 2.0, 2.5)
_DOWN = (0.4, 0.5, 0.6)
_CREATES = re.compile(r"\s*CREATE\s+TABLE\b", re.IGNORECASE)
_CELL = re.compile(r"[A-Z]{1,3}[1-9]\d*")
_RANGE = re.compile(r"[A-Z]{1,3}[1-9]\d*:[A-Z]{1,3}[1-9]\d*")


def drafts(
    tool: Tool,
    known: Known,
    reads: Sequence[ToolKey],
    values: Sequence[ValueSource],
    fixed: Mapping[str, JsonValue],
    rng: Random,
    *,
    careful: bool = False,
) -> Iterator[tuple[Arguments, dict[str, str]]]:
    """Yield (arguments, parameter -> where its value is from) for a call that writes.

    Args:
        tool: the tool that writes.
        known: what is known of arguments.
        reads: usable reads; what they and the write both take says what the write is about.
        values: value sources, best first.
        fixed: arguments that are decided.
        rng: every choice comes from it.
        careful: whether the call is to be about what it was about when it worked.

    """
    wanted = [one for one in parameters(tool) if one.required or one.name in fixed]
    bases: list[tuple[Arguments, str]] = [
        (dict(step.call.arguments), "worked") for step in known.knowledge.successes(tool.key)
    ]
    found = islice(arguments(tool, values, known.knowledge, rng), _DRAFTS)
    bases += [] if careful else [(dict(made), "") for made, _ in found]
    rng.shuffle(bases)
    about = _about(tool, known, reads, rng)
    for base, source in bases:
        # What was written before can be written once more; what other reads were about may be.
        again = source == "worked" and (careful or rng.random() < _AGAIN)
        place = rng.choice(about) if about and not again else {}
        made: Arguments = {}
        sources: dict[str, str] = {}
        for parameter in wanted:
            name = parameter.name
            if name in fixed:
                made[name] = fixed[name]
                continue
            if name not in base:
                break
            value, sources[name] = _value(tool, parameter, base[name], place, known, rng)
            made[name] = value
        else:
            made = _in_cells(tool, made, fixed, known, reads, rng)
            if made and not _placeholder(made):
                yield made, sources


def _value(
    tool: Tool,
    parameter: Parameter,
    base: JsonValue,
    place: Mapping[str, JsonValue],
    known: Known,
    rng: Random,
) -> tuple[JsonValue, str]:
    listing = known.knowledge.listings[tool.server]
    kind = semantic_type(base)
    if parameter.enum or isinstance(base, bool):
        return base, "worked"
    if made := _made_files(tool, parameter, known):
        return _new_file(made[0], listing.files, rng), "content"
    if kind == "sql":
        return (_new_table(rng) if _CREATES.match(str(base)) else base), "grammar"
    if parameter.name in place or _is_reference(tool, parameter):
        return place.get(parameter.name, base), "observed"
    if isinstance(base, int):
        counted = any(is_plural(word) for word in words(parameter.name)[-1:])
        base = rng.randint(2, 5) if counted else base
    elif isinstance(base, str) and kind in ("word", "prose", ""):
        return _text(tool, parameter, rng), "content"
    return base, "worked"


def _is_reference(tool: Tool, parameter: Parameter) -> bool:
    """Return whether a write names by it what is there already: the branch to switch to."""
    return bool(set(words(parameter.name)) & _SLUG_WORDS) and not set(words(tool.name)) & _MAKES


def _made_files(tool: Tool, parameter: Parameter, known: Known) -> list[str]:
    """Return the files that the write was given although they were not there at first: it makes files."""
    files = known.knowledge.listings[tool.server].files
    return [
        value
        for step in known.knowledge.successes(tool.key)
        if isinstance(value := step.call.arguments.get(parameter.name), str)
        and semantic_type(value) in ("path", "file name")
        and PurePosixPath(value).suffix
        and not any(file == value or file.endswith(f"/{value}") for file in files)
    ]


def _new_table(rng: Random) -> str:
    name = rng.choice(_TITLES).lower().replace(" ", "_").replace("-", "_")
    return f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, name TEXT, noted_on TEXT)"


def _about(tool: Tool, known: Known, reads: Sequence[ToolKey], rng: Random) -> list[Arguments]:
    """Return what reads that worked were about, in terms of the write's required parameters.

    The fullest come first, each filled up from others that are about the same.
    """
    mine = {one.name: set(words(one.name)) for one in parameters(tool) if one.required}
    found: list[Arguments] = []
    for key in sorted(reads):
        if key[0] != tool.server:
            continue
        for step, _ in known.useful(key):
            taken: Arguments = {}
            for name, value in step.call.arguments.items():
                if semantic_type(value) == "sql" or isinstance(value, bool):
                    continue
                alike = [one for one, parts in mine.items() if one == name] or [
                    one for one, parts in mine.items() if len(parts) > 1 and parts <= set(words(name))
                ]
                taken.update(dict.fromkeys(alike, value))
            if taken and taken not in found:
                found.append(taken)
    rng.shuffle(found)
    most = max(map(len, found), default=0)
    whole = []
    for start in (one for one in found if len(one) == most):
        joined = dict(start)
        for other in found:
            shared = joined.keys() & other.keys()
            if shared and all(joined[name] == other[name] for name in shared):
                joined = {**other, **joined}
        whole.append(joined)
    return whole


def _text(tool: Tool, parameter: Parameter, rng: Random) -> str:
    named = set(words(parameter.name))
    if named & _SLUG_WORDS:
        return rng.choice(_TITLES).lower().replace(" ", "-")
    if named & _TERM_WORDS and not named & _TITLE_WORDS:
        return rng.choice(_TERMS)
    if named & _TITLE_WORDS or set(words(tool.name)) & _SHORT_TOOLS:
        return rng.choice(_TITLES)
    if named & _SENTENCE_WORDS:
        return rng.choice(_SENTENCES)
    return rng.choice(_TITLES)


def _new_file(base: str, files: Sequence[str], rng: Random) -> str:
    """Return a new name beside the files of the same kind, or else in the folder where one could be made."""
    ending = PurePosixPath(base).suffix
    folders = sorted({str(PurePosixPath(file).parent) for file in files if file.endswith(ending)})
    name = rng.choice(_TITLES).lower().replace(" ", "-") + ending
    if not base.startswith("/"):
        return name
    return f"{rng.choice(folders) if folders else PurePosixPath(base).parent}/{name}"


def _placeholder(made: Mapping[str, JsonValue]) -> bool:
    """Return whether some text is one that nobody would write: "sample", "test"."""
    return any(
        isinstance(leaf, str) and set(words(leaf)) & {"sample", "samples", "test", "foo", "example"}
        for _, leaf in leaves(dict(made))
    )


def _in_cells(
    tool: Tool,
    made: Arguments,
    fixed: Mapping[str, JsonValue],
    known: Known,
    reads: Sequence[ToolKey],
    rng: Random,
) -> Arguments:
    """Aim a change of cells at the table that reads showed there: one cell gets a new value, or one row ends.

    The new value is one that stands elsewhere in the column, or a figure near the one that was there.
    """
    spots = {
        name: str(value)
        for name, value in made.items()
        if isinstance(value, str) and (_CELL.fullmatch(value) or _RANGE.fullmatch(value))
    }
    grids = [name for name, value in made.items() if _is_grid(value)]
    if not spots:
        return made
    tables = [
        rows
        for key in reads
        if key[0] == tool.server
        for step, output in known.useful(key)
        if all(made.get(name) == value for name, value in step.call.arguments.items() if name in made)
        for rows in _matrices(output)
    ]
    if not tables or spots.keys() & fixed.keys() or len(spots) != 1:
        return {} if grids or not fixed else made
    (name,) = spots
    rows = rng.choice(tables)
    if not grids:
        return {**made, name: f"A{len(rows)}:{_letters(len(rows[0]) - 1)}{len(rows)}"}
    options = [
        (column, row, value)
        for column in range(len(rows[0]))
        if (row := _row([line[column] for line in rows[1:]], rng)) is not None
        and (value := _other([line[column] for line in rows[1:]], rows[row][column], rng)) is not None
    ]
    if not options or len(grids) != 1:
        return {}
    column, row, value = rng.choice(options)
    return {**made, name: f"{_letters(column)}{row + 1}", grids[0]: [[value]]}


def _row(column: Sequence[JsonValue], rng: Random) -> int | None:
    """Return the number, from 1, of a row to change: of figures one at an end, where it shows best."""
    figures = [(float(str(one)), place) for place, one in enumerate(column, start=1) if is_number(one)]
    if len(figures) < len(column):
        return rng.randrange(len(column)) + 1
    return rng.choice((min(figures), max(figures)))[1]


def _other(column: Sequence[JsonValue], value: JsonValue, rng: Random) -> JsonValue:
    """Return another value for a cell of a column: one that several rows share, or another figure."""
    if isinstance(value, str):
        texts = sorted({one for one in column if isinstance(one, str)})
        shared = len(texts) <= len(column) / 2
        return rng.choice([one for one in texts if one != value]) if shared and len(texts) > 1 else None
    if is_number(value) and abs(float(str(value))) > _SMALL:
        figures = [float(str(one)) for one in column if is_number(one)]
        return _near(value, rng, _DOWN if float(str(value)) == max(figures) else _UP)
    return None


def _is_grid(value: JsonValue) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(
            isinstance(row, list) and not any(isinstance(one, list | dict) for one in row) for row in value
        )
    )


def _matrices(output: JsonValue) -> Iterator[list[list[JsonValue]]]:
    """Yield the tables in cells that an output holds: rows of equal length below a row of headings."""
    if isinstance(output, dict):
        for value in output.values():
            yield from _matrices(value)
    elif isinstance(output, list) and len(output) > 2 and all(isinstance(row, list) for row in output):
        rows = [row for row in output if isinstance(row, list)]
        if len({len(row) for row in rows}) == 1 and all(isinstance(cell, str) for cell in rows[0]):
            yield rows


def _letters(column: int) -> str:
    """Return the letters of a column of a sheet, counted from 0.

    >>> _letters(0), _letters(27)
    ('A', 'AB')
    """
    text = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        text = chr(ord("A") + rest) + text
    return text


def _near(value: JsonValue, rng: Random, factors: Sequence[float]) -> JsonValue:
    """Return another figure of the same kind, some way off."""
    figure = float(str(value)) * rng.choice(factors)
    if isinstance(value, int):
        step = 10 ** max(0, len(str(abs(value))) - 2)
        return int(round(figure / step) * step) + (step if round(figure / step) * step == value else 0)
    places = len(str(value).partition(".")[2])
    return round(figure, places)
