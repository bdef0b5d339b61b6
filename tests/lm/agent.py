"""A competent model: it acts on schemas, prompts and observations, and knows of no server.

With tools on offer it makes the calls that the prompt names, in that order (all of them, where it names
none), takes arguments from the prompt, from what earlier calls returned and from the schema, tries
another value after an error, and ends with what it saw. Held to a JSON schema, or asked for DSPy's marked
fields, it fills every field: by the function in ``fields`` of that name, else from the schema alone.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from firefly.english import words
from firefly.replay.parsers import parse
from firefly.replay.records import Observation
from tests.lm.endpoint import Chat, Reply, ToolUse, text_of

FieldWriter = Callable[[Chat], Any]

_FAILED = re.compile(r"\b(error|exception|invalid|not found|no such|failed|unknown|missing|denied)\b", re.I)
_TRIES = 4


class Agent:
    """The competent model; ``fields`` says how to write fields that take thought."""

    def __init__(self, fields: Mapping[str, FieldWriter] | None = None) -> None:
        self.fields = dict(fields or {})

    def __call__(self, chat: Chat) -> Reply:
        if chat.tools:
            return self.act(chat)
        if chat.schema is not None:
            return Reply(json.dumps(self.filled(chat, chat.schema)))
        marked = list(dict.fromkeys(re.findall(r"\[\[ ## (\w+) ## \]\]", _last_instruction(chat))))
        names = [name for name in marked if name != "completed"]
        if names:
            values = {name: self.field(name, {"type": "string"}, chat) for name in names}
            return Reply("\n\n".join(f"[[ ## {name} ## ]]\n{_text(values[name])}" for name in names))
        return Reply("Done.")

    # --- structured answers ---------------------------------------------------------------------

    def filled(self, chat: Chat, schema: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: self.field(name, resolved(one, schema), chat)
            for name, one in (schema.get("properties") or {}).items()
        }

    def field(self, name: str, schema: Mapping[str, Any], chat: Chat) -> Any:
        return self.fields[name](chat) if name in self.fields else plainest(schema, schema)

    # --- calls -----------------------------------------------------------------------------------

    def act(self, chat: Chat) -> Reply:
        offered = {tool["name"]: tool for tool in chat.tools}
        done = list(history(chat))
        steps = planned(chat, offered) or [(name, "") for name in goals(chat, list(offered))]
        before: Counter[str] = Counter()
        for name, said in steps:
            mine = [
                (arguments, failed(result) or ("it changes" not in said and says_nothing(result, arguments)))
                for other, arguments, result in done
                if other == name
            ]
            worked = [place for place, (_, bad) in enumerate(mine) if not bad]
            before[name] += 1
            first = worked[before[name] - 2] + 1 if 1 < before[name] <= len(worked) + 1 else 0
            if len(worked) >= before[name] or len(mine) - first >= _TRIES:
                continue
            for attempt in range(_TRIES):
                arguments = self.arguments(offered[name], chat, done, attempt, said)
                if arguments not in [one for one, _ in mine]:
                    return Reply("", (ToolUse(name, arguments),))
        seen = "; ".join(result[:200] for _, _, result in done[-2:])
        return Reply(f"Done. {seen}")

    def arguments(
        self,
        tool: Mapping[str, Any],
        chat: Chat,
        done: list[tuple[str, dict[str, Any], str]],
        attempt: int,
        said: str = "",
    ) -> dict[str, Any]:
        schema = tool.get("parameters") or {}
        required = schema.get("required") or []
        found = {}
        for name, one in (schema.get("properties") or {}).items():
            spec = resolved(one, schema)
            options = list(unique(candidates(name, spec, tool, chat, done, said)))
            if name in required or (f"its {name} is " in said and options):
                found[name] = options[attempt % len(options)] if options else plainest(spec, schema)
        return found


def goals(chat: Chat, offered: list[str]) -> list[str]:
    """Return the tools to call: those that the prompt names, in the order it first names them."""
    prompt = "\n".join(chat.said_by("user")) or "\n".join(chat.said_by("system"))
    places = {name: _place(name, prompt) for name in offered}
    named = sorted((name for name in offered if places[name] >= 0), key=lambda name: places[name])
    return named or offered


def history(chat: Chat) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield (tool, arguments, result) of every call so far."""
    calls: dict[str, tuple[str, dict[str, Any]]] = {}
    for message in chat.messages:
        for call in message.get("tool_calls") or []:
            try:
                arguments = json.loads(call["function"]["arguments"])
            except ValueError:
                arguments = {}
            calls[call["id"]] = (call["function"]["name"], arguments)
        if message.get("role") == "tool" and message.get("tool_call_id") in calls:
            yield (*calls[message["tool_call_id"]], text_of(message))


def failed(result: str) -> bool:
    return parsed(result) is None and _FAILED.search(result[:300]) is not None


def says_nothing(result: str, arguments: Mapping[str, Any]) -> bool:
    """Return whether a result is empty, or says no more than what was passed in, zeros and flags."""
    found = parsed(result)
    if not isinstance(found, dict | list):
        return found is None and not result.strip()
    given = {str(one) for one in arguments.values()}
    return not any(
        str(value) not in given
        for _, value in leaves(found)
        if not isinstance(value, bool) and value not in (0, "")
    )


def parsed(result: str) -> Any:
    """Return a result as data; None where it is words."""
    found = parse(Observation(text=result))
    return None if found is None else found.value


def leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (key, scalar) of everything in a result."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from leaves(inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, key)
    elif value is not None:
        yield key, value


def candidates(
    name: str,
    spec: Mapping[str, Any],
    tool: Mapping[str, Any],
    chat: Chat,
    done: list[tuple[str, dict[str, Any], str]],
    said: str = "",
) -> Iterator[Any]:
    """Yield values for a parameter, the likeliest first."""
    kind = types(spec)
    prompt = "\n".join(chat.said_by("user"))
    for value in told(name, str(tool["name"]), said, prompt, done):
        yield from fitting(value, kind)
    for match in re.finditer(
        rf"\b{re.escape(name)}\W{{0,3}}[:=]\s*(\"[^\"]*\"|'[^']*'|[^\s,;)\]}}]+)", prompt
    ):
        yield from fitting(match.group(1).strip("\"'"), kind)
    observed = [leaf for _, _, result in reversed(done) for leaf in leaves(parsed(result))]
    for key, value in observed:
        if alike(key, name) == 2:
            yield from fitting(value, kind)
    for one in ("enum", "examples"):
        yield from spec.get(one) or ()
    if spec.get("default") is not None:
        yield spec["default"]
    for key, value in observed:
        if alike(key, name) == 1:
            yield from fitting(value, kind)
    for quoted in re.findall(r"[\"'`]([^\"'`\n]{1,60})[\"'`]", str(spec.get("description") or "")):
        yield from fitting(quoted, kind)
    if re.search(r"path|file|dir|folder|source|uri", name, re.I):
        for path in re.findall(r"/workspace[\w./-]*", chat.text):
            yield from fitting(path.rstrip("."), kind)
    if "string" in kind:
        for _, value in observed:
            if isinstance(value, str) and len(value) < 60:
                yield value


_STEP = re.compile(r"^(\d+)\. ([\w-]+)(?:: (.*))?$", re.M)
_GIVEN = r'its {} is (?:("(?:[^"\\]|\\.)*") with )?what call (\d+) returned at ([^\s;]+)'


def planned(chat: Chat, offered: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (tool, what is said of it) of each step of a numbered plan."""
    steps = _STEP.findall("\n".join(chat.said_by("user")))
    return [(name, said) for _, name, said in steps if name in offered]


def told(
    name: str, tool: str, said: str, prompt: str, done: list[tuple[str, dict[str, Any], str]]
) -> Iterator[Any]:
    """Yield what a plan's step says that a parameter is: what an earlier call returned, or what worked."""
    steps = {number: called for number, called, _ in _STEP.findall(prompt)}
    number = re.search(r"take number (\d+)", prompt)
    match = re.search(_GIVEN.format(re.escape(name)), said)
    if match is not None:
        path = [] if "its whole" in match[0] else match[3].split(".")
        for _, _, result in reversed([one for one in done if one[0] == steps.get(match[2])]):
            values = list(below(parsed(result), path))
            start = (int(number[1]) - 1) % len(values) if number and values else 0
            for value in (*values[start:], *values[:start]):
                yield json.loads(match[1]).replace("{}", str(value)) if match[1] else value
    for line in re.findall(rf"^{re.escape(tool)}: (\{{.*\}})$", prompt, re.M):
        worked = json.loads(line)
        if name in worked:
            yield worked[name]


def below(value: Any, path: list[str]) -> Iterator[Any]:
    """Yield the scalars at a dotted path, ``*`` for any entry of a list."""
    if not path:
        if not isinstance(value, (dict, list)):
            yield value
    elif path[0] == "*" and isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from below(inner, path[1:])
    elif isinstance(value, dict) and path[0] in value:
        yield from below(value[path[0]], path[1:])


def alike(key: str, name: str) -> int:
    """Return 2 where a result's key says what a parameter says, 1 where one's words end in the other's."""
    one, other = (tuple(word.removesuffix("s") for word in words(text)) for text in (key, name))
    if not one or not other:
        return 0
    shorter, longer = sorted((one, other), key=len)
    return 2 if "".join(one) == "".join(other) else int(longer[-len(shorter) :] == shorter)


def fitting(value: Any, kind: set[str]) -> Iterator[Any]:
    if isinstance(value, bool):
        if "boolean" in kind:
            yield value
    elif isinstance(value, (int, float)):
        if "number" in kind or ("integer" in kind and float(value).is_integer()):
            yield value
        elif "string" in kind:
            yield str(value)
    elif isinstance(value, str):
        if "string" in kind:
            yield value
        elif kind & {"integer", "number"} and re.fullmatch(r"-?\d+(\.\d+)?", value):
            yield json.loads(value)
        elif "array" in kind:
            yield [value]


def types(spec: Mapping[str, Any]) -> set[str]:
    declared = spec.get("type")
    found = set(declared if isinstance(declared, list) else [declared] if declared else [])
    for variant in spec.get("anyOf") or spec.get("oneOf") or ():
        found |= types(variant)
    return found - {"null"} or {"string"}


def plainest(spec: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    """Return the plainest value that a schema admits."""
    spec = resolved(spec, root)
    if spec.get("enum"):
        return spec["enum"][0]
    if "default" in spec:
        return spec["default"]
    for variant in spec.get("anyOf") or spec.get("oneOf") or ():
        if variant.get("type") != "null":
            return plainest(variant, root)
    kind = next(iter(sorted(types(spec))))
    if kind == "object":
        return {name: plainest(one, root) for name, one in (spec.get("properties") or {}).items()}
    plain: dict[str, Any] = {"array": [], "boolean": False, "integer": 1, "number": 1, "string": "text"}
    return plain[kind]


def resolved(spec: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    while isinstance(spec, Mapping) and isinstance(spec.get("$ref"), str):
        found: Any = root
        for part in spec["$ref"].removeprefix("#/").split("/"):
            found = found.get(part, {}) if isinstance(found, Mapping) else {}
        spec = {**found, "$defs": root.get("$defs", {})}
    return spec if isinstance(spec, Mapping) else {}


def unique(values: Iterator[Any]) -> Iterator[Any]:
    seen: set[str] = set()
    for value in values:
        name = json.dumps(value, sort_keys=True, default=str)
        if name not in seen:
            seen.add(name)
            yield value


def _place(name: str, text: str) -> int:
    found = re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)
    return found.start() if found else -1


def _last_instruction(chat: Chat) -> str:
    last = (chat.said_by("user") or [""])[-1]
    return last[last.rfind("Respond with") :] if "Respond with" in last else ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
