"""What failed calls asked for: a server's own error text names the values, bounds and formats it wants."""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random

from pydantic import JsonValue

from firefly.knowledge import Knowledge
from firefly.parameters import Parameter, parameters
from firefly.plugins import register
from firefly.protocols import Proposal
from firefly.replay.parsers import parse
from firefly.replay.records import Step, Tool
from firefly.values.fitting import coerced
from firefly.values.schema import formatted
from firefly.values.semantic import is_specific, semantic_type, words

__all__ = ["Errors", "needed"]

_WANTED = re.compile(
    r"(?:must be (?:one of|either|in)|expected(?: one of)?|valid (?:\w+ ){0,2}(?:are|is|values?|options?)|"
    r"available(?: \w+){0,2}|allowed(?: \w+){0,2}|supported(?: \w+){0,2}|choose from|options(?: are)?|"
    r"known(?: \w+){0,2}|such as|did you mean|input should be|one of)\s*[:=]?\s*(?P<values>[^\n]{1,400})",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"['\"`]([^'\"`\n]{1,80})['\"`]")
_BARE = re.compile(r"[\w./:-]+(?: [\w./:-]+){0,2}")
_PROSE = re.compile(r"\W*(?:an?|the|no|some|that|to|with)\s", re.IGNORECASE)
"""How a description of what is wanted begins, which is no list of it."""
_LOW = re.compile(
    r"(?:greater than or equal to|at least|>=|minimum(?: is| of)?|between|no less than|not less than|from)"
    r"\s*(-?\d+(?:\.\d+)?)",
    re.IGNORECASE,
)
_ABOVE = re.compile(r"(?:greater than|more than|>)\s*(-?\d+(?:\.\d+)?)", re.IGNORECASE)
_HIGH = re.compile(
    r"(?:less than or equal to|at most|<=|maximum(?: is| of)?|up to|no more than|between\s+-?[\d.]+\s+and)"
    r"\s*(-?\d+(?:\.\d+)?)",
    re.IGNORECASE,
)
_POSITIVE = re.compile(r"must be (?:a )?positive|positive (?:integer|number)", re.IGNORECASE)
_CALLS_FOR = re.compile(
    r"required|missing|must (?:\w+ )?(?:provide|specify|give|be provided|be given)|"
    r"provide (?:an?|either)|not found|no (?:\w+ )?\w+ is (?:currently )?(?:open|loaded|selected|active)|"
    r"is (?:invalid|not loaded|not open)"
)


@register("values", "errors")
class Errors:
    """Values that the tool's own error texts name."""

    def propose(
        self, tool: Tool, parameter: Parameter, *, knowledge: Knowledge, rng: Random
    ) -> Iterator[Proposal]:
        """Yield what the latest failures asked for."""
        for step in reversed(_failures(tool, knowledge)):
            text = step.observation.visible[:4000]
            if not _concerns(text, step, parameter, tool):
                continue
            for value in (*_offered(step), *filter(_means_something, _named(text))):
                given = coerced(value, parameter)
                before = step.call.arguments.get(parameter.name)
                if given is None or given == before or not _same_form(given, before):
                    continue
                yield Proposal(value=given, source="errors", detail="named by its own error", weight=0.88)


def needed(tool: Tool, knowledge: Knowledge) -> frozenset[str]:
    """Return the parameters that the tool's errors called for although its schema does not require them."""
    names = [parameter.name for parameter in parameters(tool) if not parameter.required]
    found: set[str] = set()
    for step in _failures(tool, knowledge):
        text = step.observation.visible[:2000].lower()
        if not _CALLS_FOR.search(text):
            continue
        named = sorted(
            (place, name)
            for name in names
            if name not in step.call.arguments and (place := _mentioned(name, text)) >= 0
        )
        found.update(name for _, name in (named[:1] if "either" in text or " or " in text else named))
    return frozenset(found)


def _mentioned(name: str, text: str) -> int:
    """Return where a text names a parameter (its end where it has only the words of the name), else -1."""
    exact = re.search(rf"(?<!\w){re.escape(name.lower())}(?!\w)", text)
    if exact:
        return exact.start()
    parts = words(name)
    return len(text) if len(parts) > 1 and set(parts) <= set(words(text)) else -1


def _failures(tool: Tool, knowledge: Knowledge) -> list[Step]:
    return [step for step in knowledge.steps.get(tool.key, ()) if step.observation.outcome == "failure"]


def _concerns(text: str, step: Step, parameter: Parameter, tool: Tool) -> bool:
    """Return whether an error speaks of the parameter: by name, by the value given, or there is no other."""
    if re.search(rf"(?<!\w){re.escape(parameter.name)}(?!\w)", text):
        return True
    given = step.call.arguments.get(parameter.name)
    if isinstance(given, str) and len(given) >= 2 and given in text:
        return True
    return len(parameters(tool)) == 1


def _named(text: str) -> Iterator[str]:
    for match in _WANTED.finditer(text):
        values = match["values"].split(". ")[0]
        quoted = _QUOTED.findall(values)
        if quoted or not _PROSE.match(values):
            yield from quoted or (part.strip() for part in _BARE.findall(values.strip("[](){} ")))
    low, above, high = _LOW.search(text), _ABOVE.search(text), _HIGH.search(text)
    if low:
        yield low[1]
    elif above and float(above[1]).is_integer():
        yield str(int(float(above[1])) + 1)
    if high:
        yield high[1]
    if _POSITIVE.search(text):
        yield "1"
    value = formatted(text)
    if value is not None:
        yield value


_TYPE_NAMES = frozenset(
    {"array", "boolean", "integer", "null", "number", "object", "string", "undefined", "none", "list", "dict"}
)


def _means_something(value: str) -> bool:
    """Return whether an error's text can be a value: not the name of a type, a mark, or what was received."""
    said = value.lower().strip()
    return said not in _TYPE_NAMES and any(map(str.isalnum, said)) and not said.startswith("received ")


_OFFERS = re.compile(
    r"(?:available|valid|allowed|supported|known|possible|expected|accepted)[_ ]?\w*"
    r"|options|choices|suggestions",
    re.IGNORECASE,
)
"""Keys of a failure's data under which it lists what it would have taken."""


def _offered(step: Step) -> Iterator[str]:
    """Yield the texts that a failure lists as data: ``{"error": ..., "available_templates": [...]}``."""
    parsed = parse(step.observation)
    value = parsed.value if parsed is not None else None
    inner = value.get("result") if isinstance(value, dict) and len(value) == 1 else value
    for key, listed in inner.items() if isinstance(inner, dict) else ():
        if _OFFERS.fullmatch(key) and isinstance(listed, list):
            yield from (one for one in listed[:8] if isinstance(one, str))


def _same_form(value: JsonValue, before: JsonValue) -> bool:
    """Return whether a value may replace another: an error about a time zone says nothing about a time."""
    kinds = semantic_type(value), semantic_type(before)
    return kinds[0] == kinds[1] or not (is_specific(kinds[0]) and is_specific(kinds[1]))
