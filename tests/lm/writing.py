"""How the competent agent writes, reads and solves tasks; from the prompt alone, whatever the servers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from random import Random
from typing import Any

from firefly.english import spoken, words
from tests.lm.agent import FieldWriter, alike, fitting, history, leaves, parsed, types
from tests.lm.endpoint import Chat, Reply, ToolUse

_CALL = re.compile(r"^(c\d+): (\S+?)\((\{.*?\})\)(?:  # .*)?$\n((?:  .* is .*\n)*)  returned: (.*)$", re.M)


def calls(chat: Chat) -> dict[str, tuple[dict[str, Any], Any, list[str]]]:
    """Call -> its arguments, what it returned, and the parameters that were passed on to it."""
    found = {}
    for name, _, arguments, passed, returned in _CALL.findall(chat.said_by("user")[-1]):
        try:
            output = json.loads(returned)
        except ValueError:
            output = None
        found[name] = (json.loads(arguments), output, re.findall(r"^  (\S+) is ", passed, re.M))
    return found


def input_of(chat: Chat, name: str) -> str:
    text = chat.said_by("user")[-1]
    found = re.search(rf"\[\[ ## {name} ## \]\]\n(.*?)(?=\n\n\[\[ ## |\n\nRespond|\Z)", text, re.S)
    return found.group(1) if found else ""


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if not isinstance(value, dict | list):
        yield path, value
    for part, one in inner:
        yield from paths(one, (*path, part))


def formulas(call: str, output: Any) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Yield formulas with what they ask for in words, and the words by which an item is told."""
    if isinstance(output, int | float | str) and not isinstance(output, bool):
        yield {"op": "value", "call": call, "path": []}, "result", ""
    for path, value in paths(output):
        places = [at for at, part in enumerate(path) if isinstance(part, int)]
        if isinstance(value, bool) or value in (None, "") or len(places) > 1 or not path:
            continue
        label = spoken(str(path[-1])) if isinstance(path[-1], str) else "value"
        if not places:
            yield {"op": "value", "call": call, "path": list(path)}, label, ""
            continue
        items = value_at(output, path[: places[0]])
        item, field = items[path[places[0]]], path[places[0] + 1 :]
        if not isinstance(item, dict) or not field:
            continue
        if len(items) == 1:  # nothing to tell it from
            yield {"op": "value", "call": call, "path": list(path)}, label, ""
            continue
        for name, other in item.items():
            alone = sum(isinstance(one, dict) and one.get(name) == other for one in items) == 1
            if isinstance(other, str) and 2 < len(other) < 40 and alone and (name,) != field:
                where = [{"field": [name], "compare": "equals", "value": other}]
                listed = {"op": "where", "call": call, "path": list(path[: places[0]])}
                yield (
                    {**listed, "field": list(field), "where": where},
                    label,
                    f' where the {spoken(name)} is "{other}"',
                )
                break


def ends(call: str, output: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield formulas over whole lists, each with its question."""
    for path, value in lists(output):
        items = [one for one in value if isinstance(one, dict)]
        if len(items) != len(value) or len(items) < 3:
            continue
        for key in items[0]:
            column = [one.get(key) for one in items]
            if any(isinstance(one, bool) or not isinstance(one, int | float) for one in column):
                continue
            folded = {"call": call, "path": list(path), "field": [key]}
            for op, end, said in (("max", max(column), "highest"), ("min", min(column), "lowest")):
                if column.count(end) == 1 and len(set(map(str, column))) > 2:
                    yield {"op": op, **folded}, f"What is the {said} {spoken(key)}"
            if len(set(map(str, column))) > 2:
                yield {"op": "sum", **folded}, f"What is the total {spoken(key)}"


def lists(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], list[Any]]]:
    if isinstance(value, list):
        yield path, value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from lists(one, (*path, key))


def value_at(value: Any, path: Any) -> Any:
    for part in path:
        value = value[part]
    return value


def tasks(chat: Chat) -> list[dict[str, Any]]:
    """The writer's question: one value of the last call, with all that has to be stated."""
    if "preferred" in chat.text and "c1:" not in chat.said_by("user")[-1]:
        return invented(chat)
    made = calls(chat)
    if not made:
        return []
    last = list(made)[-1]
    stated = [
        f'the {spoken(name)} "{value}"'
        for arguments, _, passed in made.values()
        for name, value in arguments.items()
        if name not in passed and isinstance(value, str | int | float) and not isinstance(value, bool)
    ]
    stated += conditions(chat)
    lacking, vain = complaints(chat)
    stated += lacking
    known = {
        str(value)
        for name, (arguments, output, _) in made.items()
        if name != last
        for _, value in paths(output)
    }
    known |= {str(value) for arguments, _, _ in made.values() for value in arguments.values()}
    found: list[tuple[float, dict[str, Any]]] = []
    rng = Random(chat.said_by("user")[-1])
    given = f", given {' and '.join(dict.fromkeys(stated))}" if stated else ""
    output = made[last][1]
    for formula, label, which in formulas(last, output):
        value, beside = asked_for(formula, output)
        if str(value) in known or f"What is the {label}{which}" in vain:
            continue
        written = {"question": f"What is the {label}{which}{given}?", "formula": formula}
        found.append(
            (telling(value, beside) + rng.random(), {**written, "rubric": ["The value is looked up."]})
        )
    for formula, question in ends(last, output):
        if question in vain:
            continue
        written = {"question": f"{question}{given}?", "formula": formula, "rubric": []}
        found.append((2.0 + rng.random(), written))
    found.sort(key=lambda one: -one[0])
    return [one for _, one in found[: int(input_of(chat, "count") or 1)]]


def complaints(chat: Chat) -> tuple[list[str], set[str]]:
    """Return what earlier questions lacked, and how those begin for which no more words are any use."""
    lacking: list[str] = []
    vain: set[str] = set()
    for question, wrong in re.findall(r"^- (.*?\?) \{.*?\}: (.*)$", input_of(chat, "earlier"), re.M):
        values = re.findall(r"it does not say (?:'([^']*)'|([\d.]+))(?=;|$)", wrong)
        hops = re.findall(r"it does not say whose '([^']*)' is meant", wrong)
        lacking += [f'"{one or other}"' for one, other in values] + [f"its {hop}" for hop in hops]
        if len(values) + len(hops) < len(wrong.split("; ")):
            vain.add(question.partition(", given")[0].removesuffix("?"))
    return list(dict.fromkeys(lacking)), vain


def asked_for(formula: dict[str, Any], output: Any) -> tuple[Any, list[Any]]:
    """Return a formula's value, and those of the same field beside it."""
    if formula["op"] == "value":
        return value_at(output, formula["path"]), []
    items = [one for one in value_at(output, formula["path"]) if isinstance(one, dict)]
    condition = formula["where"][0]
    [item] = [one for one in items if one.get(condition["field"][0]) == condition["value"]]
    key = formula["field"][0]
    return value_at(item, formula["field"]), [one.get(key) for one in items]


def telling(value: Any, beside: list[Any]) -> float:
    """Return how much is learnt from a value: little from one of few that there are, or from a small one."""
    alike = sum(one == value for one in beside)
    rare = 1.0 if not beside else 2.0 if alike == 1 and len(beside) > 2 else 0.0
    if isinstance(value, int | float):
        return rare + (abs(value) > 12 or float(value) % 1 != 0)
    return rare + (len(str(value)) > 6)


def conditions(chat: Chat) -> list[str]:
    """What singles out the values that are passed on."""
    text = chat.said_by("user")[-1]
    found = []
    for field, having in re.findall(r"^  \S+ is the (\S+) of the only item in .* whose (.*)$", text, re.M):
        told = " and ".join(
            f"the {spoken(name)} {value}"
            for name, value in re.findall(r"(\S+) = (\"[^\"]*\"|[\d.]+)", having)
        )
        found.append(f"the {spoken(field.split('.')[-1])} of the one with {told}")
    for field, end, by in re.findall(r"^  \S+ is the (\S+) of the item with the (\w+) (\S+) in", text, re.M):
        found.append(f"the {spoken(field.split('.')[-1])} of the one with the {end} {spoken(by)}")
    for path in re.findall(r"^  \S+ is c\d+'s (\S+)$", text, re.M):
        found.append(f"its {spoken(path.split('.')[-1])}")
    return list(dict.fromkeys(found))


def formula(chat: Chat) -> dict[str, Any]:
    """The reader's question: the formula whose words are all in the question."""
    asked = " ".join(words(input_of(chat, "question")))
    made = calls(chat)
    best: tuple[float, dict[str, Any]] = (-1.0, {"op": "value", "call": "c1", "path": []})
    for name in reversed(list(made)):
        for one, question in ends(name, made[name][1]):
            if input_of(chat, "question").casefold().find(question.casefold()) >= 0:
                return one
        for one, label, which in formulas(name, made[name][1]):
            said = words(label)
            hits = sum(f" {word} " in f" {asked} " for word in said) / max(1, len(said))
            told = [word for word in words(which) if word not in ("where", "the", "is")]
            hits += 2 * (all(f" {word} " in f" {asked} " for word in told) if told else 0)
            if f"the {label}" in input_of(chat, "question")[: len(label) + 14]:
                hits += 1
            if hits > best[0]:
                best = (hits, one)
    return best[1]


def wordings(chat: Chat) -> list[str]:
    """The rewriter's question: the same, asked politely."""
    question = input_of(chat, "question")
    return [f"Could you tell me this: {question[0].lower()}{question[1:]}", f"Please find out: {question}"]


def marks(chat: Chat) -> list[dict[str, Any]]:
    """The judge's question: full marks."""
    named = re.findall(r"^(\w+): ", input_of(chat, "rubric"), re.M)
    return [{"criterion": name, "mark": 5, "why": "as it should be"} for name in named]


def invented(chat: Chat) -> list[dict[str, Any]]:
    """The forward writer's question: what a preferred tool's words promise."""
    preferred = input_of(chat, "preferred").split(", ")
    return [{"question": f"What does {spoken(preferred[-1])} say first?"}]


def look_up(chat: Chat) -> Reply:
    """The solver's work: makes the calls that it has values for, and reports what it found."""
    asked = set(words(chat.said_by("user")[-1]))
    done = list(history(chat))

    def fits(tool: dict[str, Any]) -> int:
        return len(asked & set(words(f"{tool['name']} {tool.get('description') or ''}")))

    for tool in sorted(chat.tools, key=lambda tool: (-fits(tool), tool["name"]))[:6]:
        arguments = known_arguments(tool, chat, done)
        tries = [given for name, given, _ in done if name == tool["name"]]
        if arguments is not None and arguments not in tries and len(done) < 6:
            return Reply("", (ToolUse(tool["name"], arguments),))
    return Reply(f"I looked it up.\nAnswer: {found(chat, done)}")


def known_arguments(
    tool: dict[str, Any], chat: Chat, done: list[tuple[str, dict[str, Any], str]]
) -> dict[str, Any] | None:
    """Return the required arguments that the question or a result says; None where one is not known."""
    schema = tool.get("parameters") or {}
    given: dict[str, Any] = {}
    asked = chat.said_by("user")[-1]
    for name in schema.get("required") or ():
        said = re.search(rf"{re.escape(spoken(name))}\W+([\w./-]*\w)", asked, re.I)
        seen = [
            value
            for _, _, result in done
            for key, value in leaves(parsed(result))
            if alike(key, name) == 2 and isinstance(value, str | int)
        ]
        values = [said.group(1)] if said else seen
        if not values:
            return None
        given[name] = next(
            iter(fitting(values[0], types((schema.get("properties") or {}).get(name, {})))), None
        )
        if given[name] is None:
            return None
    return given


def found(chat: Chat, done: list[tuple[str, dict[str, Any], str]]) -> Any:
    """Return the value whose key the question asks for, of an item of which it says most."""
    asked = chat.said_by("user")[-1]
    said = " ".join(words(asked))
    best: tuple[float, Any] = (-1.0, "unknown")
    for _, _, result in done:
        output = parsed(result)
        for path, value in paths(output):
            keys = [part for part in path if isinstance(part, str)]
            if not keys or value in (None, "") or isinstance(value, bool) or str(value) in asked:
                continue
            label = words(keys[-1])
            near = sum(f" {word} " in f" {said} " for word in label) / max(1, len(label))
            item = value_at(output, path[:-1])
            beside = sum(
                str(one) in asked for _, one in leaves(item) if isinstance(one, str) and len(one) > 2
            )
            if near + beside > best[0]:
                best = (near + beside, value)
    return best[1]


FIELDS: dict[str, FieldWriter] = {
    "tasks": tasks,
    "wordings": wordings,
    "formula": formula,
    "same": lambda chat: True,
    "marks": marks,
}
