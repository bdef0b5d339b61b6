"""Words an instruction for a call that changes something, from what its tool's description says it does.

"Add a heading to a Word document with optional formatting." with a file and a text becomes "Add the heading
"Price review" to the Word document plan.docx".
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from pydantic import JsonValue

from firefly.english import base_form, is_plural, join, singular, spoken, vocabulary, words
from firefly.outputs import leaves
from firefly.parameters import parameters
from firefly.records import ExploredCall
from firefly.replay.records import Tool
from firefly.synthesis.columns import Column
from firefly.synthesis.phrases import Phrase
from firefly.synthesis.picks import Pick
from firefly.synthesis.questions import Hop, spoken_data, spoken_row
from firefly.synthesis.shown import base_name, is_code, is_file, quoted, shown
from firefly.synthesis.sql_changes import Change, describe_change, is_change
from firefly.synthesis.telling import tellable
from firefly.synthesis.told import FILE_NOUNS

__all__ = ["instruction"]

_CUT = re.compile(
    r"\s*(?:\.(?=\s|$)|[;:(\[\n]| - | – | — | with optional\b| optionally\b| using | based on | so that "
    r"| if | when "
    r"|, (?:overwriting|replacing|including|such|like|e\.g|or|and|which|where|in|by|as|with|[a-z]+ing)\b).*$",
    re.IGNORECASE | re.DOTALL,
)
_OLD = vocabulary("find old search query pattern from target original match")
_NEW = vocabulary("replace replacement new to substitute")
_HOMES = vocabulary(
    "database schema sheet folder directory branch project repository workspace collection list board "
    "channel account table section chapter range"
)
"""Things that hold others: what is told of them says where."""
_MAKING = vocabulary("create make new initialize start generate")
_WHOLE = {"cols": "columns", "col": "column"}
_MARK = "\N{SECTION SIGN}"
_TO = " \N{RIGHTWARDS ARROW} "
_MOVING = ("switch", "move", "change")
_SETTING = vocabulary("set change update adjust rename correct raise lower")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_CELL = re.compile(r"[A-Z]{1,3}[1-9]\d*")


def instruction(
    call: ExploredCall,
    tool: Tool,
    hops: Sequence[Hop],
    references: Mapping[str, Pick],
    *,
    files: Sequence[str],
    launch_values: Collection[JsonValue],
) -> str | None:
    """Return the instruction, without a full stop; None where it can't be told.

    Args:
        call: the call that writes.
        tool: its tool.
        hops: the calls before it that give it values, as they are told.
        references: parameter -> how its value is found in one of ``hops``.
        files: files that are known to be there.
        launch_values: values of the server's launch line, which a solver finds out.

    """
    told: dict[str, JsonValue] = {}
    change: Change | None = None
    declared = {one.name: one for one in parameters(tool)}
    for name, value in call.call.arguments.items():
        text = call.templates.get(name, value) if name in references else value
        passed = name in references or value is None or value in launch_values
        if passed and not is_change(text):
            continue
        if is_change(text):
            change = describe_change(str(text))
            if change is None:
                return None
            continue
        if declared[name].has_default and declared[name].default == value:
            continue
        told[name] = value
    hop = Hop(call.id, Phrase(""), {}, references, files=files)
    if change is not None:
        return None if told else _changed(change, hop, hops)
    sentence = _sentence(tool)
    sentence, told = _replacing(sentence, told)
    if " and replace " in sentence:
        return None  # which of the texts takes the place of the other could not be said
    sentence, told = _into_cells(sentence, told)
    sentence, told = _one_of(sentence, told)
    sentence, told = _made(sentence, told, files)
    dates = {name: value for name, value in told.items() if isinstance(value, str) and _DATE.fullmatch(value)}
    told = {name: value for name, value in told.items() if name not in dates}
    if len(dates) > 1 or any(not tellable(value) for value in told.values()):
        return None
    sentence, told = _set(sentence, told)
    ending = sentence.partition(_TO)[2]
    sentence = sentence.partition(_TO)[0]
    # What is written stays as it is, whatever it says.
    texts = [value for value in told.values() if isinstance(value, str) and value.count(" ") > 1]
    hidden = {
        name: f"{_MARK}{texts.index(value)}" if value in texts else value for name, value in told.items()
    }
    sentence, hidden = _with(sentence, hidden)
    phrase = Phrase(sentence, name=words(tool.name), verb=sentence.partition(" ")[0].lower())
    said = spoken_data(replace(hop, phrase=phrase, literals=hidden), hops)
    said += f" to {ending}" if ending else ""
    for number, text in enumerate(texts):
        said = said.replace(f"{_MARK}{number}", text)
    return f"{said} on {next(iter(dates.values()))}" if dates else said


def _sentence(tool: Tool) -> str:
    """Return what the tool does, in the imperative: from its description, failing that from its name."""
    text = re.sub(r"[`*_#\"“”]", "", " ".join(tool.description.strip().split("\n\n")[0].split()))
    kept = _CUT.sub("", text).strip(" ,").split()
    if len(kept) < 2:
        verb, *rest = words(tool.name)
        return f"{verb.capitalize()} the {' '.join(rest)}"
    verb, *rest = kept
    body = " ".join(rest)
    body = re.sub(r"\ban existing (?=[b-df-hj-np-tv-z])", "a ", body)
    body = re.sub(r"\b(an?|the) existing ", r"\1 ", body)
    body = re.sub(r" (?:from|with|in|of|for) (?:an|the) optional\b.*", "", body)
    body = re.sub(r"\b(an?) (\w+)'s (\w+)", r"the \3 of \1 \2", body)
    body = re.sub(r"\bthe values, \w+ and/or \w+", "the values", body)
    return f"{base_form(verb.lower()).capitalize()} {body}"


def _replacing(sentence: str, told: Mapping[str, JsonValue]) -> tuple[str, dict[str, JsonValue]]:
    """Say of a pair of texts which one takes the place of the other."""
    texts = {name: set(words(name)) for name, value in told.items() if isinstance(value, str)}
    new = [name for name, parts in texts.items() if parts & _NEW]
    old = [name for name, parts in texts.items() if parts & _OLD and name not in new]
    if len(old) != 1 or len(new) != 1 or "replace" not in sentence.lower():
        return sentence, dict(told)
    rest = {name: value for name, value in told.items() if name not in (*old, *new)}
    return f"Replace every {quoted(told[old[0]])} with {quoted(told[new[0]])}", rest


def _one_of(sentence: str, told: Mapping[str, JsonValue]) -> tuple[str, dict[str, JsonValue]]:
    """Say which one is meant where a tool is said to do something to things of a kind.

    >>> _one_of("Switch branches", {"branch_name": "fix/7"})
    ('Switch to the branch fix/7', {})
    """
    verb, _, things = sentence.partition(" ")
    if " " in things or not is_plural(things):
        return sentence, dict(told)
    noun = singular(things.lower())
    named = [name for name, value in told.items() if noun in words(name) and isinstance(value, str)]
    if len(named) != 1:
        return sentence, dict(told)
    value = str(told[named[0]])
    rest = {name: value for name, value in told.items() if name != named[0]}
    to = "to " if verb.lower() in _MOVING else ""
    return f"{verb} {to}the {noun} {value if is_code(value) else quoted(value)}", rest


def _into_cells(sentence: str, told: Mapping[str, JsonValue]) -> tuple[str, dict[str, JsonValue]]:
    """Say which value goes into which cell."""
    cells = [name for name, value in told.items() if isinstance(value, str) and _CELL.fullmatch(value)]
    grids = [name for name, value in told.items() if isinstance(value, list) and _is_grid(value)]
    if len(cells) != 1 or len(grids) != 1:
        return sentence, dict(told)
    values = [leaf for _, leaf in leaves(told[grids[0]])]
    if len(values) != 1:
        return sentence, dict(told)
    rest = {name: value for name, value in told.items() if name not in (*cells, *grids)}
    verb = sentence.partition(" ")[0]
    return f"{verb} {quoted(values[0])} into cell {told[cells[0]]}", rest


def _is_grid(value: Sequence[JsonValue]) -> bool:
    return bool(value) and all(isinstance(row, list) for row in value)


def _set(sentence: str, told: Mapping[str, JsonValue]) -> tuple[str, dict[str, JsonValue]]:
    """Say to what something is set: "Set the weight of crate CRT-1 to 640"."""
    verb, _, rest = sentence.partition(" ")
    subject = set(words(re.split(r" (?:of|for|in|on) ", rest)[0]))
    named = [name for name in told if set(words(name)[-1:]) & subject]
    if verb.lower() not in _SETTING or len(named) != 1 or " " not in rest:
        return sentence, dict(told)
    return f"{sentence}{_TO}{shown(told[named[0]])}", {
        name: value for name, value in told.items() if name != named[0]
    }


def _made(
    sentence: str, told: Mapping[str, JsonValue], files: Sequence[str]
) -> tuple[str, dict[str, JsonValue]]:
    """Name the file that is made: "Create a new workbook called plan.xlsx"."""
    verb, *_, last = sentence.lower().split()
    named = [name for name, value in told.items() if is_file(value) and value not in files]
    if verb not in _MAKING or last not in FILE_NOUNS or len(named) != 1:
        return sentence, dict(told)
    rest = {name: value for name, value in told.items() if name != named[0]}
    return f"{sentence} called {base_name(str(told[named[0]]), files)}", rest


def _with(sentence: str, told: Mapping[str, JsonValue]) -> tuple[str, dict[str, JsonValue]]:
    """Say what the new thing is like: "a table with 3 rows and 4 columns", "a note with the text ..."."""
    said: dict[str, str] = {}
    known = set(words(sentence))
    for name, value in told.items():
        label = _WHOLE.get(spoken(name), spoken(name))
        if isinstance(value, int) and not isinstance(value, bool) and is_plural(label.split()[-1]):
            said[name] = f"{value} {label}"
        elif (
            isinstance(value, str)
            and not is_file(value)
            and not is_code(value)
            and not set(words(name)) & known
        ):
            said[name] = f"the {label} {quoted(value)}"
    if not said:
        return sentence, dict(told)
    place = re.search(r" (?:to|in|into|from|of|on|for|at) ", sentence)
    cut = place.start() if place else len(sentence)
    rest = {name: value for name, value in told.items() if name not in said}
    homes = {name: text for name, text in said.items() if words(name)[-1:] and set(words(name)) & _HOMES}
    rest |= {name: told[name] for name in homes}
    new = [text for name, text in said.items() if name not in homes]
    return (f"{sentence[:cut]} with {join(new)}{sentence[cut:]}" if new else sentence), rest


def _changed(change: Change, hop: Hop, hops: Sequence[Hop]) -> str | None:
    if not change.column:
        return change.text
    passed = change.value == "{}"
    if passed and len(hop.references) != 1:
        return None
    row = replace(hop, column=change.column, value=None if passed else change.value, sole=change.item)
    known = Column((change.column,), (change.value,)).kind in ("identifier", "text")
    return change.text.replace("{}", spoken_row(row, hops)) if known or passed else None
